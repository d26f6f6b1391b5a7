"""An application in this process, over a queue that grades in place."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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

StartApp = Callable[..., TestClient]


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """The graders that need no sandbox."""
    with Registry() as registry:
        yield registry


@pytest.fixture
def start_app(registry: Registry) -> Iterator[StartApp]:
    """Makes clients of applications with the settings given; no store, no other process."""
    with ExitStack() as exits:

        def start(**settings: Any) -> TestClient:
            chosen = Settings(**settings)
            services = services_over(MemoryQueue(partial(jobs.grade_in_place, registry)), chosen)
            return exits.enter_context(TestClient(create_app(chosen, services), raise_server_exceptions=False))

        yield start


@pytest.fixture
def client(start_app: StartApp) -> TestClient:
    """A client of an application with the default settings."""
    return start_app()


def math_item(completion: str, answer: str = "42", **more: Any) -> dict[str, Any]:
    """An item of kind math."""
    return {"completion": completion, "task": {"kind": "math", "answer": answer}, **more}


@pytest.fixture
def with_variable() -> Iterator[Callable[[str, str], None]]:
    """Sets variables of this process's environment until the test's end."""
    before: dict[str, str | None] = {}

    def set_variable(name: str, value: str) -> None:
        before.setdefault(name, os.environ.get(name))
        os.environ[name] = value

    yield set_variable
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
