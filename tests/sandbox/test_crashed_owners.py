"""A process that is killed leaves nothing for long, and the sweep takes what is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.docker_jail import LABEL_LEASE, ask_engine
from sandbox.lease import Lease, is_held, sweep_leases
from sandbox.pool import sweep

IMAGE = os.environ.get("TOUCHSTONE_SANDBOX_IMAGE", "touchstone-sandbox:latest")
OWNER = """
import sys, threading
from pathlib import Path
from sandbox.pool import open_runner
from sandbox.limits import Limits
from sandbox.run import Program, Run
runner = open_runner(sys.argv[1], jails=2, image=sys.argv[3], run_dir=Path(sys.argv[2]))
with runner.open(Program("python", {"main.py": b"import time; time.sleep(100)"})) as candidate:
    print("busy", flush=True)
    list(candidate.run([Run()], Limits(cpu_s=100)))
"""


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for what other processes do on their own; there is no event to wait for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def _start_owner(kind: str, run_dir: Path) -> "subprocess.Popen[bytes]":
    owner = subprocess.Popen([sys.executable, "-c", OWNER, kind, str(run_dir), IMAGE], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"busy\n"
    owner.stdout.close()
    return owner


def _descendants(pid: int) -> set[int]:
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            for child in map(int, task.read_text().split()):
                found.add(child)
                waiting.append(child)
    return found


def test_bubblewrap_jails_die_with_their_owner(tmp_path: Path) -> None:
    """kill -9 of the owner ends the jails, the agents, and the candidate under way."""
    owner = _start_owner("bubblewrap", tmp_path)
    assert _until(lambda: len(_descendants(owner.pid)) >= 6, 30)  # The second jail comes in the background.
    processes = _descendants(owner.pid)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait(5)
    assert _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), 10)
    sweep(tmp_path)
    left = list((tmp_path / "leases").iterdir())
    # Where no engine answers nobody knows whether a container bears the lease.
    assert left == [] if ask_engine(IMAGE).answers else not any(is_held(path.parent, path.name) for path in left)
    assert not list(Path("/sys/fs/cgroup").glob(f"*/touchstone-{owner.pid}-*"))


@pytest.mark.docker
def test_containers_go_with_their_owner(tmp_path: Path) -> None:
    """The end of the attached stream ends the agent, and the engine removes the container; the sweep does the rest."""
    facts = ask_engine(IMAGE)
    if not (facts.answers and facts.has_image):
        pytest.skip(facts.complaint)
    owner = _start_owner("docker", tmp_path)
    (lease,) = (path.name for path in (tmp_path / "leases").iterdir())

    def containers() -> list[str]:
        search = ["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL_LEASE}={lease}"]
        return subprocess.run(search, capture_output=True, text=True, check=True).stdout.split()

    assert _until(lambda: len(containers()) == 2, 30)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait(5)
    sweep(tmp_path)
    assert _until(lambda: containers() == [], 15)
    sweep(tmp_path)
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_lease_is_held_until_released_or_its_owner_dies(tmp_path: Path) -> None:
    """The three answers, and that a sweep respects a living owner."""
    lease = Lease(tmp_path)
    assert is_held(tmp_path, lease.name) is True
    assert sweep_leases(tmp_path, frozenset()) == 0
    lease.release()
    assert is_held(tmp_path, lease.name) is None
    (tmp_path / "1-dead").touch()
    assert is_held(tmp_path, "1-dead") is False
    assert sweep_leases(tmp_path, frozenset({"1-dead"})) == 0  # A container bears it.
    assert sweep_leases(tmp_path, None) == 0  # One may.
    assert sweep_leases(tmp_path, frozenset()) == 1
    (tmp_path / "2-dead").touch()
    os.utime(tmp_path / "2-dead", (0, 0))
    assert sweep_leases(tmp_path, None) == 1
    assert is_held(tmp_path, "../etc/passwd") is None
