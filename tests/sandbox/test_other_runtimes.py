"""A runtime with a kernel of its own: that kernel keeps runs apart as the host's does, or is refused by name."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.own_engine import IMAGE, OwnEngine, own_engine, reason_to_skip

OPEN = """
import os, sys
from pathlib import Path
from sandbox.errors import JailUnavailable
from sandbox.limits import Limits
from sandbox.pool import open_runner
from sandbox.run import Program, Run
image, folder = sys.argv[1:]
try:
    runner = open_runner("auto", image=image, run_dir=Path(folder), runtime="runsc")
except JailUnavailable as refusal:
    print("refused:", refusal)
    sys.exit()
with runner.open(Program("python", {"main.py": b"import os\\nprint(os.uname().release, input())"})) as candidate:
    (outcome,) = candidate.run([Run(stdin=b"words")], Limits())
runner.close()
print("works:", runner.isolation, outcome.stdout.decode())
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    """An engine of the test's own that knows gVisor."""
    if reason := reason_to_skip():
        pytest.skip(reason)
    runsc = shutil.which("runsc")
    if runsc is None:
        pytest.skip("runsc not installed")
    program = tmp_path_factory.mktemp("runtime") / "runsc"
    # Without hardware of its own, and without control groups, which it knows only in one version.
    program.write_text(f'#!/bin/sh\nexec {runsc} --platform=ptrace --network=none --ignore-cgroups "$@"\n')
    program.chmod(0o755)
    with own_engine(f"--add-runtime=runsc={program}") as engine:
        yield engine


@pytest.mark.docker
def test_gvisor_keeps_runs_apart_or_is_refused_by_name(engine: OwnEngine, tmp_path: Path) -> None:
    """It runs containers; whether it can hold a jail depends on its version. Bubblewrap, at hand, is no answer."""
    word = "import os; print(os.uname().release)"
    flags = ["--rm", "--runtime=runsc", "--network=none", "--entrypoint=/usr/bin/python3"]
    (release,) = engine.docker("run", *flags, IMAGE, "-I", "-S", "-c", word)
    assert release != os.uname().release, "the runtime has no kernel of its own"
    done = subprocess.run(
        [sys.executable, "-c", OPEN, IMAGE, str(tmp_path)],
        env={"DOCKER_HOST": engine.url, "PATH": os.environ["PATH"], "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = done.stdout.strip()
    if answer.startswith("works:"):
        assert answer.split()[1].endswith("+runsc")
        assert answer.endswith(f"{release} words")
    else:
        assert "the kernel of the runtime 'runsc' lacks what keeps runs apart" in answer
        assert "TOUCHSTONE_SANDBOX_RUNTIME" in answer
    assert engine.docker("ps", "--all", "--quiet") == []
