"""The container engine goes away under running programs: stopped in good order, or killed, and started again.

An engine of the test's own, beside the one that everybody else uses.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.docker_jail import LABEL
from tests.own_engine import IMAGE, OwnEngine, own_engine, reason_to_skip
from tests.parts import until
from tests.processes import Service, running

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def engine() -> Iterator[OwnEngine]:
    """One engine for the module."""
    if reason := reason_to_skip():
        pytest.skip(reason)
    with own_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def service(engine: OwnEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose code runs in that engine's containers."""
    settings: dict[str, Any] = {"code_workers": 2, "math_workers": 1, "sandbox": "docker", "cache_bytes_max": 0}
    settings |= {"sandbox_image": IMAGE}
    with running(tmp_path_factory.mktemp("engine"), environment={"DOCKER_HOST": engine.url}, **settings) as service:
        yield service


def programs(count: int, seconds: float) -> list[dict[str, Any]]:
    """Programs that double a number, of which every third is wrong by one."""
    items = []
    for n in range(count):
        source = f"import time; time.sleep({seconds}); print(2 * int(input()) + {int(n % 3 == 0)})"
        cases = [{"input": f"{n}\n", "output": f"{2 * n}\n"}, {"input": "5\n", "output": "10\n"}]
        task = {"kind": "code", "tests": {"kind": "stdio", "cases": cases}}
        items.append({"id": f"i{n}", "completion": f"```python\n{source}\n```", "task": task})
    return items


def check(results: list[dict[str, Any]]) -> int:
    """No verdict is wrong, and what has none is an error with a null reward. Returns how many are errors."""
    errors = 0
    for n, row in enumerate(results):
        assert row["id"] == f"i{n}"
        if row["status"] == "error":
            assert (row["fault"]["code"], row["fault"]["retryable"], row["reward"]) == ("sandbox", True, None)
            errors += 1
        else:
            assert (row["status"], row["reward"]) == ("graded", float(n % 3 != 0)), row
    return errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "killed"])
def test_an_engine_that_comes_back_costs_no_verdict(engine: OwnEngine, service: Service, number: int) -> None:
    """Its containers die under their runs: every program is graded all the same, and by the same workers."""
    assert check(service.grade(programs(4, 0.0))) == 0
    workers = service.workers("code")
    before = set(engine.docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}"))
    assert before
    answers: list[list[dict[str, Any]]] = []
    thread = threading.Thread(target=lambda: answers.append(service.grade(programs(16, 0.3))))
    thread.start()
    time.sleep(1.2)
    engine.end(number)
    assert thread.is_alive()
    engine.start()
    thread.join(60)
    assert check(answers[0]) == 0, service.log[-3000:]
    assert service.workers("code") == workers
    assert check(service.grade(programs(6, 0.0))) == 0

    def are_few() -> bool:
        # Two workers with two jails each. A killed engine now and then keeps a container of before, that it refuses to
        # remove for a while; such a one goes when the next jail is made.
        now = set(engine.docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}"))
        return 1 <= len(now - before) <= 4

    until(are_few, 60, lambda: "\n".join(engine.docker("ps", "--all", "--filter", f"label={LABEL}")))


def test_an_engine_that_stays_away_gives_errors_soon_and_work_resumes_when_it_is_back(
    engine: OwnEngine, service: Service
) -> None:
    """Nothing hangs, nothing is called wrong; no worker need be started again."""
    workers = service.workers("code")
    engine.end(signal.SIGKILL)
    try:
        started = time.monotonic()
        assert check(service.grade(programs(4, 0.0))) == 4
        assert time.monotonic() - started < 60
        started = time.monotonic()
        assert check(service.grade(programs(4, 0.0))) == 4
        assert time.monotonic() - started < 20  # Known to be away, so nobody waits for it any more.
    finally:
        engine.start()
    end = time.monotonic() + 30
    while check(service.grade(programs(4, 0.0))) > 0:
        assert time.monotonic() < end, service.log[-3000:]
    assert service.workers("code") == workers


def test_containers_of_a_dead_worker_are_swept_after_the_engine_is_back(
    engine: OwnEngine, service: Service, tmp_path: Path
) -> None:
    """Worker and engine die together: the next worker's start removes what neither could."""
    assert check(service.grade(programs(4, 0.0))) == 0
    (victim, *others) = service.workers("code")
    mine = set(engine.docker("ps", "--quiet", "--filter", f"label={LABEL}"))
    assert mine
    os.kill(victim, signal.SIGKILL)
    engine.end(signal.SIGKILL)
    engine.start()
    end = time.monotonic() + 60
    while True:
        left = engine.docker("ps", "--all", "--format", '{{.ID}} {{.Label "touchstone.lease"}}')
        if not [line for line in left if line.split()[-1].startswith(f"{victim}-")]:
            break
        assert time.monotonic() < end, left
        time.sleep(0.1)
    assert others
    assert check(service.grade(programs(6, 0.0))) == 0
