"""What a comparison finds, and how much work it may be."""

from typing import NamedTuple

from flint import fmpq

from graders.math.exact import Undefined, rational
from graders.math.tree import Node

COMPARISONS_MAX = 3_000
MEASURES = frozenset(("pct", "deg", "qty"))
"""Numbers with a percent sign, a degree sign or a unit."""


class Found(NamedTuple):
    """What a comparison found.

    Args:
        equal: True, False, or None where nothing could tell.
        method: the rung or rule that decided.
        hedged: the answer names several values where one is asked for.
    """

    equal: bool | None
    method: str
    hedged: bool = False


DIFFERENT = Found(False, "kind")
HEDGED = Found(False, "several", hedged=True)


def rational_or_none(node: Node) -> fmpq | None:
    try:
        return rational(node)
    except Undefined:
        return None
