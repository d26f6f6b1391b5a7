"""Sets of real numbers: intervals, unions, inequalities in one variable, set-builders, what is left without some."""

from dataclasses import dataclass

from flint import arb

from graders.math import rungs
from graders.math.balls import NoBall, at_precision, ball
from graders.math.comparing.asker import Asker, labelled
from graders.math.comparing.found import DIFFERENT, MEASURES, Found, rational_or_none
from graders.math.comparing.inequalities import ORDER_SIGNS, TURNED, compare_inequalities, is_inequality
from graders.math.comparing.matching import in_order, matched
from graders.math.exact import Undefined
from graders.math.tree import INFINITY, MINUS_ONE, Node, negated, number, substituted, symbols


@dataclass(frozen=True, slots=True)
class _Interval:
    low: Node
    low_closed: bool
    high: Node
    high_closed: bool


_MINUS_INFINITY = Node("mul", (MINUS_ONE, INFINITY))
_REALS = [_Interval(_MINUS_INFINITY, False, INFINITY, False)]
REGIONS = {
    "reals": _REALS,
    "positive reals": [_Interval(number(0), False, INFINITY, False)],
    "empty": [],
}


def is_interval(node: Node) -> bool:
    """Surely an interval: mixed brackets or an infinite end."""
    if node.op != "tuple" or len(node.args) != 2:
        return False
    return node.value in ("[)", "(]") or any(rungs.infinite(arg) for arg in node.args)


def compare_regions(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """Intervals, unions, inequalities in one variable and set-builders, compared as sets of real numbers."""
    if answer.op == "rel" and not is_inequality(answer):
        taken = labelled(answer)
        if taken.value is not answer:
            return asker.decide(gold, taken.value, depth + 1)
        return DIFFERENT
    mine, theirs = region(gold), region(answer)
    if mine is None or theirs is None:
        if gold.op == "rel" and answer.op == "rel":
            return compare_inequalities(asker, gold, answer, depth)
        if gold.op == "list" and answer.op == "list":
            return matched(asker, list(gold.args), list(answer.args), False, depth)
        if gold.op == answer.op and gold.op in ("union", "inter") and len(gold.args) == len(answer.args):
            return matched(asker, list(gold.args), list(answer.args), False, depth)
        if gold.op == answer.op and gold.op in ("builder", "minus") and len(gold.args) == len(answer.args):
            return in_order(asker, list(gold.args), list(answer.args), depth)
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
        found = REGIONS.get(node.value)
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
        if any(arg.op == "tuple" for arg in node.args) and not any(is_interval(arg) for arg in node.args):
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
    node = node.args[0] if node.op in MEASURES else node
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
    if removed.op in ("tuple", "union", "special", "inter") or is_inequality(removed):
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
    if len(signs) != 1 or signs[0] not in ORDER_SIGNS:
        return None
    left, right = sides
    sign = signs[0]
    if right.op == "sym" and right.value not in symbols(left) and left.op != "sym":
        left, right, sign = right, left, TURNED[sign]
    if left.op == "sym" and left.value not in symbols(right):
        return _Region(_half_line(sign, right), left.value)
    if left.op == "fn" and left.value == "abs" and left.args[0].op == "sym" and not symbols(right):
        return _absolute(sign, left.args[0].value, right)
    if left.op == "fn" and left.value == "abs" and not symbols(right) and sign != "!=":
        return _between(sign, left.args[0], right)
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
        _half_line(sign if slope > 0 else TURNED[sign], Node("num", (), -at_zero / slope)), name, solved=False
    )


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


def _between(sign: str, inner: Node, bound: Node) -> _Region | None:
    """|2x - 3| < a: between -a and a, or beyond them."""
    parts = [
        _solved(Node("rel", (inner, bound), (sign,))),
        _solved(Node("rel", (inner, negated(bound)), (TURNED[sign],))),
    ]
    found = _intersected(parts) if sign in ("<", "<=") else _joined(parts)
    return None if found is None else _Region(found.intervals, found.name, solved=False)
