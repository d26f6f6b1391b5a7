"""The queue on a real store: what is delivered, given out again, isolated, refused."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import rq
from rq.serializers import JSONSerializer

from app import jobs
from app.chunk import VERSION, Chunk, ChunkItem, ItemResult
from app.dispatch import CHUNKS_A_WORKER, Dispatcher
from app.errors import StoreUnavailable
from app.rq_queue import Keys, RqQueue, WorkerDesk, connect, parse_delivery, rq_queue
from app.settings import Settings
from app.worker import TAKE_S, QuietWorker
from graders.registry import Registry

Results = dict[int, ItemResult]


class Bench:
    """A queue under test with a prefix of its own, and hand-driven workers instead of processes."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.settings = Settings(key_prefix=f"test{uuid.uuid4().hex}", lease_s=1, **settings)
        self.url = url
        self.redis = connect(self.settings, url)
        self.keys = Keys(self.settings.key_prefix)

    @asynccontextmanager
    async def queue(self) -> AsyncIterator[RqQueue]:
        """An API process's side."""
        async with RqQueue(self.settings, self.url) as queue:
            yield queue

    @contextmanager
    def desk(self, name: str = "w") -> Iterator[WorkerDesk]:
        """A living worker's side: its leases are kept."""

        def stuck() -> None:
            raise AssertionError("stuck")

        with WorkerDesk(self.settings, self.redis, "math", name, {}, on_stuck=stuck) as desk:
            yield desk

    def dead_desk(self) -> WorkerDesk:
        """A worker that takes and then gives no sign of life."""
        return WorkerDesk(self.settings, self.redis, "math", "dead", {}, on_stuck=lambda: None)

    def waiting(self) -> list[str]:
        """Deliveries in rq's list, oldest first."""
        return [job.decode() for job in self.redis.lrange(rq_queue(self.keys, "math", self.redis).key, 0, -1)]

    def pop(self) -> str | None:
        """Take the oldest delivery off rq's list, as a worker's rq does."""
        job = self.redis.lpop(rq_queue(self.keys, "math", self.redis).key)
        return job.decode() if job else None


@pytest.fixture
def bench(store_url: str) -> Bench:
    """A queue under test."""
    return Bench(store_url)


def chunk_of(count: int) -> Chunk:
    """A chunk of items that say their index."""
    return Chunk(uuid.uuid4().hex, tuple(ChunkItem(completion=str(index)) for index in range(count)))


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def graded(index: int) -> ItemResult:
    """A result that tells its index."""
    return ItemResult("graded", {"accuracy": float(index)})


def test_a_chunk_goes_down_and_its_results_come_up_once(bench: Bench) -> None:
    """As each is written, not when all are; and nothing but short-lived records stays behind."""

    async def scenario() -> None:
        seen: list[tuple[int, float | None]] = []
        async with bench.queue() as queue:
            chunk = chunk_of(3)
            await queue.submit("math", chunk, lambda i, r: seen.append((i, r.scores["accuracy"])))
            assert (await queue.state())["math"].depth == 3
            with bench.desk() as desk:
                delivery = bench.pop()
                assert delivery == chunk.id
                taken = desk.take(delivery)
                assert taken is not None
                got, indices, _ = taken
                assert [item.completion for item in got.items] == ["0", "1", "2"]
                assert indices == [0, 1, 2]
                desk.put(got, 1, graded(1))
                await until(lambda: seen == [(1, 1.0)])
                desk.put(got, 0, graded(0))
                desk.put(got, 2, graded(2))
                desk.put(got, 2, graded(7))
                desk.done(delivery, 3)
                await until(lambda: len(seen) == 3)
                state = (await queue.state())["math"]
                assert (state.depth, state.workers) == (0, 1)
            await asyncio.sleep(0.1)
            assert sorted(seen) == [(0, 0.0), (1, 1.0), (2, 2.0)]
            assert not bench.redis.exists(bench.keys.chunk(chunk.id))
            assert bench.redis.zcard(bench.keys.leases("math")) == 0
            assert 0 < bench.redis.ttl(bench.keys.results(chunk.id)) <= 120

    asyncio.run(scenario())


def test_what_a_dead_worker_left_is_given_out_item_by_item(bench: Bench) -> None:
    """Finished items stay finished; each other one travels alone, so that one that kills cannot take others along."""

    async def scenario() -> None:
        seen: Results = {}
        async with bench.queue() as queue:
            chunk = chunk_of(4)
            await queue.submit("math", chunk, seen.__setitem__)
            dead = bench.dead_desk()
            delivery = bench.pop()
            assert delivery is not None
            taken = dead.take(delivery)
            assert taken is not None
            dead._write(taken[0], [(2, graded(2))])
            await until(lambda: len(bench.waiting()) == 3)
            assert sorted(bench.waiting()) == sorted(f"{chunk.id}-{index}-1" for index in (0, 1, 3))
            with bench.desk() as desk:
                while delivery := bench.pop():
                    again = desk.take(delivery)
                    assert again is not None
                    got, (index,), _ = again
                    desk.put(got, index, graded(index))
                    desk.done(delivery, len(got.items))
                await until(lambda: len(seen) == 4)
            assert {index: result.scores["accuracy"] for index, result in seen.items()} == {0: 0, 1: 1, 2: 2, 3: 3}
            dead._write(taken[0], [(0, graded(99))])  # A frozen worker wakes up too late.
            await asyncio.sleep(0.1)
            assert seen[0].scores["accuracy"] == 0

    asyncio.run(scenario())


def test_an_item_that_kills_every_worker_ends_as_poison(bench: Bench) -> None:
    """After deliveries_max attempts: error, retryable no, never a number; and the queue is empty again."""

    async def scenario() -> None:
        seen: Results = {}
        async with bench.queue() as queue:
            await queue.submit("math", chunk_of(1), seen.__setitem__)
            for _ in range(bench.settings.deliveries_max):
                await until(lambda: bool(bench.waiting()))
                delivery = bench.pop()
                assert delivery is not None
                assert bench.dead_desk().take(delivery) is not None
            await until(lambda: 0 in seen)
            assert seen[0].status == "error"
            assert seen[0].fault is not None
            assert (seen[0].fault.code, seen[0].fault.retryable) == ("poison", False)
            assert bench.waiting() == []
            assert bench.redis.zcard(bench.keys.leases("math")) == 0

    asyncio.run(scenario())


def test_a_delivery_lost_between_list_and_lease_is_given_out_again(bench: Bench) -> None:
    """A worker that dies right after rq handed it the job had no lease yet."""

    async def scenario() -> None:
        async with bench.queue() as queue:
            chunk = chunk_of(1)
            await queue.submit("math", chunk, lambda i, r: None)
            assert bench.pop() == chunk.id
            await until(lambda: bench.waiting() == [f"{chunk.id}-0-1"])

    asyncio.run(scenario())


def test_a_delivery_that_only_waits_stays_where_it_is(bench: Bench) -> None:
    """A long queue is no death: what is still in rq's list is not given out twice."""

    async def scenario() -> None:
        async with bench.queue() as queue:
            chunk = chunk_of(1)
            await queue.submit("math", chunk, lambda i, r: None)
            await asyncio.sleep(3.5)
            assert bench.waiting() == [chunk.id]

    asyncio.run(scenario())


def test_a_lease_is_kept_while_the_worker_lives(bench: Bench) -> None:
    """However long an item takes."""

    async def scenario() -> None:
        async with bench.queue() as queue:
            chunk = chunk_of(2)
            await queue.submit("math", chunk, lambda i, r: None)
            with bench.desk() as desk:
                delivery = bench.pop()
                assert delivery is not None
                desk.take(delivery)
                await asyncio.sleep(3)
                assert bench.waiting() == []
                assert bench.redis.zscore(bench.keys.leases("math"), delivery) is not None

    asyncio.run(scenario())


def test_a_message_can_name_no_callable(bench: Bench, tmp_path: Path) -> None:
    """Whoever can write to the store still cannot make a worker call something: it reads names of deliveries only."""
    queue, mark = rq_queue(bench.keys, "math", bench.redis), tmp_path / "owned"
    names = ("os.system", "subprocess.check_output", "builtins.eval", "app.jobs.lay_out")
    for name in names:
        queue.enqueue_call(name, args=[f"touch {mark}"], timeout=-1, on_failure=rq.Callback("os.system"))
    bench.redis.rpush(queue.key, b"\xff\x00-1", "a-b-c", "-".join("x" * 1000), "")
    asked: list[str] = []

    class Desk(WorkerDesk):
        def take(self, delivery: str) -> tuple[Chunk, list[int], int] | None:
            asked.append(delivery)
            return super().take(delivery)

    desk = Desk(bench.settings, bench.redis, "math", "w", {}, on_stuck=lambda: None)
    with Registry() as registry:
        jobs.lay_out(jobs.Bench(registry, desk, 30))
        connection = connect(bench.settings, bench.url, patience=5, wait_s=TAKE_S)
        worker = QuietWorker([queue], connection=connection, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="CRITICAL")
    assert len(asked) == len(names) + 4
    assert queue.count == 0
    assert not mark.exists()


def test_a_store_that_is_away_refuses_at_once() -> None:
    """StoreUnavailable within the time-out, and nothing was accepted."""
    settings = Settings(redis_timeout_s=0.5)

    async def scenario() -> None:
        async with RqQueue(settings, "unix:///nonexistent/store.sock") as queue:
            async with asyncio.timeout(5):
                with pytest.raises(StoreUnavailable):
                    await queue.submit("math", chunk_of(1), lambda i, r: None)
                with pytest.raises(StoreUnavailable):
                    await queue.state()

    asyncio.run(scenario())


def test_an_item_past_its_backstop_ends_its_worker(bench: Bench) -> None:
    """The beating thread notices, whatever the main thread is stuck in."""
    stuck: list[bool] = []
    with WorkerDesk(bench.settings, bench.redis, "math", "w", {}, on_stuck=lambda: stuck.append(True)) as desk:
        desk.working_on(0.1)
        asyncio.run(until(lambda: bool(stuck)))
        desk.working_on(None)


def test_another_releases_chunk_is_handed_back_at_once(bench: Bench) -> None:
    """An older worker does not guess at a newer chunk, and does not wait for its lease either: another has it next.

    No attempt is used up by that, however often it happens; and no trace of the deliveries stays.
    """

    async def scenario() -> None:
        seen: Results = {}
        async with bench.queue() as queue:
            chunk = chunk_of(2)
            await queue.submit("math", chunk, seen.__setitem__)
            body = bench.redis.get(bench.keys.chunk(chunk.id))
            assert body is not None
            bench.redis.set(bench.keys.chunk(chunk.id), body.replace(b'"v":%d' % VERSION, b'"v":999'), keepttl=True)
            with bench.desk() as old:
                for turn in range(1, bench.settings.deliveries_max + 3):
                    delivery = bench.pop()
                    assert delivery is not None
                    assert old.take(delivery) is None
                    assert bench.waiting() == [f"{chunk.id}_{turn}"]
                    assert bench.redis.zcard(bench.keys.leases("math")) == 0
                    assert (await queue.state())["math"].depth == 2
            bench.redis.set(bench.keys.chunk(chunk.id), body, keepttl=True)
            with bench.desk("new") as desk:
                delivery = bench.pop()
                assert delivery is not None
                taken = desk.take(delivery)
                assert taken is not None
                assert taken[1] == [0, 1]
                for index in taken[1]:
                    desk.put(taken[0], index, graded(index))
                desk.done(delivery, 2)
                await until(lambda: len(seen) == 2)
            assert {index: result.status for index, result in seen.items()} == {0: "graded", 1: "graded"}
            assert bench.redis.zcard(bench.keys.queued("math")) == 0

    asyncio.run(scenario())


def test_a_worker_that_dies_with_what_was_handed_back_uses_up_one_attempt(bench: Bench) -> None:
    """The delivery's name still tells its attempt."""

    async def scenario() -> None:
        async with bench.queue() as queue:
            await queue.submit("math", chunk_of(1), lambda i, r: None)
            chunk_id = bench.pop()
            bench.redis.rpush(rq_queue(bench.keys, "math", bench.redis).key, f"{chunk_id}_3")
            assert bench.dead_desk().take(f"{chunk_id}_3") is not None
            bench.pop()
            await until(lambda: bench.waiting() == [f"{chunk_id}-0-1"])

    asyncio.run(scenario())


def drain(bench: Bench, desk: WorkerDesk) -> list[list[str]]:
    """What a worker gets until nothing waits: each delivery's completions, answered at once."""
    got = []
    while delivery := bench.pop():
        taken = desk.take(delivery)
        assert taken is not None
        chunk, indices, _ = taken
        got.append([chunk.items[index].completion for index in indices])
        for index in indices:
            desk.put(chunk, index, graded(index))
        desk.done(delivery, len(chunk.items))
    return got


def batch_of(name: str, count: int) -> list[tuple[str, ChunkItem]]:
    """Items that tell whose they are."""
    return [("math", ChunkItem(completion=f"{name}{index}")) for index in range(count)]


def test_a_small_request_waits_behind_few_chunks_of_a_large_one(bench: Bench) -> None:
    """4,096 items are more than 64 chunks, of which two a worker are before it, not all; then it is next."""

    async def scenario() -> None:
        async with bench.queue() as queue:
            dispatcher = Dispatcher(queue, bench.settings)
            large = asyncio.create_task(dispatcher.grade(batch_of("large", 4096), 60))
            await until(lambda: len(bench.waiting()) == CHUNKS_A_WORKER)
            assert dispatcher.held("math") == 4096 - CHUNKS_A_WORKER * 64
            small = asyncio.create_task(dispatcher.grade(batch_of("small", 1), 60))
            await asyncio.sleep(0.05)
            order: list[list[str]] = []
            with bench.desk() as desk:
                while not large.done():
                    order += await asyncio.to_thread(drain, bench, desk)
                    await asyncio.sleep(0.001)
            (place,) = [place for place, texts in enumerate(order) if "small0" in texts]
            assert place <= CHUNKS_A_WORKER
            assert order[place].index("small0") <= 1
            assert [result.status for result in await small] == ["graded"]
            every = sorted(text for texts in order for text in texts)
            assert every == sorted(["small0", *(f"large{n}" for n in range(4096))])
            assert {result.status for result in await large} == {"graded"}

    asyncio.run(scenario())


def test_large_requests_take_turns(bench: Bench) -> None:
    """Neither has to wait for the other's end: once both are there, each has half of every chunk."""

    async def scenario() -> None:
        async with bench.queue() as queue:
            dispatcher = Dispatcher(queue, bench.settings)
            first = asyncio.create_task(dispatcher.grade(batch_of("a", 1280), 60))
            await until(lambda: len(bench.waiting()) == CHUNKS_A_WORKER)
            second = asyncio.create_task(dispatcher.grade(batch_of("b", 1280), 60))
            await asyncio.sleep(0.05)
            order: list[list[str]] = []
            with bench.desk() as desk:
                while not (first.done() and second.done()):
                    order += await asyncio.to_thread(drain, bench, desk)
                    await asyncio.sleep(0.001)
            names = "".join(text[0] for texts in order for text in texts)
            assert (names.count("a"), names.count("b")) == (1280, 1280)
            ahead = CHUNKS_A_WORKER * 64
            for middle in range(ahead, 2 * 1280 - ahead, 64):
                shared = names[ahead:middle]
                assert abs(shared.count("a") - shared.count("b")) <= 1

    asyncio.run(scenario())


def test_deliveries_are_read_back() -> None:
    """Chunk, index, attempt."""
    assert parse_delivery("abc") == ("abc", None, 0)
    assert parse_delivery("abc-3-2") == ("abc", 3, 2)
    assert parse_delivery("abc_7") == ("abc", None, 0)
    assert parse_delivery("abc-3-2_1") == ("abc", 3, 2)


def test_redis_errors_are_what_we_think_they_are() -> None:
    """The client's time-out is an error of its own family, which the queue catches as one."""
    assert issubclass(redis.exceptions.TimeoutError, redis.exceptions.RedisError)


def test_what_comes_after_a_chunk_is_settled_changes_nothing(bench: Bench) -> None:
    """A worker that was frozen until even the record of results had expired must not be the first writer again."""

    async def scenario() -> None:
        seen: list[float | None] = []
        async with bench.queue() as queue:
            await queue.submit("math", chunk_of(1), lambda i, r: seen.append(r.scores["accuracy"]))
            delivery = bench.pop()
            assert delivery is not None
            frozen = bench.dead_desk()
            taken = frozen.take(delivery)
            assert taken is not None
            with bench.desk() as desk:
                desk.put(taken[0], 0, graded(0))
                desk.done(delivery, 1)
            await until(lambda: len(seen) == 1)
            bench.redis.delete(bench.keys.results(taken[0].id))
            frozen._write(taken[0], [(0, graded(9))])
            await asyncio.sleep(0.2)
            assert seen == [0.0]

    asyncio.run(scenario())


def test_one_unreadable_chunk_does_not_hold_up_its_lane(bench: Bench) -> None:
    """A newer release's, after a rollback: its neighbours are given out again all the same."""

    async def scenario() -> None:
        async with bench.queue() as queue:
            bad, good = chunk_of(1), chunk_of(1)
            for chunk in (bad, good):
                await queue.submit("math", chunk, lambda i, r: None)
                delivery = bench.pop()
                assert delivery == chunk.id
                assert bench.dead_desk().take(delivery) is not None
            bench.redis.set(bench.keys.chunk(bad.id), '{"v": 999}')
            await until(lambda: bench.waiting() == [f"{good.id}-0-1"])

    asyncio.run(scenario())


def test_a_number_that_is_none_costs_its_item_and_not_the_worker(bench: Bench) -> None:
    """NaN in a result is a bug of ours: an error for the item, and the writing goes on."""

    async def scenario() -> None:
        seen: Results = {}
        async with bench.queue() as queue:
            await queue.submit("math", chunk_of(2), seen.__setitem__)
            delivery = bench.pop()
            assert delivery is not None
            with bench.desk() as desk:
                taken = desk.take(delivery)
                assert taken is not None
                desk.put(taken[0], 0, ItemResult("graded", {"accuracy": float("nan")}))
                desk.put(taken[0], 1, graded(1))
                desk.done(delivery, 2)
            await until(lambda: len(seen) == 2)
        assert (seen[0].status, seen[1].scores) == ("error", {"accuracy": 1.0})

    asyncio.run(scenario())
