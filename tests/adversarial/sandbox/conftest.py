"""A real runner of each kind for hostile programs; docker's is skipped where no engine answers or has the image."""

from collections.abc import Callable, Iterator

import pytest

from sandbox.limits import MIB, Limits
from sandbox.pool import PooledRunner
from sandbox.run import Program, Run, RunOutcome
from tests.jails import DOCKER, DOCKER_USERS, open_kind


@pytest.fixture(scope="module", params=["bubblewrap", DOCKER, DOCKER_USERS])
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PooledRunner]:
    """One warm jail of the kind, for one file of attacks: every attack meets the traces of the one before."""
    runner = open_kind(request.param, tmp_path_factory.getbasetemp() / "attacked")
    yield runner
    runner.close()


@pytest.fixture
def attack(runner: PooledRunner) -> Callable[..., RunOutcome]:
    """Runs one hostile program, then makes sure that the runner still serves an honest one."""

    def run(source: str, stdin: bytes = b"", limits: Limits | None = None, language: str = "python") -> RunOutcome:
        bound = limits or Limits(cpu_s=2.0, memory_bytes=256 * MIB, output_bytes=MIB)
        with runner.open(Program(language, {"program": source.encode()})) as hostile:
            assert hostile.compiled is None or hostile.compiled.exited_zero, hostile.compiled
            (outcome,) = hostile.run([Run(stdin=stdin)], bound)
        with runner.open(Program("python", {"main.py": b"print(input())"})) as honest:
            (after,) = honest.run([Run(stdin=b"still here\n")], Limits())
        assert (after.stdout, after.exit_code) == (b"still here\n", 0), after
        return outcome

    return run
