"""Jobs through the Python client: against the running service, and with a stream that breaks off."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from touchstone_client import AsyncClient, BadAnswer, Client, Patience, Refused, Settings

from tests.app.conftest import math_item
from tests.clients.conftest import QUICK
from tests.clients.scripted import Answer, Asked, refused, scripted
from tests.processes import Service


def numbered(count: int) -> Iterator[dict[str, Any]]:
    """Items of which every third is wrong, as an iterator that can be read once."""
    for n in range(count):
        yield math_item(f"\\boxed{{{n}}}", str(n if n % 3 else n + 1), id=str(n))


def endless(n: int) -> dict[str, Any]:
    """A program that runs until its time limit."""
    tests = {"kind": "stdio", "cases": [{"input": "", "output": "1"}]}
    task = {"kind": "code", "tests": tests, "limits": {"time_s": 1}}
    return {"completion": f"```python\nwhile True: pass  # {n}\n```", "task": task}


def test_a_job_is_submitted_waited_for_and_read(service: Service) -> None:
    """From an iterator of any length to results in the order of its items."""
    with Client(service.url) as client:
        job = client.submit(numbered(300), profile="r1-zero")
        assert job.wait(60).state == "finished"
        answer = job.graded()
        assert [result.id for result in answer.results] == [str(n) for n in range(300)]
        assert answer.rewards == [1.0 if n % 3 else 0.0 for n in range(300)]
        assert (answer.summary.items, answer.summary.correct) == (300, 200)
        again = client.job(job.id)
        assert len(list(again.results(after=290))) == 10


def test_the_asynchronous_client_does_the_same(service: Service) -> None:
    """With inline rewards, which a job's items carry themselves."""

    async def run() -> list[float | None]:
        async with AsyncClient(service.url) as client:
            job = await client.submit(numbered(50), rewards=[{"name": "accuracy", "weight": 2.0}])
            await job.wait(60)
            found = [result async for result in (await client.job(job.id)).results()]
            assert sorted(result.index for result in found) == list(range(50))
            return (await job.graded()).rewards

    assert asyncio.run(run()) == [2.0 if n % 3 else 0.0 for n in range(50)]


def test_the_same_key_is_the_same_job(service: Service) -> None:
    """A caller that died after handing over finds its job again; other items under the key are refused."""
    with Client(service.url) as client:
        first = client.submit(numbered(3), idempotency_key="step-7")
        assert client.submit(numbered(3), idempotency_key="step-7").id == first.id
        assert client.submit(numbered(3)).id != first.id
        with pytest.raises(Refused) as caught:
            client.submit(numbered(4), idempotency_key="step-7")
        assert caught.value.status == 422


def test_a_cancelled_job_has_no_whole_answer(service: Service) -> None:
    """What it found can be read; as a batch it is refused, since some items have no result."""
    with Client(service.url) as client:
        job = client.submit([endless(n) for n in range(20)])
        assert job.cancel().state == "cancelled"
        assert job.wait(10).ended
        with pytest.raises(BadAnswer, match="cancelled"):
            job.graded()


def test_waiting_ends_in_time(service: Service) -> None:
    """The job goes on."""
    with Client(service.url) as client:
        job = client.submit([endless(1)])
        with pytest.raises(TimeoutError):
            job.wait(0.2)
        job.cancel()


def test_an_unknown_job_and_a_job_without_items_are_refused(service: Service) -> None:
    """The first by the service, the second before anything is sent."""
    with Client(service.url) as client:
        with pytest.raises(Refused, match="404"):
            client.job("nothing")
        with pytest.raises(ValueError, match="at least one item"):
            client.submit([])


def test_a_recipe_tells_its_components(service: Service) -> None:
    """For callers that need the names before the first result."""
    with Client(service.url) as client:
        assert client.components("r1-zero") == ["accuracy", "format"]
        assert client.components() == ["accuracy"]
        assert client.version()["grader_version"]
        with pytest.raises(BadAnswer, match="no recipe 'nonsense'"):
            client.components("nonsense")


def line(seq: int) -> bytes:
    """A line of a job's results."""
    row = {"seq": seq, "index": 5 - seq, "status": "graded", "reward": float(seq), "components": {}, "cached": False}
    return json.dumps(row).encode() + b"\n"


def playing(streams: list[tuple[int, int | None]]) -> Any:
    """A finished job of five items, whose results come in streams: up to which line, and broken off after how much."""
    left = list(streams)

    def script(asked: Asked, _: int) -> Answer:
        if "/results" not in asked.path:
            counts = {"total": 5, "done": 5, "graded": 5, "invalid": 0, "error": 0}
            return Answer(body={"id": "j", "state": "finished", "counts": counts})
        after = int(asked.path.partition("after=")[2])
        upto, break_after = left.pop(0)
        if upto < 0:
            return refused(503)
        return Answer(body=b"".join(line(seq) for seq in range(after + 1, upto + 1)), break_after=break_after)

    return script


def test_a_stream_that_breaks_off_is_taken_up_where_it_stopped() -> None:
    """In the middle of a line, between lines, before the first, and after a refusal: each result once."""
    for streams in ([(5, 150), (5, None)], [(2, None), (5, None)], [(5, 0), (-1, None), (5, 130), (5, None)]):
        with scripted(playing(streams)) as server, Client(settings=Settings(server.url, patience=QUICK)) as client:
            found = list(client.job("j").results())
            assert [result.reward for result in found] == [1.0, 2.0, 3.0, 4.0, 5.0]
        with scripted(playing(streams)) as server:

            async def run(url: str) -> list[float | None]:
                async with AsyncClient(settings=Settings(url, patience=QUICK)) as client:
                    return (await (await client.job("j")).graded()).rewards

            assert asyncio.run(run(server.url)) == [5.0, 4.0, 3.0, 2.0, 1.0]


def test_results_that_are_kept_back_are_missed() -> None:
    """An ended job that counts five and shows two is an error in the end, not a short answer."""
    patience = Patience(total_s=0.2, first_s=0.01)
    with (
        scripted(playing([(2, None)] * 9)) as server,
        Client(settings=Settings(server.url, patience=patience)) as client,
        pytest.raises(BadAnswer, match="stop at 2"),
    ):
        list(client.job("j").results())


def test_a_submission_that_breaks_off_is_repeated_whole_under_the_same_key() -> None:
    """Though its items came from an iterator; so that the service makes one job of both."""
    state = {"id": "j", "state": "queued", "counts": {"total": 3, "done": 0}}

    def script(asked: Asked, n: int) -> Answer:
        return refused(409) if n == 1 else Answer(202, state, break_after=3 if n == 0 else None)

    with scripted(script) as server, Client(settings=Settings(server.url, patience=QUICK)) as client:
        assert client.submit(numbered(3)).id == "j"
        assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 1
        assert len({asked.body for asked in server.asked}) == 1 and len(server.asked) == 3
        assert [json.loads(row)["id"] for row in server.asked[0].body.splitlines()] == ["0", "1", "2"]
