"""Chains of comparisons, and inequalities in several variables."""

from flint import fmpq

from graders.math import rungs
from graders.math.comparing.asker import Asker
from graders.math.comparing.found import DIFFERENT, Found, rational_or_none
from graders.math.comparing.matching import in_order
from graders.math.tree import Node, negated, number, substituted, symbols

TURNED = {
    "<": ">", ">": "<", "<=": ">=", ">=": "<=", "⊂": "⊃", "⊃": "⊂", "⊆": "⊇", "⊇": "⊆",
    **{sign: sign for sign in ("=", "!=", "≈", "≡", "⊥", "∥", "∝")},
}  # fmt: skip
"""What each sign is from its other end; one that is not here ("divides") has none."""
ORDER_SIGNS = frozenset(("<", ">", "<=", ">=", "!="))


def is_inequality(node: Node) -> bool:
    return node.op == "rel" and any(sign in ORDER_SIGNS for sign in node.value)


def difference_of(relation: Node) -> Node:
    left, right = relation.args[0], relation.args[1]
    if right == number(0):
        return left
    return Node("add", (left, negated(right)))


def compare_chains(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """A chain of comparisons, side by side, read from either end."""
    if answer.op != "rel" or len(answer.args) != len(gold.args):
        return DIFFERENT
    for args, signs in (
        (answer.args, answer.value),
        (answer.args[::-1], tuple(TURNED.get(sign) for sign in reversed(answer.value))),
    ):
        if signs == gold.value:
            found = in_order(asker, list(gold.args), list(args), depth)
            if found.equal:
                return found
    return Found(False, "chain")


def compare_inequalities(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """Inequalities in several variables: the same sides, or differences in a positive proportion."""
    found = compare_chains(asker, gold, answer, depth)
    if found.equal:
        return found
    if len(gold.args) != 2 or len(answer.args) != 2 or symbols(gold) != symbols(answer):
        return found
    for sign, turned in ((answer.value[0], 1), (TURNED.get(answer.value[0], ""), -1)):
        if sign != gold.value[0]:
            continue
        left, right = difference_of(gold), difference_of(answer)
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
