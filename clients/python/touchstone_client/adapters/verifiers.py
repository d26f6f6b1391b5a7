"""verifiers (read: 0.4.0, its v1 tasks) and prime-rl.

    --env.taskset.task.rewards.touchstone.fn touchstone_client.adapters.verifiers:touchstone
    TOUCHSTONE_URL=http://grader:8000 TOUCHSTONE_PROFILE=r1-zero

or as a method of a task of one's own:

    class MyTask(vf.Task[MyData]):
        @vf.reward
        async def touchstone(self, trace: vf.Trace) -> float:
            return await RemoteReward("http://grader:8000", "r1-zero")(self.data, trace)

A sample that was not graded raises NotGraded: verifiers counts the rollout as failed and tries it again, and never
takes it for 0. The label is the task data's `task`, `answer`, `solution` or `ground_truth`, or the same in its `info`.

A NeMo Gym taskset needs none of this: it takes the service's address as `--env.taskset.task.resources-url`.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from touchstone_client.adapters.batch import LABELS
from touchstone_client.adapters.recipe import column, recipe_of
from touchstone_client.adapters.sample import flags, grade_awaited, item_of, reward_of


class RemoteReward:
    """A reward of task data and trace; the arguments are those of touchstone_client.adapters.trl.RemoteReward."""

    def __init__(
        self, url: str = "", profile: str | None = None, *, labels: Sequence[str] = LABELS, **recipe: Any
    ) -> None:
        self.recipe = recipe_of(url, profile, **recipe)
        self.labels = tuple(labels)

    async def __call__(self, task: Any, trace: Any) -> float:
        """The reward of the trace's last reply; components and flags go into its metrics.

        Raises: NotGraded, Refused, Unavailable, BadAnswer.
        """
        data = task.model_dump() if hasattr(task, "model_dump") else dict(task)
        info = data.get("info")
        label = column({**(info if isinstance(info, Mapping) else {}), **_said(data)}, self.labels)
        result = await grade_awaited(self.recipe, item_of(_reply(trace), label, getattr(task, "prompt_text", None)))
        reward = reward_of(result)
        for name, part in result.components.items():
            if part.score is not None:
                trace.record_metric(f"touchstone/{name}", part.score)
        trace.record_metric("touchstone/correct", flags(result)["acc"])
        return reward


async def touchstone(task: Any, trace: Any) -> float:
    """RemoteReward as a function that a configuration can name."""
    return await RemoteReward(profile=os.environ.get("TOUCHSTONE_PROFILE"))(task, trace)


def _said(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}


def _reply(trace: Any) -> Any:
    """The last reply; with the reasoning that the provider gave apart, as text_of puts it together."""
    turns = getattr(trace, "assistant_messages", None)
    if not turns:
        return trace.last_reply
    last = turns[-1]
    thought = getattr(last, "reasoning_content", None)
    return [{"role": "assistant", "content": trace.last_reply, "reasoning_content": thought}]
