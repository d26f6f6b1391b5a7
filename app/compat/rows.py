"""Rows of another service's request through the rooms of /v1/grade, each with its own fate.

A label that cannot be used, a completion over the limit: one row's affair. What trainers without a word for "not
graded" get for such a row is a number all the same, the request's `fallback`, beside flags that say so.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from starlette.responses import Response

from app import profiles
from app.batch import grade_batch, report
from app.chunk import ItemResult
from app.compat.label import READINGS, task_of
from app.errors import NotFound, QueueFull, TooLarge, Unprocessable
from app.lifetime import Services
from app.profiles import Recipe, check_item, kind_of, recipe_named
from app.routes import services, while_connected
from app.schemas import Batch, Item
from app.settings import Settings
from graders.components import COMPONENTS
from graders.errors import TaskInvalid
from graders.task import Task

_log = structlog.get_logger()

_ANSWER_S = 5.0
"""Seconds kept of what the caller waits for the way back."""


@dataclass(frozen=True, slots=True)
class Row:
    """One completion and its label.

    Args:
        label: see app.compat.label; a task is taken as it is, and a TaskInvalid says that there can be none.
        tokens, truncated: of the completion, where the caller tells.
    """

    completion: str
    prompt: str = ""
    label: Any = None
    tokens: int | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class How:
    """What a request's address says.

    Args:
        profile: the recipe's name.
        reading: how plain labels are read.
        fallback: the number that stands for a row that was not graded.
        deadline_s: seconds from arrival in which the caller wants its answer.
    """

    profile: str
    reading: str
    fallback: float
    deadline_s: float


def how_of(request: Request, *, patience_s: float, profile: str | None = None) -> How:
    """Read a request's address: `profile`, `label`, `fallback` and `deadline_s` in the query.

    Args:
        patience_s: seconds the caller waits for an answer; a little less is the deadline when it names none.
        profile: the path's own, which goes before /profile/NAME/... and that before one in the query.

    Raises: NotFound for a profile that does not exist; Unprocessable for another bad parameter.
    """
    settings, query = services(request).settings, request.query_params
    name = profile or request.scope["state"].get("profile") or query.get("profile") or profiles.DEFAULT
    try:
        recipe_named(name, settings)
    except Unprocessable:
        raise NotFound("no such profile; GET /v1/profiles lists them") from None
    label = query.get("label", _usual_reading(name, settings))
    if label not in READINGS:
        raise _refuse("label", f"one of {', '.join(READINGS)}")
    fallback = _number(query.get("fallback"), "fallback", 0.0)
    default_s = min(max(patience_s - _ANSWER_S, patience_s / 2), settings.deadline_default_s)
    deadline_s = _number(query.get("deadline_s"), "deadline_s", default_s)
    if not 0 < deadline_s <= settings.deadline_max_s:
        raise _refuse("deadline_s", f"over 0 and at most {settings.deadline_max_s:g} s")
    return How(name, label, fallback, deadline_s)


def _usual_reading(profile: str, settings: Settings) -> str:
    """How a plain label is read when the address does not say: what a profile with a judge looks at is a preference."""
    kinds = {COMPONENTS[spec.name].kind for spec in recipe_named(profile, settings).specs}
    return "preference" if "preference" in kinds else "math"


_FLOAT = TypeAdapter(float)


def _number(text: str | None, name: str, default: float) -> float:
    if text is None:
        return default
    try:
        number = _FLOAT.validate_python(text)
    except ValidationError:
        raise _refuse(name, "a number") from None
    if not -1e9 <= number <= 1e9:
        raise _refuse(name, "a number of at most 1e9")
    return number


def _refuse(path: str, message: str) -> Unprocessable:
    return Unprocessable("a parameter of the address does not fit", errors=[{"path": path, "message": message}])


async def grade_rows(
    request: Request, rows: Sequence[Row], how: How, *, explain: bool = False, once: bool = False
) -> list[dict[str, Any]]:
    """Grade rows and wait for room where there is none.

    Args:
        explain: as in /v1/grade.
        once: the caller never tries again, so it is held to its deadline.

    Returns: one result a row, in order, in the shape of /v1/grade; names of components are the same on every row.
    Raises: TooLarge for too many rows; QueueFull, StoreUnavailable; ClientDisconnect when the caller left.
    """
    rooms = services(request)
    if len(rows) > rooms.settings.items_max:
        raise TooLarge(f"more than {rooms.settings.items_max} rows")
    work = partial(_grade, request, rooms, rows, how, explain)
    left_s = how.deadline_s - (time.monotonic() - request.state.arrived)
    wait_s = left_s if once else min(rooms.settings.compat_wait_s, left_s)
    results = await while_connected(request, rooms.patience.of(work, wait_s))
    statuses = [result["status"] for result in results]
    counts = {status: statuses.count(status) for status in ("graded", "invalid", "error")}
    _log.info("graded", route=request.scope["route"].path, items=len(rows), **counts)
    return results


async def _grade(
    request: Request, rooms: Services, rows: Sequence[Row], how: How, explain: bool
) -> list[dict[str, Any]]:
    recipe = recipe_named(how.profile, rooms.settings)

    def read() -> list[Item | TaskInvalid]:
        return [_item(row, how, rooms) for row in rows]

    items = read() if sum(len(row.completion) for row in rows) < _LARGE else await asyncio.to_thread(read)
    good = [item for item in items if isinstance(item, Item)]
    graded: list[dict[str, Any]] = []
    if good:
        batch = Batch(items=tuple(good), profile=how.profile, deadline_s=how.deadline_s, explain=explain)
        answer = await grade_batch(
            batch,
            request.state.request_id,
            rooms,
            elapsed_s=time.monotonic() - request.state.arrived,
        )
        graded = answer.response["results"]
    results, rest = [], iter(graded)
    for index, item in enumerate(items):
        if isinstance(item, TaskInvalid):
            refused = ItemResult("invalid", invalid={"code": item.code, "message": item.message})
            rooms.metrics.observe("none", "math", refused)
            results.append(report(index, None, None, recipe, refused))
        else:
            results.append(next(rest) | {"index": index})
    return results


_LARGE = 1024 * 1024


def _item(row: Row, how: How, rooms: Services) -> Item | TaskInvalid:
    """A row as an item; a completion over the limit answers nothing, a label over the limit cannot be used.

    Raises: Unprocessable when the profile looks at what this caller does not send.
    """
    try:
        if isinstance(row.label, TaskInvalid):
            raise row.label
        task = row.label if isinstance(row.label, Task) else task_of(row.label, how.reading)
        if not isinstance(row.label, Task) and _size(row.label) > rooms.settings.task_bytes_max:
            raise TaskInvalid("too_large", f"the label is over {rooms.settings.task_bytes_max} bytes")
    except TaskInvalid as invalid:
        return invalid
    limit = rooms.settings.completion_bytes_max
    text = row.completion
    if len(text) * 4 > limit and len(text.encode()) > limit:
        text = ""
    item = Item(completion=text, prompt=row.prompt, task=task, completion_tokens=row.tokens, truncated=row.truncated)
    recipe = recipe_named(how.profile, rooms.settings, kind_of(item))
    _check_sent(row, recipe)
    if item.task is None and recipe.judges:
        return TaskInvalid("no_label", "the profile needs something to judge by, and the row has no label")
    try:
        check_item(item, recipe, "row", whole=True)
    except Unprocessable as unfit:
        return TaskInvalid("unfit", unfit.errors[0]["message"])
    return item


def _check_sent(row: Row, recipe: Recipe) -> None:
    """Refuse a profile as a whole for what its caller never sends.

    Where nobody counts tokens the short completions, of which it can be told without, would be graded and the long ones
    not; where completions come one by one, each would be its prompt's only one.
    Raises: Unprocessable.
    """
    if recipe.counted and row.tokens is None:
        raise _refuse("profile", "counts tokens, and this caller does not say how many there are")
    if recipe.relative:
        raise _refuse("profile", "compares the completions of a prompt, and this caller sends them one by one")


def _size(label: Any) -> int:
    return len(label) if isinstance(label, str) and label.isascii() else len(to_json(label))


def needs_label(profile: str, settings: Settings) -> bool:
    """Whether rows of a profile must have something to judge by."""
    return recipe_named(profile, settings).judges and _usual_reading(profile, settings) != "preference"


def number_of(result: dict[str, Any], how: How) -> float:
    """A result's reward, or the request's fallback."""
    reward = result["reward"]
    return how.fallback if reward is None else float(reward)


def flags_of(result: dict[str, Any]) -> dict[str, float]:
    """Numbers under the same names for every row of a profile: each component's score (0 where it has none), and
    `error`, 1 where we failed, and `invalid`, 1 where the row has no reward for any other reason."""
    scores = {name: float(entry["score"] or 0.0) for name, entry in result["components"].items()}
    error = result["status"] == "error"
    return scores | {"invalid": float(result["reward"] is None and not error), "error": float(error)}


def refuse_if_lost(results: Sequence[dict[str, Any]]) -> None:
    """Refuse a request of which nothing was graded, and through a fault of ours that another try may not meet.

    Callers that try again then do so; a deadline that passed is no such fault, as the caller waited in vain already.
    Raises: QueueFull (503 with Retry-After).
    """
    faults = [result["fault"] for result in results if result["status"] == "error"]
    if faults and len(faults) == len(results) and all(f["retryable"] and f["code"] != "deadline" for f in faults):
        raise QueueFull("the service failed; try again", retry_after_s=1.0)


def answer(value: Any) -> Response:
    """A value as JSON."""
    return Response(to_json(value), media_type="application/json")
