"""A real runner of each kind, made once; docker's is skipped where no engine answers or has the image."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.admission import Admission
from sandbox.bubblewrap_jail import BubblewrapJail, find_bubblewrap, find_toolchains
from sandbox.docker_jail import ask_engine
from sandbox.limits import Limits
from sandbox.pool import JailPool, PooledRunner, open_runner
from sandbox.run import Program, Run, RunOutcome
from sandbox.staging import default_cache, stage_agent

IMAGE = os.environ.get("TOUCHSTONE_SANDBOX_IMAGE", "touchstone-sandbox:latest")
KINDS = ["bubblewrap", "pylauncher", pytest.param("docker", marks=pytest.mark.docker)]


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Caches, slots and leases of this test run, shared by its runners."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session", params=KINDS)
def runner(request: pytest.FixtureRequest, run_dir: Path) -> Iterator[PooledRunner]:
    """One warm jail of the kind."""
    if request.param == "docker":
        facts = ask_engine(IMAGE)
        if not (facts.answers and facts.has_image):
            pytest.skip(facts.complaint)
    if request.param == "pylauncher":
        runner = _open_without_compiler(run_dir)
    else:
        runner = open_runner(request.param, jails=1, image=IMAGE, run_dir=run_dir)
    yield runner
    runner.close()


def _open_without_compiler(run_dir: Path) -> PooledRunner:
    """Bubblewrap as on a host that cannot build the launcher: its twin in Python serves."""
    program = find_bubblewrap()
    assert program is not None
    agent = stage_agent(default_cache(), compiler="")
    assert not (agent / "launcher").exists()
    toolchains = find_toolchains(os.environ)
    return PooledRunner(
        JailPool(lambda: BubblewrapJail(program, agent, None, toolchains), 1, 200), Admission(run_dir / "slots", 2)
    )


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
