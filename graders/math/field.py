"""A rational function's value at a random point of a finite field: two different functions agree there with a
probability below their degree over 2^88, so one point settles equality for good, and at once.

The field and the point are drawn when the process starts and told to nobody. Were they known, x and x plus the prime
would be equal here, and so would be x^2 and x^2 plus anything that is zero at the point. No verdict on an answer that
was written without that knowledge depends on the draw.

Nothing grows: every number stays below 2^89 whatever the expression. Not covered: roots, logarithms, trigonometric
functions, exponents that are not integers (balls.py).

Source: the Schwartz-Zippel lemma; the idea of testing symbolic equality so is as old as computer algebra.
"""

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache

from flint import fmpz

from graders.math.exact import Undefined
from graders.math.tree import Node, series_allowed

TERMS_MAX = 400
EXPONENT_BITS_MAX = 4096
_SECRET = os.urandom(16)


def _drawn_prime() -> int:
    candidate = 2**88 | int.from_bytes(os.urandom(11)) | 1
    while not fmpz(candidate).is_prime():
        candidate += 2
    return candidate


_PRIME = _drawn_prime()


class NotRationalFunction(Exception):
    """The expression is outside of what a field can evaluate."""


def _drawn(what: str) -> int:
    """A number of 128 bits that belongs to a text: the same throughout this process."""
    return int.from_bytes(hashlib.blake2b(what.encode(), digest_size=16, key=_SECRET).digest())


@lru_cache(maxsize=4096)
def coordinate(name: str, point: int) -> int:
    """The value of a variable at a point."""
    return _drawn(f"{point}:{name}") % _PRIME


@lru_cache(maxsize=4096)
def integer(name: str, point: int, low: int, high: int) -> int:
    """An integer from a range, for a variable that stands in an exponent or under a factorial."""
    return low + _drawn(f"{point}#{name}") % (high - low + 1)


def evaluate(node: Node, point: int, bound: Mapping[str, int]) -> int:
    """The value at a point, variables in `bound` taken from there.

    Raises:
        NotRationalFunction: some operation is not one of a field.
        Undefined: a division by zero at this point.
    """
    op = node.op
    if op == "num":
        number = node.value
        if number.q == 1:
            return int(number.p) % _PRIME
        return int(number.p) * _inverse(int(number.q)) % _PRIME
    if op == "sym":
        if bound:
            found = bound.get(node.value)
            if found is not None:
                return found % _PRIME
        return coordinate(node.value, point)
    if op == "add":
        total = 0
        for arg in node.args:
            total += evaluate(arg, point, bound)
        return total % _PRIME
    if op == "mul":
        product = evaluate(node.args[0], point, bound)
        for arg in node.args[1:]:
            product = product * evaluate(arg, point, bound) % _PRIME
        return product
    if op == "div":
        return evaluate(node.args[0], point, bound) * _inverse(evaluate(node.args[1], point, bound)) % _PRIME
    if op == "pow":
        exponent = _integer(node.args[1], bound)
        base = evaluate(node.args[0], point, bound)
        if exponent < 0:
            return pow(_inverse(base), -exponent, _PRIME)
        if exponent == 0 and base == 0:
            raise Undefined
        return pow(base, exponent, _PRIME)
    if op in ("dec", "rep"):
        number = node.value[0]
        return int(number.p) * _inverse(int(number.q)) % _PRIME
    if op == "pct":
        return evaluate(node.args[0], point, bound) * _inverse(100) % _PRIME
    if op == "app":
        args = tuple(evaluate(arg, point, bound) for arg in node.args)
        return _drawn(f"{point}:{node.value}:{args}") % _PRIME
    if op in ("sum", "prod"):
        variable, low, high, body = node.args
        first, last = _integer(low, bound), _integer(high, bound)
        if last - first > TERMS_MAX or not series_allowed(last - first + 1, body) or len(bound) > 12:
            raise NotRationalFunction
        inner = dict(bound)
        total = 0 if op == "sum" else 1
        for n in range(first, last + 1):
            inner[variable.value] = n
            term = evaluate(body, point, inner)
            total = (total + term if op == "sum" else total * term) % _PRIME
        return total
    if op == "fact":
        n = _integer(node.args[0], bound)
        if not 0 <= n <= TERMS_MAX:
            raise NotRationalFunction
        product = 1
        for factor in range(2, n + 1):
            product = product * factor % _PRIME
        return product
    if op == "binom":
        return _binomial(node, bound)
    raise NotRationalFunction


def _inverse(number: int) -> int:
    if number % _PRIME == 0:
        raise Undefined
    return pow(number, -1, _PRIME)


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


def _binomial(node: Node, bound: Mapping[str, int]) -> int:
    n, k = _integer(node.args[0], bound), _integer(node.args[1], bound)
    if not 0 <= n <= TERMS_MAX:
        raise NotRationalFunction
    if not 0 <= k <= n:
        return 0
    top = bottom = 1
    for i in range(1, k + 1):
        top = top * (n - k + i) % _PRIME
        bottom = bottom * i % _PRIME
    return top * _inverse(bottom) % _PRIME
