"""ms-swift (read: 4.6).

    # plugin.py
    from touchstone_client.adapters.swift import register
    register("touchstone", "http://grader:8000", "r1-zero")

    swift rlhf --rlhf_type grpo --external_plugins plugin.py --reward_funcs touchstone …

A row that was not graded is None, which swift leaves out. There is no log for components: register one function per
component and weigh them with --reward_weights, if they are to be seen apart; the service grades each row once.
"""

from collections.abc import Sequence
from typing import Any, Literal

from touchstone_client.adapters.batch import LABELS, BatchReward
from touchstone_client.adapters.recipe import recipe_of


class RemoteReward(BatchReward):
    """What a registered function does; `register` makes it a class of swift's own."""

    async def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """One number or None per completion; the prompt is what stands before it in `messages`."""
        messages = columns.get("messages")
        prompts: Sequence[Any] = [None] * len(completions)
        if isinstance(messages, Sequence) and len(messages) == len(completions):
            prompts = [turns[:-1] if turns and turns[-1].get("role") == "assistant" else turns for turns in messages]
        return self.rewards(await self.grade(prompts, completions, columns))


def register(
    name: str = "touchstone",
    url: str = "",
    profile: str | None = None,
    *,
    labels: Sequence[str] = LABELS,
    component: str | None = None,
    unavailable: Literal["raise", "none"] = "raise",
    **recipe: Any,
) -> type:
    """Put a reward function into swift's table under a name, for --reward_funcs.

    Args: as in touchstone_client.adapters.trl.RemoteReward.
    Returns: the class, which swift makes an object of.
    """
    from swift.rewards import AsyncORM, orms

    chosen = recipe_of(url, profile, **recipe)

    def init(self: Any, args: Any = None, **_: Any) -> None:
        AsyncORM.__init__(self, args)
        RemoteReward.__init__(self, chosen, labels, component, unavailable)

    # swift logs the class's name. RemoteReward comes first: AsyncORM has a __call__ that only raises.
    made = type(name, (RemoteReward, AsyncORM), {"__init__": init})
    orms[name] = made
    return made
