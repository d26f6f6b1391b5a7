"""Items to chunks, chunks to the queue, results back in the order asked; the last async room on the way down.

Items wait `linger_s` for company, so that hundreds of single-item requests share a few chunks; a batch that fills
chunks by itself does not wait. Chunks shrink as workers grow in number, so that a batch spreads over all of them.
"""

import asyncio
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from app.chunk import QUEUES, Chunk, ChunkItem, ItemResult
from app.errors import FAULT_CODES, QueueFull, ServiceFault
from app.queue import JobQueue
from app.settings import Settings


@dataclass(slots=True, eq=False)
class _Waiting:
    """An item on its way, and where its result goes."""

    item: ChunkItem
    result: "asyncio.Future[ItemResult]"
    chunk_id: str = ""


class Dispatcher:
    """Sends items and collects results for every request of this process."""

    def __init__(self, queue: JobQueue, settings: Settings) -> None:
        self._queue = queue
        self._settings = settings
        self._gathering: dict[str, list[_Waiting]] = {name: [] for name in QUEUES}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._under_way = dict.fromkeys(QUEUES, 0)
        self._left: dict[str, int] = {}  # Items of a chunk that somebody still waits for.
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """Items accepted and not yet answered."""
        return sum(self._under_way.values())

    async def grade(self, items: Sequence[tuple[str, ChunkItem]], timeout_s: float) -> list[ItemResult]:
        """Have items graded.

        Args:
            items: (queue name, item) pairs.
            timeout_s: seconds to wait; what is unfinished then is an `error` with code "deadline".

        Returns: one result per item, in the order given.
        Raises: QueueFull before anything was sent, or when the queue refuses; StoreUnavailable.
        """
        for name in QUEUES:
            wanted = sum(1 for queue, _ in items if queue == name)
            if wanted and self._under_way[name] + wanted > self._settings.queue_items_max:
                raise QueueFull(f"the {name} queue is full", retry_after_s=5)
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(item, loop.create_future()) for _, item in items]
        for (name, _), one in zip(items, waiting, strict=True):
            self._under_way[name] += 1
            self._gathering[name].append(one)
        try:
            for name in {name for name, _ in items}:
                self._gather(name)
            done, _ = await asyncio.wait([one.result for one in waiting], timeout=timeout_s)
            refusal = next((fault for one in done if (fault := one.exception()) is not None), None)
            if refusal is not None:
                raise refusal
            late = ItemResult.failed("deadline", FAULT_CODES["deadline"])
            return [one.result.result() if one.result.done() else late for one in waiting]
        finally:
            for (name, _), one in zip(items, waiting, strict=True):
                self._under_way[name] -= 1
                self._leave(one)

    def _leave(self, one: _Waiting) -> None:
        """Nobody waits for the item any more: finished, late, or its caller is gone."""
        one.result.cancel()
        left = self._left.get(one.chunk_id)
        if left is None:
            return
        if left > 1:
            self._left[one.chunk_id] = left - 1
        else:
            del self._left[one.chunk_id]
            self._queue.forget(one.chunk_id)

    def _gather(self, name: str) -> None:
        if len(self._gathering[name]) >= self._chunk_items_max(name):
            self._flush(name)
        elif name not in self._timers:
            self._timers[name] = asyncio.get_running_loop().call_later(self._settings.linger_s, self._flush, name)

    def _chunk_items_max(self, name: str) -> int:
        settings = self._settings
        return settings.math_chunk_items_max if name == "math" else settings.code_chunk_items_max

    def _flush(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()
        gathered = [one for one in self._gathering[name] if not one.result.done()]
        self._gathering[name] = []
        # Two chunks a worker, so that the last ones to finish do not leave the others idle for long.
        shares = 2 * self._queue.workers(name)
        size = min(max(math.ceil(len(gathered) / shares), 1), self._chunk_items_max(name))
        for start in range(0, len(gathered), size):
            task = asyncio.create_task(self._send(name, gathered[start : start + size]))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, name: str, members: list[_Waiting]) -> None:
        chunk = Chunk(uuid.uuid4().hex, tuple(one.item for one in members))
        self._left[chunk.id] = len(members)
        for one in members:
            one.chunk_id = chunk.id

        def on_result(index: int, result: ItemResult) -> None:
            future = members[index].result
            if not future.done():
                future.set_result(result)

        try:
            await self._queue.submit(name, chunk, on_result)
        except ServiceFault as fault:
            for one in members:
                if not one.result.done():
                    one.result.set_exception(fault)
