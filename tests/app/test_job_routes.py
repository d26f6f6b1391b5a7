"""Jobs through a real service: accepted, found, streamed, resumed, cancelled, repeated."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from tests.app.conftest import math_item
from tests.processes import Service, running

LINES = {"Content-Type": "application/jsonl"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the module."""
    with running(tmp_path_factory.mktemp("jobs"), lease_s=3, log_level="warning") as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """A client of it."""
    with httpx.Client(base_url=service.url, timeout=60) as client:
        yield client


def items(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Items of which two in three are right, with ids and metadata."""
    return [
        math_item(f"\\boxed{{{n}}}", str(n + (n % 3 == 0)), id=f"i{n}", metadata={"n": n})
        for n in range(start, start + count)
    ]


def lines(rows: list[dict[str, Any]]) -> bytes:
    """One item a line."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def read(client: httpx.Client, job: str, after: int = 0) -> list[dict[str, Any]]:
    """All results until the job has ended."""
    with client.stream("GET", f"/v1/jobs/{job}/results", params={"after": after}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("application/jsonl")
        return [json.loads(line) for line in response.iter_lines()]


def check(results: list[dict[str, Any]], count: int) -> None:
    """Each item once, with its own verdict, id and metadata; in an order that `seq` counts."""
    assert [row["seq"] for row in results] == list(range(1, count + 1))
    by_index = {row["index"]: row for row in results}
    assert sorted(by_index) == list(range(count))
    for n, row in by_index.items():
        assert (row["id"], row["metadata"], row["status"]) == (f"i{n}", {"n": n}, "graded")
        assert row["reward"] == float(n % 3 != 0)


def test_a_job_of_lines_is_accepted_graded_and_read(client: httpx.Client) -> None:
    """202 with its place, a look that waits, results one a line, counts that add up."""
    response = client.post("/v1/jobs", params={"profile": "accuracy"}, content=lines(items(700)), headers=LINES)
    assert response.status_code == 202, response.text
    job = response.json()["id"]
    assert response.headers["location"] == f"/v1/jobs/{job}"
    assert response.json()["counts"]["total"] == 700
    view = client.get(f"/v1/jobs/{job}", params={"wait_s": 50}).json()
    assert view["state"] == "finished"
    assert view["counts"] == {"total": 700, "done": 700, "graded": 700, "invalid": 0, "error": 0}
    assert view["finished_at"] >= view["created_at"]
    check(read(client, job), 700)


def test_a_job_may_be_a_batch_as_json(client: httpx.Client) -> None:
    """The same body as /v1/grade; its recipe holds, gates and weights included."""
    rewards = [{"name": "accuracy", "weight": 3}, {"name": "format", "params": {"style": "boxed"}, "gate": True}]
    body = {"items": items(5), "rewards": rewards, "explain": True}
    job = client.post("/v1/jobs", json=body).json()["id"]
    results = read(client, job)
    assert sorted(row["reward"] for row in results) == [1.0, 1.0, 4.0, 4.0, 4.0]
    assert all(set(row["components"]) == {"accuracy", "format"} for row in results)
    assert all("explain" in row["verdict"] for row in results)


def test_a_recipes_policies_hold_in_a_job(client: httpx.Client) -> None:
    """Clip, kinds and truncated completions are added up as in a request, when the results are read."""
    recipe = {
        "components": [{"name": "accuracy", "weight": 3}],
        "kinds": {"none": [{"name": "format", "params": {"style": "boxed"}}]},
        "clip": [0.25, 2],
        "truncated": "wrong",
    }
    rows = [
        math_item("\\boxed{42}"),
        math_item("\\boxed{42}", truncated=True),
        math_item("\\boxed{41}"),
        {"completion": "\\boxed{1}"},
    ]
    accepted = client.post("/v1/jobs", json={"items": rows, "rewards": recipe})
    assert accepted.status_code == 202, accepted.text
    results = {row["index"]: row for row in read(client, accepted.json()["id"])}
    assert [results[index]["reward"] for index in range(4)] == [2.0, 0.25, 0.25, 1.0]
    assert all(list(row["components"]) == ["accuracy", "format"] for row in results.values())
    now = client.post("/v1/grade", json={"items": rows, "rewards": recipe}).json()["results"]
    assert [row["components"] for row in now] == [results[index]["components"] for index in range(4)]


def test_a_job_refuses_what_looks_at_whole_groups(client: httpx.Client) -> None:
    """A job has them in pieces: 422 with the path, as JSON and as lines."""
    item = math_item("x", group="g", rewards=[{"name": "kimi_length"}])
    for response, path in (
        (client.post("/v1/jobs", json={"items": [item]}), "items.0.rewards"),
        (client.post("/v1/jobs", content=lines([item]), headers=LINES), "line 1.rewards"),
        (client.post("/v1/jobs", json={"items": items(2), "group": True}), "group"),
    ):
        assert response.status_code == 422
        (error,) = response.json()["errors"]
        assert error["path"] == path
        assert "/v1/grade" in error["message"]


def test_reading_goes_on_behind_a_cursor(client: httpx.Client) -> None:
    """What was read need not be read again, and what is read twice is the same."""
    job = client.post("/v1/jobs", content=lines(items(50)), headers=LINES).json()["id"]
    whole = read(client, job)
    assert read(client, job, after=20) == whole[20:]
    assert read(client, job, after=50) == []
    assert read(client, job) == whole


def test_results_come_while_the_job_runs(client: httpx.Client, service: Service) -> None:
    """The first lines are there before the last item is graded."""
    job = client.post("/v1/jobs", content=lines(items(6000)), headers=LINES).json()["id"]
    with client.stream("GET", f"/v1/jobs/{job}/results") as response:
        got = response.iter_lines()
        next(got)
        state = httpx.get(f"{service.url}/v1/jobs/{job}", timeout=10).json()
        rest = sum(1 for _ in got)
    assert state["state"] == "running"
    assert rest == 5999


def test_progress_is_sent_as_events(client: httpx.Client) -> None:
    """Server-sent events, the last with the ended state."""
    job = client.post("/v1/jobs", content=lines(items(300)), headers=LINES).json()["id"]
    with client.stream("GET", f"/v1/jobs/{job}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        text = response.read().decode()
    events = [json.loads(block.partition("data: ")[2]) for block in text.strip().split("\n\n")]
    assert all(block.startswith("event: progress\n") for block in text.strip().split("\n\n"))
    assert events[-1]["state"] == "finished"
    assert events[-1]["counts"]["done"] == 300
    done = [event["counts"]["done"] for event in events]
    assert done == sorted(done)


def test_a_cancelled_job_stops_and_keeps_what_was_found(client: httpx.Client) -> None:
    """Its state is final, its results are readable, and what is left is never graded."""
    job = client.post("/v1/jobs", content=lines(items(20_000)), headers=LINES).json()["id"]
    view = client.delete(f"/v1/jobs/{job}").json()
    assert view["state"] == "cancelled"
    done = client.get(f"/v1/jobs/{job}").json()["counts"]["done"]
    assert done < 20_000
    results = read(client, job)
    assert [row["seq"] for row in results] == list(range(1, len(results) + 1))
    assert len(results) == done
    time.sleep(1)
    assert client.get(f"/v1/jobs/{job}").json()["counts"]["done"] == done
    assert client.delete(f"/v1/jobs/{job}").json()["state"] == "cancelled"


def test_an_idempotency_key_makes_one_job(client: httpx.Client) -> None:
    """The same request again: the same job. Another body: 422. Lines as well as JSON."""
    for content, headers in ((lines(items(4)), LINES), (json.dumps({"items": items(4)}).encode(), {})):
        key = {"Idempotency-Key": f"k-{len(headers)}-{time.time()}", "Content-Type": "application/json", **headers}
        first = client.post("/v1/jobs", content=content, headers=key)
        again = client.post("/v1/jobs", content=content, headers=key)
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["id"] == again.json()["id"]
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        other = client.post("/v1/jobs", content=content.replace(b"i0", b"iX"), headers=key)
        assert other.status_code == 422
        assert other.headers["content-type"] == "application/problem+json"
        check(read(client, first.json()["id"]), 4)


def test_a_key_under_way_is_409(client: httpx.Client, service: Service) -> None:
    """While the first request still sends."""
    release = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield lines(items(300))
        release.wait(20)
        yield lines(items(10, start=300))

    answers: list[httpx.Response] = []
    key = {**LINES, "Idempotency-Key": f"slow-{time.time()}"}
    first = threading.Thread(
        target=lambda: answers.append(httpx.post(service.url + "/v1/jobs", content=slowly(), headers=key, timeout=60))
    )
    first.start()
    time.sleep(0.5)
    refused = client.post("/v1/jobs", content=lines(items(1)), headers=key)
    release.set()
    first.join(30)
    assert refused.status_code == 409
    assert answers[0].status_code == 202
    check(read(client, answers[0].json()["id"]), 310)


def test_the_same_key_at_once_makes_one_job(service: Service, client: httpx.Client) -> None:
    """Sixteen clients send the same body under the same key at the same moment: one job, one grading of each item."""
    body, key = lines(items(300)), {**LINES, "Idempotency-Key": f"herd-{time.time()}"}
    gate = threading.Barrier(16)
    answers: list[httpx.Response] = []

    def send() -> None:
        gate.wait(10)
        while True:
            response = httpx.post(service.url + "/v1/jobs", content=body, headers=key, timeout=60)
            answers.append(response)
            if response.status_code != 409:
                return
            time.sleep(0.1)

    senders = [threading.Thread(target=send) for _ in range(16)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(100)
    assert {response.status_code for response in answers} <= {202, 409}
    accepted = [response for response in answers if response.status_code == 202]
    assert len(accepted) == 16
    assert len({response.json()["id"] for response in accepted}) == 1
    assert sum("idempotent-replayed" not in response.headers for response in accepted) == 1
    check(read(client, accepted[0].json()["id"]), 300)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "no item"),
        (b"\n \n", 400, "no item"),
        (lines(items(2)) + b"{oops\n", 400, "line 3"),
        (lines(items(2)) + b"[]\n", 422, "line 3"),
        (b"\n" + lines(items(300)) + b'{"completion": 3, "task": {"kind": "math", "answer": "1"}}\n', 422, "line 302"),
        (b'{"completion": "x"}\n', 422, "line 1"),
        (b'{"completion": "x", "a": NaN}\n', 400, "line 1"),
        (b'{"completion":"x"},{"completion":"y"}\n', 400, "line 1"),
        (b'{"completion": "x", "task": {"kind": "math", "answer": "1"}, "profile": "nope"}\n', 422, "line 1"),
    ],
)
def test_a_bad_line_refuses_the_whole_job(client: httpx.Client, content: bytes, status: int, words: str) -> None:
    """With the line's number; nothing of it is graded or kept, and its key is free again."""
    key = {**LINES, "Idempotency-Key": f"bad-{time.time()}"}
    response = client.post("/v1/jobs", content=content, headers=key)
    assert response.status_code == status, response.text
    assert words in response.text
    good = client.post("/v1/jobs", content=lines(items(1)), headers=key)
    assert good.status_code == 202
    assert "idempotent-replayed" not in good.headers


def test_an_unknown_job_is_404(client: httpx.Client) -> None:
    """On every route."""
    for method, path in (("GET", ""), ("GET", "/results"), ("GET", "/events"), ("DELETE", "")):
        response = client.request(method, f"/v1/jobs/nope{path}")
        assert response.status_code == 404, path
        assert response.headers["content-type"] == "application/problem+json"


def test_requests_overtake_jobs(client: httpx.Client, service: Service) -> None:
    """A trainer that waits is served before a job of thousands."""
    job = client.post("/v1/jobs", content=lines(items(30_000)), headers=LINES).json()["id"]
    started = time.monotonic()
    assert service.grade([math_item("\\boxed{x}", "x")])[0]["reward"] == 1.0
    waited = time.monotonic() - started
    view = client.delete(f"/v1/jobs/{job}").json()
    assert view["counts"]["done"] < 30_000
    assert waited < 5


def test_jobs_are_counted_once_in_the_metrics(client: httpx.Client) -> None:
    """However often their results are read."""

    def counted() -> float:
        text = client.get("/metrics").text
        found = [line for line in text.splitlines() if line.startswith('touchstone_items_total{kind="choice"')]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    before = counted()
    rows = [{"completion": "(B)", "task": {"kind": "choice", "answer": "B"}} for _ in range(40)]
    job = client.post("/v1/jobs", content=lines(rows), headers=LINES).json()["id"]
    assert len(read(client, job)) == len(read(client, job)) == 40
    until = time.monotonic() + 15
    while counted() < before + 40:
        assert time.monotonic() < until
        time.sleep(0.1)
    time.sleep(1.5)
    assert counted() == before + 40


def test_an_accepted_job_survives_every_process(client: httpx.Client, service: Service) -> None:
    """kill -9 of API, workers and store right behind the 202: each item ends in exactly one result."""
    job = client.post("/v1/jobs", content=lines(items(5000)), headers=LINES).json()["id"]
    victims = {pid for pid, words in service.members().items() if "app serve" not in words}
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    service.wait_for("/livez")
    service.wait_ready()
    with httpx.Client(base_url=service.url, timeout=100) as again:
        until = time.monotonic() + 90
        while again.get(f"/v1/jobs/{job}", params={"wait_s": 10}).json()["state"] != "finished":
            assert time.monotonic() < until, again.get(f"/v1/jobs/{job}").json()
        check(read(again, job), 5000)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v1/jobs/{'0' * 32}:log", 404),
        ("DELETE", f"/v1/jobs/{'0' * 32}:covers", 404),
        ("GET", "/v1/jobs/x?wait_s=s3cret", 422),
        ("GET", "/v1/jobs/x/results?after=-1", 422),
        ("POST", "/v1/jobs?deadline_s=inf", 422),
        ("POST", "/v1/jobs?deadline_s=1e308", 422),
        ("POST", "/v1/jobs?nonsense=1", 422),
    ],
)
def test_odd_addresses_are_problems(client: httpx.Client, method: str, path: str, status: int) -> None:
    """Typed, with a request id, and without what was sent."""
    content = lines(items(1)) if method == "POST" else None
    response = client.request(method, path, content=content, headers=LINES)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert "s3cret" not in response.text


def test_a_json_job_with_parameters_is_refused(client: httpx.Client) -> None:
    """They would be silently ignored."""
    response = client.post("/v1/jobs", params={"profile": "r1-zero"}, json={"items": items(1)})
    assert response.status_code == 422


def test_slow_input_keeps_its_job_and_its_key(client: httpx.Client, service: Service) -> None:
    """However slowly the lines come, the record is touched meanwhile."""
    with redis.Redis.from_url(f"unix://{service.data}/store.sock") as store:

        def touched() -> list[bytes | None]:
            names = [name for name in store.scan_iter("*:job:*") if re.fullmatch(rb".*:job:[0-9a-f]{32}", name)]
            return [store.hget(name, "touched_ms") for name in names if store.hget(name, "state") == b"receiving"]

        def slowly() -> Iterator[bytes]:
            yield lines(items(1))
            until = time.monotonic() + 40
            while not touched() and time.monotonic() < until:
                time.sleep(0.1)
            first = touched()
            while touched() == first and time.monotonic() < until:
                time.sleep(0.5)
            moved.append(touched() != first)
            yield lines(items(1, start=1))

        moved: list[bool] = []
        key = {**LINES, "Idempotency-Key": f"slow-{time.time()}"}
        response = client.post("/v1/jobs", content=slowly(), headers=key)
    assert moved == [True]
    assert response.status_code == 202
    check(read(client, response.json()["id"]), 2)
