"""How answers of each kind are compared: one function and one row for each kind of reference.

The reference's kind decides in which light the answer is read: to a reference (0, 1) the answer 0 < x < 1 is an
interval, to a reference 3 the answer x = 3 is a number. A new kind is a new function and a new row.

    found ◀ rounding, naming, settling ◀ scalars ◀ asker ◀ matching ◀ inequalities ◀ regions ◀ tuples ◀ the other kinds

Not covered: finding the answer in a completion (extract), reading it (parse).
"""

from graders.math.comparing.asker import KINDS, Asker
from graders.math.comparing.found import DIFFERENT, Found
from graders.math.comparing.lists import compare_list
from graders.math.comparing.numbers import compare_number, compare_ratio, compare_special
from graders.math.comparing.pieces import compare_cases
from graders.math.comparing.regions import compare_regions
from graders.math.comparing.relations import compare_relation
from graders.math.comparing.tuples import compare_matrix, compare_tuple
from graders.math.tree import Node

__all__ = ["KINDS", "Asker", "Found"]


def _never(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    return DIFFERENT


KINDS.update(
    {
        "num": compare_number,
        "list": compare_list,
        "set": compare_list,
        "tuple": compare_tuple,
        "matrix": compare_matrix,
        "rel": compare_relation,
        "ratio": compare_ratio,
        "special": compare_special,
        "cases": compare_cases,
        "union": compare_regions,
        "inter": compare_regions,
        "minus": compare_regions,
        "builder": compare_regions,
        "ellipsis": _never,
    }
)
