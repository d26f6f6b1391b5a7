"""A jail is killed under a run, as an engine's restart would do: the run is repeated elsewhere and ends right."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.docker_jail import LABEL_LEASE, ask_engine
from sandbox.limits import Limits
from sandbox.pool import open_runner
from sandbox.run import Program, Run

IMAGE = os.environ.get("TOUCHSTONE_SANDBOX_IMAGE", "touchstone-sandbox:latest")
SLOW = Program("python", {"main.py": b"import time\nn = int(input())\ntime.sleep(0.5)\nprint(2 * n)"})


def _kill_containers(run_dir: Path) -> None:
    (lease,) = (path.name for path in (run_dir / "leases").iterdir())
    search = ["docker", "ps", "--quiet", "--filter", f"label={LABEL_LEASE}={lease}"]
    for container in subprocess.run(search, capture_output=True, text=True, check=True).stdout.split():
        subprocess.run(["docker", "kill", container], capture_output=True, check=False)


def _kill_children(_run_dir: Path) -> None:
    for task in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, task.read_text().split()):
            if (
                b"bwrap" in Path(f"/proc/{pid}/cmdline").read_bytes()
                or b"unshare" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("kind", "kill"),
    [("bubblewrap", _kill_children), pytest.param("docker", _kill_containers, marks=pytest.mark.docker)],
)
def test_a_run_under_which_the_jail_dies_is_repeated(kind: str, kill: Callable[[Path], None], tmp_path: Path) -> None:
    """Five runs, and the jail killed in the third: five right outcomes."""
    if kind == "docker":
        facts = ask_engine(IMAGE)
        if not (facts.answers and facts.has_image):
            pytest.skip(facts.complaint)
    runner = open_runner("docker" if kind == "docker" else "bubblewrap", jails=1, image=IMAGE, run_dir=tmp_path)
    try:
        with runner.open(SLOW) as candidate:
            threading.Timer(1.2, kill, [tmp_path]).start()
            started = time.monotonic()
            outcomes = list(candidate.run([Run(stdin=b"%d\n" % number) for number in range(5)], Limits()))
            assert time.monotonic() - started < 60
        assert [outcome.stdout for outcome in outcomes] == [b"%d\n" % (2 * number) for number in range(5)]
    finally:
        runner.close()
