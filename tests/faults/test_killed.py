"""Something is killed in the middle of a batch: no item is lost, none is doubled, and no verdict is false."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.conftest import math_item
from tests.processes import Service, running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the module: it has to survive all of it."""
    with running(tmp_path_factory.mktemp("faults"), lease_s=3, cache_bytes_max=0) as service:
        yield service


def items(count: int) -> list[dict[str, Any]]:
    """Items of which two in three are right; each takes the grader a moment."""
    return [math_item(f"so \\boxed{{\\frac{{{n}}}{{7}}}}", f"{n + (n % 3 == 0)}/7", id=f"i{n}") for n in range(count)]


def check(results: list[dict[str, Any]]) -> None:
    """Every item came back once, with its own verdict; none as an error and none as another's."""
    assert [row["id"] for row in results] == [f"i{n}" for n in range(len(results))]
    assert {row["status"] for row in results} == {"graded"}
    assert [row["reward"] for row in results] == [float(n % 3 != 0) for n in range(len(results))]


def during(service: Service, act: Callable[[], None], count: int = 4000) -> list[dict[str, Any]]:
    """Grade a batch and do something as soon as part of it is done."""
    answer: list[list[dict[str, Any]]] = []
    request = threading.Thread(target=lambda: answer.append(service.grade(items(count))))
    before = done_so_far(service)
    request.start()
    until = time.monotonic() + 20
    while service_depth(service) == 0 and request.is_alive():
        assert time.monotonic() < until
    assert request.is_alive(), "the batch was done before anything could happen to it"
    act()
    request.join(100)
    assert answer, service.log[-3000:]
    assert done_so_far(service) == before + count
    return answer[0]


def service_depth(service: Service) -> float:
    """Items waiting in the math queue."""
    return sample(service, 'touchstone_queue_depth{queue="math"}')


def done_so_far(service: Service) -> float:
    """Math items answered since the API started."""
    text = httpx.get(service.url + "/metrics", timeout=5).text
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("touchstone_items_total{") and 'kind="math"' in line
    )


def sample(service: Service, name: str) -> float:
    """One value of the metrics page; 0 where it is absent."""
    text = httpx.get(service.url + "/metrics", timeout=5).text
    return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)), 0.0)


def test_a_killed_worker_costs_no_item(service: Service) -> None:
    """kill -9 of one of two workers while it holds a chunk: its lease runs out and the other has the items."""
    (victim, *_) = service.workers("math")
    check(during(service, lambda: os.kill(victim, signal.SIGKILL)))


def test_all_workers_killed_cost_no_item(service: Service) -> None:
    """They are started again, and what they held is given out again."""

    def kill_all() -> None:
        for pid in service.workers("math"):
            os.kill(pid, signal.SIGKILL)

    check(during(service, kill_all))


def test_a_frozen_worker_costs_no_item_even_when_it_wakes(service: Service) -> None:
    """SIGSTOP looks like death; what it writes after SIGCONT is too late and changes nothing."""
    (victim, *_) = service.workers("math")
    before = done_so_far(service)
    try:
        check(during(service, lambda: os.kill(victim, signal.SIGSTOP)))
    finally:
        os.kill(victim, signal.SIGCONT)
    time.sleep(2)  # It goes on with the chunk it held, and writes what nobody waits for.
    assert done_so_far(service) == before + 4000
    check(service.grade(items(500)))


def test_a_store_killed_in_the_middle_costs_no_item(service: Service) -> None:
    """kill -9 of the store: it starts again with its append-only file, and everybody goes on."""
    (store,) = [pid for pid, words in service.members().items() if "valkey-server" in words]
    check(during(service, lambda: os.kill(store, signal.SIGKILL), count=2000))


def test_a_stopped_service_hands_nothing_out_twice(tmp_path: Path) -> None:
    """SIGINT with a batch under way: the batch is answered in full before the service ends."""
    with running(tmp_path, cache_bytes_max=0) as service:
        results = during(service, lambda: None, count=500)
        check(results)
        answer: list[list[dict[str, Any]]] = []
        request = threading.Thread(target=lambda: answer.append(service.grade(items(3000))))
        request.start()
        until = time.monotonic() + 20
        while service_depth(service) == 0 and request.is_alive():
            assert time.monotonic() < until
        assert service.stop() == 0
        request.join(30)
        check(answer[0])
