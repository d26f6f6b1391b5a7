"""Completions of one prompt, looked at together: who they are, relative components, and their statistics.

It works on results that are already there, in the process that knows the whole request; workers see items one by one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

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


def keys_of(items: Sequence[Item], recipes: Sequence[Recipe], *, wanted: bool) -> list[Key] | None:
    """Which group each item is of: the one it names, else that of all items with equal prompt and task.

    Args: wanted: statistics were asked for.
    Returns: a key an item, in order; None when nothing looks at groups.
    Raises: Unprocessable for an item with neither `group` nor `prompt`, where something looks at its group.
    """
    if not wanted and not any(recipe.relative for recipe in recipes):
        return None
    keys: list[Key] = []
    for index, (item, recipe) in enumerate(zip(items, recipes, strict=True)):
        if item.group is None and not item.prompt and (wanted or recipe.relative):
            whom = f"the component {recipe.relative[0].name}" if recipe.relative else "the statistics of groups"
            errors = [{"path": f"items.{index}.group", "message": f"{whom} needs it, or the prompt"}]
            raise Unprocessable("an item is of no group", errors=errors)
        keys.append(group_key(item))
    return keys


def score_relative(
    items: Sequence[Item], recipes: Sequence[Recipe], results: Sequence[ItemResult], keys: Sequence[Key]
) -> list[ItemResult]:
    """Results with the scores of relative components added.

    Args: keys: as keys_of; all items of a group must be there.
    Returns: one a item, in order; a score is None where the item has no verdict.
    """
    groups: dict[tuple[Key, str, bytes], list[int]] = {}
    for index, (recipe, key) in enumerate(zip(recipes, keys, strict=True)):
        for spec in recipe.relative:
            groups.setdefault((key, spec.name, to_json(spec.params)), []).append(index)
    scored = list(results)
    for (_, name, _), members in groups.items():
        relative = COMPONENTS[name].relative
        spec = next(spec for spec in recipes[members[0]].relative if spec.name == name)
        if relative is None:
            continue
        seen = [
            Member(items[i].completion_text, items[i].completion_tokens, correct(items[i], recipes[i], results[i]))
            for i in members
        ]
        for index, score in zip(members, relative(seen, check_params(name, spec.params, name)), strict=True):
            scored[index] = replace(scored[index], scores={**scored[index].scores, name: score})
    return scored


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
    keys: Sequence[Key],
    wanted: Sequence[Statistic],
) -> None:
    """Write the numbers asked for into each report, as its `group`.

    Args:
        reports: in the contract's shape, with their rewards.
        rights: for each, `correct`.
        keys: as keys_of.
    """
    groups: dict[Key, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    for members in groups.values():
        found = statistics([reports[index]["reward"] for index in members], [rights[index] for index in members])
        common = {"mean": found.mean, "std": found.std, "pass_rate": found.pass_rate}
        for index, advantage in zip(members, found.advantages, strict=True):
            numbers = common | {"advantage": advantage}
            reports[index]["group"] = {"size": found.size} | {name: numbers[name] for name in wanted}
