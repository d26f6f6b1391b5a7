"""The judge worker's hall: many items at once, since judging is waiting for somebody else's server.

Theory of operation. Two threads. rq's own (the main one) brings deliveries, takes them off the store and hands them
over. The hall's runs one event loop, in which each item is a task: its result is written when it is there, its chunk is
done when all of them are. While a judge's items fill their room, deliveries are taken slowly, so that workers with room
get them first; they are taken all the same, since they may be another judge's, whom a slow one must not hold up. rq
takes a chunk for finished as soon as it was handed over; what counts is the desk's lease, which lives until `done`.

    the worker is asked to stop    no more deliveries; those in the hall are finished first
    it dies                        its leases run out, another worker has the items: what is lost is the judge's time
    nobody waits for a chunk       noticed within WANTED_S; its requests are broken off
    the loop stands still          it no longer tells the desk that it lives: the desk ends the process
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from app.chunk import Chunk, ChunkItem, ItemResult
from app.jobs import Desk, ended, scored, timed
from app.judge_settings import JudgeSettings, room_of
from app.judges import Panel, Record
from app.schemas import task_from_json
from graders.errors import GraderFault
from graders.task import PreferenceTask

_log = structlog.get_logger()

WANTED_S = 2.0
"""Seconds between two looks whether somebody still waits for a chunk."""

PAUSE_S = 0.02
"""Seconds between deliveries taken while some judge's items are more than its room."""

INSIDE_MAX = 8192
"""Items in the hall, whoever's; past it nothing is taken."""

STUCK_S = 60.0
"""Seconds after which a loop that gave no sign of life has the process ended."""


async def judge_item(
    panel: Panel, item: ChunkItem, *, queue_s: float = 0.0, seconds_max: float | None = None
) -> ItemResult:
    """Have one item judged and score its components. Never raises, but for its own being cancelled.

    Args: seconds_max: what is left of the item's deadline.
    """
    started, record = time.perf_counter(), Record()
    try:
        task = task_from_json(item.task)
        if not isinstance(task, PreferenceTask):
            raise GraderFault(f"no grader for {type(task).__name__} in this worker")
        async with asyncio.timeout(seconds_max):
            verdict = await panel.grade(task, item.completion, item.prompt, item.turns, record=record)
        result = scored(item, verdict)
    except TimeoutError:
        result = ItemResult.failed("deadline", "the deadline passed before the judge had answered")
    except Exception as error:  # noqa: BLE001  Whatever it is, it costs this item only, and no number.
        result = ended(error)
    return timed(result, queue_s, started, record.as_json())


class Hall:
    """A judge worker's items. A context manager; leaving it waits for them, unless it is left in haste.

    Args:
        judges: the configured ones.
        desk: the worker's side of the queue.

    Raises: ValueError if a judge's key is missing.
    """

    def __init__(self, judges: Mapping[str, JudgeSettings], desk: Desk) -> None:
        self._panel, self._desk = Panel(judges), desk
        self._room = {name: room_of(judge) for name, judge in judges.items()}
        self._inside: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._chunks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._haste = False
        self._thread = threading.Thread(target=self._run, name="hall", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._haste = kind is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    # rq's thread.

    def admit(self, delivery: str) -> None:
        """Take a delivery over, as soon as there is room.

        Raises: as the desk's `take`.
        """
        with self._changed:
            until = time.monotonic() + PAUSE_S
            while (inside := self._inside.total()) and self._is_crowded():
                left_s = until - time.monotonic()
                if left_s <= 0 and inside < INSIDE_MAX:
                    break
                self._changed.wait(max(left_s, PAUSE_S))  # Never for long, so that a signal's handler gets its turn.
        taken = self._desk.take(delivery)
        if taken is None:
            return
        chunk, indices, now_ms = taken
        with self._changed:
            self._inside.update(self._judge_of(chunk.items[index]) for index in indices)
        arrived = time.monotonic()
        self._loop.call_soon_threadsafe(self._begin, delivery, chunk, indices, now_ms, arrived)

    def _is_crowded(self) -> bool:
        return any(self._inside[name] >= room for name, room in self._room.items())

    def _judge_of(self, item: ChunkItem) -> str:
        name = (item.task or {}).get("judge")
        return name if isinstance(name, str) and name in self._room else next(iter(self._room))

    # The hall's thread.

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._live())
        except Exception:  # noqa: BLE001  The desk hears no more from this thread, and ends the process.
            _log.exception("hall_ended")
            self._desk.working_on(0)
        finally:
            self._ready.set()

    async def _live(self) -> None:
        async with self._panel:
            self._ready.set()
            stopping = asyncio.ensure_future(self._stop.wait())
            while not stopping.done() or (self._chunks and not self._haste):
                self._desk.working_on(STUCK_S)
                awaited = {stopping} if not stopping.done() else set(self._chunks)
                await asyncio.wait(awaited, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            for chunk in self._chunks:
                chunk.cancel()
            await asyncio.gather(*self._chunks, return_exceptions=True)
            self._desk.working_on(None)

    def _begin(self, delivery: str, chunk: Chunk, indices: list[int], now_ms: int, arrived: float) -> None:
        task = self._loop.create_task(self._judge_chunk(delivery, chunk, indices, now_ms, arrived))
        self._chunks.add(task)
        task.add_done_callback(self._chunks.discard)

    async def _judge_chunk(self, delivery: str, chunk: Chunk, indices: list[int], now_ms: int, arrived: float) -> None:
        items = []
        for index in indices:
            item = asyncio.ensure_future(self._judge(chunk, index, now_ms, arrived))
            item.add_done_callback(partial(self._leave, self._judge_of(chunk.items[index])))
            items.append(item)
        try:
            left = set(items)
            while left:
                _, left = await asyncio.wait(left, timeout=WANTED_S)
                if left and not await asyncio.to_thread(self._desk.wanted, chunk):
                    break
        finally:
            for item in items:
                item.cancel()
            await asyncio.gather(*items, return_exceptions=True)
        await asyncio.to_thread(self._desk.done, delivery, len(chunk.items))

    def _leave(self, judge: str, item: "asyncio.Task[None]") -> None:
        with self._changed:
            self._inside[judge] -= 1
            self._changed.notify_all()

    async def _judge(self, chunk: Chunk, index: int, now_ms: int, arrived: float) -> None:
        item = chunk.items[index]
        clock_ms = now_ms + (time.monotonic() - arrived) * 1000
        left_s = None if item.deadline_ms is None else (item.deadline_ms - clock_ms) / 1000
        if left_s is not None and left_s <= 0:
            result = ItemResult.failed("deadline", "the deadline passed before the item was begun")
        else:
            queue_s = (clock_ms - chunk.submitted_ms) / 1000
            result = await judge_item(self._panel, item, queue_s=queue_s, seconds_max=left_s)
        self._desk.put(chunk, index, result)


class Jury:
    """The judges for a process without a queue: a context manager, each call of which asks about many items at once."""

    def __init__(self, judges: Mapping[str, JudgeSettings]) -> None:
        self._panel, self._runner = Panel(judges), asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.run(self._panel.__aenter__())
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.run(self._panel.__aexit__())
        self._runner.close()

    def judge(self, items: Sequence[ChunkItem]) -> list[ItemResult]:
        """One result an item, in order. Never raises."""

        async def together() -> list[ItemResult]:
            return list(await asyncio.gather(*(judge_item(self._panel, item) for item in items)))

        return self._runner.run(together())
