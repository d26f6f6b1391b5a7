"""AReaL (read: 1.0.4).

    RLVRWorkflow(reward_fn=RemoteReward("http://grader:8000", "r1-zero"), …)
    reward_fn="touchstone_client.adapters.areal.reward_fn"      # TOUCHSTONE_URL and TOUCHSTONE_PROFILE say the rest

AReaL runs reward functions in a pool of processes, waits 15 seconds, tries three times more, and then takes 0 for a
time-out but rejects the rollout for an exception. So a sample that was not graded raises NotGraded, and the times here
add up to less than AReaL waits: an answer or an exception is there before it stops. Trying again is left to it.

What the model wrote arrives with its special tokens; those at the end are taken off.
"""

import os
from collections.abc import Sequence
from typing import Any

from touchstone_client.adapters.batch import LABELS
from touchstone_client.adapters.recipe import column, recipe_of
from touchstone_client.adapters.sample import grade, item_of, reward_of
from touchstone_client.retry import Patience
from touchstone_client.tasks import without_end

DEADLINE_S = 8.0

TIMES: dict[str, Any] = {
    "patience": Patience(total_s=2.0, longest_s=1.0),
    "connect_s": 2.0,
    "margin_s": 2.0,
    "fault_rounds": 0,
}
"""With the deadline: 2 s for a service that is full, 2 s for a connection, 8 + 2 s for an answer."""


class RemoteReward:
    """A reward function that can be pickled.

    Args:
        url, profile: where and by what; the rest as in touchstone_client.adapters.trl.RemoteReward.
        deadline_s: below AReaL's own 15 seconds less TIMES; raise it together with AReaL's `timeout_seconds`.
    """

    def __init__(
        self,
        url: str = "",
        profile: str | None = None,
        *,
        labels: Sequence[str] = LABELS,
        deadline_s: float = DEADLINE_S,
        **recipe: Any,
    ) -> None:
        times = {} if "settings" in recipe else TIMES
        self.recipe = recipe_of(url, profile, deadline_s=deadline_s, **{**times, **recipe})
        self.labels = tuple(labels)

    def __call__(
        self,
        prompt: Any,
        completions: str,
        prompt_ids: Any = None,
        completion_ids: Any = None,
        **row: Any,
    ) -> float:
        """The reward of one completion; `row` has the dataset's columns.

        Raises: NotGraded, Refused, Unavailable, BadAnswer.
        """
        item = item_of(without_end(completions), column(row, self.labels), prompt)
        if completion_ids is not None:
            item = {**item, "completion_tokens": len(completion_ids)}
        return reward_of(grade(self.recipe, item))


def reward_fn(prompt: Any, completions: str, prompt_ids: Any = None, completion_ids: Any = None, **row: Any) -> float:
    """RemoteReward for configurations that name a function; TOUCHSTONE_URL, TOUCHSTONE_API_KEY, TOUCHSTONE_PROFILE."""
    remote = RemoteReward(profile=os.environ.get("TOUCHSTONE_PROFILE"))
    return remote(prompt, completions, prompt_ids, completion_ids, **row)
