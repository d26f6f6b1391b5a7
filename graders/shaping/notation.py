"""A text without its code and notation: what is left are words of languages."""

import re

# By the character that each begins with; each stops where it could begin anew, so that the search is one pass over any
# text.
_KINDS = {
    "$": r"\$(?:\$*+[^$]*+\$++|\$*+)",
    "\\": r"\\(?:\((?:[^\\]++|\\(?![()]))*+\\\)|\[(?:[^\\]++|\\(?![\[\]]))*+\\\]"
    r"|begin\{[a-z]{1,16}\*?\}(?:[^\\]++|\\(?!(?:begin|end)\{))*+\\end\{[a-z]{1,16}\*?\}|[A-Za-z]++|.)",
    "`": r"`(?:`*+[^`\n]*+`++|`*+)",
    "<": r"</?[A-Za-z][^<>\n]{0,60}+>",
}
_NOTATION = re.compile("|".join(_KINDS.values()))
_ALONE = {begin: re.compile(kind) for begin, kind in _KINDS.items() if begin != "$"}
"""Where one character begins all notation, it is found several times as fast."""
_ADDRESS = re.compile(r"\b[a-z]{2,8}+://\S*+")
_FENCE = "```"
_DOLLARS = re.compile(r"\$\$++")
_PROSE_WORDS = 5
_PROSE_CHARS = 3 * _PROSE_WORDS - 1
"""The shortest text of so many words: two letters each, and what is between them."""


def prose(text: str) -> str:
    """A text without code, mathematics, LaTeX commands, tags and addresses: a space stands for each.

    A fence that is never closed leaves out all that follows. Dollars around five words in a row are no mathematics.
    """
    if "`" in text and _FENCE in text:
        text = _without_fences(text)
    if "/" in text and "://" in text:
        text = _ADDRESS.sub(" ", text)
    if "$" in text:
        return _without_dollars(text)
    begins = _begins_other(text)
    if not begins:
        return text
    return (_ALONE[begins[0]] if len(begins) == 1 else _NOTATION).sub(" ", text)


def _begins_other(text: str) -> list[str]:
    """What notation may begin with that does not begin with a dollar."""
    return [begin for begin in _ALONE if begin in text]


def _without_fences(text: str) -> str:
    kept, at = [], 0
    while (opened := text.find(_FENCE, at)) >= 0:
        kept.append(text[at:opened])
        closed = text.find(_FENCE, opened + len(_FENCE))
        if closed < 0:
            return " ".join(kept)
        at = closed + len(_FENCE)
    return " ".join([*kept, text[at:]])


def _without_dollars(text: str) -> str:
    """`prose` of a text with dollars, which most often are its only notation: then it is cut at them, no more."""
    # Several dollars in a row open or close as one does.
    pieces = (_DOLLARS.sub("$", text) if "$$" in text else text).split("$")
    outside, inside = pieces[::2], pieces[1::2]
    if len(outside) == len(inside):
        # The last one opens what is never closed: all that follows it is outside.
        outside.append(inside.pop())
    kept = " ".join(outside)
    if _begins_other(kept) or any(len(piece) >= _PROSE_CHARS and _is_prose(piece) for piece in inside):
        return _NOTATION.sub(_unless_prose, text)
    return kept


def _unless_prose(match: re.Match[str]) -> str:
    found = match.group()
    return found if found[0] == "$" and len(found) > _PROSE_CHARS and _is_prose(found.strip("$")) else " "


def _is_prose(inside: str) -> bool:
    """Whether there are five words in a row."""
    run = 0
    for word in inside.split():
        run = run + 1 if len(word) > 1 and word.strip(".,;:!?").isalpha() else 0
        if run == _PROSE_WORDS:
            return True
    return False
