"""Workers are killed while votes are counted, and kinds go through the real queue: no group is lost, none is false."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.faults.test_killed import service_depth
from tests.processes import Service, running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the module, whose cache would hide what is lost."""
    with running(tmp_path_factory.mktemp("votes"), lease_s=3, cache_bytes_max=0) as service:
        yield service


def ballots(groups: int) -> list[dict[str, Any]]:
    """Nine completions a group: four say n/7 in as many ways, three n + 1, one nothing, and one is a hedge."""
    items = []
    for n in range(1, groups + 1):
        said = [f"\\frac{{{n}}}{{7}}", f"{n + 1}", f"{n}/7", f"{n + 1}.0", f"\\frac{{{2 * n}}}{{14}}", f"{3 * n}/21"]
        said += [f"{2 * n + 2}/2", f"{n} or {n + 1}"]
        items += [{"completion": f"so \\boxed{{{one}}}", "group": f"g{n}"} for one in said]
        items.append({"completion": "<think>too long", "group": f"g{n}"})
    return items


def select(service: Service, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The groups of a selection that must be answered."""
    answer = httpx.post(service.url + "/v1/select", json=body, timeout=120)
    assert answer.status_code == 200, answer.text
    groups: list[dict[str, Any]] = answer.json()["groups"]
    return groups


def test_killed_workers_cost_no_vote(service: Service) -> None:
    """kill -9 of both workers in the middle: every group comes back once, with the majority it has."""
    answer: list[list[dict[str, Any]]] = []
    body = {"method": "vote", "items": ballots(400), "deadline_s": 90}
    request = threading.Thread(target=lambda: answer.append(select(service, body)))
    request.start()
    until = time.monotonic() + 20
    while service_depth(service) == 0 and request.is_alive():
        assert time.monotonic() < until
    assert request.is_alive(), "the votes were counted before anything could happen"
    for pid in service.workers("math"):
        os.kill(pid, signal.SIGKILL)
    request.join(110)
    assert answer, service.log[-3000:]
    assert [group["group"] for group in answer[0]] == [f"g{n}" for n in range(1, 401)]
    for at, group in enumerate(answer[0]):
        assert group["selected"] == [9 * at + member for member in (0, 2, 4, 5)], group
        assert (group["votes"], group["answer"]) == (4, f"\\frac{{{at + 1}}}{{7}}")
        reasons = {entry["index"] - 9 * at: entry["reason"] for entry in group["dropped"]}
        assert reasons == {1: "outvoted", 3: "outvoted", 6: "outvoted", 7: "outvoted", 8: "no_answer"}


def test_every_kind_goes_through_the_real_queue(service: Service) -> None:
    """Through Redis and a worker of its own process, large integers, patterns, schemas and languages included."""
    english = "The old lighthouse keeper counted the waves every morning before he made his tea."
    large = 10**30 + 1
    tasks = [
        (f"<think>x</think>The answer is {english}", {"kind": "text", "answer": english}),
        ("2024-01-31", {"kind": "text", "match": "regex", "answer": r"\d{4}-\d{2}-\d{2}"}),
        (
            f'{{"n": {large}}}',
            {"kind": "json", "answer": {"n": large}, "schema": {"properties": {"n": {"minimum": 1}}}},
        ),
        (
            english,
            {
                "kind": "instructions",
                "instruction_ids": ["language:response_language", "punctuation:no_comma"],
                "kwargs": [{"language": "en"}, None],
            },
        ),
        (f'{{"n": {large + 1}}}', {"kind": "json", "answer": {"n": large}}),
    ]
    results = service.grade([{"completion": completion, "task": task} for completion, task in tasks])
    assert [row["reward"] for row in results] == [1.0, 1.0, 1.0, 1.0, 0.0], results
