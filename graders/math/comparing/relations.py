"""Equations and named values."""

from graders.math import rungs
from graders.math.comparing.asker import Asker, Labelled, labelled
from graders.math.comparing.found import DIFFERENT, HEDGED, Found
from graders.math.comparing.inequalities import compare_chains, difference_of, is_inequality
from graders.math.comparing.matching import in_order
from graders.math.comparing.naming import is_name, names_differ
from graders.math.comparing.regions import compare_regions
from graders.math.comparing.tuples import coordinates
from graders.math.tree import NUMBER_OPS, Node, number, renamed, substituted, symbols


def compare_relation(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """The reference is an equation, an inequality, or a named value."""
    if is_inequality(gold):
        return compare_regions(asker, gold, answer, depth)
    if any(sign not in ("=", "≈") for sign in gold.value):
        return compare_chains(asker, gold, answer, depth)
    mine = labelled(gold)
    if answer.op == "rel" and not is_inequality(answer):
        theirs = labelled(answer)
        if mine.value is not gold and theirs.value is not answer and is_name(gold.args[0]):
            if not theirs.consistent:
                return HEDGED
            found = _named_values(asker, mine, theirs, depth)
            if found.equal or not (symbols(mine.value) or symbols(theirs.value)):
                return found
        if mine.value is not gold and not symbols(gold.args[-1]) and theirs.value is answer:
            # The reference is a solution; an equation that still has to be solved is none.
            return _unsolved(asker, gold, answer)
        if len(gold.args) == 2 and len(answer.args) == 2:
            found = _proportional(asker, gold, answer)
            if found.equal is False:
                solved = _solves(asker, gold, answer)
                return solved if solved is not None and solved.equal else found
            return found
        return compare_chains(asker, gold, answer, depth)
    if mine.value is not gold:
        named = mine.label is not None and mine.label.op == "tuple" and mine.value.op == "tuple"
        if named and mine.label is not None and answer.op == "list" and len(answer.args) == len(mine.label.args):
            # (x, y) = (1, 2): the names say which value is which.
            values = coordinates(list(answer.args), mine.label.args)
            return in_order(asker, list(mine.value.args), values, depth)
        if is_name(gold.args[0]) and not _sums_names(gold.args[0]):
            found = asker.decide(mine.value, answer, depth + 1)
            if found.equal or found.hedged:
                return found
            solved = _solves(asker, gold, answer)
            return solved if solved is not None and solved.equal else found
        if mine.label is None:
            return asker.decide(mine.value, answer, depth + 1)
    solved = _solves(asker, gold, answer)
    if solved is None and answer.op in NUMBER_OPS and len(gold.args) == 2 and gold.value == ("=",):
        identity, _ = rungs.equal(*gold.args)
        if identity:
            # The reference states that two expressions are always equal; the answer is one of them.
            return asker.decide(gold.args[1], answer, depth + 1)
    return solved if solved is not None else DIFFERENT


def _sums_names(node: Node) -> bool:
    return node.op == "mul" and len(node.args) > 2


def _named_values(asker: Asker, mine: Labelled, theirs: Labelled, depth: int) -> Found:
    """f(n) = 2n and f(m) = 2m are the same function; x = 3 and y = 3 are not the same statement."""
    left, right = mine.value, theirs.value
    if mine.label is not None and theirs.label is not None:
        if mine.label.op == "app" and theirs.label.op == "app" and len(mine.label.args) == len(theirs.label.args):
            names = {
                b.value: a.value
                for a, b in zip(mine.label.args, theirs.label.args, strict=True)
                if a.op == "sym" and b.op == "sym"
            }
            right = renamed(right, names)
            if mine.label.args != theirs.label.args and not names:
                return DIFFERENT
        elif names_differ(mine.label, theirs.label):
            return DIFFERENT
    return asker.decide(left, right, depth + 1)


def _unsolved(asker: Asker, gold: Node, answer: Node) -> Found:
    """2x = 4 for x = 2: equivalent, but with the problem at hand it may be no more than its echo."""
    if asker.prompt:
        return Found(False, "unsolved")
    return _proportional(asker, gold, answer) if len(gold.args) == len(answer.args) == 2 else DIFFERENT


def _proportional(asker: Asker, gold: Node, answer: Node) -> Found:
    """Two equations are the same when their differences are proportional by a constant that is not zero."""
    left, right = difference_of(gold), difference_of(answer)
    if symbols(left) != symbols(right):
        return Found(False, "equation")
    if not symbols(left):
        equal, method = rungs.equal(left, right)
        return Found(equal, method)
    # left(p) * right(q) = left(q) * right(p) for all p and q: the second point is the first with other names.
    names = {name: f"{name}″" for name in symbols(left)}
    one = Node("mul", (left, renamed(right, names)))
    two = Node("mul", (renamed(left, names), right))
    equal, method = rungs.equal(one, two)
    if equal:
        for side in (left, right):
            zero, _ = rungs.equal(side, number(0))
            if zero:
                return Found(False, "equation")
    return Found(equal, "equation" if equal is not None else method)


def _solves(asker: Asker, gold: Node, answer: Node) -> Found | None:
    """The answer is the reference solved for its one variable that the answer lacks: xy = 6 and 6/x."""
    if len(gold.args) != 2:
        return None
    missing = symbols(gold) - symbols(answer)
    name: str
    value: Node
    if answer.op == "rel":
        if answer.value != ("=",) or answer.args[0].op != "sym" or answer.args[0].value in symbols(answer.args[1]):
            return None
        name, value = answer.args[0].value, answer.args[1]
        if symbols(gold) != symbols(answer):
            return None
    elif answer.op in NUMBER_OPS and len(missing) == 1 and symbols(answer) and symbols(answer) < symbols(gold):
        name, value = next(iter(missing)), answer
    else:
        return None
    difference = difference_of(gold)
    # Linear in that variable, so that this solution is the only one.
    steps = [substituted(difference, name, number(n)) for n in (2, 3, 4)]
    second = Node("add", (steps[0], Node("mul", (number(-2), steps[1])), steps[2]))
    linear, _ = rungs.equal(second, number(0))
    flat, _ = rungs.equal(steps[0], steps[1])
    if not linear or flat:
        return Found(False, "equation")
    equal, _ = rungs.equal(substituted(difference, name, value), number(0))
    return Found(equal, "solved")
