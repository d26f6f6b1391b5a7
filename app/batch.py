"""One batch through the house: recipes, chunks' items, grading, and the response in the contract's shape."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from app import version
from app.cache import lasts
from app.chunk import ChunkItem, ItemResult
from app.dispatch import Dispatcher
from app.errors import BadJson, ServiceFault, TooLarge, Unprocessable
from app.groups import add_statistics, correct, keys_of, score_relative
from app.json_edge import check_json
from app.metrics import Metrics
from app.profiles import Recipe, kind_of, queue_of, recipes_of, with_components
from app.queue import JobQueue
from app.schemas import STATISTICS, Batch, Item, RewardSpec, parse_batch, task_json
from app.settings import Settings
from graders.components import COMPONENTS
from graders.reward import Term, reward


@dataclass(frozen=True, slots=True)
class Rooms:
    """What batches are graded with."""

    settings: Settings
    queue: JobQueue
    dispatcher: Dispatcher
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Graded:
    """What became of a batch.

    Args:
        response: JSON-ready, with one result per item, in order.
        kinds: of each item's task; "none" without one.
        lasting: every result would come out the same again.
    """

    response: dict[str, Any]
    kinds: list[str]
    lasting: bool


async def grade_batch(
    batch: Batch,
    request_id: str,
    rooms: Rooms,
    *,
    elapsed_s: float = 0.0,
    also: tuple[RewardSpec, ...] = (),
    alone: bool = False,
) -> Graded:
    """Grade a batch and answer as POST /v1/grade does.

    Args:
        elapsed_s: seconds since the request arrived; its deadline counts from then.
        also: components that every item has besides those of its recipe.
        alone: every item has only those.
    Raises: Unprocessable, QueueFull, StoreUnavailable.
    """
    started, settings = time.monotonic(), rooms.settings
    recipes = (
        [Recipe(also)] * len(batch.items) if alone else with_components(recipes_of(batch, settings, whole=True), also)
    )
    keys = None
    if batch.group or any(recipe.relative for recipe in recipes):
        # What tells groups apart may be large tests; it is read beside the event loop, as are lengths of texts below.
        keys = await asyncio.to_thread(keys_of, batch.items, recipes, wanted=bool(batch.group))
    timeout_s = max((batch.deadline_s or settings.deadline_default_s) - elapsed_s, 0.0)
    deadline_ms = await rooms.queue.clock_ms() + int(timeout_s * 1000)
    items = [
        (
            queue_of(item, recipe, judges=bool(settings.judges)),
            chunk_item(item, recipe, deadline_ms=deadline_ms, explain=batch.explain),
        )
        for item, recipe in zip(batch.items, recipes, strict=True)
    ]
    results = await rooms.dispatcher.grade(items, timeout_s)
    if keys is not None:
        results = await asyncio.to_thread(score_relative, batch.items, recipes, results)
    reports = [
        report(index, item.id, item.metadata, recipe, result, truncated=item.truncated)
        for index, (item, recipe, result) in enumerate(zip(batch.items, recipes, results, strict=True))
    ]
    if keys is not None and batch.group:
        rights = [correct(*row) for row in zip(batch.items, recipes, results, strict=True)]
        add_statistics(reports, rights, keys, STATISTICS if isinstance(batch.group, bool) else batch.group)
    kinds = [kind_of(item) for item in batch.items]
    for kind, (name, _), result in zip(kinds, items, results, strict=True):
        rooms.metrics.observe(kind, name, result)
    response = {
        "request_id": request_id,
        "grader_version": version.GRADER,
        "results": reports,
        "summary": summary(reports, elapsed_s + time.monotonic() - started),
    }
    return Graded(response, kinds, all(map(lasts, results)))


def items_of_lines(
    lines: Sequence[tuple[int, bytes]],
    settings: Settings,
    profile: str | None,
    *,
    word: str = "line",
    whole: bool = False,
) -> tuple[Sequence[Item], list[Recipe]]:
    """Items that stand one a line, with their recipes; an error names the line.

    Args:
        lines: each with its number.
        profile: for items that name none.
        word: what the numbers count.
        whole: all completions of each prompt will be seen together, if not among these lines.
    Raises: BadJson, Unprocessable, TooLarge.
    """
    for number, line in lines:
        try:
            value = check_json(line)
        except BadJson as refused:
            raise BadJson(f"{word} {number}: {refused.message}") from None
        if not isinstance(value, dict):
            errors = [{"path": f"{word} {number}", "message": "no object"}]
            raise Unprocessable(f"each {word} is one item", errors=errors)
    head = b"{" + (b'"profile":' + to_json(profile) + b"," if profile is not None else b"")
    body = head + b'"items":[' + b",".join(line for _, line in lines) + b"]}"

    def place(path: str) -> str:
        steps = path.split(".")
        if len(steps) > 1 and steps[0] == "items" and steps[1].isdigit():
            return ".".join([f"{word} {lines[int(steps[1])][0]}", *steps[2:]])
        return path

    try:
        batch = parse_batch(body, settings.model_copy(update={"items_max": len(lines)}))
        recipes = recipes_of(batch, settings, whole=whole)
        keys_of(batch.items, recipes, wanted=False)
        return batch.items, recipes
    except TooLarge as fault:
        raise TooLarge(" ".join(map(place, fault.message.split(" ")))) from None
    except ServiceFault as fault:
        fault.errors = [{**error, "path": place(error["path"])} for error in fault.errors]
        raise


def chunk_item(item: Item, recipe: Recipe, *, deadline_ms: int | None, explain: bool) -> ChunkItem:
    """What a worker needs of an item."""
    return ChunkItem(
        completion=item.completion_text,
        prompt=item.prompt_text,
        task=task_json(item.task) if recipe.judges and item.task is not None else None,
        components=recipe.scored,
        tokens=item.completion_tokens,
        overruled=item.truncated and recipe.truncated == "wrong",
        question=_question(item) if recipe.asks else "",
        deadline_ms=deadline_ms,
        explain=explain,
        turns=_turns(item) if recipe.judges else (),
    )


def _question(item: Item) -> str:
    """The last thing a user says in a prompt given as messages: a system's turn may be in another language."""
    if isinstance(item.prompt, str):
        return ""
    return next((turn.content for turn in reversed(item.prompt) if turn.role == "user"), "")


def _turns(item: Item) -> tuple[tuple[str, str], ...]:
    """A prompt's messages, for the one kind of task that is shown them; elsewhere its text is enough."""
    if item.task is None or item.task.kind != "preference" or isinstance(item.prompt, str):
        return ()
    return tuple((turn.role, turn.content) for turn in item.prompt)


def report(
    index: int,
    item_id: str | None,
    metadata: dict[str, Any] | None,
    recipe: Recipe,
    result: ItemResult,
    *,
    truncated: bool = False,
) -> dict[str, Any]:
    """One result in the contract's shape: the names of the components are the recipe's, whatever became of the item."""
    scores = {spec.name: _score(spec.name, recipe, result, truncated=truncated) for spec in recipe.specs}
    weights = {spec.name: spec.weight for spec in recipe.specs}
    terms = [Term(scores[spec.name], spec.weight, spec.gate) for spec in recipe.specs]
    row: dict[str, Any] = {
        "index": index,
        "id": item_id,
        "status": result.status,
        "reward": reward(terms, recipe.clip) if result.status == "graded" else None,
        "components": {
            name: {"score": scores.get(name), "weight": weights.get(name, 0.0)} for name in recipe.names or weights
        },
    }
    if result.verdict is not None:
        row["verdict"] = result.verdict
    if result.invalid is not None:
        row["invalid"] = result.invalid
    if result.fault is not None:
        row["fault"] = result.fault.as_json()
    row["timing"] = {"queue_s": result.queue_s, "grade_s": result.grade_s}
    row["cached"] = result.cached
    row["metadata"] = metadata
    return row


def summary(reports: Sequence[dict[str, Any]], duration_s: float) -> dict[str, Any]:
    """The batch in numbers."""
    rewards = [row["reward"] for row in reports if row["reward"] is not None]
    return {
        "items": len(reports),
        **{status: sum(row["status"] == status for row in reports) for status in ("graded", "invalid", "error")},
        "correct": sum(row.get("verdict", {}).get("outcome") == "correct" for row in reports),
        "reward_mean": math.fsum(rewards) / len(rewards) if rewards else None,
        "duration_s": round(duration_s, 6),
    }


def _score(name: str, recipe: Recipe, result: ItemResult, *, truncated: bool) -> float | None:
    """A component's score under the recipe's policies."""
    if truncated and recipe.truncated == "null":
        return None
    undecided = result.verdict is not None and result.verdict.get("outcome") == "undecided"
    if undecided and recipe.undecided == "null" and COMPONENTS[name].judges:
        return None
    score = result.scores.get(name)
    return score if score is not None and math.isfinite(score) else None
