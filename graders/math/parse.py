"""Answer text to a tree, by a precedence parser of our own. Nothing is ever evaluated and nothing is guessed silently.

Bounds: characters, tokens, nesting depth and list length. What is outside of the grammar raises Unreadable, and the
caller compares it as text. The grammar is LaTeX as models write it and plain text as people type it: numbers in every
notation, expressions, equations and inequalities, intervals, sets, tuples, matrices, units, conditions in words.

Not covered: proofs, prose with several statements, diagrams, programs.
"""

import re

from flint import fmpq

from graders.math import words
from graders.math.grammar.bars import matched
from graders.math.grammar.commands import COMMANDS
from graders.math.grammar.lists import Lists
from graders.math.grammar.numerals import decimal
from graders.math.grammar.rewriting import SET_AS_TEXT, based, chosen, unstacked
from graders.math.names import names
from graders.math.tokens import Token, Unreadable, folded, tokenize
from graders.math.tree import INFINITY, Node, negated, number

CHARS_MAX = 8192


class _Parser(Lists):
    """The whole grammar."""

    __slots__ = ()
    commands = COMMANDS


def parse(text: str, *, letters_only: bool = False, split_numbers: bool = False) -> Node:
    """Read an answer.

    Args:
        text: the answer without its box; at most CHARS_MAX characters.
        letters_only: read every unknown run of letters as variables side by side.
        split_numbers: read 1,234 as two numbers.

    Returns: its tree.

    Raises:
        Unreadable: it is outside of the grammar or of the bounds.
    """
    if len(text) > CHARS_MAX:
        raise Unreadable("too long")
    simple = _SIMPLE.fullmatch(text)
    if simple is not None:
        return _simply(simple)
    if not text.isascii() and len(text) <= 60:
        abroad = words.ABROAD.get(SET_AS_TEXT.sub("", text).strip(" .!。$}").casefold())
        if abroad is not None:
            return Node("special", (), abroad)
    text = folded(text)
    if "C_" in text or "A_" in text:
        text = chosen(text)
    if "\\begin" in text:
        text = unstacked(text)
    if split_numbers:
        text = re.sub(r"(?<=\d),(?=\d)", " , ", text)
    if "_" in text:
        in_base = based(text)
        if in_base is not None:
            return in_base
    tokens = tokenize(text, letters_only)
    while len(tokens) > 1 and tokens[-2].kind == "op" and tokens[-2].text in _TRAILING:
        del tokens[-2]
    if len(tokens) == 1:
        raise Unreadable("empty")
    if "|" in text and text.count("|") >= _BARS_WITHIN_BARS:
        tokens = matched(tokens)
    named = _phrase(tokens)
    if named is not None:
        return named
    if tokens[0].kind == "word":
        if tokens[0].text.lower() in words.MINUS:
            tokens[0] = Token("op", "-")
        elif len(text) <= _EXCEPT_CHARS_MAX and not words.REALS.isdisjoint(token.text for token in tokens[:4]):
            excepted = _excepted(text)
            if excepted is not None:
                return excepted
    parser = _Parser(tokens)
    try:
        tree = parser.top()
    except RecursionError:  # DEPTH_MAX makes this unreachable on the default stack; a caller may be deep already.
        raise Unreadable("too deep") from None
    if parser.token.kind != "end":
        raise Unreadable(f"cannot go on at {parser.token.text!r}")
    return tree


# Most references are one of these, which one expression reads at a fraction of the cost; the trees are the same.
_SIMPLE = re.compile(
    r"(-?)(?:([0-9]{1,18})(?:\.([0-9]{1,18}))?|\\[dt]?frac\{([0-9]{1,18})\}\{(0*[1-9][0-9]{0,17})\}"
    r"|([0-9]{1,18})/(0*[1-9][0-9]{0,17}))"
)


def _simply(match: re.Match[str]) -> Node:
    """The tree of an integer, a decimal or a fraction of integers."""
    minus, whole, fraction, top, bottom, left, right = match.groups()
    if whole is not None:
        node = number(int(whole)) if fraction is None else decimal(whole, fraction, 0)
    elif top is not None:
        node = Node("num", (), fmpq(int(top), int(bottom)))
    else:
        node = Node("num", (), fmpq(int(left), int(right)))
    return negated(node) if minus else node


_BARS_WITHIN_BARS = 4
_TRAILING = names(". , ; : \\\\ ` * \\ ?")
_EXCEPT = re.compile(
    r"\s*(?:\\text\{)?\s*([A-Za-z ]{5,40}?)\s(?:except|excluding|other than|besides)(?: for)?\s*\}?\s*(\S.*?)[.}]?"
)
_EXCEPT_CHARS_MAX = 200


def _excepted(text: str) -> Node | None:
    """All real numbers except 0 and 1."""
    match = _EXCEPT.fullmatch(text)
    if match is None:
        return None
    base = words.PHRASES.get(" ".join(word for word in match.group(1).lower().split() if word not in words.ARTICLES))
    if base not in ("reals", "positive reals"):
        return None
    removed = parse(match.group(2))
    if removed.op == "rel" and removed.value == ("=",):
        removed = removed.args[1]
    return Node("minus", (Node("special", (), base), removed))


_IN_PHRASES = frozenset(("'", ",", "!", "-"))


def _phrase(tokens: list[Token]) -> Node | None:
    """An answer that is nothing but words, when the words name something."""
    first = tokens[0].kind
    if first != "word" and first != "letter":
        return None
    if any(token.kind not in ("word", "letter") and token.text not in _IN_PHRASES for token in tokens[:-1]):
        return None
    if all(token.kind == "letter" and not token.literal for token in tokens[:-1]):
        return None
    said = (
        " ".join(token.text for token in tokens[:-1] if token.text not in (",", "!", "-")).replace(" ' ", "'").lower()
    )
    parts = [word for word in said.split() if word not in words.ARTICLES]
    said = " ".join(parts)
    name = words.PHRASES.get(said)
    if name is not None:
        return INFINITY if name == "infinity" else Node("special", (), name)
    if not parts:
        return None
    minus = parts[0] in words.MINUS
    parts = parts[minus:]
    counted = words.counted(parts) if parts else None
    if counted is not None:
        return number(-counted if minus else counted)
    fraction = words.fraction(parts)
    return None if fraction is None else Node("num", (), fmpq(-fraction[0] if minus else fraction[0], fraction[1]))
