"""Jobs: batches that outlive a request. What was accepted, what became of it, and who asked with which key.

Theory of operation. A job's items are written as chunks while its input still arrives (state `receiving`, in no queue);
when all of it was good, one write makes it `queued`: from then on it survives the death of any process. Its chunks are
moved from the job's own list into the slow lanes of the queues, a bounded number in one MULTI, by the process that
accepted it, or, should that die, by any other's tending thread. Results go by the queue's own script, once each, into
the job's log (a stream whose ids are 1-0, 2-0, …: the reader's cursor), which also counts them and ends the job. Every
change is published on one channel, to which each API process listens once for all of its waiting readers.

    job:{id}           state, counts, times; expires with everything below
    job:{id}:log       results in the order they were found
    job:{id}:covers    chunk id to what stays with us of its items: index, id, metadata, kind, recipe
    job:{id}:staged:…  chunks not yet in a queue, by lane
    jobs:open          jobs that still need tending: chunks to move, results to count
    key:{digest}       an Idempotency-Key's job and the digest of its input
"""

import asyncio
import contextlib
import hashlib
import json
import re
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Self

import redis
import structlog
from redis.exceptions import RedisError, WatchError

from app.address import async_client
from app.batch import chunk_item, report
from app.chunk import JOB_CHUNK, QUEUES, Chunk, ItemResult, lane_of, lanes_of
from app.errors import KeyInUse, NotFound, QueueFull, StoreUnavailable, Unprocessable
from app.metrics import Metrics
from app.profiles import Recipe, queue_of, queue_of_kind
from app.rq_queue import ADMIT, Keys, connect, enqueue
from app.schemas import Item
from app.settings import Settings

_log = structlog.get_logger()

_JOB_ID = re.compile("[0-9a-f]{32}")

MOVED_TOGETHER = 16
"""Chunks of one job put into a queue in one MULTI, before it is another job's turn."""

RECEIVING_TTL_S = 20
"""Seconds after which a job whose process died while its input arrived, and its key, are forgotten. A client that
sends the job again is told to wait until then."""

REMEMBERED_S = 86_400
"""Seconds that an expired job is still known to have been one."""

LANE_CHUNKS = 128
"""Chunks of jobs waiting in one lane, or `LANE_CHUNKS_A_WORKER` for each worker where that is more; the others stay
staged, so that a new job waits behind these and not behind all of an older, larger one."""

LANE_CHUNKS_A_WORKER = 32
"""Enough for the time between two looks of the tender."""

JOB_LANES = tuple(lanes_of(queue)[1] for queue in QUEUES)

ENDED = frozenset({"finished", "cancelled", "expired"})

State = Literal["receiving", "queued", "running", "finished", "cancelled", "expired"]


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as a look at it shows."""

    id: str
    state: State
    counts: dict[str, int]
    created_at: float
    finished_at: float | None
    expires_at: float

    def as_json(self) -> dict[str, Any]:
        """The contract's shape; times in seconds since 1970."""
        return {
            "id": self.id,
            "state": self.state,
            "counts": self.counts,
            "created_at": self.created_at,
            "finished_at": self.finished_at,
            "expires_at": self.expires_at,
        }


_TOUCH = """
if redis.call('HGET', KEYS[1], 'state') ~= 'receiving' then return 0 end
redis.call('HSET', KEYS[1], 'touched_ms', ARGV[1])
if KEYS[2] ~= '' then redis.call('EXPIRE', KEYS[2], ARGV[2]) end
return 1
"""
_FREE_KEY = """
local text = redis.call('GET', KEYS[1])
if text and string.find(text, ARGV[1], 1, true) then redis.call('DEL', KEYS[1]) end
return 1
"""


class Intake:
    """A job whose input is arriving. Nothing of it is graded before `accept`; `refuse` takes all of it back."""

    def __init__(self, ledger: "Ledger", job_id: str, key: str | None, explain: bool, deadline_ms: int | None) -> None:
        self.id = job_id
        self.total = 0
        self._ledger, self._key, self._explain, self._deadline_ms = ledger, key, explain, deadline_ms
        self._digest = hashlib.sha256()

    def digest(self, data: bytes) -> None:
        """Take input into the digest that tells a repeated request from another one with the same key."""
        self._digest.update(data)

    async def add(self, items: Sequence[Item], recipes: Sequence[Recipe]) -> None:
        """Write items as chunks.

        Raises: StoreUnavailable.
        """
        first, self.total = self.total, self.total + len(items)
        await self._ledger.in_thread(self._add, first, items, recipes)

    def _add(self, first: int, items: Sequence[Item], recipes: Sequence[Recipe]) -> None:
        ledger, settings = self._ledger, self._ledger.settings
        now_ms = ledger.now_ms()
        by_queue: dict[str, list[tuple[int, Item, Recipe]]] = {}
        for offset, (item, recipe) in enumerate(zip(items, recipes, strict=True)):
            by_queue.setdefault(queue_of(item, recipe, judges=bool(settings.judges)), []).append(
                (first + offset, item, recipe)
            )
        job = ledger.keys.job(self.id)
        with ledger.redis.pipeline(transaction=False) as pipe:
            for queue, members in by_queue.items():
                size = settings.chunk_items_max(queue)
                for start in range(0, len(members), size):
                    part = members[start : start + size]
                    chunk = Chunk(
                        JOB_CHUNK + uuid.uuid4().hex,
                        tuple(
                            chunk_item(item, recipe, deadline_ms=self._deadline_ms, explain=self._explain)
                            for _, item, recipe in part
                        ),
                        reply=f"{job}:log",
                        submitted_ms=now_ms,
                        job=job,
                    )
                    pipe.set(ledger.keys.chunk(chunk.id), chunk.to_text(), ex=settings.job_ttl_s)
                    pipe.hset(f"{job}:covers", chunk.id, _cover(part))
                    staged = _staged(job, lane_of(queue, chunk.id))
                    pipe.rpush(staged, json.dumps([chunk.id, len(part)]))
                    pipe.expire(staged, settings.job_ttl_s)
            pipe.expire(f"{job}:covers", settings.job_ttl_s)
            pipe.execute()

    @contextlib.asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """However slowly the input arrives: the job and its key are kept for it."""

        async def touch_for_ever() -> None:
            while True:
                await asyncio.sleep(RECEIVING_TTL_S / 6)
                with contextlib.suppress(StoreUnavailable):
                    await self._ledger.in_thread(self._touch)

        touching = asyncio.create_task(touch_for_ever())
        try:
            yield
        finally:
            touching.cancel()
            await asyncio.gather(touching, return_exceptions=True)

    def _touch(self) -> None:
        ledger = self._ledger
        ledger.touch(keys=[ledger.keys.job(self.id), self._key or ""], args=[ledger.now_ms(), RECEIVING_TTL_S])

    async def accept(self) -> JobView:
        """All of the input was good: from here on the job is durable.

        Raises: StoreUnavailable.
        """
        await self._ledger.in_thread(self._accept)
        view = await self._ledger.look(self.id)
        # Off the way to the answer: should this process die now, another one's tending thread does it.
        self._ledger.tend_soon()
        return view

    def _accept(self) -> None:
        ledger, settings = self._ledger, self._ledger.settings
        job = ledger.keys.job(self.id)
        seconds = ledger.now_ms() // 1000
        with ledger.redis.pipeline(transaction=True) as pipe:
            pipe.watch(job, *([self._key] if self._key else []))
            if pipe.hget(job, "state") != b"receiving":
                raise WatchError("the job was dropped while its input arrived")
            claim = pipe.get(self._key) if self._key else None
            if claim is not None and json.loads(claim)[0] != self.id:
                raise WatchError("its key was forgotten, and is another job's by now")
            pipe.multi()
            pipe.hset(job, mapping={"state": "queued", "total": self.total, "digest": self._digest.hexdigest()})
            pipe.expire(job, settings.job_ttl_s + REMEMBERED_S)
            pipe.hset(job, "expires_s", seconds + settings.job_ttl_s)
            # The group lets each result be counted once, whichever process counts it.
            pipe.xgroup_create(f"{job}:log", "metrics", id="0", mkstream=True)
            pipe.expire(f"{job}:log", settings.job_ttl_s)
            if self._key is not None:
                pipe.set(self._key, json.dumps([self.id, self._digest.hexdigest()]), ex=settings.job_ttl_s)
            pipe.execute()

    async def refuse(self) -> None:
        """Take back everything that was written."""
        with contextlib.suppress(StoreUnavailable):
            await self._ledger.in_thread(self._ledger.drop, self.id)
            if self._key is not None:
                await self._ledger.in_thread(self._free_key, self._key)

    def _free_key(self, key: str) -> None:
        self._ledger.free_key(keys=[key], args=[self.id])


class Replay:
    """A request whose key has a job already: its input is only compared.

    Args: job_id, digest: of the job that the key has.
    """

    def __init__(self, job_id: str, digest: str) -> None:
        self.id = job_id
        self._expected = digest
        self._digest = hashlib.sha256()

    def digest(self, data: bytes) -> None:
        """As Intake.digest."""
        self._digest.update(data)

    def check(self) -> None:
        """All of the input was seen: refuse another one under the same key.

        Raises: Unprocessable.
        """
        if self._digest.hexdigest() != self._expected:
            raise Unprocessable(
                "this Idempotency-Key was used with another body",
                errors=[{"path": "Idempotency-Key", "message": "use a new key for a new job"}],
            )


def _staged(job: str, lane: str) -> str:
    return f"{job}:staged:{lane}"


def _cover(part: Sequence[tuple[int, Item, Recipe]]) -> str:
    """What stays with us of a chunk's items, as JSON."""
    recipes: dict[int, int] = {}
    rows = []
    specs: list[dict[str, Any]] = []
    for index, item, recipe in part:
        if id(recipe) not in recipes:
            recipes[id(recipe)] = len(specs)
            specs.append(recipe.as_json())
        kind = item.task.kind if item.task is not None else "none"
        rows.append([index, item.id, item.metadata, kind, recipes[id(recipe)], item.truncated])
    return json.dumps({"recipes": specs, "items": rows}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class _Covered:
    index: int
    id: str | None
    metadata: dict[str, Any] | None
    kind: str
    recipe: Recipe
    truncated: bool


def _uncover(text: bytes) -> list[_Covered]:
    value = json.loads(text)
    recipes = [Recipe.from_json(recipe) for recipe in value["recipes"]]
    return [
        # The release before ours did not write whether a completion was truncated.
        _Covered(index, item_id, metadata, kind, recipes[number], bool(more and more[0]))
        for index, item_id, metadata, kind, number, *more in value["items"]
    ]


class Ledger:
    """An API process's view of all jobs. An async context manager: inside it, one listener and one tender are at work.

    Args:
        settings, url: as RqQueue's.
        metrics: where results of jobs are counted.
    """

    def __init__(self, settings: Settings, url: str, metrics: Metrics) -> None:
        self.settings = settings
        self.keys = Keys(settings.key_prefix)
        self.redis: Any = connect(settings, url)  # Its annotations allow text wherever bytes come back.
        self.open_jobs = f"{self.keys.prefix}:jobs:open"
        self._listening = async_client(url, socket_timeout=None, socket_connect_timeout=settings.redis_timeout_s)
        self._metrics = metrics
        self._name = uuid.uuid4().hex
        self._admit = self.redis.register_script(ADMIT)
        self.touch = self.redis.register_script(_TOUCH)
        self.free_key = self.redis.register_script(_FREE_KEY)
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="ledger")
        self._changed: dict[str, set[asyncio.Event]] = {}
        self._stopping = threading.Event()
        self._tend_now = threading.Event()
        self._last_moved: dict[str, str] = {}  # Lane to the job whose turn it was last.
        self._tender = threading.Thread(target=self._tend_for_ever, name="tender", daemon=True)
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._listen_for_ever())
        self._tender.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stopping.set()
        self._tend_now.set()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await asyncio.to_thread(self._tender.join, 5)
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._listening.aclose()
        self.redis.close()

    async def in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a blocking call to the store beside the event loop.

        Raises: StoreUnavailable in place of the client's errors.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)
        except RedisError as error:
            _log.warning("store_unavailable", error=type(error).__name__)
            raise StoreUnavailable("the store does not answer", retry_after_s=2) from error

    # Accepting.

    async def begin(self, *, key: str | None, explain: bool, deadline_s: float | None) -> "Intake | Replay":
        """Open a job for its input.

        Args:
            key: the caller's Idempotency-Key.
            deadline_s: seconds from now after which what is not begun ends as `error`.
        Returns: an Intake, or, where the key has a job already, a Replay to compare the input with.
        Raises: KeyInUse while a request with the key is under way; StoreUnavailable.
        """
        if await self.in_thread(self.redis.scard, self.open_jobs) >= self.settings.jobs_open_max:
            raise QueueFull("as many jobs as allowed are open", retry_after_s=30)
        job_id = uuid.uuid4().hex
        name = None
        if key is not None:
            name = f"{self.keys.prefix}:key:{hashlib.sha256(key.encode()).hexdigest()}"
            claimed = await self.in_thread(self._claim, name, job_id)
            if claimed is not None:
                first, digest = claimed
                if not digest:
                    raise KeyInUse("a request with this Idempotency-Key is under way", retry_after_s=2)
                return Replay(first, digest)
        await self.in_thread(self._open, job_id)
        deadline_ms = None if deadline_s is None else await self.in_thread(self.now_ms) + int(deadline_s * 1000)
        return Intake(self, job_id, name, explain, deadline_ms)

    def _claim(self, name: str, job_id: str) -> tuple[str, str] | None:
        if self.redis.set(name, json.dumps([job_id, ""]), nx=True, ex=RECEIVING_TTL_S):
            return None
        text = self.redis.get(name)
        if text is None:
            return self._claim(name, job_id)
        first, digest = json.loads(text)
        return first, digest

    def _open(self, job_id: str) -> None:
        now_ms = self.now_ms()
        counts = dict.fromkeys(("total", "done", "graded", "invalid", "error"), 0)
        fields = {"state": "receiving", "created_ms": now_ms, "touched_ms": now_ms, **counts}
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(self.keys.job(job_id), mapping=fields)
            pipe.expire(self.keys.job(job_id), self.settings.job_ttl_s)
            pipe.sadd(self.open_jobs, job_id)
            pipe.execute()

    def now_ms(self) -> int:
        """The store's clock, the only one that times of jobs are kept in."""
        seconds, microseconds = self.redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    # Looking.

    async def look(self, job_id: str, wait_s: float = 0.0) -> JobView:
        """A job's state; with `wait_s`, as soon as it has ended or that many seconds passed.

        Raises: NotFound; StoreUnavailable.
        """
        until = time.monotonic() + wait_s
        async with self._watching(job_id) as changed:
            while True:
                changed.clear()
                view: JobView = await self.in_thread(self._look, job_id)
                left_s = until - time.monotonic()
                if view.state in ENDED or left_s <= 0:
                    return view
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), left_s)

    def _look(self, job_id: str) -> JobView:
        if not _JOB_ID.fullmatch(job_id):
            raise NotFound("no such job, or one that is no longer kept")
        row = {name.decode(): text.decode() for name, text in self.redis.hgetall(self.keys.job(job_id)).items()}
        if "created_ms" not in row or row["state"] == "receiving":
            raise NotFound("no such job, or one that is no longer kept")
        state: Any = row["state"]
        if self.now_ms() >= 1000 * int(row["expires_s"]):
            state = "expired"
        finished = row.get("finished_ms")
        return JobView(
            job_id,
            state,
            {name: int(row[name]) for name in ("total", "done", "graded", "invalid", "error")},
            int(row["created_ms"]) / 1000,
            None if finished is None else int(finished) / 1000,
            float(row["expires_s"]),
        )

    async def results(self, job_id: str, after: int) -> AsyncIterator[list[dict[str, Any]]]:
        """Results as they are found, from the one after the `after`-th, until the job has ended.

        Yields: results in the contract's shape with their place in this order as `seq`, from 1.
        Raises: NotFound before the first; StoreUnavailable.
        """
        log = f"{self.keys.job(job_id)}:log"
        covers: OrderedDict[bytes, list[_Covered]] = OrderedDict()
        async with self._watching(job_id) as changed:
            while True:
                changed.clear()
                # The state is looked at first: what is in the log after an ended state is all there will ever be.
                view = await self.look(job_id)
                if view.state == "expired":
                    raise NotFound("the job's results are no longer kept")
                while entries := await self.in_thread(self.redis.xrange, log, f"({after}-0", "+", 256):
                    rows = await self.in_thread(self._rows, job_id, entries, covers)
                    after = rows[-1]["seq"]
                    yield rows
                if view.state in ENDED:
                    return
                with contextlib.suppress(TimeoutError):
                    # A published change can be lost with a connection; the log cannot.
                    await asyncio.wait_for(changed.wait(), 5)

    def _rows(self, job_id: str, entries: Any, covers: "OrderedDict[bytes, list[_Covered]]") -> list[dict[str, Any]]:
        rows = []
        for entry_id, fields in entries:
            covered = self._covered(job_id, fields[b"c"], covers)[int(fields[b"i"])]
            result = ItemResult.from_text(fields[b"r"])
            row = report(
                covered.index, covered.id, covered.metadata, covered.recipe, result, truncated=covered.truncated
            )
            rows.append({"seq": int(entry_id.partition(b"-")[0]), **row})
        return rows

    def _covered(self, job_id: str, chunk_id: bytes, covers: "OrderedDict[bytes, list[_Covered]]") -> list[_Covered]:
        found = covers.get(chunk_id)
        if found is None:
            text = self.redis.hget(f"{self.keys.job(job_id)}:covers", chunk_id.decode())
            if text is None:
                raise NotFound("no such job, or one that is no longer kept")
            found = covers[chunk_id] = _uncover(text)
            while len(covers) > 64:
                covers.popitem(last=False)
        return found

    # Ending.

    async def cancel(self, job_id: str) -> JobView:
        """End a job; what was found stays readable, what is under way is thrown away. An ended job stays as it is.

        Raises: NotFound; StoreUnavailable.
        """
        view = await self.look(job_id)
        if view.state not in ENDED:
            await self.in_thread(self._cancel, job_id)
        return await self.look(job_id)

    def _cancel(self, job_id: str) -> None:
        job = self.keys.job(job_id)
        while True:
            with self.redis.pipeline(transaction=True) as pipe:
                try:
                    pipe.watch(job)
                    if pipe.hget(job, "state") not in (b"queued", b"running"):
                        return
                    ended_ms = self.now_ms()
                    pipe.multi()
                    pipe.hset(job, mapping={"state": "cancelled", "finished_ms": ended_ms})
                    pipe.delete(*(_staged(job, lane) for lane in JOB_LANES))
                    pipe.publish(self.keys.job_events, job)
                    pipe.execute()
                except WatchError:
                    continue
            break
        self._drop_chunks(job_id)

    def drop(self, job_id: str) -> None:
        """Remove all that there is of a job."""
        job = self.keys.job(job_id)
        self.redis.delete(*(_staged(job, lane) for lane in JOB_LANES))
        self._drop_chunks(job_id)
        self.redis.delete(job, f"{job}:covers", f"{job}:log")

    def _drop_chunks(self, job_id: str) -> None:
        """A chunk that is gone is passed over by the worker that takes it."""
        chunk_ids = [name.decode() for name in self.redis.hkeys(f"{self.keys.job(job_id)}:covers")]
        for start in range(0, len(chunk_ids), 1000):
            self.redis.delete(*(self.keys.chunk(chunk_id) for chunk_id in chunk_ids[start : start + 1000]))

    # Tending.

    def tend_soon(self) -> None:
        """Have the tender look now rather than at its next turn."""
        self._tend_now.set()

    def _tend_for_ever(self) -> None:
        while not self._stopping.is_set():
            self._tend_now.wait(1.0)
            self._tend_now.clear()
            try:
                accepted = []
                for job_id in sorted(name.decode() for name in self.redis.smembers(self.open_jobs)):
                    if self._stopping.is_set():
                        return
                    if self._tend(job_id):
                        accepted.append(self.keys.job(job_id))
                for lane in JOB_LANES:
                    self._fill(lane, accepted)
            except RedisError as error:
                _log.warning("tender_lost_store", error=type(error).__name__)
            except Exception:  # noqa: BLE001  A tender that died would strand jobs; it logs and goes on.
                _log.exception("tender_bug")

    def _tend(self, job_id: str) -> bool:
        """Look after one job. Returns: whether chunks of it may be put into a lane."""
        job = self.keys.job(job_id)
        state, touched = self.redis.hmget(job, "state", "touched_ms")
        if state == b"receiving":
            if self.now_ms() - int(touched) > 1000 * RECEIVING_TTL_S:
                _log.warning("dropped_unfinished_input", job=job_id)
                self.drop(job_id)
            return False
        counted = self._count(job_id, job)
        if not counted and (state is None or state.decode() in ENDED):
            self.redis.srem(self.open_jobs, job_id)
            return False
        return True

    def _fill(self, lane: str, jobs: Sequence[str]) -> None:
        """Put staged chunks into a lane until it has enough, of each job some in turn; begins behind the last one."""
        last = self._last_moved.get(lane, "")
        turns = deque(sorted(jobs, key=lambda job: (job <= last, job)))
        queue = next(queue for queue in QUEUES if lane in lanes_of(queue))
        enough = max(LANE_CHUNKS, LANE_CHUNKS_A_WORKER * self.redis.zcard(self.keys.workers(queue)))
        while turns and not self._stopping.is_set():
            room = enough - self.redis.zcard(self.keys.queued(lane))
            if room <= 0:
                return
            job = turns.popleft()
            if self._move_some(job, lane, min(room, MOVED_TOGETHER)):
                self._last_moved[lane] = job
                turns.append(job)

    def _move_some(self, job: str, lane: str, count: int) -> bool:
        """Put some staged chunks into their lane, at once or not at all; False when none was there."""
        staged = _staged(job, lane)
        with self.redis.pipeline(transaction=True) as pipe:
            try:
                pipe.watch(staged)
                found = pipe.lrange(staged, 0, count - 1)
                if not found:
                    return False
                pipe.multi()
                pipe.ltrim(staged, len(found), -1)
                enqueue(self.keys, self.redis, pipe, self._admit, lane, dict(map(json.loads, found)))
                pipe.execute()
            except WatchError:
                pass  # Another process moved them.
        return True

    def _count(self, job_id: str, job: str) -> bool:
        """Record results that no process has counted yet; False when there was none."""
        try:
            found = self.redis.xreadgroup("metrics", self._name, {f"{job}:log": ">"}, count=512, noack=True)
        except redis.ResponseError:
            return False  # The job is gone, and its log with it.
        covers: OrderedDict[bytes, list[_Covered]] = OrderedDict()
        entries: Any = found[0][1] if found else ()
        for _, fields in entries:
            with contextlib.suppress(NotFound):
                covered = self._covered(job_id, fields[b"c"], covers)[int(fields[b"i"])]
                queue = queue_of_kind(covered.kind, judges=bool(self.settings.judges))
                self._metrics.observe(covered.kind, queue, ItemResult.from_text(fields[b"r"]))
        if entries:
            self._tend_now.set()
        return bool(entries)

    # Waiting.

    @contextlib.asynccontextmanager
    async def _watching(self, job_id: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set at every change of a job."""
        changed = asyncio.Event()
        name = self.keys.job(job_id)
        self._changed.setdefault(name, set()).add(changed)
        try:
            yield changed
        finally:
            self._changed[name].discard(changed)
            if not self._changed[name]:
                del self._changed[name]

    async def _listen_for_ever(self) -> None:
        while not self._stopping.is_set():
            try:
                async with self._listening.pubsub() as channel:
                    await channel.subscribe(self.keys.job_events)
                    while not self._stopping.is_set():
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=1.0)
                        if message is not None:
                            for changed in self._changed.get(message["data"].decode(), ()):
                                changed.set()
            except (RedisError, OSError) as error:
                _log.warning("listener_lost_store", error=type(error).__name__)
                for waiting in self._changed.values():  # Whoever waits looks for itself.
                    for changed in waiting:
                        changed.set()
                await asyncio.sleep(0.2)
