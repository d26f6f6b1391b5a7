"""Parts on several machines around one store: clocks that disagree, a host cut off, parts replaced under load."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from tests.app.conftest import math_item
from tests.parts import Part, Parts, around, store, until
from tests.processes import free_port

pytestmark = pytest.mark.slow

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


def items(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Items of which two in three are right."""
    return [
        math_item(f"so \\boxed{{\\frac{{{n}}}{{7}}}}", f"{n + (n % 3 == 0)}/7", id=f"i{n}")
        for n in range(start, start + count)
    ]


def check(results: list[dict[str, Any]], start: int = 0) -> None:
    """Every item its own verdict, once."""
    assert [row["id"] for row in results] == [f"i{n}" for n in range(start, start + len(results))]
    assert {row["status"] for row in results} == {"graded"}, [row for row in results if row["status"] != "graded"][:3]
    assert [row["reward"] for row in results] == [float(n % 3 != 0) for n in range(start, start + len(results))]


def grade(api: Part, batch: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    """A batch that is answered."""
    response = httpx.post(api.url + "/v1/grade", json={"items": batch, **more}, timeout=100)
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """A store, and nothing else yet."""
    port = free_port()
    with around(tmp_path, f"redis://127.0.0.1:{port}", lease_s=3, cache_bytes_max=0) as parts:
        store(parts, port)
        yield parts


def shifted(seconds: int) -> dict[str, str]:
    """Variables under which a process's wall clock is off by so much; its monotonic one is not."""
    assert FAKETIME is not None
    sign = "+" if seconds >= 0 else ""
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": f"{sign}{seconds}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


@pytest.mark.timeout(300)
@pytest.mark.skipif(FAKETIME is None, reason="no libfaketime (Debian: faketime)")
def test_hosts_whose_clocks_disagree_share_the_work(parts: Parts) -> None:
    """Two minutes ahead, two minutes behind, and an API an hour ahead: nothing is given out twice, nothing is late.

    A worker that sleeps past the lease on one item keeps it; one that is killed loses what it holds after a lease, not
    after two minutes.
    """
    api = parts.api("api", **shifted(3600))
    ahead = parts.worker("ahead", **shifted(120))
    behind = parts.worker("behind", **shifted(-120))
    parts.until_ready(api, 2)
    assert "lease" not in ahead.said + behind.said
    for turn in range(3):
        check(grade(api, items(200, 200 * turn), deadline_s=60), 200 * turn)
    time.sleep(2 * 3)  # Signs of life and leases of two beats.
    assert "lease_expired" not in api.said
    # Both held at once, then one is killed in the middle.
    answer: list[Any] = []
    request = threading.Thread(target=lambda: answer.append(grade(api, items(2000, 2000), deadline_s=90)))
    request.start()
    until(lambda: leases(parts) > 0, 20)
    ahead.kill()
    killed = time.monotonic()
    request.join(100)
    assert time.monotonic() - killed < 60
    check(answer[0], 2000)


def leases(parts: Parts) -> int:
    """Deliveries in a worker's hands."""
    with redis.Redis.from_url(parts.store_url) as client:
        return int(client.zcard("touchstone:leases:math"))


@pytest.mark.parametrize("away_s", [12, 60])
@pytest.mark.timeout(300)
def test_a_store_that_is_dead_for_long_costs_nobody_but_time(parts: Parts, away_s: float) -> None:
    """kill -9, and no other for so long: 503 within a second; afterwards the same processes go on, data and all."""
    api, worker = parts.api("api"), parts.worker("worker")
    parts.until_ready(api, 1)
    lines = b"".join(httpx.Request("POST", "http://x", json=item).content + b"\n" for item in items(6000))
    headers = {"Content-Type": "application/jsonl", "Idempotency-Key": "k"}
    job = httpx.post(api.url + "/v1/jobs", content=lines, headers=headers, timeout=60).json()["id"]
    victim = next(part for part in parts.started if part.name == "store")
    victim.kill()
    began = time.monotonic()
    while time.monotonic() - began < away_s:
        asked = time.monotonic()
        response = httpx.post(api.url + "/v1/grade", json={"items": items(1)}, timeout=20)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1
        assert time.monotonic() - asked < 2.5
        time.sleep(0.5)
    store(parts, int(parts.store_url.rpartition(":")[2]))
    back = time.monotonic()
    parts.until_ready(api, 1)
    assert time.monotonic() - back < 15
    until(lambda: httpx.get(f"{api.url}/v1/jobs/{job}", timeout=10).json()["state"] == "finished", 60)
    assert httpx.get(f"{api.url}/v1/jobs/{job}", timeout=10).json()["counts"]["graded"] == 6000
    check(grade(api, items(50)))
    assert worker.process.poll() is None
    again = httpx.post(api.url + "/v1/jobs", content=lines, headers=headers, timeout=60)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (job, "true")


class Balancer:
    """Sends batches for as long as it runs, to whichever API takes them, as a load balancer does: another one is tried
    only where the connection was refused or the answer was 503."""

    def __init__(self, apis: list[Part]) -> None:
        self.apis, self.failures, self.answered = apis, [], 0
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(4)]

    def __enter__(self) -> "Balancer":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, number: int) -> None:
        start = number * 1_000_000
        while not self._stopping.is_set():
            start += 25
            try:
                check(self._ask(items(25, start), start), start)
            except Exception as error:  # noqa: BLE001  Whatever it is, it is what must not be.
                self.failures.append(repr(error)[:500])
                return
            with self._lock:
                self.answered += 1

    def _ask(self, batch: list[dict[str, Any]], turn: int) -> list[dict[str, Any]]:
        end = time.monotonic() + 60
        while True:
            for api in (self.apis[(turn + k) % len(self.apis)] for k in range(len(self.apis))):
                try:
                    response = httpx.post(api.url + "/v1/grade", json={"items": batch}, timeout=60)
                except httpx.ConnectError:
                    continue
                if response.status_code == 503:
                    continue
                assert response.status_code == 200, response.text
                results: list[dict[str, Any]] = response.json()["results"]
                return results
            assert time.monotonic() < end, "nobody took it"
            time.sleep(0.05)


@pytest.mark.timeout(300)
def test_a_rolling_restart_under_load_fails_no_request(parts: Parts) -> None:
    """Two API processes and two workers, each replaced in turn: every request is answered in full."""
    apis = [parts.api("api-0"), parts.api("api-1")]
    workers = [parts.worker("worker-0"), parts.worker("worker-1")]
    parts.until_ready(apis[0], 2)
    with Balancer(apis) as balancer:
        until(lambda: balancer.answered > 5, 60)
        for turn in range(2):
            before = balancer.answered
            assert workers[turn].stop() == 0
            workers[turn] = parts.worker(f"worker-{turn}")
            port = int(apis[turn].url.rpartition(":")[2])
            # The server ends by the signal that it was asked with, once all it had was answered.
            assert apis[turn].stop() in (0, -signal.SIGTERM), apis[turn].said[-3000:]
            apis[turn] = parts.api(f"api-{turn}", port=port)
            parts.until_ready(apis[turn], 2)
            until(lambda before=before: balancer.answered > before + 5, 60)
    assert balancer.failures == []


# Network namespaces as hosts.


def ip(*arguments: str) -> None:
    """Debian's ip."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def may_make_hosts() -> bool:
    """Whether this user may make network namespaces."""
    name = f"touchstone-probe-{os.getpid()}"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@pytest.fixture
def hosts() -> Iterator[dict[str, str]]:
    """Three hosts and the switch they hang on, by the names of their namespaces."""
    if not may_make_hosts():
        pytest.skip("network namespaces need root and iproute2")
    mark = f"{os.getpid() % 10_000:04d}"
    names = {name: f"10.213.7.{number}" for number, name in enumerate(("store", "one", "two"), 10)}
    switch = f"ts{mark}switch"
    with contextlib.ExitStack() as exits:

        def host(name: str) -> None:
            ip("netns", "add", name)
            exits.callback(ip, "netns", "del", name)  # And with it whatever ends in it.

        # The switch is a namespace of its own, where no firewall of this machine (an engine's, perhaps) looks in.
        host(switch)
        ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", switch, "link", "set", "bridge", "up")
        for name, address in {**names, "here": "10.213.7.1"}.items():
            inside = ["-n", f"ts{mark}{name}"] if name in names else []
            if inside:
                host(f"ts{mark}{name}")
            far = f"ts{mark}{name}"
            ip("-n", switch, "link", "add", name, "type", "veth", "peer", "name", far)
            ip("-n", switch, "link", "set", far, "netns", inside[1] if inside else str(os.getpid()))
            ip("-n", switch, "link", "set", name, "master", "bridge", "up")
            ip(*inside, "addr", "add", f"{address}/24", "dev", far)
            ip(*inside, "link", "set", far, "up")
            if inside:
                ip(*inside, "link", "set", "lo", "up")
        yield {"switch": switch} | {name: f"ts{mark}{name}" for name in names}


@pytest.mark.timeout(300)
def test_a_host_cut_off_in_the_middle_costs_no_item(hosts: dict[str, str], tmp_path: Path) -> None:
    """Store, API with a worker, and a second worker as three hosts; the last one's cable is pulled under load.

    What it held is graded by the other. When the cable is back it works again, and what it writes then is too late.
    """

    def on(name: str) -> list[str]:
        return ["ip", "netns", "exec", hosts[name]]

    with around(tmp_path, "redis://10.213.7.10:6379", lease_s=3, cache_bytes_max=0) as parts:
        store(parts, 6379, "--protected-mode", "no", before=on("store"), bind="10.213.7.10")
        key = {"TOUCHSTONE_API_KEYS": "k"}
        api = parts.api("api", host="10.213.7.11", port=8000, before=on("one"), **key)
        near = parts.worker("near", before=on("one"))
        far = parts.worker("far", before=on("two"))
        with httpx.Client(base_url=api.url, headers={"X-API-Key": "k"}, timeout=120) as client:
            parts.until_ready(api, 2)
            answer: list[Any] = []

            def send() -> None:
                answer.append(client.post("/v1/grade", json={"items": items(4000)}).json()["results"])

            request = threading.Thread(target=send)
            request.start()
            until(lambda: leases(parts) >= 2, 30)
            ip("-n", hosts["switch"], "link", "set", "two", "down")
            request.join(100)
            check(answer[0])
            parts.until_ready(api, 1)
            ip("-n", hosts["switch"], "link", "set", "two", "up")
            parts.until_ready(api, 2)
            near.kill(signal.SIGSTOP)
            check(client.post("/v1/grade", json={"items": items(200, 5000)}).json()["results"], 5000)
            assert far.process.poll() is None
