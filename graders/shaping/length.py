"""Length to a number: cosine, soft overlong, a plain band, and Kimi's length within a group.

Arithmetic on lengths that others counted; the units are theirs to choose. Each function returns the published figure
to the last bit (tests/golden/rewards.json), so the order of operations is the published one.
"""

import math
from collections.abc import Sequence


def cosine(
    length: int,
    *,
    correct: bool,
    length_max: int,
    wrong: tuple[float, float],
    right: tuple[float, float],
    clamp: bool,
) -> float:
    """A value between two bounds along half a cosine: `short` at length 0, `long` at `length_max`.

    Args:
        wrong, right: (short, long), the bounds of a wrong and of a correct answer.
        clamp: longer than `length_max` stays at `long`; else the cosine goes on and comes back up.

    Returns: long + (short - long) * (1 + cos(pi * length / length_max)) / 2.
    Source: arXiv 2502.03373, appendix C.1; as in TRL (clamped), open-r1 and ms-swift (not).
    """
    short, long = right if correct else wrong
    progress = length / length_max
    if clamp:
        progress = min(progress, 1.0)
    return float(long + 0.5 * (short - long) * (1.0 + math.cos(progress * math.pi)))


def soft_overlong(length: int, *, length_max: int, cache: int, clamp: bool) -> float:
    """0 up to `length_max - cache`, then falling in a straight line to -1 at `length_max`.

    Args: clamp: longer stays at -1; else the line goes on.
    Source: DAPO (arXiv 2503.14476), equation 13; TRL and open-r1 clamp, ms-swift and verl do not.
    """
    free = length_max - cache
    if length <= free:
        return 0.0
    if clamp and length > length_max:
        return -1.0
    return (free - length) / cache


def band(length: int, *, length_min: int, length_max: int, slack: int) -> float:
    """1 from `length_min` to `length_max`, falling in a straight line to 0 over `slack` on either side."""
    excess = max(length_min - length, length - length_max, 0)
    if not excess:
        return 1.0
    return max(1.0 - excess / slack, 0.0) if slack else 0.0


def kimi(lengths: Sequence[float], correct: Sequence[bool | None]) -> list[float | None]:
    """Shortness within a group: what is shorter than the middle gains, what is longer loses, only the right can gain.

    Args:
        lengths: of all completions of one prompt.
        correct: for each, whether its answer is right; None where that is not known.

    Returns: for each, with r = 0.5 - (length - shortest) / (longest - shortest): r where correct, min(0, r) where
        wrong, None where not known; 0 for everybody when all are of one length. The lengths of those not known count,
        so that a fault of the service does not move the others.
    Source: Kimi k1.5 (arXiv 2501.12599, section 2.3.3); as in open-r1.
    """
    shortest, longest = min(lengths), max(lengths)
    scores: list[float | None] = []
    for length, right in zip(lengths, correct, strict=True):
        if right is None:
            scores.append(None)
        elif longest == shortest:
            scores.append(0.0)
        else:
            gain = 0.5 - (length - shortest) / (longest - shortest)
            scores.append(gain if right else min(0.0, gain))
    return scores
