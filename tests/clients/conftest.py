"""A running service for the client's tests, and both clients behind one way of calling."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from touchstone_client import AsyncClient, Client, Graded, Patience, Settings

from tests.processes import Service, running

QUICK = Patience(total_s=20, first_s=0.01, longest_s=0.05)

Grade = Callable[..., Graded]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`touchstone serve` with maths and code workers."""
    with running(tmp_path_factory.mktemp("service"), math_workers=1, code_workers=1, sandbox="bubblewrap") as service:
        yield service


@pytest.fixture(params=["sync", "async"])
def grade(request: pytest.FixtureRequest) -> Grade:
    """Grades a batch with a new client of either sort: what one does, the other does."""

    def blocking(url: str, items: list[dict[str, Any]], settings: dict[str, Any], **options: Any) -> Graded:
        with Client(settings=Settings(url, **settings)) as client:
            return client.grade(items, **options)

    def awaited(url: str, items: list[dict[str, Any]], settings: dict[str, Any], **options: Any) -> Graded:
        async def run() -> Graded:
            async with AsyncClient(settings=Settings(url, **settings)) as client:
                return await client.grade(items, **options)

        return asyncio.run(run())

    chosen = blocking if request.param == "sync" else awaited

    def call(url: str, items: list[dict[str, Any]], settings: dict[str, Any] | None = None, **options: Any) -> Graded:
        return chosen(url, items, {"patience": QUICK, **(settings or {})}, **options)

    return call
