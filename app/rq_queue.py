"""The real JobQueue: rq's queues carry the deliveries, our own records are the truth.

Theory of operation. A *chunk* is stored once under its id. A *delivery* is one attempt at (part of) a chunk: the id of
the chunk alone for the first, `chunk-index-attempt` for an item given out again; with `_1`, `_2`… behind it once a
worker of another release handed it back. Deliveries are all that rq's lists hold: a message names no callable, and
there is no job record that a worker would execute.

    submit  one script: the chunk, the delivery in `queued` and in rq's list                 API
    take    one script: from `queued` to `leases` with an expiry by the store's own clock    worker
    beat    every third of a lease: leases renewed, the worker's sign of life                worker (thread)
    put     one script: the result into the chunk's record where none stands yet, and then
            also onto the reply stream of the API process that asked                         worker (thread)
    done    lease ended
    reap    leases that ran out: each unfinished item becomes a delivery of its own (so that
            an item that kills its worker does not take its neighbours along), or ends as
            `error` after deliveries_max attempts. Deliveries that left rq's list without
            being taken (a worker died between the two) are given out again too.             API (thread)

What dies where: a worker before `take`: reaped from `queued`; after: its lease runs out. The API: its stream and
records expire by TTL, nobody waits for them. The store: append-only file; submit answers StoreUnavailable, workers and
the reader wait for it to come back. A worker that was only frozen may write late: the first writer has won.

rq gives its lists, its workers' registration and their stopping. Its job records, states, time-outs and retries are not
used: they take some thirty round trips a job, the clean-up of a dead worker's job takes minutes, the time limit is a
signal, and the default serializer executes what it reads.
"""

import asyncio
import contextlib
import json
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import redis
import rq
import structlog
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry
from rq.serializers import JSONSerializer
from rq.worker_registration import clean_worker_registry
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from app.address import async_client, client
from app.chunk import QUEUES, Chunk, ItemResult, UnknownVersion, lane_of, lanes_of
from app.errors import FAULT_CODES, QueueFull, StoreUnavailable
from app.queue import OnResult, QueueState
from app.settings import Settings

_log = structlog.get_logger()

CLOCK_GOOD_S = 10.0
"""Seconds for which the store's clock is followed by this host's."""

HANDED_BACK_PAUSE_S = 0.25
"""Seconds that a worker takes nothing after it handed back what it cannot read."""

WRITTEN_TOGETHER = 32
WRITTEN_TOGETHER_S = 0.005
"""Results of a chunk that a worker writes together, and the seconds that the first of them waits for others."""

WRITTEN_TOGETHER_MAX = 512
"""Results in one call of a script, which can hand on only some thousand values at once."""

FORGOTTEN_TOGETHER_BYTES = 256 * 1024
ENTRY_BYTES = 256
"""Results that were read and may still be in the store, and about as much as an entry is by itself."""

_SETTLED_TTL_S = 120
"""Seconds the record of a finished chunk stays, so that a worker that was only frozen finds that it is too late."""

_NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

ADMIT = (
    _NOW
    + """
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return now
"""
)
_SUBMIT = (
    _NOW
    + """
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return {0, now} end
redis.call('SET', KEYS[3], ARGV[4], 'EX', ARGV[5])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('SADD', KEYS[5], KEYS[4])
redis.call('RPUSH', KEYS[4], ARGV[1])
return {1, now}
"""
)
_TAKE = (
    _NOW
    + """
redis.call('ZREM', KEYS[1], ARGV[1])
local size = redis.call('HGET', KEYS[5], ARGV[1])
redis.call('HDEL', KEYS[5], ARGV[1])
local body = redis.call('GET', KEYS[3])
if not body then redis.call('ZREM', KEYS[2], ARGV[1]) return {now} end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
return {now, body, redis.call('HKEYS', KEYS[4]), size or 1}
"""
)
_BEAT = (
    _NOW
    + """
redis.call('ZADD', KEYS[2], now + ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 3600000)
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[i]) end
return now
"""
)
_PUT = (
    _NOW
    + """
local results, reply, job = KEYS[1], KEYS[2], KEYS[3]
local ttl, chunk = ARGV[1], ARGV[2]
-- A chunk without its body is finished, cancelled or abandoned: a worker that was frozen for long comes too late.
if redis.call('EXISTS', KEYS[4]) == 0 then return 0 end
if job ~= '' then
  local state = redis.call('HGET', job, 'state')
  if state ~= 'queued' and state ~= 'running' then return 0 end
  ttl = math.max(tonumber(redis.call('HGET', job, 'expires_s')) - math.floor(now / 1000), 1)
end
local fresh = {}
for i = 4, #ARGV, 3 do
  if redis.call('HSETNX', results, ARGV[i], ARGV[i + 1]) == 1 then
    if job == '' then
      fresh[#fresh + 1] = ARGV[i]
      fresh[#fresh + 1] = ARGV[i + 1]
    else
      local done = redis.call('HINCRBY', job, 'done', 1)
      redis.call('HINCRBY', job, ARGV[i + 2], 1)
      redis.call('XADD', reply, done .. '-0', 'c', chunk, 'i', ARGV[i], 'r', ARGV[i + 1])
      if done == tonumber(redis.call('HGET', job, 'total')) then
        redis.call('HSET', job, 'state', 'finished', 'finished_ms', now)
      end
    end
  end
end
if #fresh > 0 then redis.call('XADD', reply, '*', 'c', chunk, unpack(fresh)) end
redis.call('EXPIRE', results, ARGV[1])
redis.call('EXPIRE', reply, ttl)
if job ~= '' then redis.call('PUBLISH', ARGV[3], job) end
return 1
"""
)
_START = """
if redis.call('HGET', KEYS[1], 'state') == 'queued' then
  redis.call('HSET', KEYS[1], 'state', 'running')
  redis.call('PUBLISH', ARGV[1], KEYS[1])
end
return 1
"""
_DONE = """
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[2])
  redis.call('EXPIRE', KEYS[3], ARGV[3])
end
return 1
"""
_EXPIRED = (
    _NOW
    + """
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 64)
for _, delivery in ipairs(found) do redis.call('ZADD', KEYS[1], now + ARGV[1], delivery) end
local waiting = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[2], 'LIMIT', 0, 16)
return {found, waiting}
"""
)
_STATE = (
    _NOW
    + """
local out = {}
for i = 1, #ARGV do
  local first = 5 * i - 3
  local workers = redis.call('ZRANGEBYSCORE', KEYS[first], now, '+inf')
  local depth, age = 0, 0
  for lane = first + 1, first + 4, 2 do
    for _, size in ipairs(redis.call('HVALS', KEYS[lane + 1])) do depth = depth + size end
    local oldest = redis.call('ZRANGE', KEYS[lane], 0, 0, 'WITHSCORES')
    if oldest[2] then age = math.max(age, now - tonumber(oldest[2])) end
  end
  local infos = {}
  for _, name in ipairs(workers) do
    local info = redis.call('HGET', KEYS[1], name)
    if info then infos[#infos + 1] = info end
  end
  out[i] = {depth, age, workers, infos}
end
return out
"""
)


class Keys:
    """The names of everything the service keeps in Redis, but for rq's own, which begin with "rq:".

    All begin with the prefix. Those of a chunk or a job have a TTL; those of a lane shrink as its deliveries end.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.info = f"{prefix}:workers:info"

    def chunk(self, chunk_id: str) -> str:
        return f"{self.prefix}:chunk:{chunk_id}"

    def results(self, chunk_id: str) -> str:
        return f"{self.prefix}:results:{chunk_id}"

    def queued(self, lane: str) -> str:
        return f"{self.prefix}:queued:{lane}"

    def sizes(self, lane: str) -> str:
        return f"{self.prefix}:sizes:{lane}"

    def leases(self, lane: str) -> str:
        return f"{self.prefix}:leases:{lane}"

    def job(self, job_id: str) -> str:
        return f"{self.prefix}:job:{job_id}"

    @property
    def job_events(self) -> str:
        return f"{self.prefix}:job-events"

    def workers(self, queue: str) -> str:
        return f"{self.prefix}:workers:{queue}"

    def replies(self, reader: str) -> str:
        return f"{self.prefix}:replies:{reader}"

    def rq_name(self, lane: str) -> str:
        return f"{self.prefix}.{lane}"


def connect(settings: Settings, url: str, *, patience: float = 1.0, wait_s: float = 0.0) -> redis.Redis:
    """A client with socket time-outs that tries a lost connection once more, but no silence.

    Args:
        url: see app.address.
        patience: factor to the time-outs, for a process that nobody waits on.
        wait_s: the longest that a command is asked to wait for; a time-out before its end would lose what it took.
    """
    return client(
        url,
        socket_timeout=settings.redis_timeout_s * patience + wait_s,
        socket_connect_timeout=settings.redis_timeout_s * patience,
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.01), 1, supported_errors=(RedisConnectionError,)),
        health_check_interval=15,
    )


def warn_of_losses(connection: redis.Redis) -> None:
    """Say loudly when the store is set up to lose accepted work. Never raises."""
    try:
        settings: Any = connection.config_get("appendonly", "maxmemory-policy")
    except RedisError as error:
        _log.warning("store_settings_unknown", error=type(error).__name__)
        return
    if settings.get("appendonly") != "yes":
        _log.error("store_not_durable", mend="set appendonly yes: without it a restart loses accepted work")
    if settings.get("maxmemory-policy") not in ("noeviction", None):
        _log.error("store_may_evict", mend="set maxmemory-policy noeviction: others drop accepted work")


def rq_queue(keys: Keys, lane: str, connection: Any) -> rq.Queue:
    """The rq queue behind one of our lanes."""
    return rq.Queue(keys.rq_name(lane), connection=connection, serializer=JSONSerializer)


def parse_delivery(delivery: str) -> tuple[str, int | None, int]:
    """A delivery's chunk id, the one index it is about (None: all that is left) and its attempt, from 0.

    How often it was handed back unread is no attempt.
    """
    chunk_id, *rest = delivery.partition("_")[0].split("-")
    return (chunk_id, int(rest[0]), int(rest[1])) if rest else (chunk_id, None, 0)


def enqueue(keys: Keys, connection: Any, pipe: Any, admit: Any, lane: str, deliveries: dict[str, int]) -> None:
    """Add to a MULTI under way: the deliveries (each with its number of items) to `queued` and to rq's list."""
    queue = rq_queue(keys, lane, connection)
    pipe.sadd(queue.redis_queues_keys, queue.key)
    for delivery, items in deliveries.items():
        admit(keys=[keys.queued(lane), keys.sizes(lane)], args=[delivery, items], client=pipe)
        queue.push_job_id(delivery, pipeline=pipe)


class RqQueue:
    """An API process's side. An async context manager: inside it, one reader task and one reaper thread are at work.

    Args:
        settings: time-outs, bounds, lease.
        url: address of the store.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._keys = Keys(settings.key_prefix)
        self._redis = connect(settings, url)
        self._reading = async_client(
            url, socket_timeout=settings.redis_timeout_s + 2, socket_connect_timeout=settings.redis_timeout_s
        )
        self._stream = self._keys.replies(uuid.uuid4().hex)
        self._waiting: dict[str, tuple[OnResult, set[int]]] = {}  # With the indices still to come.
        self._admit = self._redis.register_script(ADMIT)
        self._submit_script = self._redis.register_script(_SUBMIT)
        self._expired = self._redis.register_script(_EXPIRED)
        self._put = self._redis.register_script(_PUT)
        self._state = self._redis.register_script(_STATE)
        self._senders = ThreadPoolExecutor(4, thread_name_prefix="send")
        # Apart, so that a store that hangs is noticed while every sender waits for it.
        self._askers = ThreadPoolExecutor(2, thread_name_prefix="ask")
        self._stopping = threading.Event()
        self._rq = {lane: rq_queue(self._keys, lane, self._redis) for queue in QUEUES for lane in lanes_of(queue)}
        self._clock_ahead_ms, self._clock_good_until = 0, -math.inf
        self._workers_seen = dict.fromkeys(QUEUES, 1)
        self._tasks: list[asyncio.Task[None]] = []
        self._reaper = threading.Thread(target=self._reap_for_ever, name="reaper", daemon=True)

    async def __aenter__(self) -> Self:
        await self._in_thread(warn_of_losses, self._redis)
        self._tasks = [asyncio.create_task(self._read_for_ever())]
        self._reaper.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._reaper.join, 5)
        self._senders.shutdown(wait=False, cancel_futures=True)
        self._askers.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(RedisError):
            await asyncio.to_thread(self._redis.delete, self._stream)
        await self._reading.aclose()
        self._redis.close()

    # Down.

    async def submit(self, queue: str, chunk: Chunk, on_result: OnResult) -> None:
        """See JobQueue."""
        self._waiting[chunk.id] = (on_result, set(range(len(chunk.items))))
        try:
            await self._in_thread(self._submit, queue, chunk)
        except BaseException:
            self._waiting.pop(chunk.id, None)
            raise

    def _submit(self, queue: str, chunk: Chunk) -> None:
        keys, listed = self._keys, self._rq[queue]
        try:
            if time.monotonic() > self._clock_good_until:
                self._set_clock(*self._redis.time())
            placed = Chunk(chunk.id, chunk.items, self._stream, self._clock_now_ms())
            names = [keys.queued(queue), keys.sizes(queue), keys.chunk(chunk.id), listed.key, listed.redis_queues_keys]
            settings = self._settings
            args: list[str | int | bytes] = [chunk.id, len(chunk.items), settings.queue_chunks_max]
            args += [placed.to_text(), settings.result_ttl_s]
            taken, now_ms = self._submit_script(keys=names, args=args)
        except RedisError as error:
            raise _unavailable(error) from error
        self._set_clock(int(now_ms) // 1000, int(now_ms) % 1000 * 1000)
        if not taken:
            raise QueueFull(f"the {queue} queue is full", retry_after_s=5)

    def forget(self, chunk_id: str) -> None:
        """See JobQueue."""
        _, to_come = self._waiting.pop(chunk_id, (None, set()))
        if to_come:
            # Without its body a waiting delivery is passed over, and one under way ends after the item at hand.
            self._senders.submit(self._abandon, chunk_id)

    def _abandon(self, chunk_id: str) -> None:
        with contextlib.suppress(RedisError):
            self._redis.delete(self._keys.chunk(chunk_id))

    async def clock_ms(self) -> int:
        """See JobQueue. Asked of the store only now and then: between, this host's monotonic clock goes as fast."""
        if time.monotonic() > self._clock_good_until:
            try:
                self._set_clock(*await self._asked(self._redis.time))
            except RedisError as error:
                raise _unavailable(error) from error
        return self._clock_now_ms()

    def _clock_now_ms(self) -> int:
        return self._clock_ahead_ms + int(time.monotonic() * 1000)

    async def check(self) -> None:
        """See JobQueue."""
        try:
            await self._asked(self._redis.ping)
        except RedisError as error:
            raise _unavailable(error) from error

    def _set_clock(self, seconds: int, microseconds: int) -> None:
        self._clock_ahead_ms = seconds * 1000 + microseconds // 1000 - int(time.monotonic() * 1000)
        self._clock_good_until = time.monotonic() + CLOCK_GOOD_S

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._senders, function, *args)

    async def _asked(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._askers, function, *args)

    # Up.

    async def _read_for_ever(self) -> None:
        """Read this process's reply stream, entry after entry, and forget what was read, some of it at a time.

        Blocking reads, no polling. When the store is away the stream is in its append-only file; reading goes on
        where it was.
        """
        last, read = b"0", 0
        # The flag as well as the cancellation: the client swallows one that comes while it connects.
        while not self._stopping.is_set():
            try:
                found: Any = await self._reading.xread({self._stream: last}, count=512, block=1000)
                entries = found[0][1] if found else ()
                for entry_id, fields in entries:
                    last = entry_id
                    read += ENTRY_BYTES + sum(map(len, fields.values()))
                    self._deliver(fields)
                if read >= FORGOTTEN_TOGETHER_BYTES:
                    await self._reading.xtrim(self._stream, minid=_after(last), approximate=False)
                    read = 0
            except (RedisError, OSError) as error:
                _log.warning("reader_lost_store", error=type(error).__name__)
                await asyncio.sleep(0.2)

    def _deliver(self, fields: dict[bytes, bytes]) -> None:
        """Hand on what a worker wrote together: results of one chunk by their index."""
        on_result, to_come = self._waiting.get(fields.pop(b"c").decode(), (None, set()))
        if on_result is None:
            return
        for name, text in fields.items():
            try:
                result = ItemResult.from_text(text)
            except (ValueError, TypeError, KeyError):
                _log.exception("unreadable_result")
                result = ItemResult.failed("grader", "a worker sent a result that this release cannot read")
            index = int(name)
            to_come.discard(index)
            try:
                on_result(index, result)
            except Exception:  # noqa: BLE001  One result that nobody can take must not end the reading of all others.
                _log.exception("result_not_taken")

    # State.

    async def state(self) -> dict[str, QueueState]:
        """See JobQueue."""
        try:
            rows = await self._asked(self._read_state)
        except RedisError as error:
            raise _unavailable(error) from error
        states = {}
        for queue, (depth, age_ms, workers, texts) in zip(QUEUES, rows, strict=True):
            infos = [json.loads(text) for text in texts]
            states[queue] = QueueState(
                depth=int(depth),
                oldest_s=int(age_ms) / 1000,
                workers=len(workers),
                isolation=tuple(sorted({info["isolation"] for info in infos if "isolation" in info})),
                languages=tuple(sorted({name for info in infos for name in info.get("languages", ())})),
            )
        return states

    def _read_state(self) -> Any:
        keys = [self._keys.info]
        for queue in QUEUES:
            keys.append(self._keys.workers(queue))
            for lane in lanes_of(queue):
                keys += [self._keys.queued(lane), self._keys.sizes(lane)]
        rows = self._state(keys=keys, args=list(QUEUES))
        for queue, row in zip(QUEUES, rows, strict=True):
            self._workers_seen[queue] = max(len(row[2]), 1)
        return rows

    def workers(self, queue: str) -> int:
        """See JobQueue."""
        return self._workers_seen[queue]

    # The reaper.

    def _reap_for_ever(self) -> None:
        period_s = min(2.0, self._settings.lease_s / 3)
        while not self._stopping.wait(period_s):
            try:
                self._read_state()
                for lane in (lane for queue in QUEUES for lane in lanes_of(queue)):
                    self.reap(lane)
                    clean_worker_registry(self._rq[lane])
            except RedisError as error:
                _log.warning("reaper_lost_store", error=type(error).__name__)
            except Exception:  # noqa: BLE001  A reaper that died would lose items; it logs and goes on.
                _log.exception("reaper_bug")

    def reap(self, lane: str) -> None:
        """Give out again, or end as `error`, what dead workers left of one lane.

        Several API processes may do this at once: the script moves each lease it hands out into the future, so that
        one of them acts on it, and another would, should that one die in the middle.
        """
        lease_ms = int(self._settings.lease_s * 1000)
        keys = self._keys
        expired, waiting = self._expired(keys=[keys.leases(lane), keys.queued(lane)], args=[lease_ms, 2 * lease_ms])
        for delivery in expired:
            _log.warning("lease_expired", lane=lane, delivery=delivery.decode())
            self._try_redeliver(lane, delivery.decode(), keys.leases(lane))
        listed = self._rq[lane].key
        for delivery in waiting:
            if self._redis.lpos(listed, delivery) is None and self._redis.zscore(keys.queued(lane), delivery):
                _log.warning("delivery_lost_before_start", lane=lane, delivery=delivery.decode())
                self._try_redeliver(lane, delivery.decode(), keys.queued(lane))

    def _try_redeliver(self, lane: str, delivery: str, record: str) -> None:
        """One delivery that cannot be read (a newer release's, perhaps) must not hold up the others."""
        try:
            self._redeliver(lane, delivery, record)
        except RedisError:
            raise
        except Exception:  # noqa: BLE001  See above.
            _log.exception("not_redelivered", lane=lane, delivery=delivery)

    def _redeliver(self, lane: str, delivery: str, record: str) -> None:
        keys = self._keys
        chunk_id, only, attempt = parse_delivery(delivery)
        body = self._redis.get(keys.chunk(chunk_id))
        if body is None:
            self._redis.zrem(record, delivery)
            self._redis.hdel(keys.sizes(lane), delivery)
            return
        chunk = Chunk.from_text(body)
        finished = {int(index) for index in self._redis.hkeys(keys.results(chunk_id))}
        wanted: Iterable[int] = range(len(chunk.items)) if only is None else (only,)
        left = [index for index in wanted if index not in finished]
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(record, delivery)
            pipe.hdel(keys.sizes(lane), delivery)
            if attempt + 1 < self._settings.deliveries_max:
                again = {f"{chunk_id}-{index}-{attempt + 1}": 1 for index in left}
                if again:
                    enqueue(keys, self._redis, pipe, self._admit, lane, again)
            else:
                code = "worker_lost" if only is None else "poison"
                for index in left:
                    result = ItemResult.failed(code, FAULT_CODES[code], retryable=code == "worker_lost")
                    write_results(self._put, keys, chunk, [(index, result)], self._settings.result_ttl_s, client=pipe)
            pipe.execute()


def write_results(
    put: Any, keys: Keys, chunk: Chunk, results: list[tuple[int, ItemResult]], ttl_s: int, client: Any = None
) -> None:
    """Write results of one chunk in one script call; the first writer of each item wins."""
    args: list[Any] = [ttl_s, chunk.id, keys.job_events]
    for index, result in results:
        args += [index, *_sendable(result)]
    names = [keys.results(chunk.id), chunk.reply, chunk.job, keys.chunk(chunk.id)]
    put(keys=names, args=args, client=client)


def _sendable(result: ItemResult) -> tuple[bytes, str]:
    """A result's JSON and its status."""
    try:
        return result.to_text(), result.status
    except ValueError:  # A number that is none: our bug, and no reason to end the process.
        _log.exception("result_not_json")
        failed = ItemResult.failed("grader", "the grader failed, not the answer", retryable=False)
        return failed.to_text(), failed.status


def _after(entry_id: bytes) -> str:
    """The smallest stream id greater than this one."""
    milliseconds, _, sequence = entry_id.decode().partition("-")
    return f"{milliseconds}-{int(sequence) + 1}"


def _unavailable(error: RedisError) -> StoreUnavailable:
    _log.warning("store_unavailable", error=type(error).__name__)
    return StoreUnavailable("the store does not answer", retry_after_s=2)


class WorkerDesk:
    """A worker process's side: leases kept alive by one thread, results written by another.

    The beating thread is also the backstop of time: an item that holds the process longer than its bound ends the
    process at once, its lease runs out, and the item is tried elsewhere. Bounds inside the graders are tighter, so
    this fires only on a bug of ours.

    Args:
        name: the worker's, unique among all hosts.
        info: what it says of itself.
        on_stuck: called when an item passed its backstop; ends the process.
    """

    def __init__(
        self,
        settings: Settings,
        connection: redis.Redis,
        queue: str,
        name: str,
        info: dict[str, Any],
        on_stuck: Callable[[], None],
    ) -> None:
        self._settings, self._redis, self._queue, self._name, self._info = settings, connection, queue, name, info
        self._keys = Keys(settings.key_prefix)
        self._on_stuck = on_stuck
        self._admit = connection.register_script(ADMIT)
        self._take = connection.register_script(_TAKE)
        self._beat = connection.register_script(_BEAT)
        self._put = connection.register_script(_PUT)
        self._done = connection.register_script(_DONE)
        self._start = connection.register_script(_START)
        self._held: set[str] = set()
        self._item_until: float | None = None
        self._unwritten: list[tuple[Chunk, int, ItemResult]] = []
        self._written = threading.Condition()
        self._writing = self._write_now = False
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._beat_for_ever, name="beat", daemon=True),
            threading.Thread(target=self._write_for_ever, name="write", daemon=True),
        ]

    def __enter__(self) -> Self:
        self._sign_of_life()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        with self._written:
            self._written.notify_all()
        for thread in self._threads:
            thread.join(2)
        with contextlib.suppress(RedisError):
            self._redis.zrem(self._keys.workers(self._queue), self._name)
            self._redis.hdel(self._keys.info, self._name)

    def take(self, delivery: str) -> tuple[Chunk, list[int], int] | None:
        """See app.jobs.Desk.

        A newer release's chunk is handed back at once: some worker that can read it will have it.

        Raises: RedisError when the store is gone; then the lease runs out and the delivery is given out again.
        """
        keys, lane, (chunk_id, only, _) = self._keys, lane_of(self._queue, delivery), parse_delivery(delivery)
        now, *rest = self._take(
            keys=[
                keys.queued(lane),
                keys.leases(lane),
                keys.chunk(chunk_id),
                keys.results(chunk_id),
                keys.sizes(lane),
            ],
            args=[delivery, int(self._settings.lease_s * 1000)],
        )
        if not rest:
            return None
        try:
            chunk = Chunk.from_text(rest[0])
        except UnknownVersion:
            self._hand_back(delivery, lane, int(rest[2]))
            return None
        finished = {int(index) for index in rest[1]}
        wanted = range(len(chunk.items)) if only is None else (only,)
        if chunk.job:
            self._start(keys=[chunk.job], args=[keys.job_events])
        # Last: what is held has its lease renewed, so nothing may fail between here and the work.
        self._held.add(delivery)
        return chunk, [index for index in wanted if index not in finished], int(now)

    def _hand_back(self, delivery: str, lane: str, size: int) -> None:
        """Put a delivery back behind the others, then pause, so that it is not this worker that has it again."""
        name, _, times = delivery.partition("_")
        again = f"{name}_{int(times or 0) + 1}"
        _log.warning("handed_back", delivery=again, why="the chunk was written by another release")
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(self._keys.leases(lane), delivery)
            enqueue(self._keys, self._redis, pipe, self._admit, lane, {again: size})
            pipe.execute()
        self._stopping.wait(HANDED_BACK_PAUSE_S)

    def wanted(self, chunk: Chunk) -> bool:
        """See app.jobs.Desk."""
        try:
            return bool(self._redis.exists(self._keys.chunk(chunk.id)))
        except RedisError:
            return True  # The store is away, not the caller.

    def put(self, chunk: Chunk, index: int, result: ItemResult) -> None:
        """See app.jobs.Desk."""
        with self._written:
            self._unwritten.append((chunk, index, result))
            self._written.notify_all()

    def done(self, delivery: str, size: int) -> None:
        """See app.jobs.Desk."""
        with self._written:
            self._write_now = True
            self._written.notify_all()
            self._written.wait_for(lambda: not self._unwritten and not self._writing)
        self._held.discard(delivery)
        with contextlib.suppress(RedisError):  # A lease that stays behind runs out, and nothing is left to redeliver.
            chunk_id = parse_delivery(delivery)[0]
            self._done(
                keys=[
                    self._keys.leases(lane_of(self._queue, delivery)),
                    self._keys.chunk(chunk_id),
                    self._keys.results(chunk_id),
                ],
                args=[delivery, size, _SETTLED_TTL_S],
            )

    def working_on(self, seconds_max: float | None) -> None:
        """See app.jobs.Desk."""
        self._item_until = None if seconds_max is None else time.monotonic() + seconds_max

    def _write_for_ever(self) -> None:
        while True:
            with self._written:
                self._written.wait_for(lambda: bool(self._unwritten) or self._stopping.is_set())
                if not self._unwritten:
                    return
                # Some together: what follows within a moment would cost a round trip of its own.
                self._written.wait_for(self._write_is_due, timeout=WRITTEN_TOGETHER_S)
                batch, self._unwritten = self._unwritten, []
                self._writing, self._write_now = True, False
            by_chunk: dict[str, tuple[Chunk, list[tuple[int, ItemResult]]]] = {}
            for chunk, index, result in batch:
                by_chunk.setdefault(chunk.id, (chunk, []))[1].append((index, result))
            try:
                for chunk, results in by_chunk.values():
                    for start in range(0, len(results), WRITTEN_TOGETHER_MAX):
                        self._write(chunk, results[start : start + WRITTEN_TOGETHER_MAX])
            except Exception:  # noqa: BLE001  Unwritten results are graded again elsewhere once the lease runs out.
                _log.exception("results_not_written")
                self._on_stuck()
            finally:
                with self._written:
                    self._writing = False
                    self._written.notify_all()

    def _write_is_due(self) -> bool:
        return self._write_now or len(self._unwritten) >= WRITTEN_TOGETHER or self._stopping.is_set()

    @retry(
        retry=retry_if_exception_type((RedisConnectionError, redis.exceptions.TimeoutError)),
        wait=wait_exponential_jitter(multiplier=0.05, max=2),
        stop=stop_after_delay(120),
        reraise=True,
    )
    def _write(self, chunk: Chunk, results: list[tuple[int, ItemResult]]) -> None:
        write_results(self._put, self._keys, chunk, results, self._settings.result_ttl_s)

    def _beat_for_ever(self) -> None:
        while not self._stopping.wait(self._settings.lease_s / 3):
            try:
                self._sign_of_life()
            except RedisError as error:
                _log.warning("beat_lost_store", error=type(error).__name__)
            until = self._item_until
            if until is not None and time.monotonic() > until:
                _log.error("item_held_worker_too_long", queue=self._queue)
                self._on_stuck()

    def _sign_of_life(self) -> None:
        # What it says of itself comes before its being counted, so that no live worker is nameless.
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(self._keys.info, self._name, json.dumps({"queue": self._queue, **self._info}))
            pipe.expire(self._keys.info, max(int(self._settings.lease_s * 2), 30))
            pipe.execute()
        for lane in lanes_of(self._queue):
            held = [delivery for delivery in list(self._held) if lane_of(self._queue, delivery) == lane]
            args: list[str | int] = [int(self._settings.lease_s * 1000), self._name, *held]
            self._beat(keys=[self._keys.leases(lane), self._keys.workers(self._queue)], args=args)
