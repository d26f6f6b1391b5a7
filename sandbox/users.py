"""User ids of the host for jails, each for one jail at a time.

The kernel counts much of what a program may hold by user, over the whole host: processes, pages in pipes, inotify
watches, descriptors on their way through a socket. Two jails of one user would share those bounds, and what a program
in one of them uses up is missing in the other.

A lease is a lock on one byte of a file, which the kernel lets go when its owner dies. It binds processes that share
the folder; those that do not begin at random places, so that they rarely meet.
"""

import fcntl
import os
import random
import struct
from pathlib import Path

from sandbox.errors import JailUnavailable

FIRST, COUNT = 61_184, 3_000
"""Above what adduser gives to people and packages, and below 65,536, since an engine may map no more than so many."""

_FLOCK = struct.Struct("@hhqqi4x")  # struct flock of a 64-bit system.


class JailUser:
    """A user id that no other jail has, from making to release."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: of those that share the ids; made if missing. Raises: JailUnavailable when all are taken."""
        self._fd = -1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(folder / "leased", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self.id = self._take()
        except OSError as error:
            self.release()
            raise JailUnavailable(f"no user id can be leased in {folder}: {error}") from error

    def release(self) -> None:
        """Let go; when its jail is gone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _take(self) -> int:
        start = random.SystemRandom().randrange(COUNT)
        for step in range(COUNT):
            number = (start + step) % COUNT
            try:
                # A lock of this open file, not of this process: two jails of one process are two owners.
                fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, number, 1, 0))
            except (BlockingIOError, PermissionError):
                continue
            return FIRST + number
        raise OSError("all are taken")
