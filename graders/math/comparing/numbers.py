"""Answers to a single value: a number, a ratio or a time, or the name of a set."""

import re

from graders.math import rungs
from graders.math.comparing.asker import Asker, labelled
from graders.math.comparing.found import DIFFERENT, HEDGED, Found
from graders.math.comparing.inequalities import is_inequality
from graders.math.comparing.matching import all_the_same, in_order
from graders.math.comparing.regions import REGIONS, compare_regions
from graders.math.comparing.tuples import basis_vector, is_named_point
from graders.math.tree import INFINITY, NUMBER_OPS, Node


def compare_number(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """The reference is a number or an expression."""
    if answer.op in ("list", "set"):
        return all_the_same(asker, gold, answer, depth)
    if answer.op == "rel":
        taken = labelled(answer)
        if not taken.consistent:
            return HEDGED
        if taken.value is answer:
            return DIFFERENT if not is_inequality(answer) else Found(False, "kind")
        if taken.value.op in ("list", "set"):
            return all_the_same(asker, gold, taken.value, depth)
        return asker.decide(gold, taken.value, depth + 1)
    if answer.op == "ratio" and gold.op in NUMBER_OPS:
        if len(answer.args) == 2 and not _clock(answer.value):
            return asker.scalar(gold, Node("div", answer.args))
        return DIFFERENT
    if answer.op == "tuple" and len(answer.args) == 1:
        return DIFFERENT
    if answer.op == "matrix" and answer.value == (1, 1):
        return asker.decide(gold, answer.args[0], depth + 1)
    if gold.op == "app" and answer.op == "tuple" and is_named_point(gold):
        return asker.decide(Node("tuple", gold.args, "()"), answer, depth + 1)
    if answer.op in ("tuple", "matrix"):
        vector = basis_vector(gold, len(answer.args))
        return DIFFERENT if vector is None else in_order(asker, vector, list(answer.args), depth)
    if answer.op == "cases" or gold.op == "cases":
        equal, method = rungs.equal(gold, answer)
        return Found(equal, method)
    if answer.op == "special" and gold == INFINITY:
        return Found(answer.value == "infinitely many", "special")
    if answer.op in NUMBER_OPS and gold.op in NUMBER_OPS:
        return asker.scalar(gold, answer)
    return DIFFERENT


def compare_special(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    name = gold.value
    if answer.op == "special":
        same = answer.value == name or {answer.value, name} in _SAME_SPECIALS
        return Found(same, "special")
    if name == "infinitely many":
        return Found(answer == INFINITY, "special")
    if name in REGIONS:
        return compare_regions(asker, gold, answer, depth)
    if name == "empty" and answer.op == "set" and not answer.args:
        return Found(True, "special")
    if answer.op == "rel":
        taken = labelled(answer)
        if taken.value is not answer:
            return asker.decide(gold, taken.value, depth + 1)
    return Found(False, "special")


_SAME_SPECIALS = ({"undefined", "empty"}, {"impossible", "empty"}, {"impossible", "no"}, {"empty", "no"})
_TIME = re.compile(r"\d{1,2}:\d{2}(?:am|pm)?")


def _clock(written: str | None) -> bool:
    """Whether 12:00 is a time rather than a ratio."""
    if not written or _TIME.fullmatch(written) is None:
        return False
    hour, minute = written.removesuffix("am").removesuffix("pm").split(":")
    if int(hour) > (12 if written.endswith("m") else 24) or int(minute) > 59:
        return False
    return re.fullmatch(r"\d{1,2}:\d{2}(?:am|pm)?", written) is not None and (
        written.endswith("m") or written.split(":")[1].startswith("0") or written.startswith("0")
    )


def _minutes(written: str) -> int:
    hour, minute = written[:-2].split(":") if written.endswith("m") else written.split(":")
    hours = int(hour)
    if written.endswith("m"):
        hours = hours % 12 + (12 if written.endswith("pm") else 0)
    return hours * 60 + int(minute)


def compare_ratio(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    if answer.op == "rel":
        taken = labelled(answer)
        if taken.value is not answer and taken.consistent:
            return compare_ratio(asker, gold, taken.value, depth + 1)
        return DIFFERENT
    if answer.op == "ratio":
        if (
            _TIME.fullmatch(gold.value)
            and _TIME.fullmatch(answer.value)
            and (_clock(gold.value) or _clock(answer.value))
        ):
            return Found(_minutes(gold.value) == _minutes(answer.value), "time")
        if len(gold.args) != len(answer.args):
            return DIFFERENT
        for at in range(1, len(gold.args)):
            left = Node("mul", (gold.args[0], answer.args[at]))
            right = Node("mul", (gold.args[at], answer.args[0]))
            found = asker.scalar(left, right)
            if not found.equal:
                return found
        return Found(True, "ratio")
    if answer.op in NUMBER_OPS and len(gold.args) == 2 and not _clock(gold.value):
        return asker.scalar(Node("div", gold.args), answer)
    return DIFFERENT
