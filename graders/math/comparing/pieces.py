"""Functions given in pieces."""

from graders.math import rungs
from graders.math.comparing.asker import Asker, labelled
from graders.math.comparing.found import DIFFERENT, Found
from graders.math.tree import NUMBER_OPS, Node


def compare_cases(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    if answer.op == "rel":
        taken = labelled(answer)
        if taken.value is not answer:
            return asker.decide(gold, taken.value, depth + 1)
    if answer.op == "cases" and len(answer.args) == len(gold.args):
        pairs = list(zip(gold.args[::2], gold.args[1::2], strict=True))
        others = list(zip(answer.args[::2], answer.args[1::2], strict=True))
        for value, condition in pairs:
            for at, (other, when) in enumerate(others):
                if asker.decide(value, other, depth + 1).equal and (
                    when == condition or asker.decide(condition, when, depth + 1).equal
                ):
                    others.pop(at)
                    break
            else:
                break
        else:
            return Found(True, "cases")
    if answer.op in NUMBER_OPS or answer.op == "cases":
        return Found(*rungs.equal(gold, answer))
    return DIFFERENT
