"""Reward functions that get a whole batch: TRL and its relatives, and ms-swift.

Both take None for a row that has no reward and leave it out, so None is what an item that was not graded becomes. A
service that stays away is another matter: after the patience of Settings the call raises Unavailable and ends the run,
unless the caller would rather have a batch of None (`unavailable="none"`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from touchstone_client.adapters.recipe import Recipe, column
from touchstone_client.async_client import AsyncClient
from touchstone_client.errors import Refused, Unavailable
from touchstone_client.grade import Item
from touchstone_client.results import Cause, Graded, Result, Summary
from touchstone_client.tasks import task_of, text_of

LABELS = ("task", "answer", "solution", "ground_truth")
"""Columns that say what a row is judged against; the first that is not null counts. tasks.py says how it is read."""


TOKENS = ("completion_ids", "response_token_ids")
"""Where TRL and ms-swift have a completion's tokens, whose number some rewards measure."""


class BatchReward:
    """Grades rows of a dataset's columns.

    Args:
        recipe: by what, and where.
        labels: columns to look for a label in, in this order.
        component: give the score of this component instead of the reward, for trainers that weigh several reward
            functions themselves (the others' requests are answered from the service's cache).
        unavailable: what a service that stays away means.
    """

    def __init__(
        self,
        recipe: Recipe,
        labels: Sequence[str] = LABELS,
        component: str | None = None,
        unavailable: Literal["raise", "none"] = "raise",
    ) -> None:
        if unavailable not in ("raise", "none"):
            raise ValueError('unavailable is "raise" or "none"')
        self.recipe = recipe
        self.labels = tuple(labels)
        self.component = component
        self.unavailable = unavailable

    def items(self, prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]) -> list[Item]:
        """A row's prompt, completion and task as an item; columns are lists as long as the completions."""
        found: list[Item] = []
        tokens = next((columns[name] for name in TOKENS if _is_column(columns.get(name), len(completions))), None)
        cut = columns["is_truncated"] if _is_column(columns.get("is_truncated"), len(completions)) else None
        usable = {name: columns[name] for name in self.labels if _is_column(columns.get(name), len(completions))}
        for index, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            label = column({name: values[index] for name, values in usable.items()}, self.labels)
            item: dict[str, Any] = {"prompt": text_of(prompt), "completion": text_of(completion)}
            if tokens is not None and tokens[index] is not None:
                item["completion_tokens"] = _count(tokens[index])
            if cut is not None and cut[index] is not None:
                item["truncated"] = bool(cut[index])
            task = task_of(label)
            found.append(item if task is None else {**item, "task": task})
        return found

    async def grade(self, prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]) -> Graded:
        """One result per row, in order. A client lives for one call, since trainers may call from ever new loops.

        Raises:
            Refused: the key or the recipe is wrong, or no row at all can be judged, as when a column is missing.
            Unavailable: unless it was asked for as None.
        """
        items = self.items(prompts, completions, columns)
        try:
            async with AsyncClient(settings=self.recipe.settings) as client:
                graded = await client.grade(items, **self.recipe.options, on_refused="invalid")
        except Unavailable as error:
            if self.unavailable == "raise":
                raise
            cause = Cause("unavailable", str(error), retryable=True)
            results = [Result(index, "error", None, fault=cause) for index in range(len(items))]
            return Graded(results, Summary.of(results))
        causes = [result.invalid for result in graded.results if result.reason == "refused"]
        if causes and len(causes) == len(items) and causes[0] is not None:
            raise Refused(422, f"no row can be judged by the columns {self.labels}: {causes[0].message}")
        return graded

    def rewards(self, graded: Graded) -> list[float | None]:
        """What the trainer gets: a number for each row that was graded, else None."""
        return [self.reward(result) for result in graded.results]

    def reward(self, result: Result) -> float | None:
        """The reward, or the chosen component's score, of a row that was graded.

        Raises: ValueError for a component that the recipe does not have.
        """
        if not result.graded:
            return None
        if self.component is None:
            return result.reward
        if self.component not in result.components:
            known = ", ".join(result.components)
            raise ValueError(f"the recipe has no component {self.component!r}, but {known}")
        return result.components[self.component].score


def _is_column(value: Any, count: int) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) == count


def _count(tokens: Any) -> int:
    """How many tokens; ms-swift has a list for each turn."""
    nested = len(tokens) > 0 and isinstance(tokens[0], Sequence)
    return sum(map(len, tokens)) if nested else len(tokens)


def means(graded: Graded) -> dict[str, float]:
    """A batch in numbers for a trainer's log: each component's mean, and the shares of rows by status.

    Names are the same for each batch of a recipe in which anything was graded; every value is finite.
    """
    count = max(len(graded.results), 1)
    shares = {
        "graded": sum(result.graded for result in graded.results) / count,
        "invalid": graded.summary.invalid / count,
        "error": graded.summary.error / count,
        "correct": graded.summary.correct / count,
    }
    scores: dict[str, list[float]] = {}
    for result in graded.results:
        for name, part in result.components.items():
            if part.score is not None:
                scores.setdefault(name, []).append(part.score)
    return {**{name: sum(values) / len(values) for name, values in scores.items()}, **shares}
