"""A control group around a bubblewrap jail, where this process may make one: the wall behind the warden's counting.

It bounds memory that no process maps, and the moments between two looks of the warden. Version 2 needs a delegated
group, version 1 a writable hierarchy, as root has. Where neither is to be had nothing is made, and `isolation` says so.
"""

import contextlib
import os
import select
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PROCESSES_MAX = 2048
_REMOVE_TRIES = 32
_REMOVE_S = 0.1


@dataclass(frozen=True, slots=True)
class JailCgroup:
    """The groups made for one jail; none is fine."""

    folders: tuple[Path, ...] = ()
    limits_memory: bool = False

    @staticmethod
    def make(name: str, memory_bytes: int | None) -> "JailCgroup":
        """Make the groups this process may make.

        Args:
            name: the group's name, unique on the host.
            memory_bytes: bound on memory; None makes no group.
        """
        if memory_bytes is None:
            return JailCgroup()
        if (_ROOT / "cgroup.controllers").exists():
            return _make_v2(name, memory_bytes)
        return _make_v1(name, memory_bytes)

    @property
    def process_files(self) -> tuple[Path, ...]:
        """Writing its own id to each of these moves a process in."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    def add(self, pid: int) -> None:
        """Move a process in. Its later children are born inside."""
        for file in self.process_files:
            with contextlib.suppress(OSError):
                file.write_text(str(pid))

    def remove(self) -> None:
        """Remove the groups. Processes that are still ending are waited for, a bounded time."""
        for folder in self.folders:
            for _ in range(_REMOVE_TRIES):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:  # The kernel keeps a group as long as someone is inside.
                    _await_end_of(folder)

    def oom_kills(self) -> int:
        """How often the kernel killed inside for lack of memory."""
        for folder in self.folders:
            for file in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError, ValueError):
                    for line in (folder / file).read_text().splitlines():
                        word, _, value = line.partition(" ")
                        if word == "oom_kill":
                            return int(value)
        return 0


def _await_end_of(folder: Path) -> None:
    """Wait until one of the group's processes has ended."""
    fds: list[int] = []
    try:
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                fds.append(os.pidfd_open(int(pid)))
        select.select(fds, [], [], _REMOVE_S)
    except OSError:
        pass
    finally:
        for fd in fds:
            os.close(fd)


def sweep_cgroups() -> int:
    """Remove groups of processes that are no more; returns how many. Never raises."""
    removed = 0
    for parent in (_ROOT / "memory", _ROOT / "pids", *_v2_parents()):
        for folder in parent.glob("touchstone-*-*"):
            pid = folder.name.split("-")[1]
            if pid.isdigit() and not Path("/proc", pid).exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()  # Refused by the kernel while a process is inside.
                    removed += 1
    return removed


def _v2_parents() -> tuple[Path, ...]:
    """Where a group of ours could be: beside our own, within it, or at the top."""
    try:
        own = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2].lstrip("/")
    except OSError:
        return ()
    return tuple(dict.fromkeys(((_ROOT / own).parent, _ROOT / own, _ROOT)))


def _make_v1(name: str, memory_bytes: int) -> JailCgroup:
    folders: list[Path] = []
    limits_memory = False
    for controller, file, value in (
        ("memory", "memory.limit_in_bytes", memory_bytes),
        ("pids", "pids.max", _PROCESSES_MAX),
    ):
        folder = _ROOT / controller / name
        try:
            folder.mkdir()
        except OSError:
            continue
        folders.append(folder)
        try:
            (folder / file).write_text(str(value))
        except OSError:
            continue
        limits_memory = limits_memory or controller == "memory"
        with contextlib.suppress(OSError):  # Where swap is counted, it may not serve as a way round.
            if controller == "memory":
                (folder / "memory.memsw.limit_in_bytes").write_text(str(memory_bytes))
    return JailCgroup(tuple(folders), limits_memory)


def _make_v2(name: str, memory_bytes: int) -> JailCgroup:
    # A sibling rather than a child: version 2 has no processes in inner groups.
    for parent in _v2_parents():
        if not parent.is_relative_to(_ROOT) or not os.access(parent, os.W_OK):
            continue
        folder = parent / name
        try:
            folder.mkdir()
            (folder / "memory.max").write_text(str(memory_bytes))
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            continue
        for file, value in (("memory.swap.max", "0"), ("pids.max", str(_PROCESSES_MAX))):
            with contextlib.suppress(OSError):
                (folder / file).write_text(value)
        return JailCgroup((folder,), True)
    return JailCgroup()
