"""Scores and weights to one reward: arithmetic only, and None stays None."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Term(NamedTuple):
    """One component of a recipe, scored: its score (None: could not be had), its weight, and whether it is a gate."""

    score: float | None
    weight: float = 1.0
    gate: bool = False


def reward(terms: Sequence[Term], clip: tuple[float, float] | None = None) -> float | None:
    """The weighted sum of the components.

    Args: clip: the bounds that a sum is held to; what a gate makes 0 stays 0.

    A gate with score 0 makes the whole reward 0. A missing score with a non-zero weight, or of a gate, makes it None,
    unless another gate is already 0: then nothing that is missing could change it.

    Returns: a finite number, or None.
    """
    if any(term.gate and term.score == 0 for term in terms):
        return 0.0
    if any(term.score is None and (term.weight != 0 or term.gate) for term in terms):
        return None
    total = math.fsum(term.weight * term.score for term in terms if term.score is not None)
    if not math.isfinite(total):
        return None
    return total if clip is None else min(max(total, clip[0]), clip[1])
