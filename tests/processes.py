"""A whole `touchstone serve` as a user starts it, for tests that need real processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """A running `touchstone serve` with a data folder and a port of its own.

    Args:
        folder: for data and logs.
        environment: variables besides this process's own.
        settings: TOUCHSTONE_* without the prefix, in lower case.
    """

    def __init__(self, folder: Path, *, environment: Mapping[str, str] | None = None, **settings: Any) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = folder / "data"
        self._log = folder / "serve.log"
        given = {"port": self.port, "data_dir": self.data, "math_workers": 2, "code_workers": 0} | settings
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TOUCHSTONE_")}
        clean |= environment or {}
        self._environment = clean | {f"TOUCHSTONE_{name.upper()}": str(value) for name, value in given.items()}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until the API answers."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_for("/livez")

    def wait_for(self, path: str, seconds: float = 60) -> None:
        """Wait until a page answers 200."""
        until = time.monotonic() + seconds
        pause = threading.Event()
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(self.url + path, timeout=5).status_code == 200:
                    return
            if self.process is not None and self.process.poll() is not None:
                break
            pause.wait(0.05)
        raise AssertionError(f"{path} did not answer:\n{self.log[-4000:]}")

    def wait_ready(self) -> None:
        """Wait until every queue has a worker; without code workers, until the math ones are there."""
        if self._environment["TOUCHSTONE_CODE_WORKERS"] != "0":
            self.wait_for("/readyz")
            return
        until = time.monotonic() + 60
        pause = threading.Event()
        while httpx.get(self.url + "/readyz", timeout=5).json()["checks"]["math_workers"]["workers"] < 1:
            assert time.monotonic() < until, self.log[-4000:]
            pause.wait(0.05)

    def grade(self, items: list[dict[str, Any]], timeout: float = 100, **batch: Any) -> list[dict[str, Any]]:
        """Post a batch that must be answered with as many results, in order."""
        response = httpx.post(self.url + "/v1/grade", json={"items": items, **batch}, timeout=timeout)
        assert response.status_code == 200, response.text
        results: list[dict[str, Any]] = response.json()["results"]
        assert [row["index"] for row in results] == list(range(len(items)))
        return results

    @property
    def log(self) -> str:
        """Everything the processes wrote so far."""
        return self._log.read_text(encoding="utf-8")

    def members(self) -> dict[int, str]:
        """Every process that belongs to this service (its environment or arguments name the data folder)."""
        found = {}
        mark = str(self.data).encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                if arguments and (mark in arguments or mark in (entry / "environ").read_bytes()):
                    found[int(entry.name)] = arguments.decode(errors="replace").strip()
        return found

    def workers(self, queue: str) -> list[int]:
        """Process ids of the workers of a queue."""
        return [pid for pid, words in self.members().items() if words.endswith(f"worker --queue {queue}")]

    def descendants(self) -> list[int]:
        """Every process below the service's own, whatever its environment; those that left the tree aside."""
        assert self.process is not None
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                    parents.setdefault(int(after_name[1]), []).append(int(entry.name))
        found, level = [], [self.process.pid]
        while level:
            below = parents.get(level.pop(), [])
            found += below
            level += below
        return found

    def bubbles(self) -> list[int]:
        """The bubblewrap processes below the service."""
        found = []
        for pid in self.descendants():
            with contextlib.suppress(OSError):
                if b"--unshare-user" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ask for the end as Ctrl-C does, to the whole group, and wait for it. Returns the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        return self.process.wait(60)


@contextlib.contextmanager
def running(folder: Path, *, environment: Mapping[str, str] | None = None, **settings: Any) -> Iterator[Service]:
    """A started and ready service, stopped at the end whatever happens."""
    folder.mkdir(parents=True, exist_ok=True)
    service = Service(folder, environment=environment, **settings)
    try:
        service.start()
        service.wait_ready()
        yield service
    finally:
        with contextlib.suppress(Exception):
            service.stop()
        for pid in service.members():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
