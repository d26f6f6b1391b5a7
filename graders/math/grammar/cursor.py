"""A place in a row of tokens: taking them, looking ahead, and counting how deep the parser is.

Theory of operation. The parser is recursive descent with one token of look-ahead, most of the time. It is one class in
layers, each in a file of its own and each using the ones below:

    cursor        moving and looking ahead          functions     \\sin^2 2x, \\log_2 8, \\gcd(4, 6)
    numerals      5, 3 1/4, 52_8                    factors       powers, factorials, signs, what can begin a factor
    measures      units, percent, degrees           expressions   products, sums, unions
    symbols       x_1, f(2), P(X = 2)               clauses       comparisons, memberships, the words around them
    groups        parentheses, sets, intervals      lists         several clauses with commas or "and" between them

What a lower layer needs of a higher one (a parenthesis holds a clause) is declared here. Commands with arguments of
their own (\\frac, \\sum, \\begin) are functions in commands.py and matrices.py, found by name.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from graders.math.grammar.tables import RELATIONS
from graders.math.tokens import Token, Unreadable
from graders.math.tree import Node

DEPTH_MAX = 120
ITEMS_MAX = 1024
_END = Token("end", "")


class Cursor(ABC):
    """Where the parser is, and what it has seen on the way."""

    __slots__ = ("bars", "depth", "i", "in_integral", "in_set", "parens", "related", "token", "tokens")
    commands: ClassVar[Mapping[str, Callable[[Any, str], Node]]]

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

    def peek_at(self, i: int) -> Token:
        return self.tokens[i] if i < len(self.tokens) else _END

    def expect(self, text: str) -> None:
        if self.token.text != text or self.token.kind == "num":
            raise Unreadable(f"expected {text!r}")
        self.i = i = self.i + 1
        self.token = self.tokens[i]

    def enter(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Unreadable("too deep")

    # --- looking ahead --------------------------------------------------------------------------------------------

    def closing(self, start: int, reach: int) -> int | None:
        """Where the parenthesis at `start` is closed, if that is within `reach` tokens."""
        level = 0
        for at, token in enumerate(self.tokens[start : start + reach], start):
            if token.text == "(":
                level += 1
            elif token.text == ")":
                level -= 1
                if level == 0:
                    return at
        return None

    def directly_inside(self, reach: int) -> Iterator[Token]:
        """The tokens inside the parenthesis at hand that are in no other, as far as `reach` tokens go."""
        level = 0
        for token in self.tokens[self.i : self.i + reach]:
            if token.text == "(":
                level += 1
            elif token.text == ")":
                level -= 1
                if level == 0:
                    return
            elif level == 1:
                yield token

    def compares(self) -> bool:
        """Whether the parentheses at hand hold a comparison: "(x > 0)" after an equation is a condition on it."""
        return any(
            token.kind in ("op", "cmd") and (token.text in RELATIONS or token.text == "in")
            for token in self.directly_inside(40)
        )

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

    # --- what lies above ------------------------------------------------------------------------------------------

    @abstractmethod
    def separator(self) -> str | None:
        """Take what separates two values, if that is at hand (lists.py)."""

    @abstractmethod
    def clause(self) -> Node:
        """A value, a chain of comparisons, a membership or a ratio (clauses.py)."""

    @abstractmethod
    def condition(self) -> None:
        """Skip a condition in words (clauses.py)."""

    @abstractmethod
    def union(self) -> Node:
        """An expression, or sets joined by signs (expressions.py)."""

    @abstractmethod
    def factor(self) -> Node:
        """One factor of a product with its powers (factors.py)."""

    @abstractmethod
    def exponent(self) -> Node:
        """What stands raised without braces (factors.py)."""

    @abstractmethod
    def atom(self) -> Node:
        """The beginning of a factor (factors.py)."""
