"""How answers of each kind are compared: numbers with units, lists, tuples, intervals, equations, matrices, text.

The reference's kind decides in which light the answer is read: to a reference (0, 1) the answer 0 < x < 1 is an
interval, to a reference 3 the answer x = 3 is a number. Each kind is one function and one row of _KINDS; a new kind is
a new function and a new row. Equality of expressions is asked of rungs.equal, and of `residue` where no rung can tell.

Not covered: finding the answer in a completion (extract), reading it (parse).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from flint import arb, fmpq

from graders.math import rungs, units
from graders.math.balls import NoBall, at_precision, ball
from graders.math.exact import NotRational, Undefined, rational
from graders.math.tokens import GREEK
from graders.math.tree import (
    INFINITY,
    MINUS_ONE,
    NUMBER_OPS,
    Node,
    holds,
    negated,
    number,
    operations,
    renamed,
    substituted,
    symbols,
)
from graders.task import Tolerance

COMPARISONS_MAX = 3_000
_ROUNDED_DIGITS = 6  # Significant digits a decimal needs to stand for an exact reference.


class Found(NamedTuple):
    """What a comparison found.

    Args:
        equal: True, False, or None where nothing could tell.
        method: the rung or rule that decided.
        hedged: the answer names several values where one is asked for.
    """

    equal: bool | None
    method: str
    hedged: bool = False


DIFFERENT = Found(False, "kind")
_UNEQUAL = Found(False, "rational")
HEDGED = Found(False, "several", hedged=True)


@dataclass(slots=True)
class Asker:
    """One comparison under way: the task's options, and a count of the work done so far."""

    tolerance: Tolerance | None = None
    ordered: bool | None = None
    prompt: str = ""
    residue: "Callable[[Node, Node], bool | None] | None" = None
    comparisons: int = 0
    prompt_letters: frozenset[str] = field(default_factory=frozenset)
    parameters: frozenset[str] = frozenset()

    # --- numbers and expressions ----------------------------------------------------------------------------------

    def scalar(self, gold: Node, answer: Node) -> Found:
        """Two numbers or expressions, units and percent signs included."""
        self.comparisons += 1
        if self.comparisons > COMPARISONS_MAX:
            return Found(None, "too_many")
        if gold == answer:
            return Found(True, "structure")
        if gold.op == "num" and answer.op == "num":
            return _UNEQUAL if self.tolerance is None else Found(self._within(gold, answer), "tolerance")
        if gold.op in _MEASURES or answer.op in _MEASURES:
            return self._measures(gold, answer)
        equal, method = rungs.equal(gold, answer)
        if equal:
            return Found(True, method)
        if equal is False:
            return self._near(gold, answer, method)
        renaming = self._renaming(gold, answer)
        if renaming is not None:
            return renaming
        if (
            self.residue is not None
            and not (holds(gold, "pm") or holds(answer, "pm"))
            and method != "dots"
            and rungs.worth_asking(gold, answer)
        ):
            return Found(self.residue(gold, answer), "residue")
        return Found(None, method)

    def _near(self, gold: Node, answer: Node, method: str) -> Found:
        """Not equal: within the tolerance, equal when rounded, or equal up to the name of a parameter?"""
        names = symbols(gold) | symbols(answer)
        if names:
            return self._renaming(gold, answer) or self._logs(gold, answer) or Found(False, method)
        if self.tolerance is not None:
            return Found(self._within(gold, answer), "tolerance")
        if rounds_to(gold, answer):
            return Found(True, "rounded")
        return self._logs(gold, answer) or Found(False, method)

    def _within(self, gold: Node, answer: Node) -> bool:
        """|answer - gold| <= max(abs, rel * |gold|)."""
        assert self.tolerance is not None  # noqa: S101  (the caller checked)
        try:
            with at_precision(192):
                left, right = ball(gold, {}), ball(answer, {})
                limit = arb(self.tolerance.abs).max(arb(self.tolerance.rel) * abs(left))
                return bool(abs(left - right) <= limit)
        except (NoBall, Undefined):
            return False

    def _logs(self, gold: Node, answer: Node) -> Found | None:
        """A logarithm without a base is the natural one; where that fails, both sides may mean base ten."""
        if not (_has_bare_log(gold) or _has_bare_log(answer)):
            return None
        equal, method = rungs.equal(_decadic(gold), _decadic(answer))
        return Found(True, method) if equal else None

    def _renaming(self, gold: Node, answer: Node) -> Found | None:
        """k*pi and n*pi: an arbitrary parameter may have any name that the problem does not use."""
        names, others = symbols(gold), symbols(answer)
        if names == others:
            return None
        mine, theirs = names - others, others - names
        if len(mine) != 1 or len(theirs) != 1:
            return None
        old, new = next(iter(theirs)), next(iter(mine))
        if new in self.parameters:
            # The reference says that it is any integer: any other letter will do that is not the problem's own.
            if len(old) != 1 or old in self.prompt_letters or old in "xyzei":
                return None
        elif not (_parameter(new, self.prompt_letters, gold) and _parameter(old, self.prompt_letters, answer)):
            return None
        equal, method = rungs.equal(gold, renamed(answer, {old: new}))
        return Found(True, method) if equal else None

    def _measures(self, gold: Node, answer: Node) -> Found:
        """Percentages, degrees and units: what the reference says decides how a bare number is read."""
        if gold.op == "pct" or answer.op == "pct":
            return self._percent(gold, answer)
        if gold.op == "deg" or answer.op == "deg":
            return self._degrees(gold, answer)
        if gold.op == "qty" and answer.op == "qty":
            mine, theirs = gold.value, answer.value
            if isinstance(mine, units.Unit) and isinstance(theirs, units.Unit) and mine != theirs:
                if not units.agree(mine, theirs):
                    return Found(False, "unit")
                if mine.dimension != theirs.dimension:
                    return self.scalar(gold.args[0], answer.args[0])
                scale = Node("num", (), theirs.scale / mine.scale)
                found = self.scalar(gold.args[0], Node("mul", (scale, answer.args[0])))
                return Found(found.equal, "unit" if found.equal is False else found.method)
            if mine != theirs and any(isinstance(unit, str) and unit.startswith("mod ") for unit in (mine, theirs)):
                return Found(False, "modulus")
            return self.scalar(gold.args[0], answer.args[0])
        if gold.op == "qty":
            return self.scalar(gold.args[0], answer)
        return self.scalar(gold, answer.args[0])

    def _percent(self, gold: Node, answer: Node) -> Found:
        """28% is 28 percent, 28 and 0.28; but a bare 0.25 is not 0.25%, and 0.5% is not a half."""
        if gold.op == "qty":
            return self._percent(gold.args[0], answer)
        if answer.op == "qty":
            return self._percent(gold, answer.args[0])
        if gold.op == "pct" and answer.op == "pct":
            return self.scalar(gold.args[0], answer.args[0])
        if gold.op == "pct":
            points, bare = gold.args[0], answer
            value = rational(points)
            if value is None or abs(value) > 1:
                found = self.scalar(points, bare)
                if found.equal:
                    return found
            exact, method = rungs.equal(gold, bare)
            if exact:
                return Found(True, method)
            # 6.67% for 1/15: the percent points are the rounded number.
            return self._near(points, Node("mul", (number(100), bare)), method)
        points, bare = answer.args[0], gold
        exact, method = rungs.equal(bare, answer)
        if exact:
            return Found(True, method)
        value = rational(bare)
        if value is not None and abs(value) > 1:
            return self.scalar(bare, points)
        return Found(False, "percent")

    def _degrees(self, gold: Node, answer: Node) -> Found:
        if gold.op == "deg" and answer.op == "deg":
            return self.scalar(gold.args[0], answer.args[0])
        if gold.op == "qty" or answer.op == "qty":
            measured, other = (gold, answer) if gold.op == "qty" else (answer, gold)
            if measured.value in _TEMPERATURES:  # A degree sign alone leaves the scale to the problem.
                pair = (measured.args[0], other.args[0])
                return self.scalar(*(pair if measured is gold else pair[::-1]))
            return Found(False, "unit")
        if gold.op == "deg":
            found = self.scalar(gold.args[0], answer)
            if found.equal:
                return found
            if _radians(answer):
                return Found(*rungs.equal(gold, answer))
            return found
        found = self.scalar(gold, answer.args[0])
        if found.equal:
            return found
        if _radians(gold):
            return Found(*rungs.equal(gold, answer))
        return found

    # --- everything -----------------------------------------------------------------------------------------------

    def decide(self, gold: Node, answer: Node, depth: int = 0) -> Found:
        """Compare an answer with a reference of any kind."""
        if gold == answer:
            return Found(True, "structure")
        if depth > 12:
            return Found(None, "too_deep")
        if gold.op in _SCALARS and answer.op in _SCALARS:
            found = self.scalar(gold, answer)
            if found.equal is not None or not (holds(gold, "pm") or holds(answer, "pm")):
                return found  # No rung decides anything about a plus-minus sign.
        if (gold.op == "rel" or gold.op == "qty") and answer.op in ("rel", "qty"):
            congruent = _congruent(gold, answer)
            if congruent is not None:
                return congruent
        gold, answer = settled(gold), settled(answer)
        if answer.op == "rel" and not labelled(answer).consistent:
            return HEDGED
        return _KINDS.get(gold.op, _number)(self, gold, answer, depth)


def _congruence(node: Node) -> tuple[Node | None, Node, Node] | None:
    """The name, residue and modulus of x ≡ 3 (mod 7) or of 3 (mod 7)."""
    if node.op == "rel" and node.value in (("≡", "mod"), ("=", "mod")):
        return node.args[0], node.args[1], node.args[2]
    if node.op == "qty" and isinstance(node.value, str) and node.value.startswith("mod "):
        modulus = node.value[4:]
        return (None, node.args[0], number(int(modulus))) if modulus.isdigit() and len(modulus) < 100 else None
    return None


def _congruent(gold: Node, answer: Node) -> Found | None:
    """Two congruences of numbers: the same modulus, and residues that differ by a multiple of it."""
    mine, theirs = _congruence(gold), _congruence(answer)
    if mine is None or theirs is None:
        return None
    known = [rational_or_none(node) for node in (*mine[1:], *theirs[1:])]
    if any(value is None or value.q != 1 for value in known) or _names_differ(mine[0], theirs[0]):
        return None
    if mine[0] is not None and theirs[0] is not None and mine[0] != theirs[0]:
        return None
    residue, modulus, other, same = (int(value.p) for value in known if value is not None)
    return Found(modulus == same and modulus != 0 and (residue - other) % modulus == 0, "modulus")


def _radians(node: Node) -> bool:
    """Whether a number without a unit reads as an angle in radians: it has a pi, or is the value of a function."""
    return any(name == "const" or name.startswith("fn:") for name in operations(node))


_SCALARS = NUMBER_OPS - {"pm", "ratio"}
_TEMPERATURES = frozenset((units.TEMPERATURES["C"], units.TEMPERATURES["F"]))
_MEASURES = frozenset(("pct", "deg", "qty"))


# --- rounding --------------------------------------------------------------------------------------------------------


def _significant(value: fmpq, places: int) -> int:
    if places > 1000:
        return places  # Near enough for a rule that asks for six.
    return len(str(abs(int((value * fmpq(10) ** places).p))).lstrip("0"))


def rounds_to(gold: Node, answer: Node) -> bool:
    """Whether two different numbers are one value, rounded: the digits of the rounded one decide.

    A reference with decimals stands for whatever rounds to them, unless its decimals are all zero, or it has a single
    digit; an answer that only continues its digits by one or two more (12.951 for 12.95) contradicts it. To an exact
    reference that has no finite decimal expansion, an answer rounded to at least six significant digits is equal.
    """
    if gold.op == "mul" and gold.args[0] == MINUS_ONE and answer.op == "mul" and answer.args[0] == MINUS_ONE:
        return rounds_to(gold.args[1], answer.args[1])
    written = _decimal(gold)
    if written is not None:
        value, places = written
        digits = _significant(value, places)
        if value.q == 1 or digits < 2 or _misses(answer, value, places):
            return False
        short = _decimal(answer)
        if short is not None:
            more = short[1] - places
            if more <= 0:
                return False
            if _truncated(short[0], places) == value and more <= 2:
                return False
            return _rounded(short[0], places) == value
        exact = _exact(answer)
        if exact is not None:
            if exact.q == 1:
                return False
            if answer.op == "rep" and places < answer.value[1] + 2 * answer.value[2]:
                return False  # 0.35625 does not show that anything repeats.
            if digits < 3 and _finite_decimal(exact):
                return _rounded(exact, places) == value and _truncated(exact, places) != value
            return _rounded(exact, places) == value
        return _rounds_ball(answer, value, places)
    short = _decimal(answer)
    if short is None:
        return False
    value, places = short
    if _significant(value, places) < _ROUNDED_DIGITS or symbols(gold) or _misses(gold, value, places):
        return False
    exact = _exact(gold)
    if exact is not None:
        if exact.q == 1 or _finite_decimal(exact):
            return False
        return _rounded(exact, places) == value or _truncated(exact, places) == value
    return _rounds_ball(gold, value, places)


def _misses(node: Node, value: fmpq, places: int) -> bool:
    """Whether a number is so close to a decimal (a thousandth of its last digit) that rounding does not explain it.

    The square root of 10001 is 100.00499988: whoever wrote 100.005 did not round that, but computed something else.
    """
    try:
        with at_precision(192):
            gap = abs(ball(node, {}) - arb(value))
            return bool(gap < arb(fmpq(1, 1000)) * arb(10) ** -places)
    except (NoBall, Undefined):
        return False


def _decimal(node: Node) -> tuple[fmpq, int] | None:
    """The value and places of a number written with decimals, a power of ten times it included."""
    if node.op == "dec":
        value, places = node.value
        return value, places
    if node.op == "mul" and len(node.args) == 2:
        first, second = node.args
        if first == MINUS_ONE:
            inner = _decimal(second)
            return None if inner is None else (-inner[0], inner[1])
        if first.op == "dec" and second.op == "pow" and second.args[0] == number(10):
            exponent = rational(second.args[1])
            if exponent is not None and exponent.q == 1 and abs(exponent) < 400:
                power = int(exponent.p)
                scale = fmpq(10) ** power if power >= 0 else 1 / fmpq(10) ** -power
                return first.value[0] * scale, first.value[1] - power
        if first.op == "num" and second.op == "dec" and first.value == 100:
            return None
    return None


def _exact(node: Node) -> fmpq | None:
    try:
        return rational(node)
    except (Undefined, NotRational):
        return None


def _rounded(value: fmpq, places: int) -> fmpq:
    """To the nearest, a half away from zero."""
    scale = fmpq(10) ** places if places >= 0 else 1 / fmpq(10) ** -places
    scaled = abs(value) * scale
    whole = fmpq((scaled + fmpq(1, 2)).floor()) / scale
    return whole if value >= 0 else -whole


def _truncated(value: fmpq, places: int) -> fmpq:
    scale = fmpq(10) ** places if places >= 0 else 1 / fmpq(10) ** -places
    whole = fmpq((abs(value) * scale).floor()) / scale
    return whole if value >= 0 else -whole


def _finite_decimal(value: fmpq) -> bool:
    rest = int(value.q)
    if rest.bit_length() > 4096:
        return False
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _rounds_ball(node: Node, value: fmpq, places: int) -> bool:
    """Whether an irrational constant lies within half a unit of the last digit."""
    if symbols(node):
        return False
    try:
        with at_precision(192):
            enclosed = ball(node, {})
            if not isinstance(enclosed, arb) or not enclosed.is_finite():
                return False
            half = fmpq(1, 2) / (fmpq(10) ** places) if places >= 0 else fmpq(1, 2) * fmpq(10) ** -places
            return bool(abs(enclosed - arb(value)) <= arb(half))
    except (NoBall, Undefined):
        return False


# --- names ------------------------------------------------------------------------------------------------------------


def is_name(node: Node) -> bool:
    """Whether an expression only names a quantity: x, f(2), |AB|, NO/BO, x_1, dy/dx."""
    if node.op in ("sym", "app"):
        return True
    if node.op == "const":
        return bool(node.value in ("e", "i"))
    if node.op == "fn":
        return bool(node.args) and all(is_name(arg) for arg in node.args)
    if node.op in ("lim", "sum", "int"):
        return is_name(node.args[-1])
    if node.op == "matrix":
        return all(is_name(arg) for arg in node.args)
    if node.op == "mul":
        return all(_single(arg) for arg in node.args)
    if node.op == "div":
        return is_name(node.args[0]) and is_name(node.args[1])
    if node.op == "ratio":
        return all(is_name(arg) for arg in node.args)
    if node.op == "tuple":
        return all(is_name(arg) for arg in node.args)
    return False


def _single(node: Node) -> bool:
    """Whether a factor is one letter, so that a product of such is a name like AB."""
    return node.op == "sym" and (
        len(node.value) == 1 or node.value in GREEK or node.value.startswith(("angle", "triangle"))
    )


def _asked(node: Node) -> bool:
    """Whether the left side of an answer may name what was asked for: names joined by + - * / and powers."""
    if is_name(node):
        return True
    if node.op in ("add", "mul"):
        return all(_asked(arg) or (arg == MINUS_ONE and node.op == "mul") for arg in node.args)
    if node.op == "div":
        return _asked(node.args[0]) and _asked(node.args[1])
    if node.op in ("pow", "root"):
        return _asked(node.args[0]) and node.args[1].op == "num"
    if node.op in ("fn", "deg", "binom", "fact", "sum", "lim", "int", "prod"):
        return bool(symbols(node)) or node.op in ("sum", "prod", "int", "lim")
    return False


def _parameter(name: str, prompt_letters: frozenset[str], node: Node) -> bool:
    """Whether a variable is one that whoever answers makes up: n in n*pi, t in a line, C in an integral."""
    if len(name) != 1:
        return False
    if prompt_letters and name not in prompt_letters:
        return True
    if name in ("C", "c", "K"):
        return node.op == "add" and Node("sym", (), name) in node.args
    return name in ("k", "n", "m", "t", "s", "l", "j", "p") and "const" in operations(node)


def _has_bare_log(node: Node) -> bool:
    rest = [node]
    for top in rest:
        if top.op == "fn" and top.value == "log" and len(top.args) == 1:
            return True
        rest += top.args
    return False


def _decadic(node: Node) -> Node:
    if not node.args:
        return node
    args = tuple(_decadic(arg) for arg in node.args)
    if node.op == "fn" and node.value == "log" and len(args) == 1:
        return Node("fn", (args[0], number(10)), "log")
    return Node(node.op, args, node.value)


# --- bringing answers into shape --------------------------------------------------------------------------------------


def settled(node: Node) -> Node:
    """Plus-minus as two values, memberships as their sets, lists flattened, one-element sets as their element."""
    return _settled(node, holds(node, "pm")) if node.args else node


def _settled(node: Node, signed: bool) -> Node:
    """Signed: whether there is a plus-minus somewhere in the whole."""
    op = node.op
    if op == "in":
        return _settled(node.args[1], signed)
    if op == "list" or op == "set":
        items: list[Node] = []
        for arg in node.args:
            made = _settled(arg, signed)
            if (made.op == "list" and (arg.op == "list" or (signed and holds(arg, "pm")))) or (
                op == "list" and made.op == "set" and made.args and len(node.args) == 1
            ):
                items.extend(made.args)
            else:
                items.append(made)
        return Node(op, tuple(items), node.value)
    if op == "rel" and node.value == ("=",) and node.args[1].op in ("set", "list", "union", "tuple", "special"):
        return Node("rel", (node.args[0], _settled(node.args[1], signed)), node.value)
    if op in ("mul", "add") and any(arg.op == "matrix" for arg in node.args):
        return _matrix_value(node)
    if signed and node.args and holds(node, "pm"):
        return Node("list", (_signed(node, True), _signed(node, False)), frozenset(("or",)))
    return node


def _matrix_value(node: Node) -> Node:
    """A sum or product of matrices and scalars carried out, where their shapes allow it and they are small."""
    total: Node | None = None
    products = 0
    for arg in node.args:
        part = _matrix_value(arg) if arg.op in ("mul", "add") else arg
        if total is None:
            total = part
        elif node.op == "add":
            if part.op != "matrix" or total.op != "matrix" or part.value != total.value:
                return node
            cells = zip(total.args, part.args, strict=True)
            total = Node("matrix", tuple(Node("add", pair) for pair in cells), total.value)
        elif part.op != "matrix" or total.op != "matrix":
            if part.op == "matrix":
                total, part = part, total
            if total.op == "matrix":
                total = Node("matrix", tuple(Node("mul", (part, cell)) for cell in total.args), total.value)
            else:
                total = Node("mul", (total, part))
        else:
            rows, inner, columns = total.value[0], total.value[1], part.value[1]
            if inner != part.value[0] or rows * inner * columns > 512:
                return node
            sums = [
                Node(
                    "add",
                    tuple(Node("mul", (total.args[i * inner + k], part.args[k * columns + j])) for k in range(inner)),
                )
                for i in range(rows)
                for j in range(columns)
            ]
            total = Node("matrix", tuple(_worked_out(cell) for cell in sums), (rows, columns))
            products += 1
            if products > 8 or (products > 2 and any(symbols(cell) for cell in total.args)):
                return node
    return total if total is not None else node


def _worked_out(cell: Node) -> Node:
    """The cell as a number where it is a rational one, so that products of products stay small."""
    number_value = rational_or_none(cell)
    return cell if number_value is None else Node("num", (), number_value)


def _signed(node: Node, upper: bool) -> Node:
    """One of the two values of an expression with plus-minus signs, all upper or all lower."""
    if not node.args:
        return node
    args = tuple(_signed(arg, upper) for arg in node.args)
    if node.op != "pm":
        return Node(node.op, args, node.value)
    plus = upper == (node.value == "+-")
    if len(args) == 1:
        return args[0] if plus else negated(args[0])
    return Node("add", (args[0], args[1] if plus else negated(args[1])))


class _Labelled(NamedTuple):
    """A value and what it was called, if anything."""

    label: Node | None
    value: Node
    consistent: bool = True


_EQUAL_SIGNS = frozenset(("=", "≈"))


def unlabelled(node: Node) -> Node:
    """The value of `x = value`, or the node as it is."""
    return labelled(node).value if node.op == "rel" else node


def labelled(node: Node) -> _Labelled:
    """Take "x = " and "f(n) = " off a value; a chain of equal values counts as its last, if it is true."""
    if node.op != "rel" or not _EQUAL_SIGNS.issuperset(node.value):
        return _Labelled(None, node)
    sides = list(node.args)
    label: Node | None = None
    if (is_name(sides[0]) and len(sides) >= 2) or (_asked(sides[0]) and len(sides) >= 2 and not symbols(sides[-1])):
        label = sides.pop(0)
    elif len(sides) == 2 and sides[1].op in ("sym", "app") and not symbols(sides[0]):
        return _Labelled(sides[1], sides[0])  # 3 = x
    elif len(sides) == 2 and symbols(sides[0]) and not symbols(sides[1]):
        return _Labelled(None, node)
    if len(sides) == 1:
        return _Labelled(label, sides[0])
    constant = [side for side in sides if not symbols(side)]
    if len(constant) != len(sides) and label is None:
        return _Labelled(None, node)
    # Every side must be the same value: "41 = 42" names two and means neither.
    asker = Asker()
    consistent = True
    start = len(node.value) - len(sides) + 1
    for at, (left, right) in enumerate(pairwise(sides)):
        close = node.value[start + at] == "≈"
        if symbols(left) and not symbols(right) and label is not None:
            continue
        found = asker.decide(left, right)
        if found.equal or (close and _approximates(left, right)):
            continue
        consistent = False
    last = sides[-1]
    if node.value[-1] == "≈" and len(sides) >= 2:
        last = sides[-2]
    return _Labelled(label, last, consistent)


def _approximates(exact: Node, shown: Node) -> bool:
    """Whether a decimal after ≈ is the number before it, to the digits shown."""
    exact = exact.args[0] if exact.op in _MEASURES else exact
    shown = shown.args[0] if shown.op in _MEASURES else shown
    written = _decimal(shown)
    value = rational(shown) if written is None else written[0]
    if value is None:
        return False
    places = 0 if written is None else written[1]
    try:
        with at_precision(192):
            enclosed = ball(exact, {})
            if not isinstance(enclosed, arb):
                return False
            unit = fmpq(1) / fmpq(10) ** max(places, 0)
            rest = abs(enclosed) - arb(abs(value))
            rounded = abs(enclosed - arb(value)) <= arb(unit / 2)
            return bool(rounded) or bool(rest >= 0 and rest < arb(unit))
    except (NoBall, Undefined):
        return False


def _names_differ(left: Node | None, right: Node | None) -> bool:
    """Two labels that cannot mean the same: x = 3 is not y = 3. Functions may use any letter."""
    if left is None or right is None or left.op != "sym" or right.op != "sym":
        return False
    return bool(left.value != right.value and len(left.value) == 1 and len(right.value) == 1)


# --- kinds ------------------------------------------------------------------------------------------------------------


def _number(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """The reference is a number or an expression."""
    if answer.op in ("list", "set"):
        return _one_of(asker, gold, answer, depth)
    if answer.op == "rel":
        taken = labelled(answer)
        if not taken.consistent:
            return HEDGED
        if taken.value is answer:
            return DIFFERENT if not _inequality(answer) else Found(False, "kind")
        if taken.value.op in ("list", "set"):
            return _one_of(asker, gold, taken.value, depth)
        return asker.decide(gold, taken.value, depth + 1)
    if answer.op == "ratio" and gold.op in NUMBER_OPS:
        if len(answer.args) == 2 and not _clock(answer.value):
            return asker.scalar(gold, Node("div", answer.args))
        return DIFFERENT
    if answer.op == "tuple" and len(answer.args) == 1:
        return DIFFERENT
    if answer.op == "matrix" and answer.value == (1, 1):
        return asker.decide(gold, answer.args[0], depth + 1)
    if gold.op == "app" and answer.op == "tuple" and _named_point(gold):
        return asker.decide(Node("tuple", gold.args, "()"), answer, depth + 1)
    if answer.op in ("tuple", "matrix"):
        vector = _basis_vector(gold, len(answer.args))
        return DIFFERENT if vector is None else _in_order(asker, vector, list(answer.args), depth)
    if answer.op == "cases" or gold.op == "cases":
        equal, method = rungs.equal(gold, answer)
        return Found(equal, method)
    if answer.op == "special" and gold == INFINITY:
        return Found(answer.value == "infinitely many", "special")
    if answer.op in NUMBER_OPS and gold.op in NUMBER_OPS:
        return asker.scalar(gold, answer)
    return DIFFERENT


def _one_of(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """Several values where one is asked for: right only if they are all the same."""
    taken = [labelled(arg) for arg in answer.args]
    if not all(item.consistent for item in taken):
        return HEDGED
    values = [item.value for item in taken]
    found = DIFFERENT
    for value in values[:16]:
        found = asker.decide(gold, value, depth + 1)
        if not found.equal:
            return HEDGED
    return found if len(values) <= 16 else HEDGED


def _special(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    name = gold.value
    if answer.op == "special":
        same = answer.value == name or {answer.value, name} in _SAME_SPECIALS
        return Found(same, "special")
    if name == "infinitely many":
        return Found(answer == INFINITY, "special")
    if name in _REGIONS:
        return _regions(asker, gold, answer, depth)
    if name == "empty" and answer.op == "set" and not answer.args:
        return Found(True, "special")
    if answer.op == "rel":
        taken = labelled(answer)
        if taken.value is not answer:
            return asker.decide(gold, taken.value, depth + 1)
    return Found(False, "special")


_SAME_SPECIALS = ({"undefined", "empty"}, {"impossible", "empty"}, {"impossible", "no"}, {"empty", "no"})


def _clock(written: str | None) -> bool:
    """Whether 12:00 is a time rather than a ratio."""
    if not written or _TIME.fullmatch(written) is None:
        return False
    hour, minute = written.removesuffix("am").removesuffix("pm").split(":")
    if int(hour) > (12 if written.endswith("m") else 24) or int(minute) > 59:
        return False
    return re.fullmatch(r"\d{1,2}:\d{2}(?:am|pm)?", written) is not None and (
        written.endswith("m") or written.split(":")[1].startswith("0") or written.startswith("0")
    )


def _minutes(written: str) -> int:
    hour, minute = written[:-2].split(":") if written.endswith("m") else written.split(":")
    hours = int(hour)
    if written.endswith("m"):
        hours = hours % 12 + (12 if written.endswith("pm") else 0)
    return hours * 60 + int(minute)


_TIME = re.compile(r"\d{1,2}:\d{2}(?:am|pm)?")


def _ratio(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    if answer.op == "rel":
        taken = labelled(answer)
        if taken.value is not answer and taken.consistent:
            return _ratio(asker, gold, taken.value, depth + 1)
        return DIFFERENT
    if answer.op == "ratio":
        if (
            _TIME.fullmatch(gold.value)
            and _TIME.fullmatch(answer.value)
            and (_clock(gold.value) or _clock(answer.value))
        ):
            return Found(_minutes(gold.value) == _minutes(answer.value), "time")
        if len(gold.args) != len(answer.args):
            return DIFFERENT
        for at in range(1, len(gold.args)):
            left = Node("mul", (gold.args[0], answer.args[at]))
            right = Node("mul", (gold.args[at], answer.args[0]))
            found = asker.scalar(left, right)
            if not found.equal:
                return found
        return Found(True, "ratio")
    if answer.op in NUMBER_OPS and len(gold.args) == 2 and not _clock(gold.value):
        return asker.scalar(Node("div", gold.args), answer)
    return DIFFERENT


# Lists and sets


def elements(node: Node) -> list[Node]:
    """The members of a list or set; "p=5, q=2; p=7, q=2" is two pairs."""
    if node.op == "rel" and node.value == ("=",) and node.args[1].op in ("set", "list"):
        return elements(node.args[1])
    if node.op not in ("list", "set"):
        return [node]
    items = [settled(arg) for arg in node.args]
    flat: list[Node] = []
    for item in items:
        if item.op == "list":
            flat.extend(item.args)
        elif item.op == "rel" and item.value == ("=",) and item.args[1].op in ("list", "set") and len(items) > 1:
            flat.extend(elements(item))
        else:
            flat.append(item)
    labels = [labelled(item).label for item in flat] if len(flat) >= 4 else []
    if labels and all(label is not None for label in labels):
        width = next((at for at in range(1, len(labels)) if labels[at] == labels[0]), 0)
        if width >= 2 and len(flat) % width == 0 and all(labels[at] == labels[at % width] for at in range(len(labels))):
            values = [unlabelled(item) for item in flat]
            return [Node("tuple", tuple(values[at : at + width]), "()") for at in range(0, len(values), width)]
    return flat


def _list(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """The reference is a list of solutions or a set."""
    if gold.op == "list" and gold.args and all(_inequality(arg) or arg.op in ("in", "union") for arg in gold.args):
        return _regions(asker, gold, answer, depth)
    if gold.op == "list" and gold.args and any(_inequality(arg) for arg in gold.args):
        return _relations(asker, gold, answer, depth)
    mine = elements(gold)
    if answer.op in ("list", "set"):
        theirs = elements(answer)
    elif answer.op == "rel" and answer.value == ("=",):
        taken = labelled(answer)
        inner = taken.value
        if inner is not answer and inner.op in ("list", "set"):
            theirs = elements(inner)
        elif inner is not answer and inner.op == "tuple":
            return _list(asker, gold, inner, depth + 1)
        else:
            theirs = [answer]
    elif answer.op == "tuple" and len(answer.args) == len(mine) and gold.op == "list" and len(mine) > 1:
        values = [unlabelled(item) for item in mine]
        if not any(value.op == "tuple" for value in values):
            return _in_order(asker, values, list(answer.args), depth)
        theirs = [answer]
    elif answer.op == "matrix" and gold.op == "list" and 1 in answer.value and len(answer.args) == len(mine):
        return _in_order(asker, [unlabelled(item) for item in mine], list(answer.args), depth)
    elif answer.op in ("union", "special", "builder"):
        if gold.op == "list" and any(arg.op == "tuple" for arg in gold.args):
            return _regions(asker, gold, answer, depth)
        if answer.op == "builder":
            return Found(None, "builder") if answer.args[0].op != "sym" else DIFFERENT
        return DIFFERENT
    else:
        theirs = [answer]
    if _several_equations(mine) or _several_equations(theirs):
        return _system(asker, mine, theirs, depth)
    if not any(item.op == "rel" for item in mine) and not any(item.op == "rel" for item in theirs):
        if asker.ordered or any(item.op == "ellipsis" for item in mine):
            return _in_order(asker, mine, theirs, depth)
        return _matched(asker, mine, theirs, gold.op == "set", depth)
    left, right = [labelled(item) for item in mine], [labelled(item) for item in theirs]
    if not all(item.consistent for item in right):
        return HEDGED
    if len(mine) == len(theirs):
        by_label = _by_label(asker, left, right, depth)
        if by_label is not None:
            return by_label
    ordered = asker.ordered or any(item.op == "ellipsis" for item in mine)
    if ordered:
        return _in_order(asker, [item.value for item in left], [item.value for item in right], depth)
    return _matched(asker, [item.value for item in left], [item.value for item in right], gold.op == "set", depth)


def _by_label(asker: Asker, left: list[_Labelled], right: list[_Labelled], depth: int) -> Found | None:
    """a = 1, b = 2: by name where both sides have names, in order where only one has."""
    mine = [item.label for item in left]
    theirs = [item.label for item in right]
    distinct_mine = None not in mine and len(set(mine)) == len(mine) > 1
    distinct_theirs = None not in theirs and len(set(theirs)) == len(theirs) > 1
    if not distinct_mine and not distinct_theirs:
        return None
    if distinct_mine and distinct_theirs and set(mine) == set(theirs):
        values = {item.label: item.value for item in right}
        return _in_order(asker, [item.value for item in left], [values[item.label] for item in left], depth)
    if distinct_mine and distinct_theirs and all(label is not None and label.op == "sym" for label in mine + theirs):
        if not any(label.value in asker.prompt_letters for label in theirs if label is not None):
            return _in_order(asker, [item.value for item in left], [item.value for item in right], depth)
        return DIFFERENT
    if any(item.value.op == "tuple" for item in left) != any(item.value.op == "tuple" for item in right):
        return None
    return _in_order(asker, [item.value for item in left], [item.value for item in right], depth)


def _in_order(asker: Asker, left: list[Node], right: list[Node], depth: int) -> Found:
    if len(left) != len(right):
        return Found(False, "length")
    worst = Found(True, "structure")
    for mine, theirs in zip(left, right, strict=True):
        found = asker.decide(mine, theirs, depth + 1)
        if found.equal is False:
            return found
        if found.equal is None or (worst.equal and found.method != "structure"):
            worst = found if worst.equal else worst
    return worst


def _matched(asker: Asker, left: list[Node], right: list[Node], as_sets: bool, depth: int) -> Found:
    """Equal as sets, or as lists in any order: each value finds its partner."""
    if as_sets or len(left) != len(right):
        left, right = _distinct(asker, left, depth), _distinct(asker, right, depth)
    if len(left) != len(right):
        return Found(False, "length")
    rest = list(right)
    method = "structure"
    undecided = False
    for mine in left:
        partner = -1
        for at, theirs in enumerate(rest):
            if mine == theirs:
                partner = at
                break
        if partner < 0:
            for at, theirs in enumerate(rest):
                found = asker.decide(mine, theirs, depth + 1)
                if found.equal:
                    partner = at
                    method = found.method if method == "structure" or found.method == "rounded" else method
                    break
                undecided = undecided or found.equal is None
        if partner < 0:
            return Found(None, "elements") if undecided else Found(False, "elements")
        rest.pop(partner)
    return Found(True, method)


def _distinct(asker: Asker, values: list[Node], depth: int) -> list[Node]:
    kept: list[Node] = []
    for value in values:
        if value in kept:
            continue
        if len(values) <= 64 and any(asker.decide(other, value, depth + 1).equal for other in kept):
            continue
        kept.append(value)
    return kept


def _tuple(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """The reference is a point, a vector, or an interval."""
    if answer.op == "rel" and not _inequality(answer):
        taken = labelled(answer)
        if taken.value is answer:
            return DIFFERENT
        if taken.label is not None and taken.label.op == "tuple" and len(taken.label.args) != len(gold.args):
            return DIFFERENT
        return asker.decide(gold, taken.value, depth + 1)
    if _named_point(answer) and len(answer.args) == len(gold.args):
        answer = Node("tuple", answer.args, "()")
    interval = _is_interval(gold)
    if answer.op == "tuple":
        if len(answer.args) != len(gold.args):
            return Found(False, "length")
        if len(gold.args) == 2 and gold.value != answer.value and "<>" not in (gold.value, answer.value):
            return Found(False, "brackets")
        return _in_order(
            asker, [unlabelled(item) for item in gold.args], [unlabelled(item) for item in answer.args], depth
        )
    if answer.op == "matrix":
        if interval and gold.value != "[]":
            return DIFFERENT
        if 1 not in answer.value or len(answer.args) != len(gold.args):
            return DIFFERENT
        return _in_order(asker, list(gold.args), list(answer.args), depth)
    if answer.op in ("list", "set"):
        if answer.op == "list" and all(_inequality(arg) for arg in answer.args):
            return _regions(asker, gold, answer, depth)
        parts = elements(answer)
        if answer.op == "set" or len(parts) != len(gold.args) or (interval and gold.value != "()"):
            if answer.op == "list" and any(part.op == "tuple" for part in parts):
                return _one_of(asker, gold, answer, depth)
            return DIFFERENT
        if any(part.op == "tuple" for part in parts):
            return _one_of(asker, gold, answer, depth)
        return _in_order(asker, [unlabelled(item) for item in gold.args], _coordinates(parts, _AXES), depth)
    vector = _basis_vector(answer, len(gold.args))
    if vector is not None:
        return _in_order(asker, list(gold.args), vector, depth)
    if len(gold.args) == 2:
        return _regions(asker, gold, answer, depth)
    return DIFFERENT


def _named_point(node: Node) -> bool:
    """Whether it is a point with its name before it: A(1, 2). N is the normal distribution, and C counts."""
    return (
        node.op == "app"
        and len(node.value) == 1
        and node.value in "ABDEFGHKLMOPQRSTVW"
        and len(node.args) in (2, 3)
        and not any(_inequality(arg) or arg.op == "rel" for arg in node.args)
    )


_AXES = tuple(Node("sym", (), name) for name in "xyz")


def _coordinates(parts: list[Node], names: tuple[Node, ...]) -> list[Node]:
    """The values of y = 2, x = 1 in the order of the names, where they are just these names; else as they come."""
    taken = [labelled(part) for part in parts]
    values = {item.label: item.value for item in taken if item.label is not None and item.label in names}
    if len(values) != len(parts) or set(values) != set(names[: len(parts)]):
        return [item.value for item in taken]
    return [values[name] for name in names[: len(parts)]]


def _basis_vector(node: Node, width: int) -> list[Node] | None:
    """2i - 3j + k, where i, j and k are set as vectors or no other reading is left."""
    if node.op not in ("add", "mul", "sym", "const") or width not in (2, 3):
        return None
    names = [{"i", "hat i", "vec i", "hat imath"}, {"j", "hat j", "vec j", "hat jmath"}, {"k", "hat k", "vec k"}][
        :width
    ]
    parts: list[Node] = [number(0)] * width
    for term in node.args if node.op == "add" else (node,):
        factors = list(term.args) if term.op == "mul" else [term]
        axis = -1
        for factor in factors:
            if factor.op in ("sym", "const"):
                for at, known in enumerate(names):
                    if factor.value in known:
                        axis = at
                        factors.remove(factor)
                        break
            if axis >= 0:
                break
        if axis < 0:
            return None
        parts[axis] = factors[0] if len(factors) == 1 else Node("mul", tuple(factors)) if factors else number(1)
    return parts


def _matrix(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    if answer.op == "rel":
        taken = labelled(answer)
        if taken.value is not answer:
            return asker.decide(gold, taken.value, depth + 1)
        return DIFFERENT
    if answer.op == "matrix":
        if answer.value != gold.value:
            return Found(False, "shape")
        return _in_order(asker, list(gold.args), list(answer.args), depth)
    if answer.op == "tuple" and answer.args and all(arg.op == "tuple" for arg in answer.args):
        rows = [list(arg.args) for arg in answer.args]
        if (len(rows), len(rows[0])) != gold.value or any(len(row) != len(rows[0]) for row in rows):
            return Found(False, "shape")
        return _in_order(asker, list(gold.args), [cell for row in rows for cell in row], depth)
    if answer.op in ("tuple", "list") and 1 in gold.value:
        parts = list(answer.args)
        return _in_order(asker, list(gold.args), [unlabelled(part) for part in parts], depth)
    if gold.value == (1, 1) and answer.op in NUMBER_OPS:
        return asker.decide(gold.args[0], answer, depth + 1)
    if 1 in gold.value:
        vector = _basis_vector(answer, len(gold.args))
        if vector is not None:
            return _in_order(asker, list(gold.args), vector, depth)
    if answer.op == "mul" and answer.args[-1].op == "matrix":
        scaled = answer.args[-1]
        factor = answer.args[:-1]
        cells = [Node("mul", (*factor, cell)) for cell in scaled.args]
        if scaled.value != gold.value:
            return Found(False, "shape")
        return _in_order(asker, list(gold.args), cells, depth)
    return DIFFERENT


# Relations


_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!=", "≈": "≈", "≡": "≡"}
_ORDER = frozenset(("<", ">", "<=", ">=", "!="))


def _inequality(node: Node) -> bool:
    return node.op == "rel" and any(sign in _ORDER for sign in node.value)


def _several_equations(items: list[Node]) -> bool:
    """Whether some member is an equation that is not just a named value."""
    return any(item.op == "rel" and labelled(item).value is item for item in items)


def _system(asker: Asker, left: list[Node], right: list[Node], depth: int) -> Found:
    return _matched(asker, left, right, False, depth)


def _difference(relation: Node) -> Node:
    left, right = relation.args[0], relation.args[1]
    if right == number(0):
        return left
    return Node("add", (left, negated(right)))


def _relation(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """The reference is an equation, an inequality, or a named value."""
    if _inequality(gold):
        return _regions(asker, gold, answer, depth)
    if any(sign not in ("=", "≈") for sign in gold.value):
        return _chains(asker, gold, answer, depth)
    mine = labelled(gold)
    if answer.op == "rel" and not _inequality(answer):
        theirs = labelled(answer)
        if mine.value is not gold and theirs.value is not answer and is_name(gold.args[0]):
            if not theirs.consistent:
                return HEDGED
            found = _named_values(asker, mine, theirs, depth)
            if found.equal or not symbols(mine.value):
                return found
        if mine.value is not gold and not symbols(gold.args[-1]) and theirs.value is answer:
            # The reference is a solution; an equation that still has to be solved is none.
            return _unsolved(asker, gold, answer)
        if len(gold.args) == 2 and len(answer.args) == 2:
            found = _proportional(asker, gold, answer)
            if found.equal is False:
                solved = _solves(asker, gold, answer)
                return solved if solved is not None and solved.equal else found
            return found
        return _chains(asker, gold, answer, depth)
    if mine.value is not gold:
        named = mine.label is not None and mine.label.op == "tuple" and mine.value.op == "tuple"
        if named and mine.label is not None and answer.op == "list" and len(answer.args) == len(mine.label.args):
            # (x, y) = (1, 2): the names say which value is which.
            values = _coordinates(list(answer.args), mine.label.args)
            return _in_order(asker, list(mine.value.args), values, depth)
        if is_name(gold.args[0]) and not _sums_names(gold.args[0]):
            found = asker.decide(mine.value, answer, depth + 1)
            if found.equal or found.hedged:
                return found
            solved = _solves(asker, gold, answer)
            return solved if solved is not None and solved.equal else found
        if mine.label is None:
            return asker.decide(mine.value, answer, depth + 1)
    solved = _solves(asker, gold, answer)
    if solved is None and answer.op in NUMBER_OPS and len(gold.args) == 2 and gold.value == ("=",):
        identity, _ = rungs.equal(*gold.args)
        if identity:
            # The reference states that two expressions are always equal; the answer is one of them.
            return asker.decide(gold.args[1], answer, depth + 1)
    return solved if solved is not None else DIFFERENT


def _sums_names(node: Node) -> bool:
    return node.op == "mul" and len(node.args) > 2


def _named_values(asker: Asker, mine: _Labelled, theirs: _Labelled, depth: int) -> Found:
    """f(n) = 2n and f(m) = 2m are the same function; x = 3 and y = 3 are not the same statement."""
    left, right = mine.value, theirs.value
    if mine.label is not None and theirs.label is not None:
        if mine.label.op == "app" and theirs.label.op == "app" and len(mine.label.args) == len(theirs.label.args):
            names = {
                b.value: a.value
                for a, b in zip(mine.label.args, theirs.label.args, strict=True)
                if a.op == "sym" and b.op == "sym"
            }
            right = renamed(right, names)
            if mine.label.args != theirs.label.args and not names:
                return DIFFERENT
        elif _names_differ(mine.label, theirs.label):
            return DIFFERENT
    return asker.decide(left, right, depth + 1)


def _unsolved(asker: Asker, gold: Node, answer: Node) -> Found:
    """2x = 4 for x = 2: equivalent, but with the problem at hand it may be no more than its echo."""
    if asker.prompt:
        return Found(False, "unsolved")
    return _proportional(asker, gold, answer) if len(gold.args) == len(answer.args) == 2 else DIFFERENT


def _proportional(asker: Asker, gold: Node, answer: Node) -> Found:
    """Two equations are the same when their differences are proportional by a constant that is not zero."""
    left, right = _difference(gold), _difference(answer)
    if symbols(left) != symbols(right):
        return Found(False, "equation")
    if not symbols(left):
        equal, method = rungs.equal(left, right)
        return Found(equal, method)
    # left(p) * right(q) = left(q) * right(p) for all p and q: the second point is the first with other names.
    names = {name: f"{name}″" for name in symbols(left)}
    one = Node("mul", (left, renamed(right, names)))
    two = Node("mul", (renamed(left, names), right))
    equal, method = rungs.equal(one, two)
    if equal:
        for side in (left, right):
            zero, _ = rungs.equal(side, number(0))
            if zero:
                return Found(False, "equation")
    return Found(equal, "equation" if equal is not None else method)


def _solves(asker: Asker, gold: Node, answer: Node) -> Found | None:
    """The answer is the reference solved for its one variable that the answer lacks: xy = 6 and 6/x."""
    if len(gold.args) != 2:
        return None
    missing = symbols(gold) - symbols(answer)
    name: str
    value: Node
    if answer.op == "rel":
        if answer.value != ("=",) or answer.args[0].op != "sym" or answer.args[0].value in symbols(answer.args[1]):
            return None
        name, value = answer.args[0].value, answer.args[1]
        if symbols(gold) != symbols(answer):
            return None
    elif answer.op in NUMBER_OPS and len(missing) == 1 and symbols(answer) and symbols(answer) < symbols(gold):
        name, value = next(iter(missing)), answer
    else:
        return None
    difference = _difference(gold)
    # Linear in that variable, so that this solution is the only one.
    steps = [substituted(difference, name, number(n)) for n in (2, 3, 4)]
    second = Node("add", (steps[0], Node("mul", (number(-2), steps[1])), steps[2]))
    linear, _ = rungs.equal(second, number(0))
    flat, _ = rungs.equal(steps[0], steps[1])
    if not linear or flat:
        return Found(False, "equation")
    equal, _ = rungs.equal(substituted(difference, name, value), number(0))
    return Found(equal, "solved")


def _relations(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    if answer.op != "list":
        return DIFFERENT
    return _matched(asker, elements(gold), elements(answer), False, depth)


def _chains(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """A chain of comparisons, side by side, read from either end."""
    if answer.op != "rel" or len(answer.args) != len(gold.args):
        return DIFFERENT
    for args, signs in (
        (answer.args, answer.value),
        (answer.args[::-1], tuple(_TURNED.get(sign, sign) for sign in reversed(answer.value))),
    ):
        if signs == gold.value:
            found = _in_order(asker, list(gold.args), list(args), depth)
            if found.equal:
                return found
    return Found(False, "chain")


# Intervals and regions of the real line


@dataclass(frozen=True, slots=True)
class _Interval:
    low: Node
    low_closed: bool
    high: Node
    high_closed: bool


_MINUS_INFINITY = Node("mul", (MINUS_ONE, INFINITY))
_REALS = [_Interval(_MINUS_INFINITY, False, INFINITY, False)]
_REGIONS = {
    "reals": _REALS,
    "positive reals": [_Interval(number(0), False, INFINITY, False)],
    "empty": [],
}


def _is_interval(node: Node) -> bool:
    """Surely an interval: mixed brackets or an infinite end."""
    if node.op != "tuple" or len(node.args) != 2:
        return False
    return node.value in ("[)", "(]") or any(rungs.infinite(arg) for arg in node.args)


def _regions(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """Intervals, unions, inequalities in one variable and set-builders, compared as sets of real numbers."""
    if answer.op == "rel" and not _inequality(answer):
        taken = labelled(answer)
        if taken.value is not answer:
            return asker.decide(gold, taken.value, depth + 1)
        return DIFFERENT
    mine, theirs = region(gold), region(answer)
    if mine is None or theirs is None:
        if gold.op == "rel" and answer.op == "rel":
            return _inequalities(asker, gold, answer, depth)
        if gold.op == "list" and answer.op == "list":
            return _matched(asker, list(gold.args), list(answer.args), False, depth)
        if gold.op == answer.op and gold.op in ("union", "inter", "minus") and len(gold.args) == len(answer.args):
            return _matched(asker, list(gold.args), list(answer.args), False, depth)
        if gold.op == "builder" and answer.op == "builder":
            return _in_order(asker, list(gold.args), list(answer.args), depth)
        return DIFFERENT
    if mine.name and theirs.name and mine.name != theirs.name and gold.op == "rel" and answer.op == "rel":
        return DIFFERENT
    if mine.solved and not theirs.solved and asker.prompt:
        return Found(False, "unsolved")
    left, right = _merged(mine.intervals), _merged(theirs.intervals)
    if len(left) != len(right):
        return Found(False, "region")
    rest = list(right)
    method = "region"
    for interval in left:
        for at, other in enumerate(rest):
            if (interval.low_closed, interval.high_closed) != (other.low_closed, other.high_closed):
                continue
            low = asker.decide(interval.low, other.low, depth + 1)
            if not low.equal:
                continue
            high = asker.decide(interval.high, other.high, depth + 1)
            if high.equal:
                rest.pop(at)
                break
        else:
            return Found(False, "region")
    return Found(True, method)


@dataclass(frozen=True, slots=True)
class _Region:
    intervals: list[_Interval]
    name: str | None = None
    solved: bool = True


def region(node: Node, depth: int = 0) -> _Region | None:
    """The set of real numbers an answer describes, or None when it is not one (or not in one variable)."""
    if depth > 8:
        return None
    op = node.op
    if op == "tuple":
        if len(node.args) != 2 or node.value == "<>":
            return None
        return _Region([_Interval(node.args[0], node.value[0] == "[", node.args[1], node.value[1] == "]")])
    if op == "special":
        found = _REGIONS.get(node.value)
        return None if found is None else _Region(list(found))
    if op == "in":
        return region(node.args[1], depth + 1)
    if op == "rel":
        return _solved(node)
    if op == "union":
        return _joined([region(arg, depth + 1) if arg.op != "set" else _points(arg) for arg in node.args])
    if op == "set":
        return _points(node)
    if op == "list":
        parts = [region(arg, depth + 1) for arg in node.args]
        if all(arg.op == "rel" for arg in node.args) and "or" not in node.value:
            both = _intersected(parts)
            if both is not None and (both.intervals or "and" in node.value):
                return both
        if any(arg.op == "tuple" for arg in node.args) and not any(_is_interval(arg) for arg in node.args):
            return None
        return _joined(parts)
    if op == "inter":
        return _intersected([region(arg, depth + 1) for arg in node.args])
    if op == "minus":
        return _without(region(node.args[0], depth + 1), node.args[1])
    if op == "builder":
        element, condition = node.args
        if element.op == "in":
            element = element.args[0]
        if element.op != "sym":
            return None
        conditions = [condition] if condition.op != "list" else list(condition.args)
        kept = [
            arg
            for arg in conditions
            if not (arg.op == "in" and arg.args[1].op == "special" and arg.args[1].value == "reals")
        ]
        if not kept:
            return _Region(list(_REALS))
        inner = (
            kept[0] if len(kept) == 1 else Node("list", tuple(kept), getattr(condition, "value", None) or frozenset())
        )
        found_region = region(inner, depth + 1)
        if found_region is None or found_region.name not in (None, element.value):
            return None
        return _Region(found_region.intervals, None, found_region.solved)
    return None


def _points(node: Node) -> _Region | None:
    return _Region([_Interval(arg, True, arg, True) for arg in node.args])


def _joined(parts: list[_Region | None]) -> _Region | None:
    intervals: list[_Interval] = []
    names: set[str] = set()
    solved = True
    for part in parts:
        if part is None:
            return None
        intervals.extend(part.intervals)
        names |= {part.name} if part.name else set()
        solved = solved and part.solved
    if len(names) > 1:
        return None
    return _Region(intervals, next(iter(names), None), solved)


def _size(node: Node) -> arb | None:
    """A constant as a real ball, infinities included."""
    sign = rungs.infinite(node)
    if sign:
        return arb("inf") if sign > 0 else arb("-inf")
    if symbols(node):
        return None
    node = node.args[0] if node.op in _MEASURES else node
    try:
        with at_precision(192):
            enclosed = ball(node, {})
    except (NoBall, Undefined):
        return None
    return enclosed if isinstance(enclosed, arb) and enclosed.is_finite() else None


def _intersected(parts: list[_Region | None]) -> _Region | None:
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or len({part.name for part in known if part.name}) > 1:
        return None
    result = list(_REALS)
    for part in known:
        result = [both for a in result for b in part.intervals if (both := _overlap(a, b)) is not None]
        if len(result) > 256:
            return None
    name = next((part.name for part in known if part.name), None)
    if any(symbols(end) for part in known for interval in part.intervals for end in (interval.low, interval.high)):
        if len(known) == 2 and all(len(part.intervals) == 1 for part in known):
            # x > a and x < b: one end from each, whatever a and b are.
            first, second = known[0].intervals[0], known[1].intervals[0]
            for one, two in ((first, second), (second, first)):
                if rungs.infinite(one.high) and rungs.infinite(two.low):
                    return _Region([_Interval(one.low, one.low_closed, two.high, two.high_closed)], name)
        return None
    return _Region(result, name, all(part.solved for part in known))


def _overlap(a: _Interval, b: _Interval) -> _Interval | None:
    lows, highs = (_size(a.low), _size(b.low)), (_size(a.high), _size(b.high))
    if lows[0] is None or lows[1] is None or highs[0] is None or highs[1] is None:
        return None
    if lows[0] > lows[1]:
        low, low_size, low_closed = a.low, lows[0], a.low_closed
    elif lows[1] > lows[0]:
        low, low_size, low_closed = b.low, lows[1], b.low_closed
    else:
        low, low_size, low_closed = a.low, lows[0], a.low_closed and b.low_closed
    if highs[0] < highs[1]:
        high, high_size, high_closed = a.high, highs[0], a.high_closed
    elif highs[1] < highs[0]:
        high, high_size, high_closed = b.high, highs[1], b.high_closed
    else:
        high, high_size, high_closed = a.high, highs[0], a.high_closed and b.high_closed
    if low_size > high_size or (not low_size < high_size and not (low_closed and high_closed)):
        return None
    return _Interval(low, low_closed, high, high_closed)


def _without(base: _Region | None, removed: Node) -> _Region | None:
    """A region with single points taken out."""
    if base is None:
        return None
    if removed.op in ("tuple", "union", "special", "inter") or _inequality(removed):
        taken = region(removed)
        rest = None if taken is None else _complement(taken)
        return None if rest is None else _intersected([base, rest])
    points = list(removed.args) if removed.op in ("set", "list") else [removed]
    intervals = base.intervals
    for point in points:
        at = _size(point)
        if at is None:
            return None
        cut: list[_Interval] = []
        for interval in intervals:
            low, high = _size(interval.low), _size(interval.high)
            if low is None or high is None:
                return None
            if low < at and at < high:
                cut.append(_Interval(interval.low, interval.low_closed, point, False))
                cut.append(_Interval(point, False, interval.high, interval.high_closed))
            elif not (at < low or at > high):
                starts = not low < at
                cut.append(
                    _Interval(
                        interval.low, interval.low_closed and not starts, interval.high, interval.high_closed and starts
                    )
                )
            else:
                cut.append(interval)
        intervals = cut
    return _Region(intervals)


def _complement(removed: _Region) -> _Region | None:
    """All real numbers outside of a region."""
    result: _Region | None = _Region(list(_REALS))
    for interval in removed.intervals:
        sides: list[_Interval] = []
        if not rungs.infinite(interval.low):
            sides.append(_Interval(_MINUS_INFINITY, False, interval.low, not interval.low_closed))
        if not rungs.infinite(interval.high):
            sides.append(_Interval(interval.high, not interval.high_closed, INFINITY, False))
        result = _intersected([result, _Region(sides)])
    return result


def _merged(intervals: list[_Interval]) -> list[_Interval]:
    """Touching and overlapping intervals joined, where their ends are constants."""
    sized = [(_size(interval.low), _size(interval.high), interval) for interval in intervals]
    if any(low is None or high is None for low, high, _ in sized) or len(sized) < 2:
        return intervals
    result: list[_Interval] = []
    ordered = sorted(sized, key=lambda row: (float(row[0] or 0), not row[2].low_closed))
    for _, _, interval in ordered:
        if result:
            last = result[-1]
            end, start = _size(last.high), _size(interval.low)
            if (
                end is not None
                and start is not None
                and (end > start or (not end < start and (last.high_closed or interval.low_closed)))
            ):
                high = _size(interval.high)
                if high is not None and (high > end or (not high < end and interval.high_closed)):
                    result[-1] = _Interval(last.low, last.low_closed, interval.high, interval.high_closed)
                continue
        result.append(interval)
    return result


def _solved(relation: Node) -> _Region | None:
    """An inequality, or chain of them, that is linear in its one variable, as intervals."""
    signs, sides = relation.value, relation.args
    if len(signs) == 2 and "!=" not in signs and "=" not in signs:
        directions = {sign[0] for sign in signs}
        if len(directions) != 1:
            return None
        low, middle, high = sides if "<" in directions else sides[::-1]
        strict = [sign in ("<", ">") for sign in (signs if "<" in directions else signs[::-1])]
        if middle.op == "sym" and middle.value not in symbols(low) | symbols(high):
            return _Region([_Interval(low, not strict[0], high, not strict[1])], middle.value)
        parts = [
            _solved(Node("rel", (sides[0], sides[1]), (signs[0],))),
            _solved(Node("rel", (sides[1], sides[2]), (signs[1],))),
        ]
        both = _intersected(parts)
        return None if both is None else _Region(both.intervals, both.name, solved=False)
    if len(signs) != 1 or signs[0] not in _ORDER:
        return None
    left, right = sides
    sign = signs[0]
    if right.op == "sym" and right.value not in symbols(left) and left.op != "sym":
        left, right, sign = right, left, _TURNED[sign]
    if left.op == "sym" and left.value not in symbols(right):
        return _Region(_half_line(sign, right), left.value)
    if left.op == "fn" and left.value == "abs" and left.args[0].op == "sym" and not symbols(right):
        return _absolute(sign, left.args[0].value, right)
    names = symbols(relation)
    if len(names) != 1:
        return None
    name = next(iter(names))
    difference = Node("add", (left, negated(right)))
    at_zero = rational_or_none(substituted(difference, name, number(0)))
    at_one = rational_or_none(substituted(difference, name, number(1)))
    at_five = rational_or_none(substituted(difference, name, number(5)))
    if at_zero is None or at_one is None or at_five is None:
        return None
    slope = at_one - at_zero
    if slope == 0 or at_zero + slope * 5 != at_five:
        return None
    linear, _ = rungs.equal(
        difference,
        Node("add", (Node("num", (), at_zero), Node("mul", (Node("num", (), slope), Node("sym", (), name))))),
    )
    if not linear:
        return None
    return _Region(
        _half_line(sign if slope > 0 else _TURNED[sign], Node("num", (), -at_zero / slope)), name, solved=False
    )


def rational_or_none(node: Node) -> fmpq | None:
    try:
        return rational(node)
    except Undefined:
        return None


def _half_line(sign: str, bound: Node) -> list[_Interval]:
    if sign in ("<", "<="):
        return [_Interval(_MINUS_INFINITY, False, bound, sign == "<=")]
    if sign in (">", ">="):
        return [_Interval(bound, sign == ">=", INFINITY, False)]
    return [_Interval(_MINUS_INFINITY, False, bound, False), _Interval(bound, False, INFINITY, False)]


def _absolute(sign: str, name: str, bound: Node) -> _Region | None:
    """|x| < a."""
    if sign in ("<", "<="):
        return _Region([_Interval(negated(bound), sign == "<=", bound, sign == "<=")], name, solved=False)
    if sign in (">", ">="):
        return _Region(
            [
                _Interval(_MINUS_INFINITY, False, negated(bound), sign == ">="),
                _Interval(bound, sign == ">=", INFINITY, False),
            ],
            name,
            solved=False,
        )
    return None


def _inequalities(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """Inequalities in several variables: the same sides, or differences in a positive proportion."""
    found = _chains(asker, gold, answer, depth)
    if found.equal:
        return found
    if len(gold.args) != 2 or len(answer.args) != 2 or symbols(gold) != symbols(answer):
        return found
    for sign, turned in ((answer.value[0], 1), (_TURNED.get(answer.value[0], ""), -1)):
        if sign != gold.value[0]:
            continue
        left, right = _difference(gold), _difference(answer)
        factor = _constant_ratio(left, right)
        if factor is not None and factor * turned > 0:
            return Found(True, "inequality")
    return Found(False, "inequality")


def _constant_ratio(left: Node, right: Node) -> fmpq | None:
    """The constant c with left = c * right, where there is one and it is rational."""
    names = symbols(left)
    point_left, point_right = left, right
    for at, name in enumerate(sorted(names)):
        value = number(3 + 2 * at)
        point_left, point_right = substituted(point_left, name, value), substituted(point_right, name, value)
    top, bottom = rational_or_none(point_left), rational_or_none(point_right)
    if top is None or bottom is None or bottom == 0 or top == 0:
        return None
    ratio = top / bottom
    equal, _ = rungs.equal(left, Node("mul", (Node("num", (), ratio), right)))
    return ratio if equal else None


def _cases(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    if answer.op == "rel":
        taken = labelled(answer)
        if taken.value is not answer:
            return asker.decide(gold, taken.value, depth + 1)
    if answer.op == "cases" and len(answer.args) == len(gold.args):
        pairs = list(zip(gold.args[::2], gold.args[1::2], strict=True))
        others = list(zip(answer.args[::2], answer.args[1::2], strict=True))
        for value, condition in pairs:
            for at, (other, when) in enumerate(others):
                if asker.decide(value, other, depth + 1).equal and (
                    when == condition or asker.decide(condition, when, depth + 1).equal
                ):
                    others.pop(at)
                    break
            else:
                break
        else:
            return Found(True, "cases")
    if answer.op in NUMBER_OPS or answer.op == "cases":
        return Found(*rungs.equal(gold, answer))
    return DIFFERENT


def _never(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    return DIFFERENT


_KINDS: "dict[str, Callable[[Asker, Node, Node, int], Found]]" = {
    "list": _list,
    "set": _list,
    "tuple": _tuple,
    "matrix": _matrix,
    "rel": _relation,
    "ratio": _ratio,
    "special": _special,
    "cases": _cases,
    "union": _regions,
    "inter": _regions,
    "minus": _regions,
    "builder": _regions,
    "ellipsis": _never,
}
