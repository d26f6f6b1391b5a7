"""A service on a real port of this process, and the programs of others that a deployment runs beside it."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import uvicorn

from app import jobs
from app.lifetime import services_over
from app.main import create_app
from app.memory_queue import MemoryQueue
from app.settings import Settings
from graders.registry import Registry

ROOT = Path(__file__).parents[2]
KEY = "a-key-of-the-test"


@dataclass(frozen=True, slots=True)
class Service:
    """Where a running API listens, and the key it takes."""

    address: str
    key: str

    @property
    def url(self) -> str:
        """The address with its scheme."""
        return f"http://{self.address}"


@pytest.fixture
def service() -> Iterator[Service]:
    """The API behind uvicorn on a free port, with a key, over a queue that grades in place."""
    settings = Settings(api_keys=KEY)
    with Registry() as registry, socket.socket() as listener:
        # The socket listens before the server starts, so that clients wait for their answer instead of retrying.
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        services = services_over(MemoryQueue(partial(jobs.grade_in_place, registry)), settings)
        config = uvicorn.Config(
            create_app(settings, services), log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield Service(f"127.0.0.1:{listener.getsockname()[1]}", KEY)
        finally:
            server.should_exit = True
            thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Finds a program of the host by name; skips where the host has none."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"missing service: no {name} on this machine (Debian's package has it)")
        return path

    return find


@pytest.fixture
def deploy_folder(tmp_path: Path) -> Path:
    """A copy of deploy/ that a test may change."""
    return Path(shutil.copytree(ROOT / "deploy", tmp_path / "deploy"))
