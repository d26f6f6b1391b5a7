"""A tree's value as an exact rational number, where it has one that is cheap to find.

Not covered: irrational numbers (balls.py), variables (field.py).
"""

from flint import fmpq, fmpz

from graders.math.tree import Node, series_allowed

BITS_MAX = 20_000
TERMS_MAX = 2_000
_NESTED_TERMS_MAX = 60
_ZERO = fmpq(0)


class NotRational(Exception):
    """No rational value could be found within the bounds; it may still have one."""


class Undefined(Exception):
    """The expression has no value: division by zero, the logarithm of zero."""


def rational(node: Node) -> fmpq | None:
    """The exact value, or None when it is irrational, too large, or not a number.

    Raises:
        Undefined: a division by zero.
    """
    op = node.op
    if op == "num":
        number: fmpq = node.value
        return number
    if op in ("dec", "rep"):
        written: fmpq = node.value[0]
        return written
    if op == "sym" or op == "const":
        return None
    try:
        return value(node, {})
    except NotRational:
        return None


def value(node: Node, bound: dict[str, fmpq]) -> fmpq:
    """The exact value, with some variables bound (the indices of sums)."""
    op = node.op
    if op == "num":
        number: fmpq = node.value
        return number
    if op in ("dec", "rep"):
        written: fmpq = node.value[0]
        return written
    if op == "add":
        total = value(node.args[0], bound)
        for arg in node.args[1:]:
            total = total + value(arg, bound)
        return total
    if op == "mul":
        product = value(node.args[0], bound)
        for arg in node.args[1:]:
            product *= value(arg, bound)
            if _bits(product) > BITS_MAX:
                raise NotRational
        return product
    if op == "div":
        top, bottom = value(node.args[0], bound), value(node.args[1], bound)
        if bottom == 0:
            raise Undefined
        return top / bottom
    if op == "pow":
        return _power(value(node.args[0], bound), value(node.args[1], bound))
    if op == "sym":
        if node.value in bound:
            return bound[node.value]
        raise NotRational
    if op == "root":
        return _root(value(node.args[0], bound), value(node.args[1], bound))
    if op == "pct":
        return value(node.args[0], bound) / 100
    if op == "base":
        return _in_base(*node.value)
    if op == "ratio" and len(node.args) == 2:
        bottom = value(node.args[1], bound)
        if bottom == 0:
            raise Undefined
        return value(node.args[0], bound) / bottom
    if op == "fact":
        n = value(node.args[0], bound)
        if n.q != 1 or not 0 <= n <= TERMS_MAX:
            raise NotRational
        return fmpq(fmpz.fac_ui(n.p))
    if op == "binom":
        n, k = value(node.args[0], bound), value(node.args[1], bound)
        if n.q != 1 or k.q != 1 or not 0 <= n <= 20_000:
            raise NotRational
        if k < 0 or k > n:
            return _ZERO
        return fmpq(fmpz.bin_uiui(int(n.p), int(k.p)))
    if op == "fn":
        return _function(node, bound)
    if op in ("sum", "prod"):
        return _series(node, bound)
    raise NotRational


def _bits(number: fmpq) -> int:
    return max(number.p.bit_length(), number.q.bit_length())


def _power(base: fmpq, exponent: fmpq) -> fmpq:
    if exponent.q != 1:
        if exponent.q > 64:
            raise NotRational
        return _power(_root(base, fmpq(exponent.q)), fmpq(exponent.p))
    n = int(exponent.p)
    if base == 0:
        if n < 0:
            raise Undefined
        if n == 0:
            raise NotRational  # 0^0 is nobody's answer.
        return _ZERO
    if abs(n) * _bits(base) > BITS_MAX and base not in (1, -1):
        raise NotRational
    if base in (1, -1):
        return fmpq(1) if base == 1 or n % 2 == 0 else fmpq(-1)
    return base**n


def _root(radicand: fmpq, index: fmpq) -> fmpq:
    if index.q != 1 or not 2 <= index <= 64:
        raise NotRational
    n = int(index.p)
    if radicand < 0:
        if n % 2 == 0:
            raise NotRational
        return -_root(-radicand, index)
    if _bits(radicand) > BITS_MAX:
        raise NotRational
    top, bottom = _exact_root(radicand.p, n), _exact_root(radicand.q, n)
    if top is None or bottom is None:
        raise NotRational
    return fmpq(top, bottom)


def _exact_root(number: fmpz, n: int) -> fmpz | None:
    if n == 2:
        root = number.isqrt()
        return root if root * root == number else None
    root = number.root(n)
    return root if root**n == number else None


def _in_base(digits: str, base: int) -> fmpq:
    try:
        return fmpq(int(digits[:4000], base)) if 2 <= base <= 36 else fmpq(0, 1)
    except ValueError:
        raise NotRational from None


def _whole(number: fmpq) -> fmpz:
    if number.q != 1:
        raise NotRational
    return number.p


def _function(node: Node, bound: dict[str, fmpq]) -> fmpq:
    name = node.value
    if name in ("sin", "cos", "tan", "ln", "log") and len(node.args) == 1:
        argument = node.args[0]
        if argument.op == "num" and argument.value == 0 and name in ("sin", "tan"):
            return _ZERO
        raise NotRational
    args = [value(arg, bound) for arg in node.args if arg.op != "matrix"]
    if not args:
        raise NotRational
    if name == "abs":
        return abs(args[0])
    if name == "floor":
        return fmpq(args[0].floor())
    if name == "ceil":
        return fmpq(args[0].ceil())
    if name == "max":
        return max(args)
    if name == "min":
        return min(args)
    if name == "sgn":
        return fmpq((args[0] > 0) - (args[0] < 0))
    if name in ("gcd", "lcm"):
        result = _whole(args[0])
        for arg in args[1:]:
            result = result.gcd(_whole(arg)) if name == "gcd" else result.lcm(_whole(arg))
        return fmpq(result)
    if name == "mod" and len(args) == 2:
        if args[1] == 0:
            raise Undefined
        return args[0] - args[1] * fmpq((args[0] / args[1]).floor())
    if name == "double_factorial":
        n = _whole(args[0])
        if not 0 <= n <= TERMS_MAX:
            raise NotRational
        product = fmpz(1)
        for factor in range(int(n), 1, -2):
            product *= factor
        return fmpq(product)
    raise NotRational


def _series(node: Node, bound: dict[str, fmpq]) -> fmpq:
    variable, low, high, body = node.args
    first, last = value(low, bound), value(high, bound)
    if first.q != 1 or last.q != 1 or last - first > TERMS_MAX:
        raise NotRational
    if not series_allowed(int((last - first).p) + 1, body) or (bound and last - first > _NESTED_TERMS_MAX):
        raise NotRational
    total = fmpq(0 if node.op == "sum" else 1)
    inner = dict(bound)
    for n in range(int(first.p), int(last.p) + 1):
        inner[variable.value] = fmpq(n)
        term = value(body, inner)
        total = total + term if node.op == "sum" else total * term
        if _bits(total) > BITS_MAX:
            raise NotRational
    return total
