"""Programs that come by themselves, through the code queue: the same workers, jails, bounds and metrics.

Two things can be wanted of one: that it is run as it is and its output told (`run`), or that tests judge it (`judge`).
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from fastapi import Request

from app.chunk import ChunkItem, ItemResult
from app.errors import TooLarge
from app.lifetime import Services
from app.routes import services, while_connected
from app.schemas import weight, work_json
from app.settings import Settings
from graders.work import ProgramTask, RunTask

_log = structlog.get_logger()


async def run(request: Request, task: RunTask, source: str, deadline_s: float) -> ItemResult:
    """Have a program run once.

    Args: deadline_s: seconds from the request's arrival.
    Returns: a result with `run`; or one that is invalid (the language is not offered, a file's name is bad) or error.
    Raises: QueueFull, StoreUnavailable; ClientDisconnect when the caller left.
    """
    (result,) = await _send(request, [task], source, deadline_s, explain=False)
    return result


async def judge(request: Request, task: ProgramTask, source: str, deadline_s: float, *, explain: bool) -> ItemResult:
    """Have a program judged by tests. Returns and raises as `run`, with a verdict."""
    (result,) = await _send(request, [task], source, deadline_s, explain=explain)
    return result


async def judge_many(
    request: Request, tasks: Sequence[ProgramTask], source: str, deadline_s: float
) -> list[ItemResult]:
    """Have a program judged by each of several tasks. Returns and raises as `judge`, one result a task."""
    return await _send(request, tasks, source, deadline_s, explain=False)


async def _send(
    request: Request, tasks: Sequence[RunTask | ProgramTask], source: str, deadline_s: float, *, explain: bool
) -> list[ItemResult]:
    rooms = services(request)
    values = [work_json(task) for task in tasks]
    _check_sizes(source, values, rooms.settings)
    until = request.state.arrived + deadline_s
    work = partial(_once, rooms, values, source, until, explain)
    # Held to the deadline: of these callers some never try again, and the others wait so long in any case.
    results = await while_connected(request, rooms.patience.of(work, until - time.monotonic()))
    _log.info(
        "ran", route=request.scope["route"].path, programs=len(tasks), error=sum(r.fault is not None for r in results)
    )
    for task, result in zip(tasks, results, strict=True):
        rooms.metrics.observe("code" if isinstance(task, ProgramTask) else task.kind, "code", result)
    return results


def _check_sizes(source: str, values: Sequence[Any], settings: Settings) -> None:
    """As of a completion and its task. Raises: TooLarge."""
    if len(source) * 4 > settings.completion_bytes_max and len(source.encode()) > settings.completion_bytes_max:
        raise TooLarge(f"the program is over {settings.completion_bytes_max} bytes")
    if any(weight(value) > settings.task_bytes_max for value in values):
        raise TooLarge(f"the tests, or the input and the files, are over {settings.task_bytes_max} bytes")


async def _once(
    rooms: Services, values: Sequence[dict[str, Any]], source: str, until: float, explain: bool
) -> list[ItemResult]:
    left_s = max(until - time.monotonic(), 0.0)
    deadline_ms = await rooms.queue.clock_ms() + int(left_s * 1000)
    items = [
        ChunkItem(
            completion=source,
            task=value,
            components=() if value["kind"] == "run" else (("accuracy", {}),),
            deadline_ms=deadline_ms,
            explain=explain,
        )
        for value in values
    ]
    return await rooms.dispatcher.grade([("code", item) for item in items], left_s)
