"""The same promises kept by the queue in memory and by the real one with a real worker process."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import pytest

from app import jobs
from app.chunk import QUEUES, Chunk, ChunkItem, ItemResult
from app.memory_queue import MemoryQueue
from app.queue import JobQueue
from app.rq_queue import RqQueue
from app.settings import Settings, as_environment
from graders.registry import Registry

OpenQueue = Callable[[], AbstractAsyncContextManager[JobQueue]]


@pytest.fixture(scope="module", params=["memory", "rq"])
def open_queue(request: pytest.FixtureRequest, store_url: str) -> Iterator[OpenQueue]:
    """Opens a queue with a worker behind it."""
    if request.param == "memory":
        with Registry() as registry:

            @asynccontextmanager
            async def in_memory() -> AsyncIterator[JobQueue]:
                yield MemoryQueue(partial(jobs.grade_in_place, registry))

            yield in_memory
        return
    settings = Settings(key_prefix=f"test{uuid.uuid4().hex}", redis_url=store_url)  # type: ignore[arg-type]
    worker = subprocess.Popen(
        [sys.executable, "-m", "app", "worker", "--queue", "math"],
        env={**os.environ, **as_environment(settings)},
        stderr=subprocess.DEVNULL,
    )

    @asynccontextmanager
    async def over_redis() -> AsyncIterator[JobQueue]:
        async with RqQueue(settings, store_url) as queue:
            yield queue

    yield over_redis
    worker.terminate()
    assert worker.wait(30) == 0


def item(completion: str, **more: object) -> ChunkItem:
    """An item whose reference is 42."""
    task = {"kind": "math", "answer": "42"}
    return ChunkItem(completion, task=task, components=(("accuracy", {}),), **more)  # type: ignore[arg-type]


def run(open_queue: OpenQueue, *items: ChunkItem) -> list[ItemResult]:
    """Submit one chunk and collect its results by index; each must come exactly once."""

    async def scenario() -> list[ItemResult]:
        found: dict[int, ItemResult] = {}
        done = asyncio.Event()

        def on_result(index: int, result: ItemResult) -> None:
            assert index not in found
            found[index] = result
            if len(found) == len(items):
                done.set()

        async with open_queue() as queue:
            await queue.submit("math", Chunk(uuid.uuid4().hex, items), on_result)
            async with asyncio.timeout(60):
                await done.wait()
            await asyncio.sleep(0.1)
        return [found[index] for index in range(len(items))]

    return asyncio.run(scenario())


def test_every_item_gets_one_result(open_queue: OpenQueue) -> None:
    """Right, wrong, and a task that cannot be used, each as itself."""
    bad = ChunkItem("x", task={"kind": "math", "answer": " "}, components=(("accuracy", {}),))
    right, wrong, invalid = run(open_queue, item("\\boxed{42}"), item("\\boxed{41}"), bad)
    assert (right.status, right.scores) == ("graded", {"accuracy": 1.0})
    assert (wrong.status, wrong.scores) == ("graded", {"accuracy": 0.0})
    assert (invalid.status, invalid.scores, invalid.verdict) == ("invalid", {}, None)


def test_a_broken_message_costs_its_item_only(open_queue: OpenQueue) -> None:
    """What no release of ours writes ends as an error of ours, and the neighbour is graded."""
    broken = ChunkItem("x", task={"kind": "magic"}, components=(("accuracy", {}),))
    fault, right = run(open_queue, broken, item("\\boxed{42}"))
    assert fault.status == "error"
    assert fault.fault is not None
    assert fault.fault.code == "grader"
    assert right.scores == {"accuracy": 1.0}


def test_a_queue_without_a_sandbox_does_not_make_code_wrong(open_queue: OpenQueue) -> None:
    """A program that lands on a worker that cannot run it is our error, never a 0."""
    tests = {"kind": "stdio", "cases": [{"input": "", "output": "1"}]}
    code = ChunkItem("print(1)", task={"kind": "code", "tests": tests}, components=(("accuracy", {}),))
    (result,) = run(open_queue, code)
    assert (result.status, result.scores) == ("error", {})


def test_forgotten_chunks_call_nobody(open_queue: OpenQueue) -> None:
    """Results that still come are dropped."""

    async def scenario() -> list[int]:
        seen: list[int] = []
        async with open_queue() as queue:
            chunk = Chunk(uuid.uuid4().hex, (item("\\boxed{42}"),) * 3)
            submitting = asyncio.create_task(queue.submit("math", chunk, lambda i, r: seen.append(i)))
            await submitting
            queue.forget(chunk.id)
            count = len(seen)
            await asyncio.sleep(0.5)
            return seen[count:]

    assert asyncio.run(scenario()) == []


def test_state_names_every_queue(open_queue: OpenQueue) -> None:
    """And the clock is in milliseconds since 1970."""

    async def scenario() -> None:
        async with open_queue() as queue:
            assert set(await queue.state()) == set(QUEUES)
            assert await queue.clock_ms() > 1.7e12
            assert queue.workers("math") >= 1

    asyncio.run(scenario())
