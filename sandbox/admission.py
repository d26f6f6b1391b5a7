"""At most so many runs at once on this host, whatever the number of processes that have a runner.

Theory of operation. A slot is a file in a shared folder, held by flock, so that the kernel gives it back when its
holder dies. Whoever wants one first takes the turnstile (another flock, where waiters queue inside the kernel), then
the first free slot, and leaves the turnstile. Only the one waiter at the turnstile has to wait for "any slot": it
sleeps on inotify, which the holder's closing of the file wakes. A second request by the same thread shares the slot it
has: a grader that talks to two programs in turn is one load, and waiting for itself would never end.

Taking every slot ("alone") repeats a run on a quiet machine.
"""

import ctypes
import errno
import fcntl
import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CLOSED = 0x00000008 | 0x00000010  # IN_CLOSE_WRITE, IN_CLOSE_NOWRITE.
_RECHECK_S = 0.05  # The kernel reports the close of a dead holder a moment before its lock goes.


class Admission:
    """Slots shared by all processes that name the same folder."""

    def __init__(self, folder: Path, slots: int) -> None:
        """Args: folder: made if missing. slots: at least 1; processes should agree on it."""
        self._folder = folder
        self._slots = slots
        self._mine = threading.local()
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*map(str, range(slots)), "turnstile"):
            os.close(os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    @property
    def slots(self) -> int:
        """How many runs may go on at once."""
        return self._slots

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one slot; waits for it, in turn."""
        with self._holding(lambda: [self._take_any()]):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold every slot. Within a slot of one's own it is as good as a slot: waiting for the rest could be mutual."""
        with self._holding(self._take_all):
            yield

    @contextmanager
    def _holding(self, take: Callable[[], list[int]]) -> Iterator[None]:
        mine = self._mine.__dict__  # Of this thread; kept, should a generator be closed by another.
        if not mine.get("count"):
            mine["fds"] = take()
            mine["count"] = 0
        mine["count"] += 1
        try:
            yield
        finally:
            mine["count"] -= 1
            if mine["count"] == 0:
                for fd in mine.pop("fds"):
                    # Unlocked before it is closed: the close is what wakes a waiter.
                    fcntl.flock(fd, fcntl.LOCK_UN)
                    os.close(fd)

    def _open(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def _turnstile(self) -> Iterator[None]:
        fd = self._open("turnstile")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _take_any(self) -> int:
        with self._turnstile():
            taken = self._try_each()
            if taken is not None:
                return taken
            watch = _Watch(self._folder)
            try:
                while True:
                    taken = self._try_each()
                    if taken is not None:
                        return taken
                    watch.wait(_RECHECK_S)
            finally:
                watch.close()

    def _take_all(self) -> list[int]:
        with self._turnstile():
            fds: list[int] = []
            try:
                for index in range(self._slots):
                    fds.append(self._open(str(index)))
                    fcntl.flock(fds[-1], fcntl.LOCK_EX)
            except BaseException:
                for fd in fds:
                    os.close(fd)
                raise
            return fds

    def _try_each(self) -> int | None:
        for index in range(self._slots):
            fd = self._open(str(index))
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                continue
            return fd
        return None


class _Watch:
    """Wakes when a file of a folder is closed; where the kernel has no inotify left, just after a moment."""

    def __init__(self, folder: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._fd: int = library.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd >= 0 and library.inotify_add_watch(self._fd, os.fsencode(folder), _CLOSED) < 0:
            os.close(self._fd)
            self._fd = -1

    def wait(self, seconds: float) -> None:
        if self._fd < 0:
            select.select([], [], [], seconds)
            return
        if select.select([self._fd], [], [], seconds)[0]:
            try:
                os.read(self._fd, 4096)
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
