"""A lease says that what bears its name has a living owner: a file that the owner keeps locked.

The kernel lets go of the lock when the owner dies, however it dies, so that a sweeper needs no clock to tell a crashed
owner from a slow one. It holds within one file system; see docker_jail.sweep_containers for the rest.
"""

import contextlib
import fcntl
import os
import secrets
import time
from pathlib import Path

KEPT_S = 86_400
"""Seconds that a dead owner's lease is kept where no engine says which containers are left of it."""


class Lease:
    """Held from making to release."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: made if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._path = folder / self.name
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def release(self) -> None:
        """Let go, and leave no file behind."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
            os.close(self._fd)
            self._fd = -1


def is_held(folder: Path, name: str) -> bool | None:
    """True when the owner lives, False when it died without release, None when the folder knows no such lease."""
    if not name or "/" in name or name.startswith("."):
        return None
    try:
        fd = os.open(folder / name, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


def sweep_leases(folder: Path, named: frozenset[str] | None) -> int:
    """Remove the files of dead owners; returns how many.

    Args: named: leases that containers bear, which are kept: without its file nobody could tell any more that such a
        container's owner is dead. None where nobody knows, since no engine answers: then all are kept for a day.
    """
    removed = 0
    if folder.is_dir():
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                kept = time.time() - path.stat().st_mtime < KEPT_S if named is None else path.name in named
                if not kept and is_held(folder, path.name) is False:
                    path.unlink()
                    removed += 1
    return removed
