"""A real runner of each kind, made once; docker's is skipped where no engine answers or has the image."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.limits import Limits
from sandbox.pool import PooledRunner
from sandbox.run import Program, Run, RunOutcome
from tests.jails import KINDS, open_kind


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Caches, slots and leases of this test run, shared by its runners."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session", params=KINDS)
def runner(request: pytest.FixtureRequest, run_dir: Path) -> Iterator[PooledRunner]:
    """One warm jail of the kind."""
    runner = open_kind(request.param, run_dir)
    yield runner
    runner.close()


@pytest.fixture
def run_python(runner: PooledRunner) -> Callable[..., RunOutcome]:
    """Runs one Python program once."""

    def run(source: str | bytes, stdin: bytes = b"", limits: Limits | None = None, **files: bytes) -> RunOutcome:
        content = source if isinstance(source, bytes) else source.encode()
        program = Program("python", {"main.py": content, **files}, "main.py")
        with runner.open(program) as candidate:
            (outcome,) = candidate.run([Run(stdin=stdin)], limits or Limits(cpu_s=5.0))
        return outcome

    return run
