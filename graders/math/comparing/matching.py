"""Several values against several: in order, in any order, or all the same."""

from graders.math.comparing.asker import Asker, labelled, unlabelled
from graders.math.comparing.found import DIFFERENT, HEDGED, Found
from graders.math.comparing.settling import settled
from graders.math.tree import Node


def elements(node: Node) -> list[Node]:
    """The members of a list or set; "p=5, q=2; p=7, q=2" is two pairs."""
    if node.op == "rel" and node.value == ("=",) and node.args[1].op in ("set", "list"):
        return elements(node.args[1])
    if node.op not in ("list", "set"):
        return [node]
    items = [settled(arg) for arg in node.args]
    flat: list[Node] = []
    for item in items:
        if item.op == "list":
            flat.extend(item.args)
        elif item.op == "rel" and item.value == ("=",) and item.args[1].op in ("list", "set") and len(items) > 1:
            flat.extend(elements(item))
        else:
            flat.append(item)
    labels = [labelled(item).label for item in flat] if len(flat) >= 4 else []
    if labels and all(label is not None for label in labels):
        width = next((at for at in range(1, len(labels)) if labels[at] == labels[0]), 0)
        if width >= 2 and len(flat) % width == 0 and all(labels[at] == labels[at % width] for at in range(len(labels))):
            values = [unlabelled(item) for item in flat]
            return [Node("tuple", tuple(values[at : at + width]), "()") for at in range(0, len(values), width)]
    return flat


def in_order(asker: Asker, left: list[Node], right: list[Node], depth: int) -> Found:
    if len(left) != len(right):
        return Found(False, "length")
    worst = Found(True, "structure")
    for mine, theirs in zip(left, right, strict=True):
        found = asker.decide(mine, theirs, depth + 1)
        if found.equal is False:
            return found
        if found.equal is None or (worst.equal and found.method != "structure"):
            worst = found if worst.equal else worst
    return worst


def matched(asker: Asker, left: list[Node], right: list[Node], as_sets: bool, depth: int) -> Found:
    """Equal as sets, or as lists in any order: each value finds its partner."""
    if as_sets or len(left) != len(right):
        left, right = _distinct(asker, left, depth), _distinct(asker, right, depth)
    if len(left) != len(right):
        return Found(False, "length")
    rest = list(right)
    method = "structure"
    undecided = False
    for mine in left:
        partner = -1
        for at, theirs in enumerate(rest):
            if mine == theirs:
                partner = at
                break
        if partner < 0:
            for at, theirs in enumerate(rest):
                found = asker.decide(mine, theirs, depth + 1)
                if found.equal:
                    partner = at
                    method = found.method if method == "structure" or found.method == "rounded" else method
                    break
                undecided = undecided or found.equal is None
        if partner < 0:
            return Found(None, "elements") if undecided else Found(False, "elements")
        rest.pop(partner)
    return Found(True, method)


def _distinct(asker: Asker, values: list[Node], depth: int) -> list[Node]:
    kept: list[Node] = []
    for value in values:
        if value in kept:
            continue
        if len(values) <= 64 and any(asker.decide(other, value, depth + 1).equal for other in kept):
            continue
        kept.append(value)
    return kept


def all_the_same(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """Several values where one is asked for: right only if they are all the same."""
    taken = [labelled(arg) for arg in answer.args]
    if not all(item.consistent for item in taken):
        return HEDGED
    values = [item.value for item in taken]
    found = DIFFERENT
    for value in values[:16]:
        found = asker.decide(gold, value, depth + 1)
        if not found.equal:
            return HEDGED
    return found if len(values) <= 16 else HEDGED
