"""Items to chunks, chunks to the queue, results back in the order asked; the last async room on the way down.

Items wait `linger_s` for company, so that hundreds of single-item requests share a few chunks; a batch that fills
chunks by itself does not wait. Chunks shrink as workers grow in number, so that a batch spreads over all of them.
"""

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.cache import VerdictCache, key_of
from app.chunk import QUEUES, Chunk, ChunkItem, ItemResult
from app.errors import FAULT_CODES, QueueFull, ServiceFault
from app.queue import JobQueue
from app.settings import Settings


RETRY_AFTER_S = (1.0, 60.0)
"""The shortest and the longest wait that a refused caller is told."""

PACE_WINDOW_S = 10.0
"""Seconds over which the pace of finished items is taken."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """An item on its way, how many wait for it, and where its result goes."""

    item: ChunkItem
    queue: str
    key: bytes
    size: int
    result: "asyncio.Future[ItemResult]"
    holders: int = 1
    chunk_id: str = ""


class Dispatcher:
    """Sends items and collects results for every request of this process.

    An item equal to one whose verdict is known, or is being found, is not sent again.

    Args: observe_cache: told of each look-up in the cache: "hit", "shared" or "miss".
    """

    def __init__(
        self, queue: JobQueue, settings: Settings, observe_cache: Callable[[str], None] = lambda found: None
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._observe_cache = observe_cache
        self._cache = VerdictCache(settings.cache_bytes_max, settings.cache_ttl_s)
        self._by_key: dict[bytes, _Waiting] = {}
        self._gathering: dict[str, list[_Waiting]] = {name: [] for name in QUEUES}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._under_way = dict.fromkeys(QUEUES, 0)
        self._bytes_under_way = 0
        self._pace_since, self._pace_done = time.monotonic(), 0
        self._left: dict[str, int] = {}  # Items of a chunk that somebody still waits for.
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """Items sent and not yet answered; what shares another's result is not counted."""
        return sum(self._under_way.values())

    async def grade(self, items: Sequence[tuple[str, ChunkItem]], timeout_s: float) -> list[ItemResult]:
        """Have items graded.

        Args:
            items: (queue name, item) pairs.
            timeout_s: seconds to wait; what is unfinished then is an `error` with code "deadline".

        Returns: one result per item, in the order given.
        Raises: QueueFull before anything was sent, or when the queue refuses; StoreUnavailable.
        """
        keys = [key_of(item) for _, item in items]
        self._check_room(items, sum(size for _, size in keys))
        places = [self._place(name, item, *key) for (name, item), key in zip(items, keys, strict=True)]
        waiting = [place for place in places if isinstance(place, _Waiting)]
        try:
            for name in QUEUES:
                self._gather(name)
            if waiting:
                await asyncio.wait({one.result for one in waiting}, timeout=timeout_s)
            return self._collect(places)
        finally:
            for one in waiting:
                self._leave(one)

    def _check_room(self, items: Sequence[tuple[str, ChunkItem]], size: int) -> None:
        if self._bytes_under_way and self._bytes_under_way + size > self._settings.queue_bytes_max:
            raise QueueFull("as many bytes as allowed are under way", retry_after_s=self._wait_s(self.under_way))
        for name in QUEUES:
            wanted = sum(1 for queue, _ in items if queue == name)
            if wanted and self._under_way[name] + wanted > self._settings.queue_items_max:
                raise QueueFull(f"the {name} queue is full", retry_after_s=self._wait_s(self._under_way[name]))

    def _wait_s(self, items: int) -> float:
        """Seconds until so many items will be done, by the pace of late: what a refused caller should wait."""
        elapsed_s = time.monotonic() - self._pace_since
        pace = self._pace_done / elapsed_s if self._pace_done and elapsed_s > 0 else 0.0
        return min(max(items / pace, RETRY_AFTER_S[0]), RETRY_AFTER_S[1]) if pace else RETRY_AFTER_S[0]

    def _one_done(self) -> None:
        if time.monotonic() - self._pace_since > PACE_WINDOW_S:
            # Half of the old window counts on, so that the pace does not start from nothing.
            self._pace_since, self._pace_done = time.monotonic() - PACE_WINDOW_S / 2, self._pace_done // 2
        self._pace_done += 1

    def _place(self, name: str, item: ChunkItem, key: bytes, size: int) -> "ItemResult | _Waiting":
        """Where an item's result is, or will come from."""
        # Case 1: known.
        if (known := self._cache.get(key)) is not None:
            self._observe_cache("hit")
            return known
        # Case 2: an equal item is under way, and its deadline is not the earlier one.
        other = self._by_key.get(key)
        if other is not None and not other.result.done() and _lasts(other.item) >= _lasts(item):
            other.holders += 1
            self._observe_cache("shared")
            return other
        # Case 3: it has to be sent.
        self._observe_cache("miss")
        one = self._by_key[key] = _Waiting(item, name, key, size, asyncio.get_running_loop().create_future())
        self._under_way[name] += 1
        self._bytes_under_way += size
        self._gathering[name].append(one)
        return one

    def _collect(self, places: "Sequence[ItemResult | _Waiting]") -> list[ItemResult]:
        late = ItemResult.failed("deadline", FAULT_CODES["deadline"])
        results: list[ItemResult] = []
        seen: set[int] = set()
        for place in places:
            if isinstance(place, ItemResult):
                results.append(place)
            elif not place.result.done():
                results.append(late)
            else:
                result = place.result.result()  # Raises the fault with which the queue refused the chunk.
                again = id(place) in seen and result.status != "error"
                results.append(replace(result, cached=True, queue_s=0.0, grade_s=0.0) if again else result)
                seen.add(id(place))
        return results

    def _leave(self, one: _Waiting) -> None:
        """One caller less waits for the item: it is finished, late, or the caller is gone."""
        one.holders -= 1
        if one.holders:
            return
        self._under_way[one.queue] -= 1
        self._bytes_under_way -= one.size
        if self._by_key.get(one.key) is one:
            del self._by_key[one.key]
        if not one.result.cancel() and not one.result.cancelled():
            one.result.exception()  # Seen by whoever asked; asyncio would log a refusal that nobody looked at.
        left = self._left.get(one.chunk_id)
        if left is None:
            return
        if left > 1:
            self._left[one.chunk_id] = left - 1
        else:
            del self._left[one.chunk_id]
            self._queue.forget(one.chunk_id)

    def _gather(self, name: str) -> None:
        if not self._gathering[name]:
            return
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
            one = members[index]
            self._cache.put(one.key, result)
            self._one_done()
            if not one.result.done():
                one.result.set_result(result)

        try:
            await self._queue.submit(name, chunk, on_result)
        except ServiceFault as fault:
            for one in members:
                if not one.result.done():
                    one.result.set_exception(fault)


def _lasts(item: ChunkItem) -> float:
    """Until when a worker may still begin the item."""
    return math.inf if item.deadline_ms is None else item.deadline_ms
