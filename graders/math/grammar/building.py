"""Trees from trees: sums, products, quotients, applied functions, kept short where both sides are numbers.

What is no sum or product (of sets, of equations) is outside of the grammar.
"""

from itertools import pairwise

from graders.math import units
from graders.math.grammar.tables import NOT_FACTORS, NOT_SUMMANDS
from graders.math.tokens import Unreadable
from graders.math.tree import TWO, Node, made, number


def summed(terms: list[Node]) -> Node:
    if len(terms) == 1:
        return terms[0]
    for term in terms:
        if term.op in NOT_SUMMANDS:
            if any(term.op == "ellipsis" for term in terms):
                return Node("app", tuple(terms), "+…")
            raise Unreadable("sum of structures")
    return made(("add", tuple(terms), None))


def product(left: Node, right: Node) -> Node:
    if right.op in NOT_FACTORS or left.op in NOT_FACTORS:
        if left.op == "sym" or (right.op == "tuple" and left.op in ("num", "dec", "div", "root", "mul")):
            raise Unreadable("product of structures")
        raise Unreadable("product with a structure")
    if right.op == "qty" and left.op == "num":
        return Node("qty", (product(left, right.args[0]),), right.value)
    if left.op == "mul":
        return made(("mul", (*left.args, right), None))
    return made(("mul", (left, right), None))


def quotient(left: Node, right: Node) -> Node:
    if right.op in NOT_FACTORS or left.op in NOT_FACTORS:
        raise Unreadable("quotient of structures")
    if left.op == "num" and right.op == "num" and right.value != 0:
        return made(("num", (), left.value / right.value))
    return made(("div", (left, right), None))


def applied(name: str, argument: Node, base: Node | None) -> Node:
    if name == "exp":
        return Node("pow", (Node("const", (), "e"), argument))
    if name == "cis":
        return Node("pow", (Node("const", (), "e"), Node("mul", (Node("const", (), "i"), argument))))
    if name == "lg":
        return Node("fn", (argument, number(10)), "log")
    if name == "lb":
        return Node("fn", (argument, TWO), "log")
    if name == "cbrt":
        return Node("root", (argument, number(3)))
    if name == "factorial":
        return Node("fact", (argument,))
    if name == "degree":
        raise Unreadable("degree of a polynomial")
    if name == "log" and base is not None:
        return Node("fn", (argument, base), "log")
    return Node("fn", (argument,), name)


def compound(items: list[Node]) -> Node | None:
    """3 hours 20 minutes, 5 feet 3 inches: quantities of one dimension, from large to small, are one quantity."""
    if not all(item.op == "qty" and isinstance(item.value, units.Unit) for item in items):
        return None
    first: units.Unit = items[0].value
    scales = [item.value.scale for item in items]
    if any(item.value.dimension != first.dimension for item in items):
        return None
    if any(later >= earlier for earlier, later in pairwise(scales)):
        return None
    terms = [Node("mul", (Node("num", (), item.value.scale / first.scale), item.args[0])) for item in items[1:]]
    return Node("qty", (Node("add", (items[0].args[0], *terms)),), first)


def only_a_domain(item: Node) -> bool:
    """Whether a clause only says that a parameter is an integer, a real number, ..."""
    return item.op == "in" and item.args[0].op in ("sym", "list") and item.args[1].op == "special"
