"""A rational function's value at a random point of a finite field: two different functions agree there with a
probability below their degree over 2^62, so one point settles equality for good, and at once.

The field and the point are drawn when the process starts and told to nobody. Were they known, x and x plus the prime
would be equal here, and so would be x^2 and x^2 plus anything that is zero at the point. No verdict on an answer that
was written without that knowledge depends on the draw.

Nothing grows: every number stays below 2^64 whatever the expression. Not covered: roots, logarithms, trigonometric
functions, exponents that are not integers (balls.py).

Source: the Schwartz-Zippel lemma; the idea of testing symbolic equality so is as old as computer algebra.
"""

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache

from flint import fmpz, nmod

from graders.math.exact import Undefined
from graders.math.names import names
from graders.math.tree import Node, series_allowed

TERMS_MAX = 400
EXPONENT_BITS_MAX = 4096
_SECRET = os.urandom(16)


def _drawn_prime() -> int:
    """A prime above 2^62 whose predecessor has a large prime factor too, so that no exponent makes all powers one."""
    factor = 2**57 | int.from_bytes(os.urandom(7)) | 1
    while not fmpz(factor).is_prime():
        factor += 2
    multiple = 2**62 // factor & ~1
    while True:
        multiple += 2
        candidate = multiple * factor + 1
        if candidate >= 2**64:
            return _drawn_prime()
        if fmpz(candidate).is_prime():
            return candidate


_PRIME = _drawn_prime()


OPERATIONS = names("num sym mul add pow div dec rep pct app sum prod fact binom")
"""What a field can evaluate, exponents and bounds permitting; with anything else in it there is no need to try."""


class NotRationalFunction(Exception):
    """The expression is outside of what a field can evaluate."""


def drawn(what: str) -> int:
    """A secret number of 128 bits that belongs to a text: the same throughout this process, another in the next."""
    return int.from_bytes(hashlib.blake2b(what.encode(), digest_size=16, key=_SECRET).digest())


@lru_cache(maxsize=4096)
def coordinate(name: str, point: int) -> nmod:
    """The value of a variable at a point."""
    return nmod(drawn(f"{point}:{name}"), _PRIME)


@lru_cache(maxsize=4096)
def _of_unknown(name: str, point: int, args: tuple[int, ...]) -> nmod:
    """The value of an unknown function: any, but the same for the same arguments. Sums ask for the same ones often."""
    return nmod(drawn(f"{point}:{name}:{args}"), _PRIME)


@lru_cache(maxsize=4096)
def integer(name: str, point: int, low: int, high: int) -> int:
    """An integer from a range, for a variable that stands in an exponent or under a factorial."""
    return low + drawn(f"{point}#{name}") % (high - low + 1)


def equal(left: Node, right: Node, point: int, bound: Mapping[str, int]) -> bool:
    """Whether two expressions have the same value at a point, variables in `bound` taken from there.

    Raises:
        NotRationalFunction: some operation is not one of a field.
        Undefined: a division by zero at this point.
    """
    try:
        return bool(_value(left, point, bound) == _value(right, point, bound))
    except ZeroDivisionError:
        raise Undefined from None


def _value(node: Node, point: int, bound: Mapping[str, int]) -> nmod:
    op, args, datum = node
    if op == "num":
        return nmod(datum, _PRIME)
    if op == "sym":
        if bound:
            found = bound.get(datum)
            if found is not None:
                return nmod(found, _PRIME)
        return coordinate(datum, point)
    if op == "mul":
        product = _value(args[0], point, bound)
        for arg in args[1:]:
            product = product * _value(arg, point, bound)
        return product
    if op == "add":
        total = _value(args[0], point, bound)
        for arg in args[1:]:
            total = total + _value(arg, point, bound)
        return total
    if op == "pow":
        exponent = _integer(args[1], bound)
        base = _value(args[0], point, bound)
        if exponent == 0 and not base:
            raise Undefined
        return base**exponent
    if op == "div":
        return _value(args[0], point, bound) / _value(args[1], point, bound)
    if op in ("dec", "rep"):
        return nmod(node.value[0], _PRIME)
    if op == "pct":
        return _value(node.args[0], point, bound) / 100
    if op == "app":
        return _of_unknown(datum, point, tuple([int(_value(arg, point, bound)) for arg in args]))
    if op in ("sum", "prod"):
        return _series(node, point, bound)
    if op == "fact":
        n = _integer(node.args[0], bound)
        if not 0 <= n <= TERMS_MAX:
            raise NotRationalFunction
        return nmod(fmpz.fac_ui(fmpz(n)), _PRIME)
    if op == "binom":
        n, k = _integer(node.args[0], bound), _integer(node.args[1], bound)
        if not 0 <= n <= TERMS_MAX:
            raise NotRationalFunction
        return nmod(fmpz.bin_uiui(n, k) if 0 <= k <= n else 0, _PRIME)
    raise NotRationalFunction


def _series(node: Node, point: int, bound: Mapping[str, int]) -> nmod:
    variable, low, high, body = node.args
    first, last = _integer(low, bound), _integer(high, bound)
    if last - first > TERMS_MAX or not series_allowed(last - first + 1, body) or len(bound) > 12:
        raise NotRationalFunction
    inner = dict(bound)
    total = nmod(0 if node.op == "sum" else 1, _PRIME)
    for n in range(first, last + 1):
        inner[variable.value] = n
        term = _value(body, point, inner)
        total = total + term if node.op == "sum" else total * term
    return total


def _integer(node: Node, bound: Mapping[str, int]) -> int:
    """An exponent, index bound or factorial's argument: an integer that does not depend on the field."""
    op = node.op
    if op == "num":
        if node.value.q != 1 or node.value.p.bit_length() > EXPONENT_BITS_MAX:
            raise NotRationalFunction
        return int(node.value.p)
    if op == "sym" and node.value in bound:
        return bound[node.value]
    if op == "add":
        return _small(sum(_integer(arg, bound) for arg in node.args))
    if op == "mul":
        product = 1
        for arg in node.args:
            product = _small(product * _integer(arg, bound))
        return product
    if op == "div":
        top, bottom = _integer(node.args[0], bound), _integer(node.args[1], bound)
        if bottom == 0 or top % bottom:
            raise NotRationalFunction
        return top // bottom
    if op == "pow":
        base, exponent = _integer(node.args[0], bound), _integer(node.args[1], bound)
        if not 0 <= exponent <= 256 or base.bit_length() * exponent > EXPONENT_BITS_MAX:
            raise NotRationalFunction
        return int(base**exponent)
    raise NotRationalFunction


def _small(number: int) -> int:
    if number.bit_length() > EXPONENT_BITS_MAX:
        raise NotRationalFunction
    return number
