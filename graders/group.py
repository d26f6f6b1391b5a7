"""What the completions of one prompt say together: mean, deviation, pass rate, and each one's advantage."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """Of one group.

    Args:
        size: completions in it.
        mean, std: of the rewards that there are; None where there is none. `std` is the sample's (n - 1), 0 of a single
            reward.
        pass_rate: the share of correct ones among those with a verdict; None where there is none.
        advantages: one a completion, in order; None without a reward.
    """

    size: int
    mean: float | None
    std: float | None
    pass_rate: float | None
    advantages: tuple[float | None, ...]


def statistics(rewards: Sequence[float | None], correct: Sequence[bool | None]) -> GroupStatistics:
    """The statistics of a group.

    Args:
        rewards: one a completion; None for those without, which count for nothing but the size.
        correct: for each whether its answer is right; None without a verdict.

    Returns: with advantage = (reward - mean) / std, and 0 for all when their rewards are equal.
    Source: GRPO's advantage (arXiv 2402.03300, section 4.1.2). Trainers add a small number to std against division by
        0; here everybody of a group without deviation has advantage 0 instead.
    """
    known = [reward for reward in rewards if reward is not None]
    judged = [right for right in correct if right is not None]
    pass_rate = sum(judged) / len(judged) if judged else None
    if not known:
        return GroupStatistics(len(rewards), None, None, pass_rate, (None,) * len(rewards))
    # Scaled first: squares of the largest rewards allowed would not fit.
    scale = max(1.0, *(abs(reward) for reward in known))
    mean = math.fsum(reward / scale for reward in known) / len(known)
    spread = math.fsum((reward / scale - mean) ** 2 for reward in known)
    std = math.sqrt(spread / (len(known) - 1)) if len(known) > 1 and len(set(known)) > 1 else 0.0
    advantages = tuple(
        None if reward is None else ((reward / scale - mean) / std if std else 0.0) for reward in rewards
    )
    return GroupStatistics(len(rewards), mean * scale, std * scale, pass_rate, advantages)
