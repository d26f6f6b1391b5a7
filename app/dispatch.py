"""Items to chunks, chunks to the queue, results back in the order asked; the last async room on the way down.

Only so many chunks are in a queue as keep its workers busy (`CHUNKS_A_WORKER`); the next one is made when one is
answered, of the items that wait then, one of each request in turn. So hundreds of single-item requests share a few
chunks when there is much to do, and go alone when there is not; a small request waits behind a few chunks of a large
one, not behind all of it; and large ones take turns. Chunks shrink as workers grow in number and as a batch comes to
its end, so that it spreads over all of them. On an idle service an item goes at once, and those that come while it is
under way wait `linger_s` for company.

What goes to a queue goes several ways where one part of it must not hold up another: each judge's items are sent by
themselves, with chunks and a number of them of their own.

A request is refused as long as nothing of it was taken by the queue; from then on it is under way, and what is left of
it is sent until the queue takes it or nobody waits any more.
"""

import asyncio
import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.cache import ANSWERS_PART, VerdictCache, key_of
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
"""Chunks in a queue for each worker: one in hand, one that waits, so that no worker waits for us."""

SEND_AGAIN_S = 0.2
"""Seconds until what the queue refused of a request under way is sent again."""

LOOK_S = 0.5
"""Seconds between two looks whether the store still answers, while requests wait for their first chunk to be sent."""

PACE_WINDOW_S = 10.0
"""Seconds over which the pace of finished items is taken."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """An item on its way, how many wait for it, and where its result goes."""

    item: ChunkItem
    queue: str
    way: str
    key: bytes
    size: int
    result: "asyncio.Future[ItemResult]"
    holders: int = 1
    chunk_id: str = ""


@dataclass(slots=True, eq=False)
class _Flow:
    """What one request still has to send one way."""

    items: "deque[_Waiting]"
    begun: bool = False  # The queue took something of it.


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
        room = settings.cache_bytes_max - settings.cache_bytes_max // ANSWERS_PART
        self._cache = VerdictCache(room, settings.cache_ttl_s)
        self._by_key: dict[bytes, _Waiting] = {}
        self._ways = (*QUEUES, *(f"judge:{name}" for name in settings.judges))
        self._flows: dict[str, deque[_Flow]] = {way: deque() for way in self._ways}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._sent = dict.fromkeys(self._ways, 0)  # Chunks in a queue.
        self._under_way = dict.fromkeys(QUEUES, 0)
        self._held = dict.fromkeys(self._ways, 0)
        self._bytes_under_way = 0
        self._pace_since, self._pace_done = time.monotonic(), 0
        self._left: dict[str, int] = {}  # Items of a chunk that somebody still waits for.
        self._settled: dict[str, asyncio.Event] = {}  # Of each chunk: all results are there, or nobody waits.
        self._sending: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None

    def held(self, queue: str) -> int:
        """Items whose turn in a queue has not come; nobody else sees them waiting."""
        return sum(held for way, held in self._held.items() if _queue_of(way) == queue)

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
            for way in self._ways:
                new = deque(place[0] for place in places if isinstance(place, tuple) and _is_new(place, way))
                if new:
                    self._begin(way, _Flow(new))
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
        result: asyncio.Future[ItemResult] = asyncio.get_running_loop().create_future()
        one = self._by_key[key] = _Waiting(item, name, self._way_of(name, item), key, size, result)
        self._under_way[name] += 1
        self._bytes_under_way += size
        return one, False

    def _way_of(self, queue: str, item: ChunkItem) -> str:
        judges = self._settings.judges
        if queue != "judge" or item.task is None or not judges:
            return queue
        name = item.task.get("judge") or next(iter(judges))
        return f"judge:{name}" if name in judges else queue  # An unknown one is the task's fault, says a worker.

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

    def _begin(self, way: str, flow: _Flow) -> None:
        self._flows[way].append(flow)
        self._held[way] += len(flow.items)
        if not self._sent[way] or self._held[way] >= self._chunk_items_max(way):
            self._send_some(way)
        else:
            self._send_soon(way, self._settings.linger_s)

    def _send_soon(self, way: str, seconds: float) -> None:
        if way not in self._timers:
            self._timers[way] = asyncio.get_running_loop().call_later(seconds, self._send_some, way)

    def _chunk_items_max(self, way: str) -> int:
        return self._settings.chunk_items_max(_queue_of(way))

    def _chunks_at_once(self, way: str) -> int:
        """Chunks that may be in a queue: two a worker, or as many as one with many in hand has room for."""
        queue, _, judge = way.partition(":")
        a_worker = CHUNKS_A_WORKER
        if judge:
            a_worker = max(math.ceil(room_of(self._settings.judges[judge]) / self._chunk_items_max(way)), 1)
        return a_worker * self._queue.workers(queue)

    def _send_some(self, way: str) -> None:
        """Send as many chunks as may be in the queue; called whenever there may be room or something to send."""
        if timer := self._timers.pop(way, None):
            timer.cancel()
        room = self._chunks_at_once(way)
        while self._sent[way] < room:
            size = min(math.ceil(self._held[way] / room), self._chunk_items_max(way))
            members = self._take_turns(way, size)
            if not members:
                break
            # Packed before the sending begins, so that whoever leaves until then is seen to have left.
            chunk = Chunk(uuid.uuid4().hex, tuple(one.item for one, _ in members))
            self._left[chunk.id] = len(members)
            for one, _ in members:
                one.chunk_id = chunk.id
            self._sent[way] += 1
            self._in_background(self._carry(way, chunk, members))
        if self._watching is None and any(not flow.begun for flow in self._flows[way]):
            self._watching = self._in_background(self._watch_store())

    def _take_turns(self, way: str, size: int) -> list[tuple[_Waiting, _Flow]]:
        """The next items to send, at most `size`, one of each request in turn."""
        flows = self._flows[way]
        members: list[tuple[_Waiting, _Flow]] = []
        while flows and len(members) < size:
            flow = flows.popleft()
            while flow.items:
                one = flow.items.popleft()
                self._held[way] -= 1
                if not one.result.done():  # Else nobody waits for it any more.
                    members.append((one, flow))
                    break
            if flow.items:
                flows.append(flow)
        return members

    def _in_background(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def _carry(self, way: str, chunk: Chunk, members: list[tuple[_Waiting, _Flow]]) -> None:
        """See a chunk through: to the queue, and until all its results are there or nobody waits for them."""
        to_come = len(members)
        settled = self._settled[chunk.id] = asyncio.Event()

        def on_result(index: int, result: ItemResult) -> None:
            nonlocal to_come
            one, _ = members[index]
            self._cache.put(one.key, result)
            self._one_done()
            if not one.result.done():
                one.result.set_result(result)
            to_come -= 1
            if not to_come:
                settled.set()

        refusal = None
        try:
            if chunk.id in self._left:
                await self._queue.submit(_queue_of(way), chunk, on_result)
                for _, flow in members:
                    flow.begun = True
                if chunk.id not in self._left:
                    self._queue.forget(chunk.id)  # The last caller left while it was being sent.
                else:
                    await settled.wait()
        except ServiceFault as fault:
            refusal = fault
        finally:
            del self._settled[chunk.id]
            self._sent[way] -= 1
        if refusal is None:
            self._send_some(way)
        else:
            self._left.pop(chunk.id, None)
            self._take_back(way, members, refusal)

    def _take_back(self, way: str, members: list[tuple[_Waiting, _Flow]], refusal: ServiceFault) -> None:
        """The queue refused a chunk: what is under way is sent again, what is not is refused as well.

        Again means in another chunk: of one that only seemed refused, results may come that nobody hears.
        """
        for one, flow in reversed(members):
            one.chunk_id = ""
            if one.result.done():
                continue
            if not flow.begun:
                one.result.set_exception(refusal)
                continue
            if not flow.items:
                self._flows[way].appendleft(flow)
            flow.items.appendleft(one)
            self._held[way] += 1
        if self._held[way]:
            self._send_soon(way, SEND_AGAIN_S)

    async def _watch_store(self) -> None:
        """Refuse what waits for its first chunk to be sent, should the store go away meanwhile.

        The chunks before it are still held to be under way then, and would not say so.
        """
        try:
            while waiting := [flow for flows in self._flows.values() for flow in flows if not flow.begun]:
                await asyncio.sleep(LOOK_S)
                try:
                    await self._queue.check()
                except ServiceFault as fault:
                    for one in (one for flow in waiting if not flow.begun for one in flow.items):
                        if not one.result.done():
                            one.result.set_exception(fault)
        finally:
            self._watching = None


Place = ItemResult | tuple[_Waiting, bool]
"""A result that is known, or an item under way and whether it was under way already."""


def _queue_of(way: str) -> str:
    return way.partition(":")[0]


def _is_new(place: tuple[_Waiting, bool], way: str) -> bool:
    """Whether the item has to be sent this way: another request's was under way already."""
    one, shared = place
    return not shared and one.way == way


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
