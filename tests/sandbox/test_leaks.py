"""After thousands of runs there is nothing more than before: in the jail, on the host, at the engine."""

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.docker_jail import LABEL_LEASE
from sandbox.limits import MIB, Limits
from sandbox.pool import PooledRunner
from sandbox.run import Program, Run
from tests.jails import DOCKER, DOCKER_USERS, open_kind
from tests.own_engine import PREFIX

PROGRAMS = {
    "honest": "print(input())",
    "crash": "import ctypes; ctypes.string_at(0)",
    "exit": "raise SystemExit(3)",
    "files": "for i in range(50): open(f'/tmp/{i}', 'w').write('x' * 10000)",
    "daemon": "import os, time\nif os.fork() == 0:\n  os.setsid(); time.sleep(60)",
    "children": "import os\nfor _ in range(5):\n  if os.fork() == 0: os._exit(0)",
    "flood": "import os\nwhile True: os.write(1, b'y' * 65536)",
    "memory": "x = []\nwhile True: x.append(bytearray(1 << 24))",
    "deep": "import os\nfor _ in range(300):\n  os.mkdir('d'); os.chdir('d')",
    "kill": "import os; os.kill(-1, 9)",
    "threads": "import threading, time\nfor _ in range(10): threading.Thread(target=time.sleep, args=(0.001,)).start()",
}
LIMITS = Limits(cpu_s=1.0, memory_bytes=128 * MIB, output_bytes=200_000, file_bytes=16 * MIB)


@contextlib.contextmanager
def _opened(kind: str, run_dir: Path) -> Iterator[PooledRunner]:
    runner = open_kind(kind, run_dir, candidates_per_jail=10**6)
    try:
        yield runner
    finally:
        runner.close()


def _mix(runner: PooledRunner, count: int, seed: int) -> None:
    """So many runs of all kinds in a random order, a few per candidate, some of them conversations."""
    chance = random.Random(seed)
    done = 0
    while done < count:
        name = chance.choice([*PROGRAMS, *["honest", "exit", "children"] * 5])
        runs = 1 if name in ("flood", "memory") else chance.randint(1, 12)
        with runner.open(Program("python", {"main.py": PROGRAMS[name].encode()})) as candidate:
            if chance.random() < 0.1:
                with candidate.talk(Run(), LIMITS) as conversation:
                    conversation.send(b"words")
            else:
                outcomes = list(candidate.run([Run(stdin=b"in\n")] * runs, LIMITS))
                assert len(outcomes) == runs
        done += runs


def _host(facts: list[dict[str, Any]]) -> dict[str, int]:
    (jail,) = facts
    return {
        "our descriptors": len(os.listdir("/proc/self/fd")),
        "our children": len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
        "mounts of the host": len(_mounts()),
        "agent's descriptors": jail["fds"],
        "agent's folders": jail["folders"],
        "agent's mounts": jail["mounts"],
        "strangers": jail["strangers"],
    }


def _mounts() -> list[str]:
    """The host's, but for those of containers and engines, which come and go with everybody's.

    Our own containers are told by their label.
    """
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    others = ("/overlay2/", "/containers/", "/netns/", f"/{PREFIX}")
    return [place for place in places if not any(part in place for part in others)]


def _control_groups() -> set[str]:
    """This process's own."""
    return {str(path) for path in Path("/sys/fs/cgroup").glob(f"*/touchstone-{os.getpid()}-*")}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["bubblewrap", DOCKER, DOCKER_USERS])
def test_two_thousand_mixed_runs_leave_nothing(kind: str, tmp_path: Path) -> None:
    """Attacks included; one jail bears them all, so that what leaks adds up."""
    others = _control_groups()  # Of runners that other tests keep open.
    with _opened(kind, tmp_path) as runner:
        _mix(runner, 200, seed=1)
        before, rss = _host(runner.facts()), runner.facts()[0]["rss_bytes"]
        _mix(runner, 2000, seed=2)
        after = _host(runner.facts())
        assert after == before
        assert runner.facts()[0]["rss_bytes"] < rss + 16 * MIB
        (lease,) = (path.name for path in (tmp_path / "leases").iterdir())
    assert list((tmp_path / "leases").iterdir()) == []
    assert _control_groups() <= others
    if kind.startswith("docker"):
        search = ["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL_LEASE}={lease}"]
        assert subprocess.run(search, capture_output=True, text=True, check=True).stdout == ""
