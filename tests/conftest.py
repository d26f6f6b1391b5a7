"""What several rooms' tests need: a real store, the shared data where it is laid beside the project."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from app.store import EmbeddedStore

DATA = Path(__file__).parents[2] / "shared" / "data"


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
