"""The ladder: one function per way of deciding whether two expressions are equal, cheapest first.

Each rung answers True, False, or None for "cannot tell", and the first that can tell decides; its name goes into
`verdict.method`. No rung evaluates text, waits, or grows without bound.

    structure    the trees are the same
    rational     both are exact rational numbers
    constant     numbers enclosed in balls: disjoint balls prove a difference; equality is proved by a root separation
                 bound where both are algebraic ("algebraic"), else accepted at 1,024 bits ("numeric")
    field        rational functions at a secret point of a secret finite field (also at integer points, where variables
                 stand in exponents or bounds)
    sampled      any other function at 6 to 16 secret points as balls: one disjoint pair proves a difference ("sampled")
    canonical    the trees are the same up to the order of sums and products

Equality is relative throughout: two numbers are equal when they agree to the precision they are known to, however small
they are. Not covered: limits, infinite sums (residue.py, in a child process).
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

from flint import acb, arb, fmpq

from graders.math import field
from graders.math.balls import Ball, NoBall, at_precision, ball
from graders.math.exact import Undefined, rational
from graders.math.tree import BINDERS, MINUS_ONE, Node, operations, surveyed, symbols

Decision = tuple[bool | None, str]

_LOW, _HIGH = 96, 1024
_EXTREME_BITS = 700


def equal(gold: Node, answer: Node) -> Decision:
    """Climb the rungs.

    Args:
        gold, answer: expressions (operations on numbers).

    Returns: whether they are equal, None where no rung can tell; and the name of the rung.
    """
    if gold == answer:
        return True, "structure"
    try:
        left = rational(gold)
        right = rational(answer)
        if left is not None and right is not None:
            return left == right, "rational"
    except Undefined:
        return _undefined(gold, answer)
    names, found = surveyed(gold, answer)
    if "ellipsis" in found:
        # Part of it is left to the reader: a_0 + a_1 + … + a_k.
        return (True, "canonical") if same_canonical(gold, answer) else (None, "dots")
    if not names:
        return _constants(gold, answer)
    decided = _field(gold, answer, found)
    if decided is not None:
        return decided, "field"
    decided = _sampled(gold, answer, sorted(names), found)
    if decided is not None:
        return decided, "sampled"
    if same_canonical(gold, answer):
        return True, "canonical"
    return None, "none"


def _undefined(gold: Node, answer: Node) -> Decision:
    """One side divides by zero: no number equals it, and whether two of them are the same nobody can tell."""
    if _has_a_value(gold) or _has_a_value(answer):
        return False, "rational"
    return None, "none"


def _has_a_value(node: Node) -> bool:
    """Whether nothing in it divides by zero, wherever it stands: 0/0 + x has no value, and x + 0/0 has none either."""
    stack = [node]
    while stack:
        top = stack.pop()
        try:
            rational(top)
        except Undefined:
            return False
        stack.extend(arg for arg in top.args if arg.args)
    return True


def worth_asking(gold: Node, answer: Node) -> bool:
    """Whether symbolic mathematics may tell what no rung can: not towers of powers, whose size alone is the trouble."""
    if _towering(gold) or _towering(answer):
        return False
    return bool(symbols(gold) | symbols(answer) or (operations(gold) | operations(answer)) & BINDERS)


def _towering(node: Node, height: int = 0) -> bool:
    """Whether a constant power stands in an exponent or under a factorial, or powers are stacked three high."""
    if height and node.op in ("pow", "fact") and (height > 2 or not symbols(node)):
        return True
    inside = node.op in ("fact", "binom")
    for at, arg in enumerate(node.args):
        if arg.args and _towering(arg, height + (inside or (node.op == "pow" and at == 1))):
            return True
    return False


# --- constants --------------------------------------------------------------------------------------------------------


def _constants(gold: Node, answer: Node) -> Decision:
    """Balls prove that numbers differ; that they agree is proved by their form, or by a bound on how near they can be
    without being equal, or else accepted at a high precision."""
    if infinite(gold) or infinite(answer):
        return infinite(gold) == infinite(answer), "structure"
    try:
        left, right = _balls(gold, answer, _LOW)
        known = left.is_finite() and right.is_finite()
        if known and not _overlap(left, right):
            return False, "constant"
        if same_canonical(gold, answer):
            return True, "canonical"
        if not known and _one_finite(left, right):
            return None, "none"
        separated = _separated(gold, answer) if known else None
        if separated is not None:
            return separated
        left, right = _balls(gold, answer, _HIGH)
    except Undefined:
        return None, "none"
    except NoBall:
        return (True, "canonical") if same_canonical(gold, answer) else (None, "none")
    if not left.is_finite() or not right.is_finite():
        return None, "none"
    if not _overlap(left, right):
        return False, "constant"
    if not known:
        separated = _separated(gold, answer)
        if separated is not None:
            return separated
    if _extreme(gold) or _extreme(answer):
        return None, "none"
    with at_precision(_HIGH):
        if not _sharp(left, right):
            return None, "none"
    return True, "numeric"


def _balls(gold: Node, answer: Node, bits: int) -> tuple[Ball, Ball]:
    with at_precision(bits):
        return ball(gold, {}), ball(answer, {})


def _separated(gold: Node, answer: Node) -> Decision | None:
    """Algebraic numbers that are nearer to each other than different ones of their degree and size can be are equal."""
    difference = Node("add", (gold, Node("mul", (MINUS_ONE, answer))))
    bits_needed = separation_bits(difference)
    if bits_needed is None or bits_needed > 20_000:
        return None
    try:
        with at_precision(int(bits_needed) + 64):
            gap = ball(difference, {})
            # Zero, or farther from zero than the bound: the radius is now below the bound.
            equal = bool(gap.contains(0)) if isinstance(gap, arb) else bool(acb(gap).contains(acb(0)))
    except (Undefined, NoBall):
        return None, "none"
    return equal, "algebraic" if equal else "constant"


def infinite(node: Node) -> int:
    """1 for infinity, -1 for minus infinity, else 0."""
    if node.op == "const" and node.value == "inf":
        return 1
    if node.op == "mul" and len(node.args) == 2 and infinite(node.args[1]) == 1 and node.args[0].op == "num":
        return 1 if node.args[0].value > 0 else -1
    return 0


def _one_finite(left: Ball, right: Ball) -> bool:
    """Whether one side is a number and the other is known to be none, such as the logarithm of nothing."""
    return bool(left.is_finite()) != bool(right.is_finite())


def _overlap(left: Ball, right: Ball) -> bool:
    if isinstance(left, arb) and isinstance(right, arb):
        return bool(left.overlaps(right))
    return bool(acb(left).overlaps(acb(right)))


def _sharp(left: Ball, right: Ball) -> bool:
    """Whether both are known to at least 256 bits relative to their size (or are zero to 2^-900)."""
    for x in (left, right):
        size = abs(x)
        radius = x.rad() if isinstance(x, arb) else acb(x).real.rad() + acb(x).imag.rad()
        if not (radius < size * arb(fmpq(1, 2**256)) or size < arb(fmpq(1, 2**700))):
            return False
    return True


def _extreme(node: Node) -> bool:
    """Whether some part is so large or so small that adding it to another would not show at the precision used."""
    stack = [node]
    seen = 0
    while stack and seen < 400:
        top = stack.pop()
        seen += 1
        stack.extend(top.args)
        if top.op not in ("pow", "fact", "binom", "fn"):
            continue
        try:
            with at_precision(_LOW):
                size = abs(ball(top, {}))
                if not size.is_finite():
                    return True
                if size > arb(2) ** _EXTREME_BITS or (size > arb(0) and size < arb(2) ** -_EXTREME_BITS):
                    return True
        except (NoBall, Undefined):
            return True
    return False


def separation_bits(node: Node) -> float | None:
    """How many bits separate an algebraic expression from zero if it is not zero; None where it is not algebraic.

    Source: the BFMSS bound (Burnikel, Funke, Mehlhorn, Schirra, Schmitt 2001): a value with upper parameter u, lower
    parameter l and degree at most D is zero or at least 1 / (u^(D-1) * l).
    """
    radicals: dict[Node, int] = {}
    try:
        upper, lower = _bfmss(node, radicals)
    except (_NotAlgebraic, OverflowError):
        return None
    degree = math.prod(radicals.values())
    if degree > 4096:
        return None
    return (degree - 1) * max(upper, 0.0) + max(lower, 0.0) + 2


class _NotAlgebraic(Exception):
    pass


def _bfmss(node: Node, radicals: dict[Node, int]) -> tuple[float, float]:
    """Logarithms of u and l to base 2."""
    op = node.op
    if op in ("num", "dec", "rep"):
        number = node.value if op == "num" else node.value[0]
        return float(number.p.bit_length()), float(number.q.bit_length() - 1)
    if op == "const" and node.value == "i":
        radicals[node] = 2
        return 0.0, 0.0
    if op == "add":
        upper, lower = _bfmss(node.args[0], radicals)
        for arg in node.args[1:]:
            u, low = _bfmss(arg, radicals)
            upper, lower = max(upper + low, lower + u) + 1, lower + low
        return upper, lower
    if op == "mul":
        upper = lower = 0.0
        for arg in node.args:
            u, low = _bfmss(arg, radicals)
            upper, lower = upper + u, lower + low
        return upper, lower
    if op == "div":
        u1, l1 = _bfmss(node.args[0], radicals)
        u2, l2 = _bfmss(node.args[1], radicals)
        return u1 + l2, l1 + u2
    if op == "root" or op == "pow":
        exponent = rational(node.args[1])
        if exponent is None or (op == "root" and exponent == 0):
            raise _NotAlgebraic
        if op == "root":
            exponent = 1 / exponent
        if exponent.q > 64 or abs(exponent.p) > 4096:
            raise _NotAlgebraic
        upper, lower = _bfmss(node.args[0], radicals)
        power = abs(int(exponent.p))
        upper, lower = upper * power, lower * power
        if exponent < 0:
            upper, lower = lower, upper
        index = int(exponent.q)
        if index > 1:
            radicals[node] = index
            upper, lower = max(upper, 0.0) / index, max(lower, 0.0) / index
        return upper, lower
    if op == "pct":
        upper, lower = _bfmss(node.args[0], radicals)
        return upper, lower + 7
    raise _NotAlgebraic


# --- functions --------------------------------------------------------------------------------------------------------


def _field(gold: Node, answer: Node, found: set[str]) -> bool | None:
    if not field.OPERATIONS.issuperset(found):
        return None
    try:
        for point in range(_TRIES):
            try:
                return field.equal(gold, answer, point, {})
            except Undefined:
                continue
        return None
    except field.NotRationalFunction:
        pass
    integers = sorted(_in_integer_places(gold) | _in_integer_places(answer))
    if not integers or len(integers) > 6:
        return None
    decided = _at_integers(gold, answer, integers, large=True)
    return _at_integers(gold, answer, integers, large=False) if decided is None else decided


_TRIES = 3  # At the first a division by zero is as good as impossible, unless something is divided by zero everywhere.
_ROUNDS_LARGE, _ROUNDS_SMALL, _ROUNDS_OVER = 6, 10, 1
_FEW_AGREE = 6
# A multiple of all small numbers: adding it to an exponent changes its size, but not where it stands in a period.
_PERIODS = 5040


def _at_integers(gold: Node, answer: Node, integers: list[str], large: bool) -> bool | None:
    """Equality at integer points, for variables that stand in exponents, under factorials or in bounds of sums.

    The values run through the small residues, so that (-1)^n shows both its signs. Large ones cannot be guessed;
    where they are out of bounds (n! is multiplied out), the small ones themselves are taken, and then larger ones that
    cannot be guessed either.
    """
    agreed = 0
    for point in range(_ROUNDS_LARGE if large else _ROUNDS_SMALL + _ROUNDS_OVER):
        bound = {name: 2 + (point * (i + 1) + 5 * (len(integers) - i)) % 13 for i, name in enumerate(integers)}
        for name in integers:
            if large:
                bound[name] += _PERIODS * field.integer(name, point, 2**16, 2**17)
            elif point >= _ROUNDS_SMALL:
                bound[name] = field.integer(name, point, 15, 40)
        try:
            if not field.equal(gold, answer, point, bound):
                return False
            agreed += large or point < _ROUNDS_SMALL  # A drawn point may refute, but is never what was missing.
        except Undefined:
            continue
        except field.NotRationalFunction:
            if large and not agreed:
                return None
    return True if agreed >= _FEW_AGREE else None


def _in_integer_places(node: Node, inside: bool = False) -> set[str]:
    """Variables in exponents, in the bounds of sums, and under factorials."""
    found: set[str] = set()
    op, args, datum = node
    if not args:
        if inside and op == "sym":
            found.add(datum)
    elif op in ("sum", "prod"):
        for at, arg in enumerate(args[1:], 1):
            found |= _in_integer_places(arg, inside or at < 3) - {args[0].value}
    else:
        everywhere = inside or op in ("fact", "binom")
        for at, arg in enumerate(args):
            if arg.args or everywhere or op == "pow":
                found |= _in_integer_places(arg, everywhere or (op == "pow" and at == 1))
    return found


# (sign, lowest, highest) of the values a variable takes, one row per point; "mixed" draws the sign for each variable.
# Which twelfth of a unit a value lies in is known and always the same, where in it is drawn when the process starts: no
# answer can be written that agrees just there. What changes at a multiple of a twelfth, as |x - 3| does at 3, is never
# on one side of a value today and on the other tomorrow; for what changes elsewhere to flap, it would have to change
# within a cell and differ in no other.
_POINTS = (
    ("+", 0.3, 0.9), ("-", 1.1, 3.0), ("mixed", 1.0, 6.0), ("+", 9.0, 30.0), ("-", 4.0, 12.0), ("+", 1.1, 2.9),
    ("mixed", 0.4, 2.5), ("+", 30.0, 90.0), ("-", 0.2, 0.9), ("+", 0.05, 0.3), ("+", 3.0, 9.0), ("mixed", 5.0, 20.0),
    ("+", 0.7, 1.3), ("mixed", 0.1, 1.0), ("+", 2.0, 4.0), ("+", 0.5, 1.6),
)  # fmt: skip
_TWELFTHS = 12
_DRAWN_BITS = 48
_ROUNDS_DISCRETE = 23  # The integers 1 to 23, in an order of its own for each variable.
_DRAWN_DISCRETE = 3
_DISCRETE_LOW, _DISCRETE_HIGH, _DISCRETE_HIGH_SERIES = 24, 400, 60
_ENOUGH = 6  # Agreeing points for functions without corners: small, large and negative values of each variable.
_CORNERED = frozenset(("fn:abs", "fn:max", "fn:min", "fn:sgn", "fn:arg", "fn:Re", "fn:Im", "cases"))
_DISCRETE = frozenset(("fact", "binom", "fn:gcd", "fn:lcm", "sum", "prod"))
_STEPPED = frozenset(("fn:floor", "fn:ceil", "fn:mod"))
_REAL_NAMES = frozenset("xyztuvw")
"""Variables that stand for any real number, also below a floor: that of x is not x. Others there are whole numbers."""


@lru_cache(maxsize=8192)
def _coordinate(name: str, point: int) -> fmpq:
    """The value of a variable at a point."""
    digest = hashlib.blake2b(f"{point}/{name}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest[:6]) / 2**48
    sign, low, high = _POINTS[point]
    cell = int((low + share * (high - low)) * _TWELFTHS)
    # From a sixteenth to fifteen sixteenths of the way through the cell.
    inside = 2**-4 + (field.drawn(f"sampled {point}/{name}") >> 64) / 2**64 * 7 / 8
    magnitude = fmpq(int((cell + inside) / _TWELFTHS * 2**_DRAWN_BITS), 2**_DRAWN_BITS)
    negative = sign == "-" or (sign == "mixed" and digest[7] & 1)
    return -magnitude if negative else magnitude


def _unknown(name: str, args: tuple[Ball, ...]) -> Ball:
    """A value for an unknown function: any, but the same for arguments that agree to 18 digits."""
    key = (
        name + "|" + "|".join(acb(arg).real.str(18, radius=False) + acb(arg).imag.str(18, radius=False) for arg in args)
    )
    return arb(fmpq(field.drawn(key) % 2**48 + 2**40, 2**47))


def _sampled(gold: Node, answer: Node, names: list[str], found: set[str]) -> bool | None:
    if len(names) > 24:
        return None
    stepped = bool(found & _STEPPED)
    discrete = bool(found & _DISCRETE) or _alternating(gold) or _alternating(answer)
    if stepped and not discrete:
        discrete = _REAL_NAMES.isdisjoint(names)
    cornered = stepped or bool(found & _CORNERED) or {"root", "pow"} <= found  # The root of a square has a corner too.
    imaginary = _has_i(gold) or _has_i(answer)
    agreed = complex_agreed = 0
    shown: dict[str, arb] = {}  # The last point at which both sides agreed.
    with at_precision(_LOW):
        for point in range(_ROUNDS_DISCRETE if discrete else len(_POINTS)):
            env: dict[str, arb]
            if discrete:
                env = {name: arb(1 + (point * (2 * i + 1) + 7 * (len(names) - i)) % 23) for i, name in enumerate(names)}
            else:
                env = {name: arb(_coordinate(name, point)) for name in names}
                if stepped:
                    env |= {name: env[name].ceil() for name in names if name not in _REAL_NAMES}
            try:
                left, right = ball(gold, env, _unknown), ball(answer, env, _unknown)
            except Undefined:
                continue
            except NoBall:
                return None
            if not left.is_finite() or not right.is_finite():
                continue
            # A root of a negative number on the way makes a point tell nothing, even where the result is real again.
            real = isinstance(left, arb) and isinstance(right, arb)
            if not real and not imaginary and not all(env[name] > 0 for name in names):
                continue
            if not _overlap(left, right):
                if real or imaginary:
                    return False
                complex_agreed -= 100
                continue
            if not _informative(left, right):
                continue
            shown = env
            if real or imaginary:
                agreed += 1
                if agreed >= _ENOUGH and not discrete and not cornered:
                    break
            else:
                complex_agreed += 1
    if agreed >= 4 or agreed + complex_agreed >= 5:
        return _confirmed(gold, answer, shown, _drawn_integers(names, found) if discrete else ())
    if complex_agreed < 0 and agreed < 3:
        return False
    return None


def _confirmed(gold: Node, answer: Node, shown: dict[str, arb], more: Iterable[dict[str, arb]]) -> bool | None:
    """Whether what agreed at many points still does to 1,024 bits, where sin(x) and sin(x) + 10^-40 look different.

    Cannot tell where a constant is so large or so small that not even those bits would show it. Of the further points,
    one may refute, and none is needed: some functions have no values there.
    """
    if _hiding(gold) or _hiding(answer):
        return None
    with at_precision(_HIGH):
        for env in (shown, *more):
            try:
                left, right = ball(gold, env, _unknown), ball(answer, env, _unknown)
            except (Undefined, NoBall):
                continue
            if left.is_finite() and right.is_finite() and not _overlap(left, right):
                return False
    return True


def _drawn_integers(names: list[str], found: set[str]) -> Iterator[dict[str, arb]]:
    """Integer points that nobody can guess, for functions of which only those at integers are known."""
    high = _DISCRETE_HIGH_SERIES if found & {"sum", "prod"} else _DISCRETE_HIGH
    for point in range(_DRAWN_DISCRETE):
        yield {name: arb(field.integer(name, point, _DISCRETE_LOW, high)) for name in names}


def _hiding(node: Node) -> bool:
    """Whether a constant part is so large or so small that adding it to another would not show."""
    if node.op in _PLAIN_CONSTANTS:
        return False
    if symbols(node):
        return any(_hiding(arg) for arg in node.args)
    try:
        with at_precision(_LOW):
            size = abs(ball(node, {}, _unknown))
            return bool(size > arb(2) ** _EXTREME_BITS or (size > 0 and size < arb(2) ** -_EXTREME_BITS))
    except (NoBall, Undefined):
        return False


_PLAIN_CONSTANTS = frozenset(("sym", "const"))


def _informative(left: Ball, right: Ball) -> bool:
    """A ball that says little agrees with everything."""
    size = abs(left) + 1
    for x in (left, right):
        radius = x.rad() if isinstance(x, arb) else acb(x).real.rad() + acb(x).imag.rad()
        if not radius < size * arb(fmpq(1, 2**30)):
            return False
    return True


def _has_i(node: Node) -> bool:
    rest = [node]
    for top in rest:
        if top.op == "const" and top.value == "i":
            return True
        rest += top.args
    return False


def _alternating(node: Node) -> bool:
    """Whether a negative number is raised to a variable power, as in (-1)^n."""
    rest = [node]
    for top in rest:
        if top.op == "pow":
            base = top.args[0]
            negative = (base.op == "num" and base.value < 0) or (base.op == "mul" and base.args[0] == MINUS_ONE)
            if negative and symbols(top.args[1]):
                return True
        rest += top.args
    return False


# --- order ------------------------------------------------------------------------------------------------------------


def same_canonical(left: Node, right: Node) -> bool:
    """Whether two trees are the same up to the order of sums and products."""
    return operations(left) == operations(right) and canonical(left) == canonical(right)


def canonical(node: Node) -> str:
    """The tree written down with sums and products flattened and sorted: equal texts for trees equal up to order."""
    op, args, datum = node
    if datum is not None:
        shown = sorted(datum) if isinstance(datum, frozenset) else datum
        op = f"{op}[{shown!r}]"
    if not args:
        return op
    if node.op in ("add", "mul"):
        parts = []
        for arg in args:
            parts += [canonical(inner) for inner in _flat(arg, node.op)]
        parts.sort()
        return f"{op}({','.join(parts)})"
    return f"{op}({','.join([canonical(arg) for arg in args])})"


def _flat(node: Node, op: str) -> Iterator[Node]:
    """The arguments of nested sums, or products, as if they were one."""
    if node.op != op:
        yield node
        return
    for arg in node.args:
        yield from _flat(arg, op)
