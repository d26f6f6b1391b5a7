"""A tree's value as a ball: a midpoint and a radius that surely holds the true value (FLINT's arb and acb).

Two disjoint balls prove two values different; balls that overlap at every precision tried do not prove them equal, and
the rung that accepts them says so. Nothing here can hang: every operation costs a bounded number of steps at a bounded
precision, and a tower such as 9^(9^(9^9)) only becomes a ball without information.

The precision is a global setting of the FLINT library, so it is changed under PRECISION_LOCK.
"""

import threading
from collections.abc import Callable, Mapping

import flint
from flint import acb, arb, fmpq, fmpz

from graders.math.exact import NotRational, Undefined, value
from graders.math.tree import TWO, Node, operations, series_allowed

PRECISION_LOCK = threading.RLock()
TERMS_MAX = 400
_NESTED_TERMS_MAX = 60
Ball = arb | acb
Unknown = Callable[[str, tuple[Ball, ...]], Ball]
"""What an unknown function is worth, by its name and arguments."""


class NoBall(Exception):
    """The tree has no numeric value that balls can enclose (unknown functions, structures, ...)."""


class at_precision:
    """Hold the lock and set FLINT's precision, in bits; a phrase rather than a noun: `with at_precision(128)`."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._before = 0

    def __enter__(self) -> None:
        PRECISION_LOCK.acquire()
        self._before = flint.ctx.prec
        flint.ctx.prec = self._bits

    def __exit__(self, *exc: object) -> None:
        flint.ctx.prec = self._before
        PRECISION_LOCK.release()


def ball(node: Node, env: Mapping[str, Ball], unknown: Unknown | None = None) -> Ball:
    """Enclose the value at the current precision.

    Args:
        node: an expression.
        env: a ball for each variable.
        unknown: what an unknown function is worth; None refuses them.

    Raises:
        NoBall: it has none. Undefined: a division by exactly zero.
    """
    op, args, datum = node
    if op == "num":
        return arb(datum)
    if op == "sym":
        found = env.get(datum)
        if found is None:
            raise NoBall(datum)
        return found
    if op == "mul":
        product = ball(args[0], env, unknown)
        for arg in args[1:]:
            product = product * ball(arg, env, unknown)
        return product
    if op == "add":
        total = ball(args[0], env, unknown)
        for arg in args[1:]:
            total = total + ball(arg, env, unknown)
        return total
    enclose = _ENCLOSE.get(op)
    if enclose is None:
        raise NoBall(op)
    return enclose(node, env, unknown)


def _decimal(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    return arb(node.value[0])


def _quotient(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    top, bottom = ball(node.args[0], env, unknown), ball(node.args[1], env, unknown)
    if bottom == 0:
        raise Undefined
    return top / bottom


def _degrees(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    return ball(node.args[0], env, unknown) * arb.pi() / 180


def _percent(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    return ball(node.args[0], env, unknown) / 100


def _factorial(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    return (ball(node.args[0], env, unknown) + 1).gamma()


def _applied(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    if unknown is None:
        raise NoBall("app")
    return unknown(node.value, tuple(ball(arg, env, unknown) for arg in node.args))


def _ratio(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    if len(node.args) != 2:
        raise NoBall("ratio")
    return _quotient(node, env, unknown)


def _based(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    try:
        return arb(value(node, {}))
    except NotRational:
        raise NoBall from None


def _constant(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    name = node.value
    if name == "pi":
        return arb.pi()
    if name == "e":
        return arb.const_e()
    if name == "i":
        return acb(0, 1)
    raise NoBall(name)


def _real(x: Ball) -> bool:
    return isinstance(x, arb)


def real_part_if_real(x: Ball) -> Ball:
    """The ball as a real one when its imaginary part is exactly zero."""
    if isinstance(x, acb) and x.imag == 0:
        return x.real
    return x


def _power(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    base_node, exponent_node = node.args
    base = ball(base_node, env, unknown)
    if exponent_node.op == "num":
        exponent: fmpq = exponent_node.value
        if exponent.q == 1:
            if base == 0 and exponent <= 0:
                raise Undefined
            return base ** arb(exponent) if isinstance(base, arb) else base ** acb(exponent)
        if exponent.q % 2 == 1 and isinstance(base, arb) and base < 0:
            # An odd root of a negative number is the real one, as under a root sign.
            raised = (-base) ** arb(exponent)
            return raised if exponent.p % 2 == 0 else -raised
    if base_node.op == "const" and base_node.value == "e":
        return ball(exponent_node, env, unknown).exp()
    exponent_ball = ball(exponent_node, env, unknown)
    return _raise(base, exponent_ball)


def _raise(base: Ball, exponent: Ball) -> Ball:
    if base == 0 and exponent == 0:
        raise Undefined
    if isinstance(base, arb) and isinstance(exponent, arb):
        if base > 0 or exponent.is_integer():
            return base**exponent
        if base == 0:
            return arb(0) if exponent > 0 else arb("nan")
        if not base < 0:
            return base**exponent
        return acb(base) ** acb(exponent)
    return acb(base) ** acb(exponent)


def _root(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    radicand = ball(node.args[0], env, unknown)
    index_node = node.args[1]
    n = 2 if index_node is TWO else _small_index(index_node)
    if n:
        if isinstance(radicand, arb):
            if radicand >= 0:
                return radicand.sqrt() if n == 2 else radicand.root(n)
            if radicand < 0:
                if n % 2 == 1:
                    return -((-radicand).root(n))
                return acb(radicand).sqrt() if n == 2 else acb(radicand) ** acb(fmpq(1, n))
            return radicand.sqrt() if n == 2 else radicand.root(n)
        return radicand.sqrt() if n == 2 else radicand ** acb(fmpq(1, n))
    return _raise(radicand, 1 / ball(index_node, env, unknown))


def _small_index(node: Node) -> int:
    """The index of a root, when it is an integer from 2 to 1,000; else 0."""
    if node.op == "num" and node.value.q == 1 and 1 < node.value <= 1000:
        return int(node.value.p)
    return 0


def _log(x: Ball) -> Ball:
    if x == 0:
        raise Undefined
    if isinstance(x, arb) and x < 0:
        return acb(x).log()
    return x.log()


def _inverse(name: str, x: Ball) -> Ball:
    if isinstance(x, arb) and (x > 1 or x < -1):
        x = acb(x)
    return x.asin() if name == "arcsin" else x.acos()


def _function(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    name = node.value
    if name == "det":
        return _determinant(node.args[0], env, unknown)
    args = [ball(arg, env, unknown) for arg in node.args]
    x = args[0]
    simple = _SIMPLE.get(name)
    if simple is not None:
        return simple(x)
    if name == "log":
        return _log(x) / (_log(args[1]) if len(args) == 2 else 1)
    if name in ("arcsin", "arccos"):
        return _inverse(name, x)
    if name in ("arcsec", "arccsc"):
        if x == 0:
            raise Undefined
        return _inverse("arccos" if name == "arcsec" else "arcsin", 1 / x)
    if name == "arccosh":
        return x.acosh() if isinstance(x, acb) or x >= 1 else acb(x).acosh()
    if name == "arctanh":
        return x.atanh() if isinstance(x, acb) or (x > -1 and x < 1) else acb(x).atanh()
    if name in ("max", "min"):
        best = x
        for arg in args[1:]:
            if not isinstance(best, arb) or not isinstance(arg, arb):
                raise NoBall("order of complex numbers")
            best = best.max(arg) if name == "max" else best.min(arg)
        return best
    if name in ("floor", "ceil", "sgn") and isinstance(x, arb):
        return x.floor() if name == "floor" else x.ceil() if name == "ceil" else x.sgn()
    if name in ("gcd", "lcm"):
        whole = [_whole(arg) for arg in args]
        found = whole[0]
        for number in whole[1:]:
            found = found.gcd(number) if name == "gcd" else found.lcm(number)
        return arb(found)
    if name == "mod" and isinstance(x, arb) and isinstance(args[1], arb):
        return x - args[1] * (x / args[1]).floor()
    if name == "Re":
        return x.real if isinstance(x, acb) else x
    if name == "Im":
        return x.imag if isinstance(x, acb) else arb(0)
    if name == "arg":
        return acb(x).arg()
    raise NoBall(name)


def _whole(x: Ball) -> fmpz:
    number = x.unique_fmpz() if isinstance(x, arb) and x.is_integer() else None
    if number is None:
        raise NoBall("a divisor of what is no whole number")
    return number


_SIMPLE: dict[str, Callable[[Ball], Ball]] = {
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "tan": lambda x: x.tan(),
    "cot": lambda x: x.cot(),
    "sec": lambda x: 1 / x.cos(),
    "csc": lambda x: 1 / x.sin(),
    "ln": _log,
    "abs": lambda x: abs(x),
    "arctan": lambda x: x.atan(),
    "arccot": lambda x: arb.pi() / 2 - x.atan(),
    "sinh": lambda x: x.sinh(),
    "cosh": lambda x: x.cosh(),
    "tanh": lambda x: x.tanh(),
    "coth": lambda x: x.coth(),
    "arcsinh": lambda x: x.asinh(),
    "erf": lambda x: x.erf(),
    "gammafn": lambda x: x.gamma(),
}


def _binomial(n: Ball, k: Ball) -> Ball:
    if isinstance(n, acb) or isinstance(k, acb):
        raise NoBall("binomial")
    if n.is_integer() and k.is_integer() and n >= 0 and (k < 0 or k > n):
        return arb(0)
    if abs(n) < 10_000_000:
        # The gamma function directly keeps small values exact enough to compare.
        return (n + 1).gamma() / ((k + 1).gamma() * (n - k + 1).gamma())
    return ((n + 1).lgamma() - (k + 1).lgamma() - (n - k + 1).lgamma()).exp()


def _determinant(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    if node.op != "matrix" or node.value[0] != node.value[1] or node.value[0] > 16:
        raise NoBall("determinant")
    cells = [acb(ball(arg, env, unknown)) for arg in node.args]
    return real_part_if_real(flint.acb_mat(node.value[0], node.value[1], cells).det())


def _series(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    variable, low, high, body = node.args
    if high.op == "const":
        raise NoBall("infinite series")
    first, last = ball(low, env, unknown), ball(high, env, unknown)
    if isinstance(first, acb) or isinstance(last, acb):
        raise NoBall("bounds")
    start, stop = first.unique_fmpz(), last.unique_fmpz()
    nested = any(name.startswith("∑") for name in env)
    if start is None or stop is None or stop - start > (_NESTED_TERMS_MAX if nested else TERMS_MAX):
        raise NoBall("too many terms")
    if not series_allowed(int(stop - start) + 1, body):
        raise NoBall("too many terms")
    total: Ball = arb(0 if node.op == "sum" else 1)
    inner = dict(env)
    inner["∑"] = arb(0)  # Marks what is inside of a sum, which bounds the sums inside of it more tightly.
    for n in range(int(start), int(stop) + 1):
        inner[variable.value] = arb(n)
        term = ball(body, inner, unknown)
        total = total + term if node.op == "sum" else total * term
    return total


def _integral(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    """A definite integral with finite bounds, enclosed rigorously with a bounded number of evaluations."""
    variable, low, high, body = node.args
    if any(name.startswith("∫") for name in env) or "int" in operations(body) or operations(body) & _NOT_ANALYTIC:
        raise NoBall("integral")
    first, last = ball(low, env, unknown), ball(high, env, unknown)
    if not first.is_finite() or not last.is_finite():
        raise NoBall("improper integral")
    inner = dict(env)
    inner["∫"] = arb(0)

    def integrand(x: acb, analytic: bool) -> acb:
        inner[variable.value] = x
        try:
            value = acb(ball(body, inner, unknown))
        except Undefined:
            return acb("nan")
        if analytic and operations(body) & _BRANCHING and not _far_from_cut(x):
            return acb("nan")
        return value

    return real_part_if_real(
        acb.integral(integrand, acb(first), acb(last), rel_tol=arb(2) ** -70, eval_limit=1500, depth_limit=30)
    )


_NOT_ANALYTIC = frozenset(
    ("fn:abs", "fn:floor", "fn:ceil", "fn:sgn", "fn:max", "fn:min", "fn:mod", "cases", "fn:Re", "fn:Im")
)
_BRANCHING = frozenset(("root", "fn:ln", "fn:log", "fn:arcsin", "fn:arccos", "fn:arccosh", "fn:arctanh", "pow"))


def _far_from_cut(x: acb) -> bool:
    """A conservative test: to the right of zero roots and logarithms are analytic for sure."""
    return bool(x.real > 0)


def _cases(node: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> Ball:
    """The first branch whose condition surely holds; a condition that cannot be told makes the whole unknown."""
    for at in range(0, len(node.args), 2):
        if _holds(node.args[at + 1], env, unknown):
            return ball(node.args[at], env, unknown)
    raise Undefined


def _holds(condition: Node, env: Mapping[str, Ball], unknown: Unknown | None) -> bool:
    if condition.op == "special" and condition.value == "otherwise":
        return True
    if condition.op == "list":
        return all(_holds(arg, env, unknown) for arg in condition.args)
    if condition.op != "rel":
        raise NoBall("condition")
    for left, sign, right in zip(condition.args, condition.value, condition.args[1:], strict=False):
        a, b = ball(left, env, unknown), ball(right, env, unknown)
        if isinstance(a, acb) or isinstance(b, acb):
            raise NoBall("complex condition")
        truth = {
            "<": (a < b, a >= b), "<=": (a <= b, a > b), ">": (a > b, a <= b), ">=": (a >= b, a < b),
            "=": (a == b, a < b or a > b), "!=": (a < b or a > b, a == b),
        }.get(sign)  # fmt: skip
        if truth is None or not any(truth):
            raise NoBall("condition")
        if not truth[0]:
            return False
    return True


_ENCLOSE: dict[str, Callable[[Node, Mapping[str, Ball], Unknown | None], Ball]] = {
    "dec": _decimal,
    "rep": _decimal,
    "div": _quotient,
    "pow": _power,
    "root": _root,
    "const": _constant,
    "fn": _function,
    "deg": _degrees,
    "pct": _percent,
    "fact": _factorial,
    "binom": lambda node, env, unknown: _binomial(ball(node.args[0], env, unknown), ball(node.args[1], env, unknown)),
    "sum": _series,
    "prod": _series,
    "app": _applied,
    "ratio": _ratio,
    "base": _based,
    "int": _integral,
    "cases": _cases,
}
"""Every operation but the commonest four, which `ball` knows by itself."""
