"""Lists of solutions, sets, and systems of equations."""

from graders.math.comparing.asker import Asker, Labelled, labelled, unlabelled
from graders.math.comparing.found import DIFFERENT, HEDGED, Found
from graders.math.comparing.inequalities import is_inequality
from graders.math.comparing.matching import elements, in_order, matched
from graders.math.comparing.regions import compare_regions
from graders.math.tree import Node

_EITHER_OR_BOTH = {frozenset(("and",)), frozenset(("or",))}


def _names_only(gold: Node, answer: Node) -> bool:
    return all(arg.op == "sym" for arg in (*gold.args, *answer.args))


def compare_list(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """The reference is a list of solutions or a set."""
    if gold.op == "list" and gold.args and all(is_inequality(arg) or arg.op in ("in", "union") for arg in gold.args):
        return compare_regions(asker, gold, answer, depth)
    if gold.op == "list" and gold.args and any(is_inequality(arg) for arg in gold.args):
        return _relations(asker, gold, answer, depth)
    if gold.op == answer.op == "list" and {gold.value, answer.value} == _EITHER_OR_BOTH and _names_only(gold, answer):
        return Found(False, "connective")  # Of statements, p and q is not p or q; of values it is the same list.
    mine = elements(gold)
    if answer.op in ("list", "set"):
        theirs = elements(answer)
    elif answer.op == "rel" and answer.value == ("=",):
        taken = labelled(answer)
        inner = taken.value
        if inner is not answer and inner.op in ("list", "set"):
            theirs = elements(inner)
        elif inner is not answer and inner.op == "tuple":
            return compare_list(asker, gold, inner, depth + 1)
        else:
            theirs = [answer]
    elif answer.op == "tuple" and len(answer.args) == len(mine) and gold.op == "list" and len(mine) > 1:
        values = [unlabelled(item) for item in mine]
        if not any(value.op == "tuple" for value in values):
            return in_order(asker, values, list(answer.args), depth)
        theirs = [answer]
    elif answer.op == "matrix" and gold.op == "list" and 1 in answer.value and len(answer.args) == len(mine):
        return in_order(asker, [unlabelled(item) for item in mine], list(answer.args), depth)
    elif answer.op in ("union", "special", "builder"):
        if gold.op == "list" and any(arg.op == "tuple" for arg in gold.args):
            return compare_regions(asker, gold, answer, depth)
        if answer.op == "builder":
            return Found(None, "builder") if answer.args[0].op != "sym" else DIFFERENT
        return DIFFERENT
    else:
        theirs = [answer]
    if _several_equations(mine) or _several_equations(theirs):
        return _system(asker, mine, theirs, depth)
    if not any(item.op == "rel" for item in mine) and not any(item.op == "rel" for item in theirs):
        if asker.ordered or any(item.op == "ellipsis" for item in mine):
            return in_order(asker, mine, theirs, depth)
        return matched(asker, mine, theirs, gold.op == "set", depth)
    left, right = [labelled(item) for item in mine], [labelled(item) for item in theirs]
    if not all(item.consistent for item in right):
        return HEDGED
    if len(mine) == len(theirs):
        by_label = _by_label(asker, left, right, depth)
        if by_label is not None:
            return by_label
    ordered = asker.ordered or any(item.op == "ellipsis" for item in mine)
    if ordered:
        return in_order(asker, [item.value for item in left], [item.value for item in right], depth)
    return matched(asker, [item.value for item in left], [item.value for item in right], gold.op == "set", depth)


def _by_label(asker: Asker, left: list[Labelled], right: list[Labelled], depth: int) -> Found | None:
    """a = 1, b = 2: by name where both sides have names, in order where only one has."""
    mine = [item.label for item in left]
    theirs = [item.label for item in right]
    distinct_mine = None not in mine and len(set(mine)) == len(mine) > 1
    distinct_theirs = None not in theirs and len(set(theirs)) == len(theirs) > 1
    if not distinct_mine and not distinct_theirs:
        return None
    if distinct_mine and distinct_theirs and set(mine) == set(theirs):
        values = {item.label: item.value for item in right}
        return in_order(asker, [item.value for item in left], [values[item.label] for item in left], depth)
    if distinct_mine and distinct_theirs and all(label is not None and label.op == "sym" for label in mine + theirs):
        if not any(label.value in asker.prompt_letters for label in theirs if label is not None):
            return in_order(asker, [item.value for item in left], [item.value for item in right], depth)
        return DIFFERENT
    if any(item.value.op == "tuple" for item in left) != any(item.value.op == "tuple" for item in right):
        return None
    return in_order(asker, [item.value for item in left], [item.value for item in right], depth)


def _several_equations(items: list[Node]) -> bool:
    """Whether some member is an equation that is not just a named value."""
    return any(item.op == "rel" and labelled(item).value is item for item in items)


def _system(asker: Asker, left: list[Node], right: list[Node], depth: int) -> Found:
    return matched(asker, left, right, False, depth)


def _relations(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    if answer.op != "list":
        return DIFFERENT
    return matched(asker, elements(gold), elements(answer), False, depth)
