"""What several rooms' tests need: a real store, the shared data where it is laid beside the project, and quiet.

Tests run in several workers (`make test`; pytest-xdist). Each worker has its own store, folders and ports; the jails at
the engine are told apart by leases. What measures time, or bears no neighbour for another reason, is marked `alone`:
while it runs, the other workers wait between two tests.
"""

import contextlib
import fcntl
import json
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from app.store import EmbeddedStore

DATA = Path(__file__).parents[2] / "shared" / "data"
FAULTS = Path(__file__).parent / "faults"


@contextlib.contextmanager
def turn(folder: Path, alone: bool) -> Iterator[None]:
    """Hold the right to run one test: shared with the other workers' tests, or alone."""
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        # Everybody comes through the door one at a time. Who wants to be alone keeps it shut while the others finish;
        # without a door they would come in again and again, and it would never be empty.
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # By name: a process that the test forked may have the file open as well.


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Faults are told by time that passes: leases, outages, restarts. A busy neighbour would be one more."""
    for item in items:
        if FAULTS in item.path.parents:
            item.add_marker(pytest.mark.alone)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Waiting for one's turn is outside of the test's time limit."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    with turn(Path(item.config.option.basetemp).parent, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Valkey server for the whole run; tests keep apart by their key prefixes."""
    with EmbeddedStore(Settings(data_dir=tmp_path_factory.mktemp("store"))) as store:
        yield store.url


@pytest.fixture
def shared_rows() -> Callable[[str], list[dict[str, Any]]]:
    """Reads a file of the shared data, which lies beside the project; skips where it does not."""

    def read(name: str) -> list[dict[str, Any]]:
        path = DATA / name
        if not path.is_file():
            pytest.skip(f"no shared data beside the project ({name})")
        with path.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    return read
