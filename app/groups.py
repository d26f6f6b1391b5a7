"""Completions of one prompt, looked at together: who they are, relative components, and their statistics.

It works on results that are already there, in the process that knows the whole request; workers see items one by one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import from_json, to_json

import graders.components
from app.chunk import ItemResult
from app.errors import Unprocessable
from app.profiles import Recipe
from app.schemas import Item, Statistic, check_params, task_json
from graders.components import COMPONENTS, Member
from graders.group import statistics

Key = str | bytes
"""A group's name, or a digest of its prompt and task."""


def group_key(item: Item) -> Key:
    """The group's name, else a digest of prompt and task."""
    if item.group is not None:
        return item.group
    task = None if item.task is None else task_json(item.task)
    return hashlib.sha256(to_json([item.model_dump(include={"prompt"}), task])).digest()


def keys_of(items: Sequence[Item], recipes: Sequence[Recipe], *, wanted: bool) -> list[Key | None]:
    """Which group each item is of: the one it names, else that of all items with equal prompt and task.

    Args: wanted: statistics were asked for.
    Returns: a key an item, in order; None for all without the wish, since Relatives finds its own.
    Raises: Unprocessable for an item with neither `group` nor `prompt`, where something looks at its group.
    """
    keys: list[Key | None] = []
    for index, (item, recipe) in enumerate(zip(items, recipes, strict=True)):
        if item.group is None and not item.prompt and (wanted or recipe.relative):
            whom = f"the component {recipe.relative[0].name}" if recipe.relative else "the statistics of groups"
            errors = [{"path": f"items.{index}.group", "message": f"{whom} needs it, or the prompt"}]
            raise Unprocessable("an item is of no group", errors=errors)
        keys.append(group_key(item) if wanted else None)
    return keys


class Relatives:
    """Relative components over many items: each is measured as it comes by, and all are scored at the end.

    What is kept of an item is a few numbers, so that it may be one of a large file.
    """

    def __init__(self) -> None:
        self._groups: dict[tuple[Key, str, bytes], list[tuple[int, Member]]] = {}

    def add(self, index: int, item: Item, recipe: Recipe, result: ItemResult) -> None:
        """Measure an item whose recipe has relative components; `index` names it in what `scores` returns."""
        if not recipe.relative:
            return
        key, right = group_key(item), correct(item, recipe, result)
        seen = graders.components.Item(item.completion_text, None, item.prompt_text, item.completion_tokens)
        for spec in recipe.relative:
            measure = COMPONENTS[spec.name].measure
            measured = None if measure is None else measure(seen, check_params(spec.name, spec.params, spec.name))
            members = self._groups.setdefault((key, spec.name, to_json(spec.params)), [])
            members.append((index, Member(measured, right)))

    def scores(self) -> dict[int, dict[str, float | None]]:
        """Each item's scores by component; None where the item has no verdict."""
        found: dict[int, dict[str, float | None]] = {}
        for (_, name, params), members in self._groups.items():
            relative = COMPONENTS[name].relative
            if relative is None:
                continue
            given = check_params(name, from_json(params), name)
            scores = relative([member for _, member in members], given)
            for (index, _), score in zip(members, scores, strict=True):
                found.setdefault(index, {})[name] = score
        return found


def score_relative(items: Sequence[Item], recipes: Sequence[Recipe], results: Sequence[ItemResult]) -> list[ItemResult]:
    """Results with the scores of relative components added; all items of a group must be there."""
    relatives = Relatives()
    for index, row in enumerate(zip(items, recipes, results, strict=True)):
        relatives.add(index, *row)
    scores = relatives.scores()
    return [
        replace(result, scores={**result.scores, **scores[index]}) if index in scores else result
        for index, result in enumerate(results)
    ]


def correct(item: Item, recipe: Recipe, result: ItemResult) -> bool | None:
    """Whether an item's answer counts as right under its recipe; None without a verdict."""
    if result.status != "graded" or result.verdict is None:
        return None
    outcome = result.verdict.get("outcome")
    if outcome == "undecided" and recipe.undecided == "null":
        return None
    if item.truncated and recipe.truncated != "graded":
        return False if recipe.truncated == "wrong" else None
    return bool(outcome == "correct")


def add_statistics(
    reports: Sequence[dict[str, Any]],
    rights: Sequence[bool | None],
    keys: Sequence[Key | None],
    wanted: Sequence[Statistic],
) -> None:
    """Write the numbers asked for into each report, as its `group`.

    Args:
        reports: in the contract's shape, with their rewards.
        rights: for each, `correct`.
        keys: as keys_of.
    """
    groups: dict[Key | None, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    for members in groups.values():
        found = statistics([reports[index]["reward"] for index in members], [rights[index] for index in members])
        common = {"mean": found.mean, "std": found.std, "pass_rate": found.pass_rate}
        for index, advantage in zip(members, found.advantages, strict=True):
            numbers = common | {"advantage": advantage}
            reports[index]["group"] = {"size": found.size} | {name: numbers[name] for name in wanted}
