"""The work itself, as a worker does it: an item of a chunk to its result, and the function that rq calls by name.

One of the two places that catch everything (the other is main.py): whatever a grader raises becomes a result with the
right party at fault, and the item before never harms the item after.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

from app.chunk import Chunk, ChunkItem, ItemResult, verdict_json
from app.schemas import check_params, work_from_json
from graders.components import COMPONENTS, Item
from graders.errors import GraderFault, JudgeFault, TaskInvalid
from graders.registry import Registry
from graders.verdict import Outcome, Reason, Verdict
from graders.work import RunTask, VoteTask
from sandbox.errors import SandboxFault

_log = structlog.get_logger()

T = TypeVar("T")

TRIES_MAX = 2
"""Times an item is tried within one delivery when the sandbox or a grader's child fails."""

_OVERRULED = Verdict(Outcome.WRONG, Reason.DIFFERENT)


def grade_item(registry: Registry, item: ChunkItem, *, queue_s: float = 0.0) -> ItemResult:
    """Judge one item and score its components. Never raises."""
    started = time.perf_counter()
    try:
        result = _grade(registry, item)
    except Exception as error:  # noqa: BLE001  Whatever it is, it costs this item only, and no number.
        result = ended(error)
    return timed(result, queue_s, started)


def _grade(registry: Registry, item: ChunkItem) -> ItemResult:
    work = None if item.task is None else work_from_json(item.task)
    if isinstance(work, RunTask):
        return ItemResult("graded", run=asdict(_patiently(partial(registry.run, work, item.completion))))
    if isinstance(work, VoteTask):
        return ItemResult("graded", votes=asdict(_patiently(partial(registry.count, work))))
    if work is None:
        return scored(item, None)
    return scored(item, _patiently(partial(registry.grade, work, item.completion, item.prompt)))


def scored(item: ChunkItem, verdict: Verdict | None) -> ItemResult:
    """An item's result once the verdict is there."""
    seen = _OVERRULED if item.overruled and verdict is not None else verdict
    view = Item(item.completion, seen, item.question or item.prompt, item.tokens)
    scores = {name: _score(name, view, check_params(name, params, name)) for name, params in item.components}
    report = None if verdict is None else verdict_json(verdict, explain=item.explain)
    return ItemResult("graded", scores, report)


def timed(result: ItemResult, queue_s: float, started: float, judge: Mapping[str, Any] | None = None) -> ItemResult:
    """The result with the seconds it waited, those since `started` (time.perf_counter), and its judge's record."""
    grade_s = round(time.perf_counter() - started, 6)
    return replace(result, queue_s=round(max(queue_s, 0.0), 6), grade_s=grade_s, judge=judge)


def ended(error: Exception) -> ItemResult:
    """What an item ends as that raised: the right party is at fault, and it is never the completion."""
    match error:
        case TaskInvalid():
            return ItemResult("invalid", invalid={"code": error.code, "message": error.message})
        case JudgeFault():
            return ItemResult.failed("judge", error.message, retryable=error.retryable)
        case SandboxFault():
            _log.warning("sandbox_fault", error=str(error))
            return ItemResult.failed("sandbox", "the sandbox failed, not the program")
        case GraderFault():
            _log.warning("grader_fault", error=str(error))
            return ItemResult.failed("grader", "the grader failed, not the answer")
        case _:  # A bug of ours.
            _log.error("grader_bug", error=type(error).__name__, exc_info=error)
            return ItemResult.failed("grader", "the grader failed, not the answer", retryable=False)


def _score(name: str, view: Item, params: Any) -> float | None:
    score = COMPONENTS[name].score
    if score is None:
        raise GraderFault(f"the component {name} looks at a whole group, which no worker sees")
    return score(view, params)


def _patiently(attempt: Callable[[], T]) -> T:
    """Try again when we fail, a bounded number of times."""
    for _ in range(TRIES_MAX - 1):
        try:
            return attempt()
        except (SandboxFault, GraderFault) as fault:
            _log.warning("retrying", error=str(fault))
    return attempt()


def grade_in_place(registry: Registry, chunk_text: bytes, index: int) -> bytes:
    """An item of a chunk, text in and text out, for MemoryQueue."""
    return grade_item(registry, Chunk.from_text(chunk_text).items[index]).to_text()


class Desk(Protocol):
    """A worker's side of the queue (app.rq_queue.WorkerDesk), as far as grade_chunk needs it."""

    def take(self, delivery: str) -> tuple[Chunk, list[int], int] | None:
        """Claim a delivery: its chunk, the indices to grade, and the store's clock in ms; None if nothing is left."""

    def wanted(self, chunk: Chunk) -> bool:
        """False when nobody waits for the chunk any more."""

    def put(self, chunk: Chunk, index: int, result: ItemResult) -> None:
        """Hand over a result to be written soon; the first writer of an item wins."""

    def done(self, delivery: str, size: int) -> None:
        """Wait until everything handed over is written, then end the lease; `size` is the chunk's number of items."""

    def working_on(self, seconds_max: float | None) -> None:
        """An item begins (its backstop in seconds) or, with None, ends."""


class Hall(Protocol):
    """Where many deliveries are under way at once (app.judging.Hall), as far as grade_chunk needs it."""

    def admit(self, delivery: str) -> None:
        """Take a delivery over, as soon as there is room; it is finished, and its desk told, later."""


@dataclass(slots=True)
class Bench:
    """What a worker process grades with, one delivery after the other."""

    registry: Registry
    desk: Desk
    item_seconds_max: float  # An item that holds the process longer ends it.
    costly: bool = False  # Items take so long that asking before each whether somebody still waits for it pays.


_bench: list[Bench | Hall] = []


def lay_out(bench: Bench | Hall) -> None:
    """Give this process what grade_chunk works with; called once by worker.py, since rq calls by name only."""
    _bench[:] = [bench]


def grade_chunk(delivery: str) -> None:
    """Grade what is left of a delivery and hand over each result at once. The only callable a message may name."""
    if not _bench:
        raise RuntimeError("grade_chunk outside a worker")
    bench = _bench[0]
    if not isinstance(bench, Bench):
        bench.admit(delivery)
        return
    taken = bench.desk.take(delivery)
    if taken is None:
        return
    chunk, indices, now_ms = taken
    arrived = time.monotonic()
    for index in indices:
        item = chunk.items[index]
        if bench.costly and not bench.desk.wanted(chunk):
            break
        clock_ms = now_ms + (time.monotonic() - arrived) * 1000
        if item.deadline_ms is not None and clock_ms >= item.deadline_ms:
            result = ItemResult.failed("deadline", "the deadline passed before the item was begun")
        else:
            bench.desk.working_on(bench.item_seconds_max)
            result = grade_item(bench.registry, item, queue_s=(clock_ms - chunk.submitted_ms) / 1000)
            bench.desk.working_on(None)
        bench.desk.put(chunk, index, result)
    bench.desk.done(delivery, len(chunk.items))
