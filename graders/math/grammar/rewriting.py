r"""Texts that are rewritten before they become tokens: stacked matrices, combinations, bases above ten.

Neighbours: parse.py asks for each where the text may hold it.
"""

import re

from graders.math.tree import Node

_BASED = re.compile(r"\s*(?:\\text\{)?(-?)\(?([0-9A-Za-z]{2,60})\)?_\{?\s*([0-9]{1,2})\s*\}?\s*\}?")


def based(text: str) -> Node | None:
    """152A_{11}: digits and letters together in a base above ten."""
    match = _BASED.fullmatch(text)
    if match is None or match.group(2).isdigit():
        return None
    base = int(match.group(3))
    if base != 16 and not any(char.isdigit() for char in match.group(2)):
        return None  # Letters alone are variables, unless they can only be meant as hexadecimal.
    if not 11 <= base <= 36 or any(int(char, 36) >= base for char in match.group(2)):
        return None
    return Node("base", (), (match.group(1) + match.group(2).upper().lstrip("0"), base))


SET_AS_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textbf)\s*\{")
# _{10}C_3, {}_{10}C_{3}, ^{10}C_3, C_{10}^{3}: the number of combinations; A_{10}^{3} of arrangements.
_CHOSEN = re.compile(
    r"(?:\{\})?[_^]\{?([0-9]{1,4})\}?\s?C_\{?([0-9]{1,4})\}?(?![0-9])"
    r"|(?<![A-Za-z\\}])([CA])_\{?([0-9]{1,4})\}?\^\{?([0-9]{1,4})\}?(?![0-9])"
)


def chosen(text: str) -> str:
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


_ENVIRONMENT = re.compile(r"\\begin\{(p?matrix|bmatrix|array|aligned|align\*?|gathered)\}(.*?)\\end\{\1\}", re.DOTALL)
_OPERATOR_ROW = re.compile(r"(?:[-+=/]|\\(?:times|cdot|ln|log|sin|cos|tan|left|right|div|pi)\s*[(|]?\s*\\?)")


def unstacked(text: str) -> str:
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
