"""An engine whose containers may not make namespaces: runs are kept apart by user ids, and everybody is told."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import JailUnavailable
from sandbox.pool import open_runner
from tests.own_engine import IMAGE, OwnEngine, own_engine, reason_to_skip, refusing_runtime

OPEN = """
import json, os, sys
from pathlib import Path
from sandbox.limits import Limits
from sandbox.pool import open_runner
from sandbox.run import Program, Run
kind, image, folder = sys.argv[1:]
WHO = b"import os, time\\nprint(os.getuid(), os.stat('/proc/1').st_ctime_ns)\\ninput()"
runner = open_runner(kind, image=image, run_dir=Path(folder))
found = []
for _ in range(3):
    with runner.open(Program("python", {"main.py": WHO})) as candidate:
        found.append([outcome.stdout.decode().split() for outcome in candidate.run([Run(stdin=b"x")] * 3, Limits())])
runner.close()
print(json.dumps({"isolation": runner.isolation, "lacks": runner.lacks, "found": found}))
"""


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    """An engine of the test's own that lets no container make a namespace of users."""
    if reason := reason_to_skip():
        pytest.skip(reason)
    with own_engine(refusing_runtime(tmp_path_factory.mktemp("runtime")), "--default-runtime=refusing") as engine:
        yield engine


def _open(engine: OwnEngine, kind: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", OPEN, kind, IMAGE, str(folder)],
        env={"DOCKER_HOST": engine.url, "PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.docker
def test_runs_have_a_user_each_and_candidates_a_container_each(refusing: OwnEngine, tmp_path: Path) -> None:
    """Three programs of three runs: nine users, three containers; the isolation says so, and what is missing."""
    found = _open(refusing, "docker", tmp_path)
    assert found["isolation"].startswith("docker+users+seccomp+cgroup")
    assert "user.max_user_namespaces" in found["lacks"]
    runs = [tuple(run) for candidate in found["found"] for run in candidate]
    assert len({user for user, _ in runs}) == 9
    assert all(int(user) > 1000 for user, _ in runs)
    assert len({container for _, container in runs}) == 3
    assert all(len({container for _, container in candidate}) == 1 for candidate in found["found"])
    assert refusing.docker("ps", "--all", "--quiet") == []


@pytest.mark.docker
def test_bubblewrap_is_preferred_to_runs_without_namespaces(refusing: OwnEngine, tmp_path: Path) -> None:
    """ "auto" takes the stronger wall where the host has it."""
    found = _open(refusing, "auto", tmp_path)
    assert found["isolation"].startswith("bubblewrap+namespaces")
    assert found["lacks"] == ""


@pytest.mark.docker
def test_doctor_says_what_is_missing_and_how_to_get_it(refusing: OwnEngine, tmp_path: Path) -> None:
    """The jail works, is not called sound, and the reason and the remedy stand beside it."""
    done = subprocess.run(
        [sys.executable, "-m", "app", "doctor"],
        env={
            "DOCKER_HOST": refusing.url,
            "PATH": "/usr/bin:/bin",
            "HOME": str(Path.home()),
            "TOUCHSTONE_SANDBOX_IMAGE": IMAGE,
            "TOUCHSTONE_DATA_DIR": str(tmp_path),
            "COLUMNS": "2000",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = [line for line in done.stdout.splitlines() if "docker jail" in line]
    assert line.lstrip().startswith("–")
    assert "docker+users" in line
    assert "user.max_user_namespaces" in line


def test_without_namespaces_bubblewrap_has_no_jail(tmp_path: Path) -> None:
    """There is no weaker form of it, and the caller is told."""
    with pytest.raises(JailUnavailable, match="namespaces"):
        open_runner("bubblewrap", run_dir=tmp_path, namespaces=False)
