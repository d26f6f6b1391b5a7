"""Answer text to a tree, by a precedence parser of our own. Nothing is ever evaluated and nothing is guessed silently.

Bounds: characters, tokens, nesting depth and list length. What is outside of the grammar raises Unreadable, and the
caller compares it as text. The grammar is LaTeX as models write it and plain text as people type it: numbers in every
notation, expressions, equations and inequalities, intervals, sets, tuples, matrices, units, conditions in words.

Not covered: proofs, prose with several statements, diagrams, programs.
"""

import re
from collections.abc import Callable
from itertools import pairwise

from flint import fmpq, fmpz

from graders.math import derive, units, words
from graders.math.names import names
from graders.math.tokens import GREEK, Token, Unreadable, folded, tokenize
from graders.math.tree import INFINITY, ONE, TWO, Node, negated, number
from graders.math.tree import text as node_text

CHARS_MAX = 8192
DEPTH_MAX = 120
ITEMS_MAX = 1024

_END = Token("end", "")
_RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", "=<": "<=", ">=": ">=", "!=": "!=", "<>": "!=",
    "lt": "<", "gt": ">", "le": "<=", "leq": "<=", "leqslant": "<=", "leqq": "<=", "ge": ">=", "geq": ">=",
    "geqslant": ">=", "geqq": ">=", "ne": "!=", "neq": "!=", "approx": "≈", "simeq": "≈", "doteq": "≈",
    "approxeq": "≈", "thickapprox": "≈", "equiv": "≡", "cong": "≈", "sim": "≈", "perp": "⊥", "parallel": "∥",
    "propto": "∝", "subset": "⊂", "subseteq": "⊆", "supset": "⊃", "supseteq": "⊇", "mid": "|", "lesssim": "<=",
}  # fmt: skip
_ARROWS = names(
    "Rightarrow implies Longrightarrow iff Leftrightarrow => rightarrow to -> longrightarrow mapsto Longleftrightarrow"
    " leadsto"
)
_UNARY = names(
    "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth arcsinh arccosh arctanh ln"
    " log lg lb exp sgn Re Im arg erf gammafn abs floor ceil cbrt det factorial degree cis"
)
_SEVERAL = frozenset(("gcd", "lcm", "max", "min", "nCr"))
_INVERSES = {name: f"arc{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")}
_SPECIAL = {
    "emptyset": "empty", "varnothing": "empty", "reals": "reals", "ints": "integers", "naturals": "positive integers",
    "rationals": "rationals", "complexes": "complexes", "R": "reals", "Reals": "reals", "N": "positive integers",
}  # fmt: skip
_DOUBLE_STRUCK = {
    "R": "reals", "Z": "integers", "N": "positive integers", "Q": "rationals", "C": "complexes",
}  # fmt: skip
_ACCENTS = {
    **{name: name for name in names("hat vec tilde dot ddot underline mathring breve check acute grave")},
    "overrightarrow": "vec", "overleftarrow": "vec", "widehat": "hat", "widetilde": "tilde", "overline": "bar",
    "bar": "bar", "overarc": "arc", "wideparen": "arc", "overparen": "arc", "widebar": "bar",
}  # fmt: skip
_MATRICES = names("matrix pmatrix bmatrix Bmatrix smallmatrix array vmatrix Vmatrix")
_FUNCTION_LETTERS = frozenset("fghFGHPp")
_COMPARING = frozenset((*_RELATIONS, ":", "not"))
# After one of these nothing of a clause can follow.
_CLOSING = frozenset((",", ")", "]", "}", ";", ""))
_SET_SIGNS = frozenset(("cup", "bigcup", "U", "cap", "bigcap", "setminus", "backslash", "smallsetminus", "\\\\"))
_SIGNS = frozenset(("-", "+", "+-", "-+", "pm", "mp", "+/-"))
_REMARKS = frozenset(("(", "forall", "because", "therefore", "qquad", "quad"))
_ARGUMENTS = frozenset(("(", "{", "\\{", "[", "_"))
# After a letter: it is a variable or a function.
_AFTER_NAMES = frozenset(("^", "_", "(", "'", "="))
_DOTS = frozenset(("dots", "ldots", "cdots", "...", "vdots", "ddots", "dotsc", "dotsb"))
_CURRENCY = frozenset(("\\$", "€", "£", "¥", "₹"))
_STARTS = frozenset(("(", "{", "\\{"))


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
        abroad = words.ABROAD.get(_SET_AS_TEXT.sub("", text).strip(" .!。$}").casefold())
        if abroad is not None:
            return Node("special", (), abroad)
    text = folded(text)
    if "C" in text or "A" in text:
        text = _chosen(text)
    if "\\begin" in text:
        text = _unstacked(text)
    if split_numbers:
        text = re.sub(r"(?<=\d),(?=\d)", " , ", text)
    if "_" in text:
        based = _based(text)
        if based is not None:
            return based
    tokens = tokenize(text, letters_only)
    while len(tokens) > 1 and tokens[-2].kind == "op" and tokens[-2].text in _TRAILING:
        del tokens[-2]
    if len(tokens) == 1:
        raise Unreadable("empty")
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


_BASED = re.compile(r"\s*(?:\\text\{)?(-?)\(?([0-9A-Za-z]{2,60})\)?_\{?\s*([0-9]{1,2})\s*\}?\s*\}?")


def _based(text: str) -> Node | None:
    """152A_{11}: digits and letters together in a base above ten."""
    match = _BASED.fullmatch(text)
    if match is None or match.group(2).isdigit() or not any(char.isdigit() for char in match.group(2)):
        return None
    base = int(match.group(3))
    if not 11 <= base <= 36 or any(int(char, 36) >= base for char in match.group(2)):
        return None
    return Node("base", (), (match.group(1) + match.group(2).upper().lstrip("0"), base))


_SET_AS_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textbf)\s*\{")
# _{10}C_3, {}_{10}C_{3}, ^{10}C_3, C_{10}^{3}: the number of combinations; A_{10}^{3} of arrangements.
_CHOSEN = re.compile(
    r"(?:\{\})?[_^]\{?([0-9]{1,4})\}?\s?C_\{?([0-9]{1,4})\}?(?![0-9])"
    r"|(?<![A-Za-z\\}])([CA])_\{?([0-9]{1,4})\}?\^\{?([0-9]{1,4})\}?(?![0-9])"
)


def _chosen(text: str) -> str:
    """Combinations and arrangements in the notations that put the numbers around a letter."""

    def written(match: re.Match[str]) -> str:
        left, right, letter, below, above = match.groups()
        n, k = int(left or below), int(right or above)
        if n < 2 or k > n:
            return match.group()  # C_1^2 is the square of a constant.
        if letter == "A":
            return f"(\\frac{{{n}!}}{{{n - k}!}})"
        return f"\\binom{{{n}}}{{{k}}}"

    return _CHOSEN.sub(written, text)


# Most references are one of these, which one expression reads at a fraction of the cost; the trees are the same.
_SIMPLE = re.compile(
    r"(-?)(?:([0-9]{1,18})(?:\.([0-9]{1,18}))?|\\[dt]?frac\{([0-9]{1,18})\}\{(0*[1-9][0-9]{0,17})\}"
    r"|([0-9]{1,18})/(0*[1-9][0-9]{0,17}))"
)


def _simply(match: re.Match[str]) -> Node:
    """The tree of an integer, a decimal or a fraction of integers."""
    minus, whole, fraction, top, bottom, left, right = match.groups()
    if whole is not None:
        node = number(int(whole)) if fraction is None else _decimal(whole, fraction, 0)
    elif top is not None:
        node = Node("num", (), fmpq(int(top), int(bottom)))
    else:
        node = Node("num", (), fmpq(int(left), int(right)))
    return negated(node) if minus else node


_TRAILING = names(". , ; : \\\\ ` * \\ ?")
_ENVIRONMENT = re.compile(r"\\begin\{(p?matrix|bmatrix|array|aligned|align\*?|gathered)\}(.*?)\\end\{\1\}", re.DOTALL)
_OPERATOR_ROW = re.compile(r"(?:[-+=/]|\\(?:times|cdot|ln|log|sin|cos|tan|left|right|div|pi)\s*[(|]?\s*\\?)")


def _unstacked(text: str) -> str:
    """Undo an answer written one symbol per row of a matrix, which some models do; see eth-sri/matharena's table."""
    match = _ENVIRONMENT.search(text)
    if match is None or "&" in match.group(2) or text.count("\\begin") != 1:
        return text
    rows = [row.strip() for row in match.group(2).split("\\\\")]
    broken = any(row.count("{") != row.count("}") or _OPERATOR_ROW.fullmatch(row) for row in rows if row)
    labelled = len(rows) >= 2 and len(rows) % 2 == 0
    labelled = labelled and all(
        re.fullmatch(r"[A-Za-z]", row) if i % 2 == 0 else re.fullmatch(r"-?[0-9]+", row) for i, row in enumerate(rows)
    )
    if labelled:
        pairs = [f"{rows[i]} = {rows[i + 1]}" for i in range(0, len(rows), 2)]
        return text[: match.start()] + " , ".join(pairs) + text[match.end() :]
    if not broken:
        return text
    joined = " ".join(rows)
    if match.group(1) == "pmatrix":
        # A list, stacked: an empty row between two complete values separates them.
        pieces: list[str] = []
        for row in rows:
            if row or not pieces:
                pieces.append(row)
            elif pieces[-1] != ",":
                pieces.append(",")
        joined = " ".join(pieces)
        joined = re.sub(r",\s*(?=[-+=/}]|$)", " ", joined)
        joined = re.sub(r"(?<=[-+=/{])\s*,", " ", joined).strip(" ,")
    return text[: match.start()] + joined + text[match.end() :]


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


class _Parser:
    """Recursive descent with one token of look-ahead and a counted depth."""

    __slots__ = ("bars", "depth", "i", "in_integral", "in_set", "parens", "related", "token", "tokens")

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.i = 0
        self.token = tokens[0]
        self.depth = 0
        self.bars = 0
        self.in_set = 0
        self.in_integral = 0
        self.parens = 0
        self.related = False

    # --- moving ---------------------------------------------------------------------------------------------------

    def next(self) -> Token:
        """Take the token at hand; the last one stays."""
        token = self.token
        if token.kind != "end":
            self.i = i = self.i + 1
            self.token = self.tokens[i]
        return token

    def peek(self, ahead: int = 1) -> Token:
        at = self.i + ahead
        return self.tokens[at] if at < len(self.tokens) else _END

    def expect(self, text: str) -> None:
        if self.token.text != text or self.token.kind == "num":
            raise Unreadable(f"expected {text!r}")
        self.next()

    def enter(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Unreadable("too deep")

    # --- lists ----------------------------------------------------------------------------------------------------

    def top(self) -> Node:
        """The whole answer: one clause, or several separated by commas, "and" or "or"."""
        items: list[Node] = []
        separators: set[str] = set()
        while True:
            while self.token.text in (",", ";", "\\\\", "&", "quad") and self.token.kind == "op":
                self.next()
            if self.token.kind == "end":
                break
            item = self.clause()
            items.append(item)
            if len(items) > ITEMS_MAX:
                raise Unreadable("too many items")
            if self.token.kind == "end":
                break
            if self.token.text in _ARROWS and self.token.kind != "letter":
                # "x^2 = 4 => x = 2": what is concluded is the answer.
                self.next()
                items.clear()
                separators.clear()
                continue
            found = self.separator()
            if found is None:
                break
            separators.add(found)
            while True:
                more = self.separator()
                if more is None:
                    break
                separators.add(more)
        if not items:
            raise Unreadable("empty")
        if len(items) > 1:
            # "x = 2k pi, k in Z": what says where a parameter lives is no value of its own.
            kept = [item for item in items if not _domain(item)]
            items = kept or items
        if len(items) == 1:
            return items[0]
        if separators <= {",", "and"}:
            compound = _compound(items)
            if compound is not None:
                return compound
        return Node("list", tuple(items), frozenset(separators))

    def separator(self) -> str | None:
        token = self.token
        if token.kind == "op":
            if token.text in (",", ";"):
                self.next()
                return token.text
            if token.text in ("\\\\", "&", "quad", "&&"):
                self.next()
                return "and" if token.text == "&&" else ","
            if token.text == "||" and not self.bars and self.peek().kind != "end":
                self.next()
                return "or"
        elif token.kind == "word":
            joint = words.CONNECTIVES.get(token.text.lower())
            if joint is not None:
                self.next()
                return joint
        elif token.kind == "letter":
            if token.text == "y" and self.spanish_and():
                self.next()
                return "and"
        elif token.kind == "cmd" and token.text in ("and", "or", "land", "lor", "wedge", "vee"):
            self.next()
            return "and" if token.text in ("and", "land", "wedge") else "or"
        return None

    def spanish_and(self) -> bool:
        """Whether the y at hand joins two numbers: "2 y 3" is no product."""
        following = self.peek()
        return (
            self.token.spaced
            and following.spaced
            and following.kind == "num"
            and self.tokens[self.i - 1].kind == "num"
            and self.peek(2).kind in ("end", "op")
        )

    # --- clauses --------------------------------------------------------------------------------------------------

    def clause(self) -> Node:
        """A value, a chain of comparisons, a membership or a ratio, with the words around it."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Unreadable("too deep")
        if self.token.kind == "word":
            self.preamble()
        text = self.token.text
        if text in _DOTS and self.peek().text == "=":
            self.next()
            text = self.token.text
        if text in _COMPARING and self.comparison() in ("=", "≈"):
            self.next()  # "= 5", "≈ 3.14": what it equals was left out.
        left = self.union()
        token = self.token
        if token.text in _CLOSING:
            self.depth -= 1
            return left
        if token.kind in ("op", "cmd"):
            if token.text == ":" and not self.in_set and self.peek().text != "=":
                left = self.ratio(left)
                if self.comparison() is not None:
                    left = self.chain(left)
            elif token.text in ("in", "ni"):
                self.next()
                left = Node("in", (left, self.union()))
            elif token.text in ("notin",):
                self.next()
                left = Node("minus", (Node("special", (), "reals"), self.union()))
            elif token.text == "pmod" and token.kind == "cmd":
                self.next()
                modulus = self.argument() if self.token.text == "{" else self.factor()
                left = Node("qty", (left,), f"mod {node_text(modulus)}")
            elif self.comparison() is not None:
                left = self.chain(left)
        if self.token.kind == "word" and self.token.text.lower() == "to" and left.op in ("num", "dec", "ratio"):
            left = self.ratio(left)
        if self.token.kind == "word" and self.token.text.lower() in words.VERBS:
            self.next()
            right = self.clause()
            left = right if right.op in ("rel", "list") else Node("rel", (left, right), ("=",))
        self.condition()
        self.depth -= 1
        return left

    def comparison(self) -> str | None:
        """The comparison sign at hand, without taking it."""
        token = self.token
        if token.kind == "op":
            if token.text == ":" and self.peek().text == "=":
                return "="
            return _RELATIONS.get(token.text)
        if token.kind == "cmd":
            if token.text == "not":
                return "!=" if self.peek().text == "=" else None
            if token.text == "mid" and self.in_set:
                return None
            return _RELATIONS.get(token.text)
        return None

    def chain(self, left: Node) -> Node:
        sides = [left]
        signs: list[str] = []
        while True:
            sign = self.comparison()
            if sign is None:
                break
            if self.next().text in ("not", ":"):
                self.next()
            if self.token.kind == "word":
                self.preamble()
            if self.token.kind == "end":
                break  # "x =": what follows was cut off.
            signs.append(sign)
            self.related = True
            side = self.union()
            if self.token.text == ":" and not self.in_set and self.token.kind == "op":
                side = self.ratio(side)
            sides.append(side)
            if len(sides) > 64:
                raise Unreadable("too long a chain")
        if self.token.text in ("pmod", "mod") and self.token.kind == "cmd":
            self.next()
            modulus = self.argument() if self.token.text == "{" else self.factor()
            return Node("rel", (*sides, modulus), (*signs, "mod"))
        if self.token.text == "(" and self.peek().text == "mod":
            self.next()
            self.next()
            modulus = self.union()
            self.expect(")")
            return Node("rel", (*sides, modulus), (*signs, "mod"))
        if not signs:
            return left
        return Node("rel", tuple(sides), tuple(signs))

    def ratio(self, left: Node) -> Node:
        parts = [left]
        texts = [self.tokens[self.i - 1].text]
        while (self.token.text == ":" or self.token.text.lower() == "to") and len(parts) < 16:
            self.next()
            texts.append(self.token.text)
            half = self.peek().text.lower()
            if self.token.kind == "num" and half in ("a", "p", "am", "pm"):
                parts.append(self.numeral_value(self.next().text))
            else:
                parts.append(self.union())
        half = ""
        if len(parts) == 2:
            half = self.half_of_day()
        return Node("ratio", tuple(parts), ":".join(texts) + half)

    def half_of_day(self) -> str:
        """A.M. or P.M. after a time."""
        letters = ""
        i = self.i
        while i < len(self.tokens) and len(letters) < 2:
            token = self.tokens[i]
            if token.kind in ("word", "letter", "cmd") and token.text.lower() in ("a", "p", "m", "am", "pm"):
                letters += token.text.lower()
            elif token.text != ".":
                break
            i += 1
        if letters in ("a", "p"):
            letters += "m"
        if letters not in ("am", "pm"):
            return ""
        while i < len(self.tokens) and self.tokens[i].text == ".":
            i += 1
        self.i = i
        self.token = self.tokens[i]
        return letters

    def preamble(self) -> None:
        """Skip "The area of triangle ABC is", "only", "approximately", ...: words that lead to a value."""
        start = self.i
        verb = -1
        i = start
        while self.tokens[i].kind != "end" and i - start < 64:
            token = self.tokens[i]
            if token.kind == "word" and token.text.lower() in words.VERBS:
                verb = i
            if token.text == ":" and token.kind == "op":
                verb = i
                break
            if token.text == "=" and all(before.kind == "word" for before in self.tokens[start:i]):
                verb = i  # "Profit = 12": the words are its name.
            if token.text in (",", ";", "=", "\\\\") or (token.kind == "cmd" and token.text in _RELATIONS):
                break
            i += 1
        if verb >= 0 and self.tokens[verb + 1].kind != "end":
            self.i = verb + 1
            self.token = self.tokens[self.i]
        while self.token.kind == "word":
            word = self.token.text.lower()
            if word in words.NUMERALS or word in words.PERCENT:
                return
            if word not in words.FILLERS:
                return
            self.next()

    def condition(self) -> None:
        """Skip "for all integers n", "where x > 0", a remark in parentheses."""
        while True:
            token = self.token
            if token.kind != "word" and token.text not in _REMARKS:
                return
            if token.kind == "word" and token.text.lower() in words.CONDITIONS:
                self.skip_clause()
            elif token.text == "(" and (self.peek().kind == "word" or (self.related and self.compares())):
                self.skip_group()
            elif token.kind == "cmd" and token.text in ("forall", "because", "therefore", "qquad", "quad"):
                self.skip_clause()
            else:
                return

    def skip_clause(self) -> None:
        level = 0
        while self.token.kind != "end":
            token = self.token
            if token.text in ("(", "[", "{", "\\{"):
                level += 1
            elif token.text in (")", "]", "}", "\\}"):
                if level == 0:
                    return
                level -= 1
            following = self.peek()
            if level == 0:
                joint = following.kind == "word" and following.text.lower() in ("and", "or")
                if token.text == ";" or token.text == "\\\\" or (token.text == "," and joint):
                    return
                if token.kind == "word" and token.text.lower() in ("and", "or") and self._starts_equation(self.i + 1):
                    return
            self.next()

    def _starts_equation(self, at: int) -> bool:
        """Whether a new "f(x) =" begins there."""
        for token in self.tokens[at : at + 8]:
            if token.text == "=":
                return True
            if token.kind == "word" or token.text in (",", ";"):
                return False
        return False

    def compares(self) -> bool:
        """Whether the parentheses at hand hold a comparison: "(x > 0)" after an equation is a condition on it."""
        level = 0
        for token in self.tokens[self.i : self.i + 40]:
            if token.text == "(":
                level += 1
            elif token.text == ")":
                level -= 1
                if level == 0:
                    return False
            elif level == 1 and token.kind in ("op", "cmd") and (token.text in _RELATIONS or token.text == "in"):
                return True
        return False

    def skip_group(self) -> None:
        level = 0
        while self.token.kind != "end":
            text = self.next().text
            if text == "(":
                level += 1
            elif text == ")":
                level -= 1
                if level == 0:
                    return

    # --- expressions ----------------------------------------------------------------------------------------------

    def union(self) -> Node:
        """Sets joined by ∪, ∩ and ∖; a sum where there are none."""
        left = self.sum()
        while True:
            token = self.token
            if token.text not in _SET_SIGNS:
                return left
            if token.kind == "cmd" and token.text in ("cup", "bigcup", "U"):
                name = "union"
            elif token.kind == "cmd" and token.text in ("cap", "bigcap"):
                name = "inter"
            elif (token.kind == "cmd" and token.text in ("setminus", "backslash", "smallsetminus")) or (
                token.text == "\\\\" and left.op == "special"
            ):
                name = "minus"
            elif token.text == "U" and left.op in ("tuple", "union", "set"):
                name = "union"
            else:
                return left
            self.next()
            right = self.sum()
            if name == "union" and left.op == "union":
                left = Node("union", (*left.args, right))
            else:
                left = Node(name, (left, right))

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Unreadable("too deep")
        token = self.token
        if token.text not in _SIGNS:
            left = self.term()
        elif token.kind == "op" and token.text != "+/-":
            self.next()
            first = self.term()
            left = first if token.text == "+" else negated(first)
        elif token.kind == "cmd" or token.text == "+/-":
            self.next()
            left = Node("pm", (self.term(),), "-+" if token.text == "mp" else "+-")
        else:
            left = self.term()
        if self.token.text not in _SIGNS and left.op != "qty":
            self.depth -= 1
            return left
        terms = [left]
        while True:
            token = self.token
            if token.kind == "op":
                if token.text == "+":
                    self.i = i = self.i + 1
                    self.token = self.tokens[i]
                    terms.append(self.signed_term())
                    continue
                if token.text == "-":
                    if left.op in ("special", "set", "tuple") and left.op != "tuple":
                        self.next()
                        terms = [Node("minus", (_sum(terms), self.signed_term()))]
                        continue
                    self.next()
                    terms.append(negated(self.signed_term()))
                    continue
                if token.text in ("+-", "-+"):
                    self.next()
                    terms.append(negated(self.term()))
                    continue
                if token.text != "+/-":
                    break
            if (token.kind == "cmd" and token.text in ("pm", "mp")) or token.text == "+/-":
                self.next()
                terms = [Node("pm", (_sum(terms), self.term()), "-+" if token.text == "mp" else "+-")]
                continue
            break
        if len(terms) == 1 and terms[0].op == "qty" and self.token.kind == "num":
            parts = [terms[0]]
            while self.token.kind == "num" and len(parts) < 4:
                parts.append(self.term())
            compound = _compound(parts)
            if compound is None:
                raise Unreadable("two quantities side by side")
            terms = [compound]
        self.depth -= 1
        return _sum(terms)

    def signed_term(self) -> Node:
        if self.token.text not in _SIGNS:
            return self.term()
        if self.token.kind == "op" and self.token.text in ("-", "+"):
            return negated(self.term()) if self.next().text == "-" else self.term()
        return self.term()

    def term(self) -> Node:
        left = self.factor()
        while True:
            token = self.token
            kind = token.kind
            text = token.text
            if kind == "op":
                if text == "*":
                    self.next()
                    left = _product(left, self.factor())
                    continue
                if text == "/":
                    self.next()
                    left = _quotient(left, self.factor())
                    continue
                if text == ":" and self.parens and not self.in_set and self.peek().text != "=":
                    self.next()
                    left = _quotient(left, self.factor())
                    continue
                if text in _STARTS or (text == "[" and not token.spaced and left.op not in ("num", "tuple")):
                    if text == "(" and self.peek().kind == "word" and left.op != "sym":
                        return left  # A remark in parentheses.
                    if text == "(" and (self.peek().text == "mod" or (self.related and self.compares())):
                        return left
                    if text == "\\{":
                        return left
                    left = _product(left, self.factor())
                    continue
                if text == "|" and not self.bars and not self.in_set and self._abs_closes():
                    left = _product(left, self.factor())
                    continue
                if text == "^":
                    left = self.postfix(left)
                    continue
                if text in _CURRENCY and left.op in ("num", "dec"):
                    self.next()
                    return Node("qty", (left,), units.lookup(units.SYMBOLS[text.lstrip("\\")]) or "")
                return left
            if kind == "letter":
                if text == "d" and self.in_integral and self.peek().kind in ("letter", "cmd"):
                    return left
                if text == "U" and left.op in ("tuple", "union", "set"):
                    return left
                if text == "y" and self.spanish_and():
                    return left
                if text == "x" and left.op in ("num", "dec", "base") and self.peek().kind == "num" and token.spaced:
                    self.next()  # "3 x 4": between two numbers the letter is a multiplication sign.
                    left = _product(left, self.factor())
                    continue
                if (
                    token.literal
                    and left.op in ("num", "dec", "mul", "div", "root", "add", "deg")
                    and (units.lookup(text) is not None)
                ):
                    return self.measured(left)
                left = _product(left, self.factor())
                continue
            if kind == "cmd":
                if text in ("cdot", "times", "ast", "cdotp", "star", "bullet"):
                    self.i = i = self.i + 1
                    self.token = self.tokens[i]
                    left = _product(left, self.factor())
                    continue
                if text in ("div", "slash"):
                    self.next()
                    left = _quotient(left, self.factor())
                    continue
                if text in ("bmod", "mod"):
                    self.next()
                    left = Node("fn", (left, self.factor()), "mod")
                    continue
                if text == "pmod":
                    return left
                if text in ("choose", "brack"):
                    self.next()
                    left = Node("binom", (left, self.factor()))
                    continue
                if text == "min" and left.op in ("num", "dec") and self.peek().text not in _ARGUMENTS:
                    self.tokens[self.i] = self.token = Token("word", "min", token.spaced)  # 30 min
                    return self.measured(left)
                if text in _ATOMS or text in _UNARY or text in _SEVERAL or text in GREEK or text in _ACCENTS:
                    if text in _SPECIAL_ATOMS:
                        return left
                    left = _product(left, self.factor())
                    continue
                return left
            if kind == "num":
                after_group = self.tokens[self.i - 1].text == ")" and not token.spaced
                if left.op != "fact" and not after_group and derive.operator(left) is None:
                    raise Unreadable("a number after a factor")  # "1 \\frac{2}{3} 4" names three values, not one.
                left = _product(left, self.factor())
                continue
            if kind == "word":
                return self.measured(left)
            return left

    def _abs_closes(self) -> bool:
        """Whether a later bar closes the one at hand."""
        return any(token.text == "|" for token in self.tokens[self.i + 1 : self.i + 200])

    # --- units ----------------------------------------------------------------------------------------------------

    def measured(self, left: Node) -> Node:
        """A value with the words after it read as its unit."""
        word = self.token.text.lower()
        if word in words.CONNECTIVES or word in words.CONDITIONS or word in words.VERBS:
            return left
        if word == "to" and self.peek().kind == "num":
            return left  # "3 to 4" is a ratio.
        if word in words.PERCENT:
            self.next()
            return Node("pct", (left,))
        if word == "per" and self.peek().text.lower() in ("cent", "cents"):
            self.next()
            self.next()
            return Node("pct", (left,))
        if word in words.DEGREES:
            self.next()
            return self.temperature(Node("deg", (left,)))
        if word in ("million", "billion", "thousand", "hundred", "trillion", "dozen"):
            self.next()
            scale = {
                "million": 10**6,
                "billion": 10**9,
                "thousand": 1000,
                "hundred": 100,
                "trillion": 10**12,
                "dozen": 12,
            }
            scaled = _product(left, number(scale[word]))
            return self.measured(scaled) if self.token.kind == "word" else scaled
        if word in ("choose",):
            self.next()
            return Node("binom", (left, self.factor()))
        unit = self.unit()
        self.condition()
        return Node("qty", (left,), unit)

    def unit(self) -> "units.Unit | str":
        """One or more unit words with powers, products and quotients; an unknown word makes the whole only a word."""
        total: units.Unit | None = None
        unknown: list[str] = []
        sign = 1
        prefix = 1
        steps = 0
        while steps < 24:
            steps += 1
            token = self.token
            if token.kind == "op" and token.text == "/" and self.peek().kind in ("word", "letter"):
                self.next()
                sign = -1
                continue
            if token.kind == "cmd" and token.text == "cdot" and self.peek().kind in ("word", "letter"):
                self.next()
                continue
            if token.text == "." and self.peek().kind == "word":
                self.next()
                continue
            if token.text == "-" and self.peek().kind == "word":
                self.next()
                continue
            if token.kind not in ("word", "letter") or (token.kind == "letter" and not (token.literal or sign == -1)):
                break
            word = token.text
            low = word.lower()
            if low in words.CONNECTIVES or low in words.CONDITIONS or low in words.VERBS:
                break
            self.next()
            if low == "per":
                sign = -1
                continue
            if low in words.UNIT_PREFIXES:
                prefix = words.UNIT_PREFIXES[low]
                continue
            if low in ("of", "in", "each", "a", "an", "the", "total", "more"):
                if low in ("of", "in"):
                    unknown.append(low)
                continue
            if low in ("squared", "cubed") and total is not None:
                continue
            found = units.lookup(word)
            exponent = prefix * self.unit_power()
            prefix = 1
            if found is None:
                unknown.append(low)
                sign = 1
                continue
            raised = units.power(found, exponent * sign)
            total = raised if total is None else units.product(total, raised)
            sign = 1
        if unknown or total is None:
            return " ".join(unknown)
        return total

    def unit_power(self) -> int:
        if self.token.text == "^":
            self.next()
            braces = self.token.text == "{"
            if braces:
                self.next()
            minus = self.token.text == "-"
            if minus:
                self.next()
            text = self.next().text
            if braces:
                self.expect("}")
            if text.isdigit() and len(text) == 1:
                return -int(text) if minus else int(text)
            raise Unreadable("unit power")
        if self.token.kind == "num" and self.token.text in ("2", "3") and not self.token.spaced:
            return int(self.next().text)
        if self.token.kind == "word" and self.token.text.lower() in ("squared", "cubed"):
            return 2 if self.next().text.lower() == "squared" else 3
        return 1

    # --- factors --------------------------------------------------------------------------------------------------

    def factor(self) -> Node:
        token = self.token
        kind = token.kind
        if kind == "num" or kind == "letter":
            i = self.i + 1
            after = self.tokens[i]
            if after.text not in _CONTINUES[kind] and after.kind != "num":
                # A number or a variable and no more, which most factors are: what the rest of this would make of it.
                if self.depth >= DEPTH_MAX:
                    raise Unreadable("too deep")
                self.i = i
                self.token = after
                return _READY.get(token.text) or (
                    self.numeral_value(token.text) if kind == "num" else Node("sym", (), token.text)
                )
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Unreadable("too deep")
        if kind == "num":
            base = self.numeral()
        elif kind == "letter":
            base = self.letter()
        else:
            base = self.atom()
        text = self.token.text
        if text in _POSTFIX:
            base = self.postfix(base)
        self.depth -= 1
        return base

    def postfix(self, base: Node) -> Node:
        for _ in range(16):
            token = self.token
            text = token.text
            if token.kind == "num" or token.kind == "word":
                return base
            if text in ("^", "**"):
                self.i = i = self.i + 1
                self.token = self.tokens[i]
                base = self.raised(base)
            elif text == "!":
                if self.peek().text == "!":
                    self.next()
                    self.next()
                    base = Node("fn", (base,), "double_factorial")
                else:
                    self.next()
                    base = Node("fact", (base,))
            elif text == "!=" and base.op in ("num", "fact"):
                # "5!=120": after a number this is a factorial and an equals sign.
                self.tokens[self.i] = Token("op", "=")
                self.token = self.tokens[self.i]
                base = Node("fact", (base,))
            elif text in ("%", "\\%"):
                self.next()
                base = Node("pct", (base,))
            elif text in ("circ", "degree", "textcirc", "textdegree") and token.kind == "cmd":
                self.next()
                base = self.degrees(base)
            elif text == "'" and base.op in ("sym", "app"):
                self.next()
                base = Node("sym", (), f"{base.value}'")
            elif text in ("'", "''") and base.op in ("num", "dec") and token.kind == "op":
                # Feet and inches, or minutes of arc: only as a word.
                self.next()
                base = Node("qty", (base,), text)
            elif text == "_" and base.op == "num" and base.value.q == 1:
                base = self.in_base(str(int(base.value.p)))
            elif text == "_":
                base = self.subscript(base)
            elif text == "\\\\" and self.peek().text == "%":
                self.next()
            else:
                return base
            if self.token.text not in _POSTFIX and self.token.text != "\\\\":
                return base
        raise Unreadable("too many postfixes")

    def degrees(self, base: Node) -> Node:
        """Degrees, with the minutes and seconds of arc that may follow."""
        total = base
        for scale in (60, 3600):
            if self.token.kind != "num" or base.op not in ("num", "dec"):
                break
            marks = self.peek().text
            if marks not in ("'", "prime") and not (marks == "^" and self.peek(2).text in ("prime", "{", "'")):
                break
            amount = self.numeral_value(self.next().text)
            if self.next().text == "^":
                if self.token.text == "{":
                    while self.token.text in ("{", "}", "prime", "'") and self.token.kind != "end":
                        self.next()
                else:
                    self.next()
            while self.token.text == "'":
                self.next()
            total = Node("add", (total, Node("div", (amount, number(scale)))))
        return self.temperature(Node("deg", (total,)))

    def temperature(self, degrees: Node) -> Node:
        """60°C is a temperature, not a number of coulombs."""
        scale = units.TEMPERATURES.get(self.token.text) or units.TEMPERATURES.get(self.token.text.lower())
        if scale is None or self.token.kind not in ("letter", "word") or self.peek().text in _AFTER_NAMES:
            return degrees
        self.next()
        return Node("qty", degrees.args, scale)

    def raised(self, base: Node) -> Node:
        token = self.token
        if token.text == "{":
            inner = self.peek()
            if inner.text in (
                "circ",
                "degree",
                "textcirc",
                "textdegree",
                "prime",
                "'",
                "\\circ",
                "th",
                "st",
                "nd",
                "rd",
                "o",
                "*",
                "∗",
            ) and (self.peek(2).text == "}"):
                self.next()
                self.next()
                self.next()
                if inner.text in ("circ", "degree", "textcirc", "textdegree", "o"):
                    return self.degrees(base)
                if inner.text in ("prime", "'"):
                    return Node("sym", (), f"{base.value}'")
                return base
            plain = self.plain_group()
            if plain is None:
                self.next()
                self.enter()
                plain = self.union()
                self.depth -= 1
                self.expect("}")
            exponent = plain
        elif token.text in ("circ", "degree", "textcirc", "textdegree") and token.kind == "cmd":
            self.next()
            return self.degrees(base)
        elif token.text in ("prime", "'"):
            self.next()
            return Node("sym", (), f"{base.value}'")
        elif token.text in ("*", "+") and self.peek().kind in ("end",):
            self.next()
            return base
        elif token.text in ("-", "+") and token.kind == "op":
            self.next()
            exponent = self.exponent()
            exponent = negated(exponent) if token.text == "-" else exponent
        else:
            exponent = self.exponent()
        if base.op == "qty":
            raise Unreadable("power of a quantity")
        if base.op == "pm":
            raise Unreadable("power of plus-minus")
        return Node("pow", (base, exponent))

    def exponent(self) -> Node:
        """One TeX argument; in plain text a tower is read from the right."""
        self.enter()
        base = self.numeral_value(self.next().text) if self.token.kind == "num" else self.atom()
        if self.token.text in ("^", "**"):
            self.next()
            base = self.raised(base)
        self.depth -= 1
        return base

    def numeral(self) -> Node:
        """A number: mixed, in a base, or followed by a fraction."""
        token = self.next()
        value = self.numeral_value(token.text)
        if self.token.text == "_" and value.op == "num":
            return self.in_base(token.text)
        if value.op == "num" and value.value.q == 1:
            # A mixed number: an integer, then a proper fraction of positive integers.
            ahead = self.token
            if ahead.kind == "cmd" and ahead.text in ("frac", "dfrac", "tfrac", "cfrac"):
                fraction = self._proper_fraction()
                if fraction is not None:
                    return Node("num", (), value.value + fraction)
            elif (
                ahead.kind == "num"
                and ahead.spaced
                and ahead.text.isdigit()
                and self.peek().text == "/"
                and self.peek(2).kind == "num"
                and self.peek(2).text.isdigit()
                and 0 < int(ahead.text[:9]) < int(self.peek(2).text[:9])
                and len(self.peek(2).text) < 9
            ):
                top = int(self.next().text)
                self.next()
                bottom = int(self.next().text)
                return Node("num", (), value.value + fmpq(top, bottom))
        if self.token.text == "i" and self.token.kind == "letter" and token.text.endswith("."):
            return value
        return value

    def _proper_fraction(self) -> fmpq | None:
        """The \\frac at hand if both parts are integers and the first is the smaller; otherwise nothing is taken."""
        digits: list[str] = []
        i = self.i + 1
        while len(digits) < 2:
            token = self.tokens[i]
            if token.text == "{" and self.tokens[i + 1].kind == "num" and self.tokens[i + 2].text == "}":
                digits.append(self.tokens[i + 1].text)
                i += 3
            elif token.kind == "num" and token.text.isdigit():
                if not digits and len(token.text) == 2:
                    digits += list(token.text)
                elif len(token.text) == 1:
                    digits.append(token.text)
                else:
                    return None
                i += 1
            else:
                return None
        if not all(text.isdigit() and len(text) < 9 for text in digits):
            return None
        top, bottom = int(digits[0]), int(digits[1])
        if not 0 < top < bottom:
            return None
        self.i = i
        self.token = self.tokens[i]
        return fmpq(top, bottom)

    def in_base(self, digits: str) -> Node:
        """52_8, also 152A_{11} (see atom)."""
        self.next()
        if self.token.text == "{":
            self.next()
            text = self._base_text()
            self.expect("}")
        else:
            text = self._base_text()
        if text is None:
            raise Unreadable("subscript of a number")
        return Node("base", (), (digits.lstrip("0") or "0", text))

    def _base_text(self) -> int | None:
        token = self.next()
        if token.kind == "word" and token.text.lower() in ("base",):
            token = self.next()
        if token.kind == "word" and token.text.lower() in words.NUMERALS:
            return words.NUMERALS[token.text.lower()]
        if token.kind == "num" and token.text.isdigit() and len(token.text) <= 2 and int(token.text) >= 2:
            return int(token.text)
        return None

    @staticmethod
    def numeral_value(text: str) -> Node:
        """The number a numeral stands for."""
        ready = _READY.get(text)
        if ready is not None:
            return ready
        if text.isdigit():
            return Node("num", (), fmpq(int(text)) if len(text) < 4000 else fmpq(fmpz(text)))
        return _numeral(text)

    def atom(self) -> Node:
        token = self.token
        kind = token.kind
        text = token.text
        if kind == "letter":
            return self.letter()
        if kind == "cmd":
            reader = _ATOMS.get(text)
            if reader is not None:
                self.i = i = self.i + 1
                self.token = self.tokens[i]
                return reader(self, text)
            if text in _UNARY:
                self.next()
                return self.function(text)
            if text in GREEK:
                self.next()
                return self.named(text)
            if text in _SEVERAL:
                self.next()
                return self.function_of_several(text)
            if text in _ACCENTS:
                self.next()
                return Node("sym", (), f"{_ACCENTS[text]} {self.flat_argument()}")
            raise Unreadable(f"unknown command {text!r}")
        if kind == "num":
            return self.numeral_value(self.next().text)
        if kind == "op":
            if text in ("(", "["):
                return self.brackets()
            if text == "{":
                return self.braces()
            if text == "\\{":
                if self.peek().text == "begin" and self.peek().kind == "cmd":
                    return self.system()
                return self.set_braces("\\}")
            if text in ("|", "\\|", "||"):
                return self.absolute(text)
            if text in _CURRENCY:
                self.next()
                value = self.factor()
                return Node("qty", (value,), units.lookup(units.SYMBOLS[text.lstrip("\\")]) or "")
            if text in ("-", "+"):
                self.next()
                inner = self.factor()
                return negated(inner) if text == "-" else inner
            if text == "]":
                return self.brackets()
            if text == "\\#" or text == "#":
                self.next()
                return self.atom()
            if text in _DOTS:
                self.next()
                return Node("ellipsis")
        if kind == "word":
            low = text.lower()
            if low in words.NUMERALS:
                self.next()
                tens = words.NUMERALS[low]
                ones = words.NUMERALS.get(self.peek().text.lower(), 0) if self.token.text == "-" else 0
                if tens >= 20 and 0 < ones < 10:
                    self.next()
                    self.next()
                    return number(tens + ones)  # "twenty-one apples" has no minus sign.
                return number(tens)
            if token.literal and low == "i":
                self.next()
                return Node("const", (), "i")
            if low in ("infinity",):
                self.next()
                return INFINITY
            if len(text) > 1 and self.peek().text == "(" and not self.peek().spaced and self._simple_arguments_at(1):
                self.next()
                return self.named_application(text)
            if low in ("undefined", "dne"):
                self.next()
                return Node("special", (), "undefined")
        raise Unreadable(f"cannot begin with {text!r}")

    def named_application(self, name: str) -> Node:
        """rank(A), Cov(X, Y): a word applied to arguments."""
        self.expect("(")
        args = [self.union()]
        while self.token.text == ",":
            self.next()
            args.append(self.union())
        self.expect(")")
        return Node("app", tuple(args), name)

    def letter(self) -> Node:
        token = self.next()
        text = token.text
        if text == "e" and self.token.text != "_":
            return Node("const", (), "e")
        if text == "i" and self.token.text != "_":
            return Node("const", (), "i")
        return self.named(text)

    def named(self, name: str) -> Node:
        """A variable, with subscript and primes, or an unknown function applied to arguments."""
        node = Node("sym", (), name)
        while self.token.text == "'" and self.token.kind == "op":
            self.next()
            node = Node("sym", (), f"{node.value}'")
        if self.token.text == "_":
            node = self.subscript(node)
        if self.token.text == "(" and node.op == "sym" and not self.token.spaced:
            if (name in _FUNCTION_LETTERS and self._simple_arguments()) or self._defines() or self._several():
                self.next()
                # The probability of a statement: P(X = 2), P(A | B).
                inside = self.event if name == "P" else self.union
                args = [inside()]
                while self.token.text == ",":
                    self.next()
                    args.append(inside())
                self.expect(")")
                if name == "C" and len(args) == 2 and all(arg.op == "num" for arg in args):
                    return Node("binom", tuple(args))  # C(10, 3)
                return Node("app", tuple(args), node.value)
        elif (
            self.token.text == "^"
            and name in ("f", "g", "h")
            and self.peek().text == "{"
            and self.peek(2).text == "-"
            and self.peek(3).text == "1"
            and self.peek(4).text == "}"
            and self.peek(5).text == "("
        ):
            for _ in range(6):
                self.next()
            argument = self.union()
            self.expect(")")
            return Node("app", (argument,), f"{name}^-1")
        return node

    def event(self) -> Node:
        """What a probability is of: a statement, perhaps under a condition."""
        left = self.clause()
        if self.token.text in ("|", "mid"):
            self.next()
            left = Node("app", (left, self.clause()), "given")
        return left

    def _simple_arguments(self) -> bool:
        """Whether the parentheses at hand close at all, as the arguments of f do."""
        return self._simple_arguments_at(0)

    def _simple_arguments_at(self, ahead: int) -> bool:
        level = 0
        for token in self.tokens[self.i + ahead : self.i + ahead + 60]:
            if token.text == "(":
                level += 1
            elif token.text == ")":
                level -= 1
                if level == 0:
                    return True
        return False

    def _several(self) -> bool:
        """Whether several arguments follow: nobody multiplies by a pair, so N(0, 1) is a function or a distribution."""
        level = 0
        for token in self.tokens[self.i : self.i + 40]:
            if token.text == "(":
                level += 1
            elif token.text == ")":
                level -= 1
                if level == 0:
                    return False
            elif token.text == "," and level == 1:
                return True
        return False

    def _defines(self) -> bool:
        """Whether this is the T(10) of "T(10) = 2": a name, one or more plain arguments, then an equals sign."""
        i = self.i + 1
        for _ in range(6):
            token = self.tokens[i]
            if token.kind not in ("letter", "num", "word") and token.text not in (",",) and token.text not in GREEK:
                break
            i += 1
            if self.tokens[i].kind == "end":
                return False
        return i > self.i + 1 and self.tokens[i].text == ")" and self.peek_at(i + 1).text in ("=", ":")

    def peek_at(self, i: int) -> Token:
        return self.tokens[i] if i < len(self.tokens) else _END

    def subscript(self, base: Node) -> Node:
        """x_1 and x_{max} are names; a_{n-1} is an unknown function of its index."""
        self.next()
        token = self.token
        if token.text == "{":
            flat = self._flat_until_brace()
            if flat is not None:
                return Node("sym", (), f"{base.value}_{flat}")
            self.next()
            index = self.union()
            more = [index]
            while self.token.text == ",":
                self.next()
                more.append(self.union())
            self.expect("}")
            return Node("app", tuple(more), f"{base.value}_")
        if token.kind == "num" or token.kind == "word":
            self.next()
            return Node("sym", (), f"{base.value}_{token.text}")
        if token.kind == "letter":
            self.next()
            return Node("app", (Node("sym", (), token.text),), f"{base.value}_")
        if token.kind == "cmd":
            self.next()
            return Node("sym", (), f"{base.value}_{token.text}")
        raise Unreadable("subscript")

    def _flat_until_brace(self) -> str | None:
        """The subscript in braces if it is only a number or a word; nothing is taken otherwise."""
        parts: list[str] = []
        i = self.i + 1
        for _ in range(12):
            token = self.tokens[i]
            if token.text == "}":
                break
            if token.kind == "end" or token.kind == "op":
                return None
            single = len(parts) == 0 and self.tokens[i + 1].text == "}"
            if single and len(token.text) == 1 and token.kind in ("letter", "word"):
                return None
            parts.append(token.text)
            i += 1
        else:
            return None
        if not parts:
            return None
        self.i = i + 1
        self.token = self.tokens[self.i]
        return "".join(parts)

    def flat_argument(self) -> str:
        """The text of one argument: what a bar or an arrow stands over."""
        if self.token.text != "{":
            return self.next().text
        level = 0
        parts: list[str] = []
        for _ in range(60):
            token = self.next()
            if token.kind == "end":
                raise Unreadable("unclosed brace")
            if token.text == "{":
                level += 1
            elif token.text == "}":
                level -= 1
                if level == 0:
                    return "".join(parts)
            else:
                parts.append(token.text)
        raise Unreadable("long argument")

    def plain_group(self) -> Node | None:
        """A group with nothing but a number or a variable in it, which is most of them; else nothing is taken."""
        i = self.i + 1
        first = self.tokens[i]
        minus = first.text == "-" and first.kind == "op"
        if minus:
            i += 1
            first = self.tokens[i]
        if first.kind == "end" or self.tokens[i + 1].text != "}":
            return None
        if first.kind == "num":
            node = self.numeral_value(first.text)
        elif first.kind == "letter" and first.text not in "ei" and not first.literal:
            node = Node("sym", (), first.text)
        else:
            return None
        self.i = i + 2
        self.token = self.tokens[self.i]
        return negated(node) if minus else node

    def argument(self) -> Node:
        """One TeX argument: a group, or a single digit, letter or command."""
        token = self.token
        if token.text == "{" and token.kind == "op":
            plain = self.plain_group()
            if plain is not None:
                return plain
            self.next()
            self.enter()
            inner = self.union()
            if self.token.kind == "cmd" and self.token.text == "choose":
                self.next()
                inner = Node("binom", (inner, self.union()))
            self.depth -= 1
            self.expect("}")
            return inner
        if token.kind == "num":
            if len(token.text) > 1 and token.text.isdigit():
                # \frac12: TeX takes one digit.
                self.tokens[self.i] = Token("num", token.text[1:])
                self.token = self.tokens[self.i]
                return number(int(token.text[0]))
            return self.numeral_value(self.next().text)
        self.enter()
        inner = self.atom()
        self.depth -= 1
        return inner

    def radicand(self) -> Node:
        """What stands under a root sign: a group, or all of the next factor without its powers."""
        if self.token.kind == "num":
            return self.numeral_value(self.next().text)
        return self.argument() if self.token.text == "{" else self.atom()

    def brackets(self) -> Node:
        """Parentheses around an expression, a tuple, or an interval."""
        self.enter()
        opener = self.next().text
        bars, in_set = self.bars, self.in_set
        self.bars = self.in_set = 0
        items: list[Node] = []
        if self.token.text in (")", "]"):
            raise Unreadable("empty brackets")
        self.parens += 1
        while True:
            items.append(self.clause())
            if self.token.text in (",", ";") and self.token.kind == "op":
                self.next()
                if self.token.text in (")", "]"):
                    break
            elif (self.token.kind == "word" and self.token.text.lower() in words.CONNECTIVES) or (
                self.token.text in ("\\\\",) and len(items) >= 1
            ):
                self.next()
            else:
                break
            if len(items) > ITEMS_MAX:
                raise Unreadable("too many items")
        self.parens -= 1
        closer = self.token.text
        if closer == "." and self.peek().text in (")", "]"):
            self.next()
            closer = self.token.text
        if closer not in (")", "]", "[") or (closer == "[" and opener not in ("]", "[")):
            raise Unreadable("unclosed bracket")
        self.next()
        self.bars, self.in_set = bars, in_set
        self.depth -= 1
        if opener == "]":
            opener = "("
        if closer == "[":
            closer = ")"
        if len(items) == 1 and opener + closer in ("()", "[]"):
            return items[0]
        return Node("tuple", tuple(items), opener + closer)

    def braces(self) -> Node:
        """A TeX group; with commas in it, a set whose backslashes were forgotten."""
        self.next()
        self.enter()
        bars = self.bars
        self.bars = 0
        if self.token.text == "}":
            raise Unreadable("empty group")
        self.in_set += 1
        items = [self.clause()]
        if self.token.text in ("|", "mid", ":"):
            return self._builder(items[0], "}", bars)
        while self.token.text in (",", ";"):
            self.next()
            items.append(self.clause())
            if len(items) > ITEMS_MAX:
                raise Unreadable("too many items")
        if self.token.kind == "cmd" and self.token.text == "choose":
            self.next()
            items = [Node("binom", (items[0], self.union()))]
        self.expect("}")
        self.in_set -= 1
        self.bars = bars
        self.depth -= 1
        if len(items) == 1:
            return items[0]
        return Node("set", tuple(items))

    def set_braces(self, closer: str) -> Node:
        """{1, 2} or {x | x > 1}."""
        self.next()
        self.enter()
        bars = self.bars
        self.bars = 0
        self.in_set += 1
        items: list[Node] = []
        if self.token.text == closer:
            self.next()
            self.in_set -= 1
            self.bars = bars
            self.depth -= 1
            return Node("special", (), "empty")
        while True:
            items.append(self.clause())
            if len(items) == 1 and self.token.text in ("|", "mid", ":"):
                return self._builder(items[0], closer, bars)
            if self.separator() is None:
                break
            while self.separator() is not None:
                pass
            if self.token.text == closer:
                break
            if len(items) > ITEMS_MAX:
                raise Unreadable("too many items")
        self.expect(closer)
        self.in_set -= 1
        self.bars = bars
        self.depth -= 1
        return Node("set", tuple(items))

    def system(self) -> Node:
        """One brace before rows: a system of equations, or a function given in pieces."""
        self.next()
        rows = self.atom()
        if self.token.text == "\\}":
            self.next()
        if rows.op == "matrix" and rows.value[1] == 2 and all(cell.op in ("rel", "in") for cell in rows.args[1::2]):
            return Node("cases", rows.args)
        return rows

    def _builder(self, element: Node, closer: str, bars: int) -> Node:
        self.next()
        conditions: list[Node] = []
        kinds: set[str] = set()
        while self.token.text != closer:
            conditions.append(self.clause())
            found = self.separator()
            if found is None:
                break
            kinds.add(found)
            if len(conditions) > 64:
                raise Unreadable("too many conditions")
        self.expect(closer)
        self.in_set -= 1
        self.bars = bars
        self.depth -= 1
        if not conditions:
            raise Unreadable("no condition")
        condition = conditions[0] if len(conditions) == 1 else Node("list", tuple(conditions), frozenset(kinds))
        return Node("builder", (element, condition))

    def absolute(self, opener: str) -> Node:
        self.next()
        self.enter()
        self.bars += 1
        in_set = self.in_set
        self.in_set = 0
        inner = self.union()
        self.in_set = in_set
        self.bars -= 1
        self.depth -= 1
        if self.token.text not in ("|", "\\|", "||"):
            raise Unreadable("unclosed bar")
        self.next()
        return Node("fn", (inner,), "abs")

    def fenced(self, closer: str, name: str) -> Node:
        self.enter()
        inner = self.union()
        if self.token.text != closer:
            raise Unreadable(f"expected {closer}")
        self.next()
        self.depth -= 1
        return Node("fn", (inner,), name)

    # --- functions ------------------------------------------------------------------------------------------------

    def function(self, name: str) -> Node:
        """A known function of one argument: \\sin^2 2x, \\log_2 8, \\ln(x+1), \\tan^{-1} x."""
        self.enter()
        base: Node | None = None
        exponent: Node | None = None
        for _ in range(2):
            if self.token.text == "_" and name == "log":
                self.next()
                base = self.argument_digits()
            elif self.token.text in ("^", "**") and name not in ("factorial",):
                self.next()
                minus = self.token.text == "-"
                if minus:
                    self.next()
                exponent = self.argument() if self.token.text == "{" else self.exponent()
                exponent = negated(exponent) if minus else exponent
        inverse = _INVERSES.get(name) if exponent == Node("num", (), fmpq(-1)) else None
        if inverse is not None:
            name, exponent = inverse, None
        if self.token.text == "(" and self.token.kind == "op":
            argument = self.brackets()
            if argument.op == "tuple" and name == "log" and len(argument.args) == 2:
                argument, base = argument.args
        elif self.token.text in ("{", "|") and self.token.kind == "op":
            argument = self.factor()
        else:
            argument = self.bare_argument()
        if argument.op in ("tuple", "set", "list", "rel") and not (argument.op == "rel" and name == "Pr"):
            raise Unreadable("function of a structure")
        self.depth -= 1
        node = _applied(name, argument, base)
        return node if exponent is None else Node("pow", (node, exponent))

    def argument_digits(self) -> Node:
        """The base of a logarithm: \\log_2 8, \\log_{10} x, \\log_{1/2} x, and log_10(x) with all its digits."""
        if self.token.kind == "num":
            token = self.token
            following = self.peek()
            if (
                len(token.text) > 1
                and following.text not in ("(", "{", "|")
                and following.kind not in ("letter", "num", "cmd")
            ):
                return self.argument()  # \log_28 is log base 2 of 8.
            return self.numeral_value(self.next().text)
        return self.argument()

    def bare_argument(self) -> Node:
        """What a function without parentheses applies to: the factors up to a sign, a dot or another function."""
        if self.token.kind == "op" and self.token.text == "-":
            self.next()
            return negated(self.bare_argument())
        argument = self.factor()
        while True:
            token = self.token
            if token.kind == "letter" or (
                token.kind == "cmd" and (token.text in GREEK or token.text in ("pi", "frac", "dfrac", "tfrac", "sqrt"))
            ):
                if token.text == "d" and self.in_integral:
                    break
                argument = _product(argument, self.factor())
            elif token.kind == "op" and token.text == "/" and self.peek().kind in ("num", "letter"):
                self.next()
                argument = _quotient(argument, self.factor())
            else:
                break
        return argument

    def function_of_several(self, name: str) -> Node:
        if self.token.text == "_":
            self.next()
            self.flat_argument()
        if self.token.text == "{" and name == "nCr":
            return Node("binom", (self.argument(), self.argument()))
        if self.token.kind == "letter":
            return Node("fn", (self.factor(),), name)  # "max f": the name of a value.
        inside = self.brackets() if self.token.text in ("(", "[") else self.braces_or_set()
        args = inside.args if inside.op in ("tuple", "set") else (inside,)
        if name == "nCr":
            if len(args) != 2:
                raise Unreadable("binomial")
            return Node("binom", args)
        return Node("fn", args, name)

    def braces_or_set(self) -> Node:
        if self.token.text == "\\{":
            return self.set_braces("\\}")
        if self.token.text == "{":
            return self.braces()
        raise Unreadable("arguments")


# --- building ---------------------------------------------------------------------------------------------------------


def _sum(terms: list[Node]) -> Node:
    if len(terms) == 1:
        return terms[0]
    for term in terms:
        if term.op in _NOT_SUMMANDS:
            if any(term.op == "ellipsis" for term in terms):
                return Node("app", tuple(terms), "+…")
            raise Unreadable("sum of structures")
    return Node("add", tuple(terms))


def _domain(item: Node) -> bool:
    """Whether a clause only says that a parameter is an integer, a real number, ..."""
    return item.op == "in" and item.args[0].op in ("sym", "list") and item.args[1].op == "special"


def _compound(items: list[Node]) -> Node | None:
    """3 hours 20 minutes, 5 feet 3 inches: quantities of one dimension, from large to small, are one quantity."""
    if not all(item.op == "qty" and isinstance(item.value, units.Unit) for item in items):
        return None
    first: units.Unit = items[0].value
    scales = [item.value.scale for item in items]
    if any(item.value.dimension != first.dimension for item in items):
        return None
    if any(later >= earlier for earlier, later in pairwise(scales)):
        return None
    terms = [Node("mul", (Node("num", (), item.value.scale / first.scale), item.args[0])) for item in items[1:]]
    return Node("qty", (Node("add", (items[0].args[0], *terms)),), first)


_NOT_SUMMANDS = frozenset(("rel", "list", "set", "union", "in", "text", "builder", "ellipsis"))
_NOT_FACTORS = frozenset(("rel", "list", "union", "in", "text", "builder", "tuple", "set", "ellipsis"))


def _product(left: Node, right: Node) -> Node:
    if right.op in _NOT_FACTORS or left.op in _NOT_FACTORS:
        if left.op == "sym" or (right.op == "tuple" and left.op in ("num", "dec", "div", "root", "mul")):
            raise Unreadable("product of structures")
        raise Unreadable("product with a structure")
    if right.op == "qty" and left.op == "num":
        return Node("qty", (_product(left, right.args[0]),), right.value)
    if left.op == "mul":
        return Node("mul", (*left.args, right))
    return Node("mul", (left, right))


def _quotient(left: Node, right: Node) -> Node:
    if right.op in _NOT_FACTORS or left.op in _NOT_FACTORS:
        raise Unreadable("quotient of structures")
    if left.op == "num" and right.op == "num" and right.value != 0:
        return Node("num", (), left.value / right.value)
    return Node("div", (left, right))


def _applied(name: str, argument: Node, base: Node | None) -> Node:
    if name == "exp":
        return Node("pow", (Node("const", (), "e"), argument))
    if name == "cis":
        return Node("pow", (Node("const", (), "e"), Node("mul", (Node("const", (), "i"), argument))))
    if name == "lg":
        return Node("fn", (argument, number(10)), "log")
    if name == "lb":
        return Node("fn", (argument, TWO), "log")
    if name == "cbrt":
        return Node("root", (argument, number(3)))
    if name == "factorial":
        return Node("fact", (argument,))
    if name == "degree":
        raise Unreadable("degree of a polynomial")
    if name == "log" and base is not None:
        return Node("fn", (argument, base), "log")
    return Node("fn", (argument,), name)


_SCIENTIFIC = re.compile(r"([0-9]+)(?:\.([0-9]*))?[eE]([+-]?[0-9]+)")
_REPEATING = re.compile(
    r"([0-9]*)\.([0-9]*)(?:\\(?:overline|bar|dot|overset"
    r"|widebar)\s*\{?([0-9]+)\}?(?:([0-9]*)\\dot\s*\{?([0-9])\}?)?|\(([0-9]+)\))"
)
_DOTTED = re.compile(r"([0-9]+)\.([0-9]+)\s?(?:\.\.\.|\\[lc]?dots)")


def _numeral(text: str) -> Node:
    """Thousands separators, decimals, scientific notation, repeating decimals."""
    if "e" in text or "E" in text:
        match = _SCIENTIFIC.fullmatch(text)
        if match is not None:
            whole, fraction, exponent = match.group(1), match.group(2) or "", int(match.group(3))
            if abs(exponent) > 5000:
                return Node("mul", (number(int(whole)), Node("pow", (number(10), number(exponent)))))
            return _decimal(whole, fraction, exponent)
    match = _REPEATING.fullmatch(text)
    if match is not None:
        whole, fixed = match.group(1) or "0", match.group(2)
        period = match.group(6) or match.group(3)
        if match.group(5) is not None:
            period = match.group(3) + (match.group(4) or "") + match.group(5)
        return _repeating(whole, fixed, period)
    match = _DOTTED.fullmatch(text)
    if match is not None:
        whole, digits = match.group(1), match.group(2)
        found = _period(digits)
        if found is not None:
            fixed, length = found
            return _repeating(whole, digits[:fixed], digits[fixed : fixed + length])
        return _decimal(whole, digits, 0)
    plain = re.sub(r"[^0-9.]", "", text)
    whole, _, fraction = plain.partition(".")
    if not fraction:
        return Node("num", (), fmpq(fmpz(whole or "0")))
    return _decimal(whole or "0", fraction, 0)


def _decimal(whole: str, fraction: str, exponent: int) -> Node:
    value = fmpq(fmpz(whole + fraction), fmpz(10) ** len(fraction)) if fraction else fmpq(fmpz(whole))
    if exponent:
        value = value * fmpq(fmpz(10) ** exponent) if exponent > 0 else value / fmpq(fmpz(10) ** -exponent)
    places = len(fraction) - exponent
    if places <= 0 or (not fraction and exponent == 0):
        return Node("num", (), value)
    return Node("dec", (), (value, places))


def _repeating(whole: str, fixed: str, period: str) -> Node:
    scale = fmpz(10) ** len(fixed)
    value = fmpq(fmpz(whole + fixed), scale)
    value += fmpq(fmpz(period), scale * (fmpz(10) ** len(period) - 1))
    return Node("rep", (), (value, len(fixed), len(period)))


def _period(digits: str) -> tuple[int, int] | None:
    """Where the block begins that the digits repeat to their end, and its length: 333, 1666, 142857142857."""
    for length in range(1, len(digits) // 2 + 1):
        start = len(digits) - length
        while start > 0 and digits[start - 1] == digits[start - 1 + length]:
            start -= 1
        repeated = len(digits) - start
        if repeated >= (3 if length == 1 else 2 * length) and start <= 3:
            return start, length
    return None


# --- commands ---------------------------------------------------------------------------------------------------------


def _frac(parser: _Parser, _name: str) -> Node:
    top = parser.argument()
    bottom = parser.argument()
    return _quotient(top, bottom)


def _root(parser: _Parser, _name: str) -> Node:
    index: Node = TWO
    if parser.token.text == "[":
        parser.next()
        index = parser.union()
        parser.expect("]")
    return Node("root", (parser.radicand(), index))


def _binomial(parser: _Parser, _name: str) -> Node:
    return Node("binom", (parser.argument(), parser.argument()))


def _constant(node: Node) -> "Callable[[_Parser, str], Node]":
    return lambda _parser, _name: node


def _struck(parser: _Parser, _name: str) -> Node:
    """\\mathbb{R} and its like; raised to + or * they are the positive or non-zero ones."""
    name = parser.flat_argument()
    special = _DOUBLE_STRUCK.get(name)
    if special is None:
        return Node("sym", (), name)
    if parser.token.text in ("^", "_"):
        parser.next()
        raised = parser.flat_argument()
        if raised == "+" and special in ("reals", "integers"):
            return Node("special", (), f"positive {special}")
        return Node("special", (), f"{special}^{raised}")
    return Node("special", (), special)


def _lettered(parser: _Parser, _name: str) -> Node:
    """\\mathcal{F} and its like."""
    return parser.named(parser.flat_argument())


def _boxed(parser: _Parser, _name: str) -> Node:
    if parser.token.text == "{":
        return parser.braces()
    return parser.atom()


def _floor(parser: _Parser, name: str) -> Node:
    return parser.fenced("rfloor", "floor") if name == "lfloor" else parser.fenced("rceil", "ceil")


def _bars(parser: _Parser, name: str) -> Node:
    parser.enter()
    inner = parser.union()
    if parser.token.text not in ("rvert", "rVert", "vert", "Vert"):
        raise Unreadable("unclosed bar")
    parser.next()
    parser.depth -= 1
    return Node("fn", (inner,), "abs")


def _angle_brackets(parser: _Parser, _name: str) -> Node:
    parser.enter()
    items = [parser.clause()]
    while parser.token.text == ",":
        parser.next()
        items.append(parser.clause())
        if len(items) > ITEMS_MAX:
            raise Unreadable("too many items")
    parser.expect("rangle")
    parser.depth -= 1
    return Node("tuple", tuple(items), "<>")


def _braced(parser: _Parser, _name: str) -> Node:
    parser.i -= 1
    parser.token = parser.tokens[parser.i]
    return parser.set_braces("rbrace")


def _bounds(parser: _Parser) -> tuple[Node | None, Node | None]:
    low: Node | None = None
    high: Node | None = None
    for _ in range(2):
        if parser.token.text == "_":
            parser.next()
            if parser.token.text == "{":
                parser.next()
                low = parser.clause()
                parser.expect("}")
            else:
                low = parser.argument()
        elif parser.token.text == "^":
            parser.next()
            if parser.token.text == "-":
                parser.next()
                high = negated(parser.argument())
            else:
                high = parser.argument()
    return low, high


def _series(parser: _Parser, name: str) -> Node:
    low, high = _bounds(parser)
    parser.enter()
    body = parser.term()
    parser.depth -= 1
    if low is None or low.op != "rel" or low.value != ("=",) or low.args[0].op not in ("sym", "const") or high is None:
        raise Unreadable("sum without bounds")
    variable = low.args[0]
    if variable.op == "const":
        variable = Node("sym", (), variable.value)
        body = _constant_as_symbol(body, variable.value)
    return Node(name, (variable, low.args[1], high, body))


def _constant_as_symbol(node: Node, name: str) -> Node:
    """An i that is the index of a sum is not the imaginary unit."""
    if node.op == "const" and node.value == name:
        return Node("sym", (), name)
    if not node.args:
        return node
    return Node(node.op, tuple(_constant_as_symbol(arg, name) for arg in node.args), node.value)


def _integral(parser: _Parser, _name: str) -> Node:
    low, high = _bounds(parser)
    parser.in_integral += 1
    parser.enter()
    if parser.token.text == "d" and parser.peek().kind == "letter":
        body: Node = ONE
    else:
        body = parser.sum()
    parser.depth -= 1
    parser.in_integral -= 1
    if parser.token.text != "d" or parser.peek().kind not in ("letter", "cmd"):
        raise Unreadable("integral without differential")
    parser.next()
    variable = Node("sym", (), parser.next().text)
    if low is None or high is None:
        raise Unreadable("indefinite integral")
    return Node("int", (variable, low, high, body))


def _limit(parser: _Parser, _name: str) -> Node:
    if parser.token.text != "_":
        raise Unreadable("limit")
    parser.next()
    parser.expect("{")
    variable = parser.atom()
    if parser.token.text not in _ARROWS or variable.op != "sym":
        raise Unreadable("limit")
    parser.next()
    target = parser.union()
    direction = "+-"
    if parser.token.text == "^":
        parser.next()
        direction = parser.next().text
    parser.expect("}")
    parser.enter()
    body = parser.term()
    parser.depth -= 1
    return Node("lim", (variable, target, body), direction)


def _pointed(parser: _Parser, name: str) -> Node:
    """∠ABC, △ABC: a name."""
    letters: list[str] = []
    while parser.token.kind == "letter" and len(letters) < 6:
        letters.append(parser.next().text)
    if not letters and parser.token.text == "{":
        letters.append(parser.flat_argument())
    return Node("sym", (), f"{name} {''.join(letters)}")


def _environment(parser: _Parser, _name: str) -> Node:
    name = parser.flat_argument().rstrip("*")
    if name == "array" and parser.token.text == "{":
        parser.flat_argument()
    parser.enter()
    bars, in_set = parser.bars, parser.in_set
    parser.bars = parser.in_set = 0
    rows: list[list[Node]] = []
    row: list[Node] = []
    while True:
        token = parser.token
        if token.kind == "end":
            raise Unreadable("unclosed environment")
        if token.kind == "cmd" and token.text == "end":
            break
        if token.text == "&":
            parser.next()
            continue
        if token.text == "\\\\":
            parser.next()
            if row:
                rows.append(row)
                row = []
            continue
        if token.kind == "cmd" and token.text == "hline":
            parser.next()
            continue
        if token.text in (",", ";", "quad", ".") and token.kind == "op":
            parser.next()
            continue
        if token.kind == "word" and token.text.lower() in ("if", "for", "when", "otherwise", "and", "else"):
            parser.next()
            if token.text.lower() in ("otherwise", "else"):
                row.append(Node("special", (), "otherwise"))
            continue
        if name in ("aligned", "align", "gathered", "split", "alignedat") and row and parser.comparison() is not None:
            row[-1] = parser.chain(row[-1])
            continue
        row.append(parser.clause())
        if len(row) > 64 or len(rows) > 256:
            raise Unreadable("too large a matrix")
    if row:
        rows.append(row)
    parser.next()
    closing = parser.flat_argument().rstrip("*")
    parser.bars, parser.in_set = bars, in_set
    parser.depth -= 1
    if closing != name or not rows:
        raise Unreadable("environment")
    return _assembled(name, rows)


def _assembled(name: str, rows: list[list[Node]]) -> Node:
    relations = ("rel", "in", "list")
    if name in _MATRICES:
        width = len(rows[0])
        if name in ("array", "matrix") and width == 1 and len(rows) > 1 and all(row[0].op in relations for row in rows):
            return Node("list", tuple(row[0] for row in rows), frozenset(("and",)))
        if any(len(row) != width for row in rows):
            raise Unreadable("ragged matrix")
        matrix = Node("matrix", tuple(cell for row in rows for cell in row), (len(rows), width))
        return Node("fn", (matrix,), "det") if name in ("vmatrix", "Vmatrix") else matrix
    if name in ("cases", "dcases", "rcases"):
        if all(len(row) == 1 for row in rows):
            return Node("list", tuple(row[0] for row in rows), frozenset(("and",)))
        if all(len(row) == 2 for row in rows):
            return Node("cases", tuple(cell for row in rows for cell in row))
        if all(row[0].op in relations for row in rows):
            return Node("list", tuple(cell for row in rows for cell in row), frozenset(("and",)))
        raise Unreadable("cases")
    cells = [cell for row in rows for cell in row]
    return cells[0] if len(cells) == 1 else Node("list", tuple(cells), frozenset(("and",)))


_ATOMS: "dict[str, Callable[[_Parser, str], Node]]" = {
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac", "sfrac", "nicefrac", "flatfrac", "nfrac"), _frac),
    "sqrt": _root,
    "surd": _root,
    **dict.fromkeys(("binom", "dbinom", "tbinom"), _binomial),
    "pi": _constant(Node("const", (), "pi")),
    "infty": _constant(INFINITY),
    "infinity": _constant(INFINITY),
    **{name: _constant(Node("special", (), special)) for name, special in _SPECIAL.items()},
    "mathbb": _struck,
    "Bbb": _struck,
    **dict.fromkeys(("mathcal", "mathscr", "mathfrak"), _lettered),
    **dict.fromkeys(("boxed", "fbox", "num", "framebox", "ensuremath", "mathord", "mathop"), _boxed),
    "lfloor": _floor,
    "lceil": _floor,
    **dict.fromkeys(("lvert", "lVert", "vert", "Vert"), _bars),
    "langle": _angle_brackets,
    "lbrace": _braced,
    "sum": lambda parser, _name: _series(parser, "sum"),
    "prod": lambda parser, _name: _series(parser, "prod"),
    "int": _integral,
    "lim": _limit,
    **dict.fromkeys(("angle", "triangle", "measuredangle", "odot", "square"), _pointed),
    "begin": _environment,
    **dict.fromkeys(_DOTS, _constant(Node("ellipsis"))),
    "imath": _constant(Node("const", (), "i")),
}  # fmt: skip
_SPECIAL_ATOMS = frozenset(("emptyset", "varnothing", "mathbb", *_DOTS))
_POSTFIX = frozenset(("^", "**", "!", "!=", "%", "\\%", "circ", "degree", "textcirc", "textdegree", "'", "''", "_"))

# --- leaves -----------------------------------------------------------------------------------------------------------

# What may go on after a number or a letter; after anything else it is a factor by itself.
_CONTINUES = {
    "num": _POSTFIX | {"\\\\", "frac", "dfrac", "tfrac", "cfrac"},
    "letter": _POSTFIX | {"\\\\", "("},
}
# The trees of the numbers and variables that are written most. Trees are values, so one may stand in many places.
_READY = {
    **{str(n): number(n) for n in range(101)},
    **{letter: Node("sym", (), letter) for letter in "abcdfghjklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{letter: Node("const", (), letter) for letter in "ei"},
}
