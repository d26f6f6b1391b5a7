r"""TRL (read: 1.16), and Unsloth and Axolotl, which call the same way.

    GRPOTrainer(reward_funcs=[RemoteReward("http://grader:8000", "r1-zero")], …)

A row that was not graded is None: TRL leaves it out of its group. TRL has no time limit and no retries of its own, and
an exception ends the run; Settings.patience is both. Each batch is one request (or a few), awaited beside TRL's other
asynchronous reward functions.

The dataset's columns say what a row is judged against; the first of `labels` that is not null counts:

    task        {"kind": "code", …} as an object or as its JSON, which Arrow keeps as it is
    answer, solution, ground_truth      the reference of a maths problem

Logged: `<name>/<component>` and `<name>/graded`, `…/invalid`, `…/error`, `…/correct` as metrics, and the verdict's
reason and each component as columns of the completions table.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from touchstone_client.adapters.batch import LABELS, BatchReward, means
from touchstone_client.adapters.recipe import recipe_of


class RemoteReward(BatchReward):
    """A reward function for `reward_funcs`. It can be pickled: processes that score take it along.

    Args:
        url: of the service.
        profile: a recipe's name; neither this nor `rewards`: accuracy alone.
        key, rewards, deadline_s: as in POST /v1/grade.
        name: how TRL's logs call it.
        labels, component, unavailable: as in BatchReward.
        settings: more choices, or fields of Settings by name (`patience`, `items_per_request`, …).
    """

    def __init__(
        self,
        url: str = "",
        profile: str | None = None,
        *,
        name: str = "touchstone",
        labels: Sequence[str] = LABELS,
        component: str | None = None,
        unavailable: Literal["raise", "none"] = "raise",
        **recipe: Any,
    ) -> None:
        super().__init__(recipe_of(url, profile, **recipe), labels, component, unavailable)
        self.__name__ = name

    async def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        *,
        log_metric: Callable[[str, float], None] | None = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """One number or None per completion, in order.

        Args:
            prompts, completions: texts or lists of messages.
            log_metric, log_extra: TRL's; older versions have none.
            columns: the dataset's columns and whatever else TRL passes.

        Raises: Refused, Unavailable, BadAnswer.
        """
        graded = await self.grade(prompts, completions, columns)
        name = self.__name__
        if log_metric is not None:
            for metric, value in means(graded).items():
                log_metric(f"{name}/{metric}", value)
        if log_extra is not None:
            log_extra(f"{name}_reason", [result.reason for result in graded.results])
            for part in dict.fromkeys(part for result in graded.results for part in result.components):
                scores = [
                    result.components[part].score if part in result.components else None for result in graded.results
                ]
                log_extra(f"{name}_{part}", scores)
        return self.rewards(graded)
