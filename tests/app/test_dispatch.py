"""Chunks, company, duplicates, deadlines: the dispatcher over a queue in memory."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from app.cache import VerdictCache, key_of
from app.chunk import Chunk, ChunkItem, ItemResult
from app.dispatch import Dispatcher
from app.errors import QueueFull, StoreUnavailable
from app.memory_queue import MemoryQueue
from app.queue import OnResult
from app.settings import Settings


class Grader:
    """Grades by a function of the completion, and remembers what it was asked."""

    def __init__(self, judge: Callable[[str], ItemResult] = lambda text: graded(text)) -> None:
        self._judge = judge
        self.asked: Counter[str] = Counter()
        self.chunks: dict[str, int] = {}

    def __call__(self, text: bytes, index: int) -> bytes:
        chunk = Chunk.from_text(text)
        self.chunks[chunk.id] = len(chunk.items)
        self.asked[chunk.items[index].completion] += 1
        return self._judge(chunk.items[index].completion).to_text()


def graded(text: str, reason: str = "equal") -> ItemResult:
    """A result that tells its item."""
    return ItemResult("graded", {"accuracy": 1.0}, {"outcome": "correct", "reason": reason, "answer": text})


def item(text: str, **more: Any) -> ChunkItem:
    """An item."""
    return ChunkItem(text, **more)


def run(grader: Grader, *batches: list[ChunkItem], timeout_s: float = 20, **settings: Any) -> list[list[ItemResult]]:
    """Grade batches at the same time."""

    async def scenario() -> list[list[ItemResult]]:
        dispatcher = Dispatcher(MemoryQueue(grader), Settings(**settings))
        results = await asyncio.gather(
            *(dispatcher.grade([("math", one) for one in batch], timeout_s) for batch in batches)
        )
        assert dispatcher.under_way == 0
        return results

    return asyncio.run(scenario())


def answers(results: list[ItemResult]) -> list[str]:
    """What the results tell of their items."""
    return [(result.verdict or {})["answer"] for result in results]


def test_single_items_that_arrive_together_share_chunks() -> None:
    """A hundred requests of one item: a few chunks, not a hundred."""
    grader = Grader()
    results = run(grader, *[[item(str(n))] for n in range(100)], linger_s=0.05)
    assert [answers(batch) for batch in results] == [[str(n)] for n in range(100)]
    assert len(grader.chunks) <= 12


def test_a_batch_is_cut_into_chunks_of_bounded_size() -> None:
    """And comes back in order."""
    grader = Grader()
    (results,) = run(grader, [item(str(n)) for n in range(500)], math_chunk_items_max=16)
    assert answers(results) == [str(n) for n in range(500)]
    assert max(grader.chunks.values()) <= 16


def test_equal_items_of_a_batch_are_graded_once() -> None:
    """A GRPO group repeats answers; the first is not cached, the others say so."""
    grader = Grader()
    (results,) = run(grader, [item("a"), item("b"), item("a"), item("a")])
    assert grader.asked == {"a": 1, "b": 1}
    assert [result.cached for result in results] == [False, False, True, True]
    assert answers(results) == ["a", "b", "a", "a"]


def test_equal_items_of_two_requests_at_once_are_graded_once() -> None:
    """While the first is under way the second waits for it."""
    release = threading.Event()

    def judge(text: str) -> ItemResult:
        release.wait(10)
        return graded(text)

    grader = Grader(judge)
    timer = threading.Timer(0.2, release.set)
    timer.start()
    results = run(grader, [item("a")], [item("a"), item("b")])
    assert grader.asked == {"a": 1, "b": 1}
    assert [answers(batch) for batch in results] == [["a"], ["a", "b"]]


@pytest.mark.parametrize(
    "other",
    [
        item("a", prompt="p"),
        item("a", task={"kind": "math", "answer": "1"}),
        item("a", components=(("format", {}),)),
        item("a", components=(("format", {"style": "boxed"}),)),
        item("a", explain=True),
        item("a "),
    ],
)
def test_items_that_differ_in_anything_graded_are_not_equal(other: ChunkItem) -> None:
    """The key is exact."""
    assert key_of(item("a"))[0] != key_of(other)[0]


def test_the_order_of_an_arguments_keys_is_part_of_an_item() -> None:
    """A program sees it."""
    one, other = ({"args": [{"a": 1, "b": 2}]}, {"args": [{"b": 2, "a": 1}]})
    assert key_of(item("x", task=one))[0] != key_of(item("x", task=other))[0]


def test_a_deadline_is_no_part_of_an_items_key() -> None:
    """It does not change the verdict."""
    assert key_of(item("a", deadline_ms=1)) == key_of(item("a"))
    assert key_of(item("a" * 1000))[1] > 1000


def test_equal_items_are_shared_whatever_their_deadlines() -> None:
    """Two requests never have the same one."""
    grader = Grader()
    results = run(grader, [item("a", deadline_ms=1)], [item("a", deadline_ms=2)])
    assert grader.asked == {"a": 1}
    assert [batch[0].cached for batch in results] == [False, True]
    assert (results[1][0].queue_s, results[1][0].grade_s) == (0, 0)


def test_a_shared_item_that_is_late_for_another_goes_again_by_itself() -> None:
    """The earlier caller's deadline is not the later one's."""
    tries: list[str] = []

    def judge(text: str) -> ItemResult:
        tries.append(text)
        return ItemResult.failed("deadline", "too late") if len(tries) == 1 else graded(text)

    async def scenario() -> None:
        dispatcher = Dispatcher(MemoryQueue(Grader(judge)), Settings(linger_s=0.05))
        first = asyncio.create_task(dispatcher.grade([("math", item("a", deadline_ms=1))], 0.2))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(dispatcher.grade([("math", item("a", deadline_ms=2))], 20))
        assert answers(await second) == ["a"]
        await first
        assert len(tries) <= 3

    asyncio.run(scenario())


def test_who_leaves_before_the_sending_leaves_nothing_behind() -> None:
    """In any moment of the linger."""
    grader = Grader()

    async def scenario() -> None:
        dispatcher = Dispatcher(MemoryQueue(grader), Settings(linger_s=0.01))
        for wait_s in (0, 0.005, 0.0095, 0.01, 0.0105, 0.011):
            call = asyncio.create_task(dispatcher.grade([("math", item(f"{wait_s}"))], 20))
            await asyncio.sleep(wait_s)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await asyncio.sleep(0.05)
            assert dispatcher.under_way == 0
            assert dispatcher._left == {}
            assert dispatcher._by_key == {}

    asyncio.run(scenario())


def test_faults_and_moods_are_not_kept() -> None:
    """An error, a time-out or an undecided one may come out otherwise the next time."""
    cache = VerdictCache(1 << 20, 60)
    cache.put(b"1", ItemResult.failed("sandbox", "x"))
    cache.put(b"2", graded("x", "time_limit"))
    cache.put(b"3", graded("x", "undecided"))
    slow = {"outcome": "partial", "reason": "wrong_answer", "tests": {"results": [{"outcome": "time_limit"}]}}
    cache.put(b"4", ItemResult("graded", {}, slow))
    assert [cache.get(key) for key in (b"1", b"2", b"3", b"4")] == [None] * 4
    cache.put(b"5", ItemResult("invalid", invalid={"code": "x", "message": "y"}))
    kept = cache.get(b"5")
    assert kept is not None
    assert (kept.status, kept.cached) == ("invalid", True)


def test_the_cache_is_bounded_in_bytes() -> None:
    """The least recently used go, and what is larger than all of it is not kept."""
    cache = VerdictCache(2000, 60)
    cache.put(b"big", graded("x" * 5000))
    assert cache.get(b"big") is None
    for n in range(100):
        cache.put(str(n).encode(), graded(str(n)))
    assert cache.get(b"0") is None
    assert cache.get(b"99") is not None


def test_what_is_late_is_an_error_and_what_is_done_is_kept() -> None:
    """The deadline answers for the unfinished only."""
    block = threading.Event()

    def judge(text: str) -> ItemResult:
        if text == "slow":
            block.wait(5)
        return graded(text)

    grader = Grader(judge)
    (results,) = run(grader, [item("quick"), item("slow")], timeout_s=0.5, math_chunk_items_max=1)
    block.set()
    assert results[0].status == "graded"
    assert results[1].fault is not None
    assert results[1].fault.code == "deadline"


def test_a_full_queue_refuses_before_anything_is_sent() -> None:
    """QueueFull with a Retry-After, and the batch can be sent again whole."""
    grader = Grader()
    with pytest.raises(QueueFull) as caught:
        run(grader, [item(str(n)) for n in range(11)], queue_items_max=10)
    assert caught.value.retry_after_s is not None
    assert not grader.asked


def test_too_many_bytes_under_way_are_refused() -> None:
    """One batch may be larger than the bound, a second one beside it not."""
    release = threading.Event()

    def judge(text: str) -> ItemResult:
        release.wait(10)
        return graded(text)

    async def scenario() -> None:
        dispatcher = Dispatcher(MemoryQueue(Grader(judge)), Settings(queue_bytes_max=2000))
        first = asyncio.create_task(dispatcher.grade([("math", item("a" * 3000))], 20))
        await asyncio.sleep(0.05)
        with pytest.raises(QueueFull) as caught:
            await dispatcher.grade([("math", item("b"))], 20)
        assert 1 <= (caught.value.retry_after_s or 0) <= 60
        release.set()
        await first
        assert answers(await dispatcher.grade([("math", item("b"))], 20)) == ["b"]

    asyncio.run(scenario())


class RefusingQueue(MemoryQueue):
    """A queue whose store is away."""

    async def submit(self, queue: str, chunk: Chunk, on_result: OnResult) -> None:
        """Refuse."""
        raise StoreUnavailable("away", retry_after_s=1)


def test_a_refusal_of_the_queue_reaches_every_caller() -> None:
    """Also those that only shared an item."""

    async def scenario() -> None:
        dispatcher = Dispatcher(RefusingQueue(Grader()), Settings())
        calls = [dispatcher.grade([("math", item("a"))], 5) for _ in range(3)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in found] == [StoreUnavailable] * 3
        assert dispatcher.under_way == 0

    asyncio.run(scenario())


class FlakyQueue(MemoryQueue):
    """A queue that accepts the first two chunks, then refuses three times, then accepts."""

    asked = 0

    async def submit(self, queue: str, chunk: Chunk, on_result: OnResult) -> None:
        """Accept or refuse."""
        self.asked += 1
        if 2 < self.asked < 6:
            raise StoreUnavailable("away", retry_after_s=1)
        await super().submit(queue, chunk, on_result)


def test_a_batch_under_way_outlasts_an_absence_of_the_store() -> None:
    """Once part of it was accepted the rest is sent until the queue takes it, each item answered once."""

    async def scenario() -> None:
        grader = Grader()
        queue = FlakyQueue(grader)
        dispatcher = Dispatcher(queue, Settings(math_chunk_items_max=4))
        results = await dispatcher.grade([("math", item(str(n))) for n in range(40)], 20)
        assert answers(results) == [str(n) for n in range(40)]
        assert set(grader.asked.values()) == {1}
        assert queue.asked >= 13
        assert (dispatcher.under_way, dispatcher.held("math")) == (0, 0)

    asyncio.run(scenario())


def test_a_batch_that_nobody_waits_for_any_more_is_not_sent_to_its_end() -> None:
    """Its chunks that wait for their turn are dropped, and counted as held no longer."""
    release = threading.Event()

    def judge(text: str) -> ItemResult:
        release.wait(10)
        return graded(text)

    async def scenario() -> None:
        grader = Grader(judge)
        dispatcher = Dispatcher(MemoryQueue(grader), Settings(math_chunk_items_max=4))
        results = await dispatcher.grade([("math", item(str(n))) for n in range(40)], 0.3)
        assert {result.status for result in results} == {"error"}
        release.set()
        await asyncio.sleep(0.2)
        assert (dispatcher.under_way, dispatcher.held("math")) == (0, 0)
        assert len(grader.chunks) <= 2

    asyncio.run(scenario())


def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    """Cancelled while sharing an item: the other one gets it."""
    release = threading.Event()

    def judge(text: str) -> ItemResult:
        release.wait(10)
        return graded(text)

    async def scenario() -> None:
        dispatcher = Dispatcher(MemoryQueue(Grader(judge)), Settings())
        first = asyncio.create_task(dispatcher.grade([("math", item("a"))], 20))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(dispatcher.grade([("math", item("a"))], 20))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        release.set()
        assert answers(await second) == ["a"]
        assert dispatcher.under_way == 0

    asyncio.run(scenario())


def test_chunks_and_results_come_back_from_their_json() -> None:
    """What crosses Redis is what was sent."""
    chunk = Chunk("c", (item("é\u2028😀", task={"kind": "math", "answer": "1"}, components=(("format", {"a": 1}),)),))
    assert Chunk.from_text(chunk.to_text()) == chunk
    for result in (graded("x"), ItemResult.failed("sandbox", "m"), ItemResult("invalid", invalid={"code": "c"})):
        assert ItemResult.from_text(result.to_text()) == result
    with pytest.raises(ValueError, match="another release"):
        ItemResult.from_text(json.dumps({"v": 0}))


def test_a_judge_that_does_not_answer_holds_no_other_judges_items() -> None:
    """Nor those of a third, nor of the default one: each judge has chunks, and a number of them, of its own."""
    answered = ["first", "second", None, "nobody"]

    class OneIsStuck(MemoryQueue):
        async def submit(self, queue: str, chunk: Chunk, on_result: OnResult) -> None:
            assert queue == "judge"
            named = {(one.task or {})["judge"] or "first" for one in chunk.items}
            assert len(named) == 1
            if named != {"stuck"}:
                await super().submit(queue, chunk, on_result)

    async def scenario() -> list[ItemResult]:
        table = {"dialect": "vllm-classify", "url": "http://127.0.0.1:9/classify", "scale": {"min": 0, "max": 1}}
        settings = Settings(judges=dict.fromkeys(("first", "stuck", "second"), table), judge_chunk_items_max=4)
        dispatcher = Dispatcher(OneIsStuck(Grader()), settings)
        stuck = [("judge", item(str(n), task={"kind": "preference", "judge": "stuck"})) for n in range(3000)]
        waiting = asyncio.create_task(dispatcher.grade(stuck, 60))
        await asyncio.sleep(0.1)
        others = [("judge", item(str(n), task={"kind": "preference", "judge": answered[n % 4]})) for n in range(400)]
        results = await dispatcher.grade(others, 20)
        assert not waiting.done()
        assert dispatcher.held("judge") > 0
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return results

    results = asyncio.run(scenario())
    assert answers(results) == [str(n) for n in range(400)]


def test_an_item_alone_does_not_wait_for_company() -> None:
    """A caller that asks for one item after the other has each answer as soon as it is found."""

    async def scenario() -> None:
        dispatcher = Dispatcher(MemoryQueue(Grader()), Settings())
        for text in ("a", "b"):
            grading = asyncio.create_task(dispatcher.grade([("math", item(text))], 10))
            await asyncio.sleep(0)
            assert (dispatcher.under_way, dispatcher.held("math")) == (1, 0)
            await grading

    asyncio.run(scenario())
