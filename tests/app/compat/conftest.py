"""Applications in this process whose code runs in real jails, or in a script's."""

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import jobs
from app.lifetime import services_over
from app.main import create_app
from app.memory_queue import MemoryQueue
from app.settings import Settings
from graders.registry import Registry
from sandbox.errors import JailUnavailable
from sandbox.limits import Limits
from sandbox.pool import open_runner
from sandbox.runner import Runner

IMAGE = os.environ.get("TOUCHSTONE_SANDBOX_IMAGE", "touchstone-sandbox:latest")

StartOver = Callable[..., TestClient]


@pytest.fixture(scope="session")
def real_runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Real jails; skips where this machine can make none."""
    kind: Any = os.environ.get("TOUCHSTONE_SANDBOX", "bubblewrap")
    try:
        runner = open_runner(kind, jails=2, image=IMAGE, run_dir=tmp_path_factory.mktemp("run"))
    except JailUnavailable as error:
        pytest.skip(f"no sandbox on this machine: {error}")
    yield runner
    runner.close()


@pytest.fixture
def start_over() -> Iterator[StartOver]:
    """start(runner, **settings): a client of an application that runs code on a runner."""
    with contextlib.ExitStack() as exits:

        def start(runner: Runner | None, **settings: Any) -> TestClient:
            chosen = Settings(**settings)
            registry = exits.enter_context(Registry(runner, Limits(cpu_s=2.0)))
            languages = () if runner is None else runner.languages
            queue = MemoryQueue(partial(jobs.grade_in_place, registry), languages)
            app = create_app(chosen, services_over(queue, chosen))
            return exits.enter_context(TestClient(app, raise_server_exceptions=False))

        yield start


@pytest.fixture(scope="session")
def over_jails(real_runner: Runner) -> Iterator[TestClient]:
    """A client of one application over real jails, for all tests that change nothing of it."""
    settings = Settings(cache_bytes_max=0)
    with Registry(real_runner, Limits(cpu_s=2.0)) as registry:
        queue = MemoryQueue(partial(jobs.grade_in_place, registry), real_runner.languages)
        app = create_app(settings, services_over(queue, settings))
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client
