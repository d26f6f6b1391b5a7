"""Numbers as they are written: integers, decimals, mixed and repeating ones, in scientific notation, in a base.

The text of one numeral becomes one token in tokens.py; what it is worth is said here.
"""

import re

from flint import fmpq, fmpz

from graders.math import words
from graders.math.grammar.cursor import Cursor
from graders.math.grammar.tables import READY
from graders.math.tokens import Unreadable
from graders.math.tree import Node, made, number

_SCIENTIFIC = re.compile(r"([0-9]+)(?:\.([0-9]*))?[eE]([+-]?[0-9]+)")
_REPEATING = re.compile(
    r"([0-9]*)\.([0-9]*)(?:\\(?:overline|bar|dot|overset"
    r"|widebar)\s*\{?([0-9]+)\}?(?:([0-9]*)\\dot\s*\{?([0-9])\}?)?|\(([0-9]+)\))"
)
_GROUPING = re.compile(r"[^0-9.]+")
_DOTTED = re.compile(r"([0-9]+)\.([0-9]+)\s?(?:\.\.\.|\\[lc]?dots)")


def _numeral(text: str) -> Node:
    """Thousands separators, decimals, scientific notation, repeating decimals."""
    if "e" in text or "E" in text:
        match = _SCIENTIFIC.fullmatch(text)
        if match is not None:
            whole, fraction, exponent = match.group(1), match.group(2) or "", int(match.group(3))
            if abs(exponent) > 5000:
                return Node("mul", (number(int(whole)), Node("pow", (number(10), number(exponent)))))
            return decimal(whole, fraction, exponent)
    match = _REPEATING.fullmatch(text) if "\\" in text or "(" in text else None
    if match is not None:
        whole, fixed = match.group(1) or "0", match.group(2)
        period = match.group(6) or match.group(3)
        if match.group(5) is not None:
            period = match.group(3) + (match.group(4) or "") + match.group(5)
        return _repeating(whole, fixed, period)
    match = _DOTTED.fullmatch(text) if text[-1:] in (".", "s") else None
    if match is not None:
        whole, digits = match.group(1), match.group(2)
        found = _period(digits)
        if found is not None:
            fixed, length = found
            return _repeating(whole, digits[:fixed], digits[fixed : fixed + length])
        return decimal(whole, digits, 0)
    plain = _GROUPING.sub("", text)
    whole, _, fraction = plain.partition(".")
    if not fraction:
        return Node("num", (), fmpq(fmpz(whole or "0")))
    return decimal(whole or "0", fraction, 0)


def decimal(whole: str, fraction: str, exponent: int) -> Node:
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


class Numerals(Cursor):
    """Reads numbers."""

    __slots__ = ()

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
        ready = READY.get(text)
        if ready is not None:
            return ready
        if text.isdigit():
            return made(("num", (), fmpq(int(text)) if len(text) < 4000 else fmpq(fmpz(text))))
        return _numeral(text)
