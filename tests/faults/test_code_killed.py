"""Code workers and their jails are killed in the middle of a batch, in both kinds of jail."""

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.docker_jail import LABEL_LEASE, ask_engine
from tests.processes import Service, running

IMAGE = os.environ.get("TOUCHSTONE_SANDBOX_IMAGE", "touchstone-sandbox:latest")


@pytest.fixture(scope="module", params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose code runs in one kind of jail."""
    if request.param == "docker":
        facts = ask_engine(IMAGE)
        if not facts.has_image:
            pytest.skip(facts.complaint)
    folder = tmp_path_factory.mktemp("code")
    settings = {"code_workers": 2, "math_workers": 1, "sandbox": request.param, "lease_s": 3, "cache_bytes_max": 0}
    settings["sandbox_image"] = IMAGE
    with running(folder, **settings) as service:
        yield service


def programs(count: int, seconds: float = 0.0) -> list[dict[str, Any]]:
    """Programs that double a number, of which every third is wrong by one."""
    items = []
    for n in range(count):
        # Each program differs from every other, so that none is known from before.
        source = f"import time; time.sleep({seconds}); print(2 * int(input()) + {int(n % 3 == 0)})  # {uuid.uuid4()}"
        cases = [{"input": f"{n}\n", "output": f"{2 * n}\n"}, {"input": "5\n", "output": "10\n"}]
        task = {"kind": "code", "tests": {"kind": "stdio", "cases": cases}}
        items.append({"id": f"i{n}", "completion": f"```python\n{source}\n```", "task": task})
    return items


def check(results: list[dict[str, Any]]) -> None:
    """Every program has its own verdict, once."""
    assert [row["id"] for row in results] == [f"i{n}" for n in range(len(results))]
    assert {row["status"] for row in results} == {"graded"}, [row.get("fault") for row in results]
    assert [row["reward"] for row in results] == [float(n % 3 != 0) for n in range(len(results))]


def in_background(service: Service, items: list[dict[str, Any]]) -> tuple[threading.Thread, list[Any]]:
    """Grade in a thread."""
    answer: list[Any] = []
    thread = threading.Thread(target=lambda: answer.append(service.grade(items)))
    thread.start()
    return thread, answer


def test_programs_get_their_verdicts(service: Service) -> None:
    """With what isolation was in force."""
    results = service.grade(programs(12))
    check(results)
    assert all("namespaces" in row["verdict"]["isolation"] for row in results)


def test_a_killed_code_worker_costs_no_item(service: Service) -> None:
    """kill -9 while its program runs: another worker has the items, and no program is called wrong for it."""
    thread, answer = in_background(service, programs(12, seconds=0.4))
    time.sleep(1.0)
    assert thread.is_alive()
    os.kill(service.workers("code")[0], signal.SIGKILL)
    thread.join(100)
    check(answer[0])


def test_a_deadline_keeps_what_is_finished(service: Service) -> None:
    """Late programs are errors with a null reward; those that were done keep their verdicts."""
    results = service.grade(programs(16, seconds=0.5), deadline_s=3)
    states = {row["status"] for row in results}
    assert states == {"graded", "error"}
    for n, row in enumerate(results):
        if row["status"] == "error":
            assert (row["fault"]["code"], row["reward"]) == ("deadline", None)
        else:
            assert row["reward"] == float(n % 3 != 0)


def test_an_endless_program_is_wrong_and_the_next_one_is_not_late(service: Service) -> None:
    """Its limit, not the request's; its neighbours are graded."""
    endless = {
        "id": "i0",
        "completion": "```python\nwhile True: pass\n```",
        "task": {
            "kind": "code",
            "tests": {"kind": "stdio", "cases": [{"input": "", "output": "1"}]},
            "limits": {"time_s": 1},
        },
    }
    results = service.grade([endless, *programs(6)[1:]])
    assert results[0]["verdict"]["reason"] == "time_limit"
    assert results[0]["reward"] == 0.0
    assert [row["reward"] for row in results[1:]] == [float(n % 3 != 0) for n in range(1, 6)]


def test_jails_lost_in_the_middle_make_no_program_wrong(service: Service) -> None:
    """Every jail of the service is killed under running programs: tried again, and graded."""
    thread, answer = in_background(service, programs(8, seconds=0.4))
    time.sleep(0.9)
    assert thread.is_alive()
    assert kill_jails(service) > 0
    thread.join(100)
    check(answer[0])


def kill_jails(service: Service) -> int:
    """kill -9 of every jail of the service; returns how many there were."""
    bubbles = service.bubbles()
    for pid in bubbles:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    mine = jails_of({str(pid) for pid in service.workers("code")})
    if mine:
        docker("kill", *mine)
    return len(bubbles) + len(mine)


def docker(*arguments: str) -> list[str]:
    """Lines that the engine's client answers; none where there is no engine."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_a_stop_leaves_no_jail(tmp_path: Path, service: Service) -> None:
    """Processes and containers of the service end with it."""
    kind = "docker" if "docker" in service.grade(programs(1))[0]["verdict"]["isolation"] else "bubblewrap"
    with running(tmp_path, code_workers=1, math_workers=1, sandbox=kind, sandbox_image=IMAGE) as other:
        check(other.grade(programs(3)))
        owners = {str(pid) for pid in other.workers("code")}
        below = other.descendants()
        assert any(jails_of(owners)) or other.bubbles()
        assert other.stop() == 0
        assert other.members() == {}
        # The kernel takes a moment to end what lived in a namespace whose first process was killed.
        until = time.monotonic() + 5
        while left := [pid for pid in below if Path(f"/proc/{pid}").exists()]:
            assert time.monotonic() < until, left
            time.sleep(0.05)
    assert jails_of(owners) == []


def jails_of(owners: set[str]) -> list[str]:
    """Containers of any state that these processes started; none where there is no engine."""
    listed = docker("ps", "-a", "--format", f'{{{{.ID}}}} {{{{.Label "{LABEL_LEASE}"}}}}')
    return [line.split()[0] for line in listed if line.split()[-1].partition("-")[0] in owners]


def test_a_client_that_goes_away_takes_its_work_with_it(service: Service) -> None:
    """The programs it sent are not run for nobody: the next caller is served at once."""
    body = {"items": programs(60, seconds=1.0)}
    with contextlib.suppress(httpx.TimeoutException):
        httpx.post(service.url + "/v1/grade", json=body, timeout=1.5)
    started = time.monotonic()
    check(service.grade(programs(2)))
    assert time.monotonic() - started < 20  # All of it would have taken two workers a minute.
    until = time.monotonic() + 10
    while httpx.get(service.url + "/metrics", timeout=5).text.count('touchstone_queue_depth{queue="code"} 0.0') != 1:
        assert time.monotonic() < until
        time.sleep(0.1)
