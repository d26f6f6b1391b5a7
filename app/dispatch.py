"""Items to chunks, chunks to the queue, results back in the order asked; the last async room on the way down.

Items wait `linger_s` for company, so that hundreds of single-item requests share a few chunks; a batch that fills
chunks by itself does not wait. Chunks shrink as workers grow in number, so that a batch spreads over all of them.

Fairness: a large batch has only so many chunks in the queue as keep the workers busy (`CHUNKS_A_WORKER`); the next one
follows when one is answered. A small request therefore waits behind a few chunks of each large one, not behind all of
them, and large ones take turns.
"""

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.cache import VerdictCache, key_of
from app.chunk import QUEUES, Chunk, ChunkItem, ItemResult
from app.errors import FAULT_CODES, QueueFull, ServiceFault
from app.judge_settings import room_of
from app.queue import JobQueue
from app.settings import Settings

RETRY_AFTER_S = (1.0, 60.0)
"""The shortest and the longest wait that a refused caller is told."""

SHARED_AGAIN_MAX = 3
"""Times that an item is placed again because the one it shared ran into its own, earlier deadline."""

CHUNKS_A_WORKER = 2
"""Chunks of one batch in the queue for each worker: one in hand, one that waits, so that no worker waits for us."""

SEND_AGAIN_S = (0.1, 2.0)
"""Seconds until a chunk is sent again that was refused after others of its batch were taken: at first, and at most."""

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
        self._held = dict.fromkeys(QUEUES, 0)
        self._bytes_under_way = 0
        self._pace_since, self._pace_done = time.monotonic(), 0
        self._left: dict[str, int] = {}  # Items of a chunk that somebody still waits for.
        self._settled: dict[str, asyncio.Event] = {}  # Of each chunk: all results are there, or nobody waits.
        self._sending: set[asyncio.Task[object]] = set()

    def held(self, queue: str) -> int:
        """Items of large batches whose turn in a queue has not come; nobody else sees them waiting."""
        return self._held[queue]

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
        until = time.monotonic() + timeout_s
        results = await self._grade(items, timeout_s)
        for _ in range(SHARED_AGAIN_MAX):
            # An item that shared another's may have ended with that one's earlier deadline: it goes by itself now.
            early = [index for index, result in enumerate(results) if _is_late(result)]
            left_s = until - time.monotonic()
            if not early or left_s <= 0:
                break
            for index, result in zip(early, await self._grade([items[i] for i in early], left_s), strict=True):
                results[index] = result
        return results

    async def _grade(self, items: Sequence[tuple[str, ChunkItem]], timeout_s: float) -> list[ItemResult]:
        keys = [key_of(item) for _, item in items]
        self._check_room(items, sum(size for _, size in keys))
        places = [self._place(name, item, *key) for (name, item), key in zip(items, keys, strict=True)]
        waiting = [place[0] for place in places if not isinstance(place, ItemResult)]
        try:
            for name in QUEUES:
                self._gather(name)
            if waiting:
                wanted = {one.result for one in waiting}
                await asyncio.wait(wanted, timeout=timeout_s, return_when=asyncio.FIRST_EXCEPTION)
            return _collect(places)
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

    def _place(self, name: str, item: ChunkItem, key: bytes, size: int) -> "Place":
        """Where an item's result is, or will come from."""
        # Case 1: known.
        if (known := self._cache.get(key)) is not None:
            self._observe_cache("hit")
            return known
        # Case 2: an equal item is under way.
        other = self._by_key.get(key)
        if other is not None and not other.result.done():
            other.holders += 1
            self._observe_cache("shared")
            return other, True
        # Case 3: it has to be sent.
        self._observe_cache("miss")
        one = self._by_key[key] = _Waiting(item, name, key, size, asyncio.get_running_loop().create_future())
        self._under_way[name] += 1
        self._bytes_under_way += size
        self._gathering[name].append(one)
        return one, False

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
            if settled := self._settled.get(one.chunk_id):
                settled.set()

    def _gather(self, name: str) -> None:
        if not self._gathering[name]:
            return
        if len(self._gathering[name]) >= self._chunk_items_max(name):
            self._flush(name)
        elif name not in self._timers:
            self._timers[name] = asyncio.get_running_loop().call_later(self._settings.linger_s, self._flush, name)

    def _chunk_items_max(self, name: str) -> int:
        return self._settings.chunk_items_max(name)

    def _chunks_at_once(self, name: str) -> int:
        """Chunks that a batch may have in a queue: two a worker, or as many as one with many in hand has room for."""
        a_worker = CHUNKS_A_WORKER
        if name == "judge":
            a_worker = math.ceil(room_of(self._settings.judges.values()) / self._chunk_items_max(name))
        return a_worker * self._queue.workers(name)

    def _flush(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()
        gathered = [one for one in self._gathering[name] if not one.result.done()]
        self._gathering[name] = []
        # As many chunks as a batch may have in the queue at once, so that the last ones to finish do not leave workers
        # idle for long.
        shares = self._chunks_at_once(name)
        size = min(max(math.ceil(len(gathered) / shares), 1), self._chunk_items_max(name))
        burst = [gathered[start : start + size] for start in range(0, len(gathered), size)]
        if len(burst) <= shares:
            for members in burst:
                # Packed before the sending begins, so that whoever leaves until then is seen to have left.
                self._in_background(self._send(name, self._pack(members), members))
        else:
            self._in_background(self._send_in_turn(name, burst))

    def _pack(self, members: Sequence[_Waiting]) -> Chunk:
        chunk = Chunk(uuid.uuid4().hex, tuple(one.item for one in members))
        self._left[chunk.id] = len(members)
        for one in members:
            one.chunk_id = chunk.id
        return chunk

    def _in_background(self, work: Coroutine[Any, Any, object]) -> None:
        task: asyncio.Task[object] = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send_in_turn(self, name: str, burst: list[list[_Waiting]]) -> None:
        """Send many chunks, a bounded number of them at a time."""
        waiting = iter(burst)
        taken = False  # The queue has accepted one: from then on the batch is under way, and is not refused any more.
        self._held[name] += sum(len(members) for members in burst)

        async def send(members: list[_Waiting]) -> None:
            nonlocal taken
            pause_s, longest_s = SEND_AGAIN_S
            while members := [one for one in members if not one.result.done()]:
                # Under a new name each time: of one that seemed refused, results may have come that nobody heard.
                chunk, final = self._pack(members), not taken
                settled = self._settled[chunk.id] = asyncio.Event()
                try:
                    if await self._send(name, chunk, members, final=final):
                        taken = True
                        await settled.wait()
                        return
                finally:
                    del self._settled[chunk.id]
                if final:
                    return
                self._left.pop(chunk.id, None)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, longest_s)

        async def send_one_after_the_other() -> None:
            for members in waiting:
                self._held[name] -= len(members)
                await send(members)

        await asyncio.gather(*(send_one_after_the_other() for _ in range(self._chunks_at_once(name))))

    async def _send(self, name: str, chunk: Chunk, members: list[_Waiting], *, final: bool = True) -> bool:
        """Hand a chunk to the queue.

        Args: final: a refusal is its items' end, and their callers are told.
        Returns: whether the queue took it, or nobody wants it any more.
        """
        to_come = len(members)

        def on_result(index: int, result: ItemResult) -> None:
            nonlocal to_come
            one = members[index]
            self._cache.put(one.key, result)
            self._one_done()
            if not one.result.done():
                one.result.set_result(result)
            to_come -= 1
            if not to_come and (settled := self._settled.get(chunk.id)):
                settled.set()

        if chunk.id not in self._left:
            return True
        taken = True
        try:
            await self._queue.submit(name, chunk, on_result)
        except ServiceFault as fault:
            taken = False
            if final:
                for one in members:
                    if not one.result.done():
                        one.result.set_exception(fault)
        if chunk.id not in self._left:
            self._queue.forget(chunk.id)  # The last caller left while it was being sent.
        return taken


Place = ItemResult | tuple[_Waiting, bool]
"""A result that is known, or an item under way and whether it was under way already."""


def _collect(places: Sequence[Place]) -> list[ItemResult]:
    """The results that are there; what is not is late."""
    late = ItemResult.failed("deadline", FAULT_CODES["deadline"])
    refusals = [place[0].result for place in places if not isinstance(place, ItemResult) and place[0].result.done()]
    for refused in refusals:
        refused.result()  # Raises the fault with which the queue refused a chunk.
    results: list[ItemResult] = []
    for place in places:
        if isinstance(place, ItemResult):
            results.append(place)
            continue
        one, shared = place
        result = one.result.result() if one.result.done() else late
        again = shared and result.status != "error"
        results.append(replace(result, cached=True, queue_s=0.0, grade_s=0.0) if again else result)
    return results


def _is_late(result: ItemResult) -> bool:
    return result.fault is not None and result.fault.code == "deadline"
