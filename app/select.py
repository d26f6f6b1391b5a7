"""Rejection sampling, best of n and majority votes: from completions of a prompt, those to keep, and why not the rest.

A selection is graded like any batch, the filters riding along as components without weight, so that queues, limits,
cache and metrics are the same. A vote needs no reference: each group goes to a worker as one item, which says which
answers are equal (graders.votes). What is decided here is arithmetic and order.

The order of a group's items is the request's, and every tie goes to the item that stands first.

Not covered: files (app.select_file).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import version
from app.batch import Rooms, grade_batch
from app.chunk import ChunkItem, ItemResult
from app.errors import Unprocessable
from app.groups import group_key
from app.profiles import recipes_of
from app.schemas import Batch, Item, RewardSpec, Selection, check_params
from app.settings import Settings
from graders.extract import visible

FILTERS = {name: f"no_{name}" for name in ("mixed_language", "long_paragraph", "code_block", "repetition")}
"""What R1's rejection sampling drops, and the component that says 0 for it."""

REASONS: dict[str, str] = {
    "wrong": "`reject`: the verdict is not correct",
    "partial": "`reject`: only a part of a point",
    "undecided": "`reject`: too costly to decide",
    "no_answer": "`vote`: no answer, or one that cannot be read",
    "outvoted": "`vote`: equal to the answer of fewer completions, or of later ones where there are as many",
    "no_reward": "`best`: a component of the recipe has no score",
    "surplus": "as many as `keep` allows are better, or stand before it",
    "invalid": "its task cannot be used",
    "error": "the service failed; try again",
    **{name: f"the filter `{name}` does not let it pass" for name in FILTERS},
}
"""The closed list of why an item is not selected, with what each means."""

VOTED_KINDS = ("math", "choice", "text", "json")
"""Kinds of task whose answers can be compared with each other."""


@dataclass(frozen=True, slots=True)
class Group:
    """Items of one prompt, by their indices in the request; without a name they have equal prompts and tasks."""

    name: str | None
    indices: tuple[int, ...]


def groups_of(items: Sequence[Item]) -> list[Group]:
    """The groups, by first member."""
    found: dict[str | bytes, list[int]] = {}
    for index, item in enumerate(items):
        found.setdefault(group_key(item), []).append(index)
    return [Group(key if isinstance(key, str) else None, tuple(indices)) for key, indices in found.items()]


async def select_batch(
    selection: Selection,
    request_id: str,
    rooms: Rooms,
    *,
    elapsed_s: float = 0.0,
) -> dict[str, Any]:
    """Choose, and answer as POST /v1/select does.

    Args: elapsed_s: seconds since the request arrived; its deadline counts from then.
    Returns: a JSON-ready response with one group per group, in order of their first items.
    Raises: Unprocessable, QueueFull, StoreUnavailable.
    """
    started, settings = time.monotonic(), rooms.settings
    filters = filters_of(selection)
    check(selection, settings)
    # What tells groups apart may be large tests, and where reasoning ends is looked for in every completion: both are
    # done beside the event loop, on which everybody else's requests wait.
    groups = await asyncio.to_thread(groups_of, selection.items)
    rows: list[Mapping[str, Any]] = [{}] * len(selection.items)
    if selection.method != "vote" or filters:
        graded = await grade_batch(
            _batch(selection),
            request_id,
            rooms,
            elapsed_s=elapsed_s,
            also=filters,
            alone=selection.method == "vote",
        )
        rows = graded.response["results"]
    dropped = [_unfit(row, filters) for row in rows]
    if selection.method == "vote":
        timeout_s = (selection.deadline_s or settings.deadline_default_s) - elapsed_s - (time.monotonic() - started)
        deadline_ms = await rooms.queue.clock_ms() + int(max(timeout_s, 0.0) * 1000)
        items = [
            ("math", ChunkItem("", task=ballot, deadline_ms=deadline_ms))
            for ballot in await asyncio.to_thread(ballots, selection, groups, dropped)
        ]
        votes = await rooms.dispatcher.grade(items, max(timeout_s, 0.0))
        for vote in votes:
            rooms.metrics.observe("vote", "math", vote)
        chosen = [_vote(group, dropped, vote, selection.keep) for group, vote in zip(groups, votes, strict=True)]
    else:
        choose = _reject if selection.method == "reject" else _best
        chosen = [choose(group, rows, dropped, selection.keep) for group in groups]
    return {
        "request_id": request_id,
        "grader_version": version.GRADER,
        "groups": chosen,
        "summary": _summary(chosen, len(selection.items), elapsed_s + time.monotonic() - started),
    }


def filters_of(selection: Selection) -> tuple[RewardSpec, ...]:
    """The filters as components without weight.

    Raises: Unprocessable if one stands twice, or its parameters do not fit.
    """
    specs: list[RewardSpec] = []
    for index, given in enumerate(selection.filters):
        path = f"filters.{index}"
        name = FILTERS[given.name]
        if any(spec.name == name for spec in specs):
            raise _refuse(f"{path}.name", "each filter once")
        check_params(name, given.params, path)
        specs.append(RewardSpec(name=name, weight=0.0, params=given.params))
    return tuple(specs)


def check(selection: Selection, settings: Settings) -> None:
    """Refuse what the method cannot use.

    Raises: Unprocessable with the path.
    """
    if selection.method == "vote":
        if selection.profile is not None or selection.rewards is not None:
            path = "profile" if selection.profile is not None else "rewards"
            raise _refuse(path, "a vote counts answers, not rewards")
        for index, item in enumerate(selection.items):
            if item.profile is not None or item.rewards is not None:
                raise _refuse(f"items.{index}", "a vote counts answers, not rewards")
            if selection.by is None and item.task is not None and item.task.kind not in VOTED_KINDS:
                raise _refuse(f"items.{index}.task.kind", f"one of {', '.join(VOTED_KINDS)}, or say `by`")
        return
    if selection.by is not None:
        raise _refuse("by", "only for the method vote")
    if selection.method == "reject":
        for index, recipe in enumerate(recipes_of(_batch(selection), settings, whole=True)):
            if not recipe.judges:
                raise _refuse(f"items.{index}", "rejection sampling needs a recipe with a verdict, such as accuracy")


def _batch(selection: Selection) -> Batch:
    return Batch.model_construct(
        items=selection.items,
        profile=selection.profile,
        rewards=selection.rewards,
        deadline_s=selection.deadline_s,
        explain=False,
    )


def _refuse(path: str, message: str) -> Unprocessable:
    return Unprocessable("the selection cannot be made", errors=[{"path": path, "message": message}])


def _unfit(row: Mapping[str, Any], filters: Sequence[RewardSpec]) -> str | None:
    """Why an item cannot be selected whatever the method: whose fault it was, or the first filter that stops it."""
    status = row.get("status", "graded")
    if status != "graded":
        return str(status)
    for spec in filters:
        if not row["components"][spec.name]["score"]:
            return spec.name.removeprefix("no_")
    return None


def _reject(group: Group, rows: Sequence[Mapping[str, Any]], unfit: Sequence[str | None], keep: int | None) -> Any:
    """The correct ones that pass the filters, in order."""
    selected: list[int] = []
    dropped: dict[int, str] = {}
    for index in group.indices:
        outcome = rows[index].get("verdict", {}).get("outcome")
        # What is wrong is called wrong, whether or not a filter would have stopped it as well.
        if rows[index]["status"] == "graded" and outcome != "correct":
            dropped[index] = outcome
        elif (reason := unfit[index]) is not None:
            dropped[index] = reason
        elif keep is not None and len(selected) == keep:
            dropped[index] = "surplus"
        else:
            selected.append(index)
    return _row(group, selected, dropped, rows[selected[0]]["verdict"].get("answer") if selected else None)


def _best(group: Group, rows: Sequence[Mapping[str, Any]], unfit: Sequence[str | None], keep: int | None) -> Any:
    """The best `keep` (one) by reward; of equal ones the first."""
    dropped = {index: reason for index in group.indices if (reason := unfit[index]) is not None}
    fit = [index for index in group.indices if index not in dropped and rows[index]["reward"] is not None]
    ranked = sorted(fit, key=lambda index: -rows[index]["reward"])
    selected = ranked[: keep or 1]
    for index in group.indices:
        if index not in dropped and index not in selected:
            dropped[index] = "surplus" if rows[index]["reward"] is not None else "no_reward"
    answer = rows[selected[0]].get("verdict", {}).get("answer") if selected else None
    return _row(group, selected, dropped, answer)


def ballots(selection: Selection, groups: Sequence[Group], unfit: Sequence[str | None]) -> list[dict[str, Any]]:
    """Each group's vote as a worker's task: the completions that may vote, without their reasoning."""
    votes: list[dict[str, Any]] = []
    for group in groups:
        first = selection.items[group.indices[0]]
        by = selection.by or (first.task.kind if first.task is not None else "math")
        said = [_answering(selection.items[index].completion_text) for index in group.indices if unfit[index] is None]
        votes.append({"kind": "vote", "completions": said, "by": by})
    return votes


def _answering(completion: str) -> str:
    """The part of a completion that may hold its answer; reasoning is long, and a worker would only pass over it."""
    bounds = visible(completion)
    return "" if bounds is None else completion[slice(*bounds)]


def _vote(group: Group, unfit: Sequence[str | None], result: ItemResult, keep: int | None) -> Any:
    """The largest class of equal answers; of equally large ones the one whose first member stands first."""
    voters = [index for index in group.indices if unfit[index] is None]
    dropped = {index: reason for index in group.indices if (reason := unfit[index]) is not None}
    if result.votes is None:
        dropped |= dict.fromkeys(voters, result.status)
        return _row(group, [], dropped, None, 0)
    classes, answers = result.votes["classes"], result.votes["answers"]
    dropped |= dict.fromkeys(voters, "no_answer")
    if not classes:
        return _row(group, [], dropped, None, 0)
    # max() keeps the first of equals, and classes come by first member.
    winner = max(range(len(classes)), key=lambda at: len(classes[at]))
    for at, members in enumerate(classes):
        for member in members:
            dropped[voters[member]] = "surplus" if at == winner else "outvoted"
    selected = [voters[member] for member in classes[winner]][:keep]
    for index in selected:
        del dropped[index]
    return _row(group, selected, dropped, answers[winner], len(classes[winner]))


def _row(
    group: Group, selected: list[int], dropped: Mapping[int, str], answer: str | None, votes: int | None = None
) -> dict[str, Any]:
    return {
        "group": group.name,
        "selected": selected,
        "answer": answer,
        "votes": votes,
        "dropped": [{"index": index, "reason": dropped[index]} for index in sorted(dropped)],
    }


def _summary(groups: Sequence[Mapping[str, Any]], items: int, duration_s: float) -> dict[str, Any]:
    reasons = Counter(entry["reason"] for group in groups for entry in group["dropped"])
    return {
        "items": items,
        "groups": len(groups),
        "selected": sum(len(group["selected"]) for group in groups),
        "empty": sum(not group["selected"] for group in groups),
        "dropped": {reason: reasons[reason] for reason in REASONS if reasons[reason]},
        "duration_s": round(duration_s, 6),
    }
