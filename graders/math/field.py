"""A rational function's value at a random point of a finite field: two different functions agree there with a
probability below their degree over 2^61, so two points in two fields settle equality for good, and at once.

Nothing grows: every number stays below 2^61 whatever the expression. Not covered: roots, logarithms, trigonometric
functions, exponents that are not integers (balls.py).

Source: the Schwartz-Zippel lemma; the idea of testing symbolic equality so is as old as computer algebra.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from graders.math.exact import Undefined
from graders.math.tree import Node, series_allowed

PRIMES = (2**61 - 1, 2**61 - 31)
TERMS_MAX = 400
EXPONENT_BITS_MAX = 4096


class NotRationalFunction(Exception):
    """The expression is outside of what a field can evaluate."""


@lru_cache(maxsize=4096)
def coordinate(name: str, point: int, prime: int) -> int:
    """The value of a variable at a point: arbitrary, but the same in every process and run."""
    digest = hashlib.blake2b(f"{point}:{name}".encode(), digest_size=16).digest()
    return int.from_bytes(digest) % prime


def _unknown(name: str, args: tuple[int, ...], point: int, prime: int) -> int:
    digest = hashlib.blake2b(f"{point}:{name}:{args}".encode(), digest_size=16).digest()
    return int.from_bytes(digest) % prime


def evaluate(node: Node, point: int, prime: int, bound: Mapping[str, int]) -> int:
    """The value at a point, variables in `bound` taken from there.

    Raises:
        NotRationalFunction: some operation is not one of a field.
        Undefined: a division by zero at this point.
    """
    op = node.op
    if op == "num":
        number = node.value
        if number.q == 1:
            return int(number.p) % prime
        return int(number.p) * _inverse(int(number.q), prime) % prime
    if op == "sym":
        if bound:
            found = bound.get(node.value)
            if found is not None:
                return found % prime
        return coordinate(node.value, point, prime)
    if op == "add":
        total = 0
        for arg in node.args:
            total += evaluate(arg, point, prime, bound)
        return total % prime
    if op == "mul":
        product = evaluate(node.args[0], point, prime, bound)
        for arg in node.args[1:]:
            product = product * evaluate(arg, point, prime, bound) % prime
        return product
    if op == "div":
        return (
            evaluate(node.args[0], point, prime, bound)
            * _inverse(evaluate(node.args[1], point, prime, bound), prime)
            % prime
        )
    if op == "pow":
        exponent = _integer(node.args[1], bound)
        base = evaluate(node.args[0], point, prime, bound)
        if exponent < 0:
            return pow(_inverse(base, prime), -exponent, prime)
        if exponent == 0 and base == 0:
            raise Undefined
        return pow(base, exponent, prime)
    if op in ("dec", "rep"):
        number = node.value[0]
        return int(number.p) * _inverse(int(number.q), prime) % prime
    if op == "pct":
        return evaluate(node.args[0], point, prime, bound) * _inverse(100, prime) % prime
    if op == "app":
        args = tuple(evaluate(arg, point, prime, bound) for arg in node.args)
        return _unknown(node.value, args, point, prime)
    if op in ("sum", "prod"):
        variable, low, high, body = node.args
        first, last = _integer(low, bound), _integer(high, bound)
        if last - first > TERMS_MAX or not series_allowed(last - first + 1, body) or len(bound) > 12:
            raise NotRationalFunction
        inner = dict(bound)
        total = 0 if op == "sum" else 1
        for n in range(first, last + 1):
            inner[variable.value] = n
            term = evaluate(body, point, prime, inner)
            total = (total + term if op == "sum" else total * term) % prime
        return total
    if op == "fact":
        n = _integer(node.args[0], bound)
        if not 0 <= n <= TERMS_MAX:
            raise NotRationalFunction
        product = 1
        for factor in range(2, n + 1):
            product = product * factor % prime
        return product
    if op == "binom":
        return _binomial(node, bound, prime)
    raise NotRationalFunction


def _inverse(number: int, prime: int) -> int:
    if number % prime == 0:
        raise Undefined
    return pow(number, -1, prime)


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


def _binomial(node: Node, bound: Mapping[str, int], prime: int) -> int:
    n, k = _integer(node.args[0], bound), _integer(node.args[1], bound)
    if not 0 <= n <= TERMS_MAX:
        raise NotRationalFunction
    if not 0 <= k <= n:
        return 0
    top = bottom = 1
    for i in range(1, k + 1):
        top = top * (n - k + i) % prime
        bottom = bottom * i % prime
    return top * _inverse(bottom, prime) % prime
