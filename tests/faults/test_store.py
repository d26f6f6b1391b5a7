"""The store dies, hangs, fills up or comes back: refusals are quick and typed, and afterwards everything goes on."""

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
from tests.processes import Service, running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of one worker."""
    with running(tmp_path, math_workers=1, lease_s=3) as service:
        yield service


def store_of(service: Service) -> int:
    """The store's process."""
    (pid,) = [pid for pid, words in service.members().items() if "valkey-server" in words]
    return pid


def attempt(service: Service) -> tuple[int, float, httpx.Response]:
    """One request: status, seconds, response."""
    started = time.monotonic()
    response = httpx.post(service.url + "/v1/grade", json={"items": [fresh()]}, timeout=20)
    return response.status_code, time.monotonic() - started, response


def fresh() -> dict[str, Any]:
    """An item that no cache knows."""
    number = time.monotonic_ns()
    return math_item(f"\\boxed{{{number}}}", str(number))


def until_served(service: Service, seconds: float) -> None:
    """Requests are served again within so many seconds."""
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.HTTPError):
            status, _, response = attempt(service)
            if status == 200 and response.json()["results"][0]["status"] == "graded":
                return
        assert time.monotonic() < until, service.log[-3000:]
        time.sleep(0.1)


@pytest.mark.parametrize("away_s", [2, 12])
def test_a_store_that_hangs_is_refused_quickly_and_work_goes_on(service: Service, away_s: float) -> None:
    """SIGSTOP: 503 with Retry-After, alive but not ready; after SIGCONT the same workers serve."""
    workers = service.workers("math")
    pid = store_of(service)
    os.kill(pid, signal.SIGSTOP)
    try:
        frozen = time.monotonic()
        while time.monotonic() - frozen < away_s:
            status, seconds, response = attempt(service)
            assert (status, response.headers["content-type"]) == (503, "application/problem+json")
            assert int(response.headers["retry-after"]) >= 1
            assert seconds < 2.5
            assert httpx.get(service.url + "/livez", timeout=5).status_code == 200
            assert httpx.get(service.url + "/readyz", timeout=5).status_code == 503
            assert httpx.get(service.url + "/metrics", timeout=5).status_code == 200
    finally:
        os.kill(pid, signal.SIGCONT)
    until_served(service, 20)
    if away_s < 5:
        assert service.workers("math") == workers


def test_a_store_that_dies_comes_back_with_everything(service: Service) -> None:
    """kill -9: refusals until it is there again, which is soon; an accepted job is finished."""
    rows = b"".join(
        httpx.Request("POST", "http://x", json=math_item(f"\\boxed{{{n}}}", str(n))).content + b"\n"
        for n in range(3000)
    )
    job = httpx.post(
        service.url + "/v1/jobs", content=rows, headers={"Content-Type": "application/jsonl"}, timeout=30
    ).json()["id"]
    for _ in range(3):
        os.kill(store_of(service), signal.SIGKILL)
        until_served(service, 20)
    until = time.monotonic() + 60
    while (view := httpx.get(f"{service.url}/v1/jobs/{job}", timeout=10).json())["state"] != "finished":
        assert time.monotonic() < until, view
        time.sleep(0.2)
    assert view["counts"] == {"total": 3000, "done": 3000, "graded": 3000, "invalid": 0, "error": 0}


def test_a_store_that_refuses_writes_is_a_503(service: Service) -> None:
    """Memory full under noeviction, as a full disk too: typed, nothing half-written, and it recovers by itself."""
    with redis.Redis.from_url(f"unix://{service.data}/store.sock") as store:
        store.config_set("maxmemory", 1024 * 1024)
        try:
            store.config_set("maxmemory", 1)
            status, _, response = attempt(service)
            assert status == 503
            assert response.headers["content-type"] == "application/problem+json"
            left = list(store.scan_iter("*:chunk:*"))
            assert left == []
        finally:
            store.config_set("maxmemory", 0)
    until_served(service, 20)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_a_503_and_costs_nothing_that_was_accepted(tmp_path: Path) -> None:
    """The append-only file cannot grow: refusals, no ending; with room again it goes on by itself, and nothing is lost.

    The store is killed at the end, so that only what is in the file counts.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    try:
        with running(disk, math_workers=1, lease_s=3, cache_bytes_max=0, log_level="error") as service:
            rows = b"".join(
                httpx.Request("POST", "http://x", json=math_item(f"\\boxed{{{n}}}", str(n))).content + b"\n"
                for n in range(1000)
            )
            lines = {"Content-Type": "application/jsonl"}
            job = httpx.post(service.url + "/v1/jobs", content=rows, headers=lines, timeout=30).json()["id"]
            ballast = disk / "ballast"
            with ballast.open("wb") as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 65536)
            until = time.monotonic() + 40
            while attempt(service)[0] != 503:  # Until the store has noticed; what fits is still served.
                assert time.monotonic() < until, service.log[-3000:]
            for _ in range(3):
                status, seconds, response = attempt(service)
                assert (status, response.headers["content-type"]) == (503, "application/problem+json")
                assert seconds < 2.5
            assert httpx.get(service.url + "/livez", timeout=5).status_code == 200
            workers = service.workers("math")
            ballast.unlink()
            until_served(service, 30)
            assert service.workers("math") == workers
            view = httpx.get(f"{service.url}/v1/jobs/{job}", params={"wait_s": 50}, timeout=60).json()
            assert view["counts"] == {"total": 1000, "done": 1000, "graded": 1000, "invalid": 0, "error": 0}
            os.kill(store_of(service), signal.SIGKILL)
            until_served(service, 30)
            again = httpx.get(f"{service.url}/v1/jobs/{job}/results", timeout=30).text.splitlines()
            assert len(again) == 1000
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_requests_under_way_survive_an_absence(service: Service) -> None:
    """Begun before the store froze: answered in full after it woke. Meanwhile new ones are refused, and quickly."""
    answers: list[httpx.Response] = []
    items = [math_item(f"\\boxed{{\\frac{{{n}}}{{7}}}}", f"{n}/7") for n in range(4000)]
    request = threading.Thread(
        target=lambda: answers.append(httpx.post(service.url + "/v1/grade", json={"items": items}, timeout=100))
    )
    request.start()
    pid = store_of(service)
    with redis.Redis.from_url(f"unix://{service.data}/store.sock") as store:
        until = time.monotonic() + 30
        while not store.zcard("touchstone:leases:math"):
            assert time.monotonic() < until
            time.sleep(0.005)
    os.kill(pid, signal.SIGSTOP)
    try:
        frozen = time.monotonic()
        while time.monotonic() - frozen < 6:
            status, seconds, _ = attempt(service)
            assert status == 503
            assert seconds < 3.5
    finally:
        os.kill(pid, signal.SIGCONT)
    request.join(110)
    (response,) = answers
    assert response.status_code == 200, response.text
    assert [row["reward"] for row in response.json()["results"]] == [1.0] * 4000
    until_served(service, 20)
