"""When two different numbers are one value, rounded: the digits of the rounded one decide.

Not covered: a tolerance the task states (scalars.py).
"""

from flint import arb, fmpq

from graders.math.balls import NoBall, at_precision, ball
from graders.math.comparing.found import MEASURES
from graders.math.exact import NotRational, Undefined, rational
from graders.math.tree import MINUS_ONE, Node, number, symbols

_ROUNDED_DIGITS = 6  # Significant digits a decimal needs to stand for an exact reference.


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


def approximates(exact: Node, shown: Node) -> bool:
    """Whether a decimal after ≈ is the number before it, to the digits shown."""
    exact = exact.args[0] if exact.op in MEASURES else exact
    shown = shown.args[0] if shown.op in MEASURES else shown
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
