"""launcher.c in Python, for a host that has no C compiler to build it with: the same walls, at a few times the cost.

Speaks the same orders, requests and reports as launcher.c, whose theory of operation holds here too, and offers the
same calls. The two differ in cost: a warden is a fork of the interpreter, and looks less often. Not here: runs without
namespaces (the image has the other launcher) and Landlock.
"""

import ctypes
import errno
import os
import resource
import select
import signal
import socket
import stat
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

from sandbox.protocol import STARVED_FACTOR, send_descriptors

_ORDER = struct.Struct("=IIQIIII")
_ANSWER = struct.Struct("=ii")
_REQUEST = struct.Struct("=IIQQQQQQQIIIIII")
_STATUS = struct.Struct("=IIiiIIQQQQII32s")
_ORDER_MAGIC = 0x54534F32
_MAGIC = 0x54534C32
_MESSAGE_BYTES_MAX = 192 * 1024
_HAS_PROGRAM, _HAS_FILES, _HAS_COLLECT, _HAS_CHANNEL = 1, 2, 4, 8
_FAILED, _ENDED = 1, 2
_NONE, _CPU, _WALL, _MEMORY, _ASKED, _COLLECT = range(6)

# newuser, newpid, newns, newipc, newuts, and a pidfd for the parent.
_CLONE_FLAGS = 0x10000000 | 0x20000000 | 0x00020000 | 0x08000000 | 0x04000000 | 0x00001000 | signal.SIGCHLD
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 1, 2, 4, 8, 32
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 4, 24, 38, 47
_CAP_KILL, _CAP_SYS_PTRACE = 5, 19
_CALLS = {"x86_64": (56, 126, 317, 436), "aarch64": (220, 91, 277, 436)}  # clone, capset, seccomp, close_range.
_SECCOMP_SET_MODE_FILTER, _SPEC_ALLOW = 1, 4
_LOOK_S = 0.02
_DESCRIPTORS_S = 60.0
_FILES_UNSEEN = 128 << 20  # What pages of files are taken to be in a run that ended before the first look.


class _Failure(Exception):
    """A step of setting up was refused."""


@dataclass(slots=True)
class _Order:
    world_bytes: int
    inodes: int
    filter: bytes
    fds: list[int] = field(default_factory=list)  # stdin, stdout, stderr, status


@dataclass(slots=True)
class _Request:
    flags: int
    cpu_us: int
    wall_us: int
    memory_bytes: int
    file_bytes: int
    world_bytes: int
    stack_bytes: int
    data_bytes: int
    processes: int
    open_files: int
    inodes: int
    arguments: list[bytes]
    environment: list[bytes]
    fds: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Usage:
    cpu_us: int = 0
    memory_bytes: int = 0
    delay_us: int = 0
    processes: int = 0
    file_bytes_max: int = 0


class PyLauncher:
    """Takes the place of the launcher's shared library in a zygote."""

    forks_itself = True

    def __init__(self) -> None:
        self._libc = ctypes.PyDLL(None, use_errno=True)
        self._clone, self._capset, self._seccomp, self._close_range = _CALLS[os.uname().machine]
        self._request: _Request | None = None
        self._spaces: list[int] = []
        self._go: socket.socket | None = None  # The candidate's: its request comes from its warden.

    def touchstone_become_spawner(self) -> None:
        """Wardens are reaped by the kernel, and nobody may trace us."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self._libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        self._spaces = _spaces()

    def texts(self) -> tuple[list[bytes], list[bytes]]:
        """The candidate's arguments and its environment."""
        assert self._request is not None  # noqa: S101 - asked for only in a candidate.
        return self._request.arguments, self._request.environment

    def touchstone_tell_own_pages(self, pipe_fd: int) -> None:
        """Says nothing, so that nothing is expected."""

    def touchstone_expect_writes(self, start: int, size: int) -> None:
        """Saves nothing here."""

    def touchstone_next(self, sock_fd: int) -> int:
        """One order: 0 in the spawner, 1 in the candidate, -1 when the agent is gone."""
        with socket.socket(fileno=os.dup(sock_fd)) as sock:
            message, fds, _, _ = socket.recv_fds(sock, _MESSAGE_BYTES_MAX, 8)
            if not message:
                return -1
            order = _parse_order(message, len(fds))
            if order is None:
                for fd in fds:
                    os.close(fd)
                sock.send(_ANSWER.pack(errno.EINVAL, 0))
                return 0
            order.fds = [_move_up(fd) for fd in fds]
            uid, gid = os.geteuid(), os.getegid()
            pidfd = ctypes.c_int(-1)
            pid = self._libc.syscall(self._clone, ctypes.c_ulong(_CLONE_FLAGS), None, ctypes.byref(pidfd), None, 0)
            if pid != 0:
                code = ctypes.get_errno() if pid < 0 else 0
                for fd in order.fds:
                    os.close(fd)
                answer = _ANSWER.pack(code, pid)
                if code == 0:
                    send_descriptors(sock, answer, [pidfd.value], _DESCRIPTORS_S)
                    os.close(pidfd.value)
                else:
                    sock.send(answer)
                return 0
        ctypes.pythonapi.PyOS_AfterFork_Child()
        os.close(sock_fd)
        return self._be_warden(order, uid, gid)

    def touchstone_await(self) -> None:
        """In the candidate: wait for the program, and set its limits. Ends with the warden."""
        assert self._go is not None  # noqa: S101 - set by the fork.
        message, fds, _, _ = socket.recv_fds(self._go, _MESSAGE_BYTES_MAX, 8)
        request = _parse(message) if message else None
        if request is None:
            os._exit(0)
        request.fds = [_move_up(fd) for fd in fds]
        self._request = request
        self._set_limits(request)

    # ---- The warden ----

    def _be_warden(self, order: _Order, uid: int, gid: int) -> int:
        """Returns only in the candidate."""
        status = socket.socket(fileno=order.fds[3])
        report = b""
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            proc, box = self._build_world(order, uid, gid)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            candidate = os.fork()
            if candidate == 0:
                ours.close()
                self._go = socket.socket(fileno=_move_up(theirs.detach()))
                self._confine(order)
                return 1
            for fd in order.fds[:3]:
                os.close(fd)
            theirs.close()
            deaths = self._notice_deaths()
            message, fds = _await_request(status, deaths)
            if message:  # Else the spare is dropped, or its candidate dead.
                request = _parse(message)
                if request is None or len(fds) != _fds_wanted(request.flags):
                    raise _Failure("request")
                request.fds = fds
                self._fill_world(order, request, box)
                channel = [request.fds.pop()] if request.flags & _HAS_CHANNEL else []
                send_descriptors(ours, message, channel, _DESCRIPTORS_S)
                for fd in channel:
                    os.close(fd)
                ours.close()
                report = self._watch(request, candidate, status, proc, box, deaths)
        except (OSError, _Failure, ValueError) as error:
            code = error.errno if isinstance(error, OSError) and error.errno else errno.EIO
            where = str(error).encode()[:31]
            report = _STATUS.pack(_MAGIC, _FAILED, code, 0, 0, 0, 0, 0, 0, 0, 0, 0, where)
        if report:
            with suppress(OSError):
                while status.recv(16, socket.MSG_DONTWAIT):
                    pass
            with suppress(OSError):
                status.send(report)
        os._exit(0)

    def _notice_deaths(self) -> int:
        mask = ctypes.create_string_buffer(128)
        struct.pack_into("=Q", mask, 0, 1 << (signal.SIGCHLD - 1))
        deaths: int = self._libc.signalfd(-1, mask, os.O_NONBLOCK | os.O_CLOEXEC)
        if deaths < 0:
            raise OSError(ctypes.get_errno(), "signalfd")
        return deaths

    def _mount(self, source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
        texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
        if self._libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]) != 0:
            raise OSError(ctypes.get_errno(), f"mount {target}")

    def _build_world(self, order: _Order, uid: int, gid: int) -> tuple[int, int]:
        if any(ours == theirs for ours, theirs in zip(_spaces(), self._spaces, strict=True)):
            raise OSError(errno.ENOSYS, "no namespaces of its own")
        self._libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        for path, text in (
            ("/proc/self/setgroups", "deny"),
            ("/proc/self/uid_map", f"1000 {uid} 1"),
            ("/proc/self/gid_map", f"1000 {gid} 1"),
        ):
            fd = os.open(path, os.O_WRONLY)
            os.write(fd, text.encode())
            os.close(fd)
        self._libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        self._mount("none", "/", None, _MS_REC | _MS_PRIVATE)
        self._mount("tmpfs", "/jail", "tmpfs", _MS_NOSUID | _MS_NODEV, _size(order))
        for name, mode in (("box", 0o755), ("tmp", 0o1777), ("shm", 0o1777), ("none", 0o555)):
            os.mkdir(f"/jail/{name}")
            os.chmod(f"/jail/{name}", mode)
        for name, place in (("box", "/box"), ("tmp", "/tmp"), ("shm", "/dev/shm"), ("none", "/touchstone")):  # noqa: S108
            self._mount(f"/jail/{name}", place, None, _MS_BIND)
        self._mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
        terminals = "newinstance,ptmxmode=0666,mode=0620,max=64"
        try:
            self._mount("devpts", "/dev/pts", "devpts", _MS_NOSUID | _MS_NOEXEC, terminals)
        except OSError:
            self._mount("/jail/none", "/dev/pts", None, _MS_BIND)
        self._libc.sethostname(b"sandbox", 7)
        os.chdir("/box")
        return os.open("/proc", os.O_RDONLY | os.O_DIRECTORY), os.open("/box", os.O_RDONLY | os.O_DIRECTORY)

    def _fill_world(self, order: _Order, request: _Request, box: int) -> None:
        if _size(request) != _size(order):
            self._mount("none", "/jail", None, _MS_REMOUNT | _MS_NOSUID | _MS_NODEV, _size(request))
        at = 0
        for flag in (_HAS_PROGRAM, _HAS_FILES):
            if request.flags & flag:
                _copy_tree(request.fds[at], box, [1 << 40, 100_000])
                at += 1

    def _keep_capabilities(self, wanted: int) -> None:
        header = struct.pack("=Ii", 0x20080522, 0)
        low = wanted & 0xFFFFFFFF
        self._libc.syscall(self._capset, header, struct.pack("=6I", low, low, 0, wanted >> 32, wanted >> 32, 0))

    def _confine(self, order: _Order) -> None:
        """What is taken away before the program is known."""
        os.setsid()
        self._libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        with open("/proc/self/oom_score_adj", "w") as file:  # Ours only while we are dumpable.
            file.write("1000")
        # So that it stays: memory that nobody maps must not end the agent before the one who holds it.
        read_only = _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        self._mount("none", "/proc", None, read_only)
        for capability in range(64):
            self._libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        self._libc.prctl(_PR_CAP_AMBIENT, 4, 0, 0, 0)
        self._keep_capabilities(0)
        os.umask(0o022)
        self._libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        if self._libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            os._exit(71)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number in range(3):
            os.dup2(order.fds[number], number)
        buffer = ctypes.create_string_buffer(order.filter, len(order.filter))
        program = struct.pack("@HP", len(order.filter) // 8, ctypes.addressof(buffer))
        if self._libc.syscall(self._seccomp, _SECCOMP_SET_MODE_FILTER, _SPEC_ALLOW, program) != 0:
            os._exit(71)

    def _set_limits(self, request: _Request) -> None:
        cpu_s = request.cpu_us // 1_000_000 + 2
        limits = [
            (resource.RLIMIT_CPU, cpu_s, cpu_s + 1),
            (resource.RLIMIT_CORE, 0, 0),
            (resource.RLIMIT_FSIZE, request.file_bytes, request.file_bytes),
            (resource.RLIMIT_STACK, request.stack_bytes, request.stack_bytes),
            (resource.RLIMIT_NOFILE, request.open_files, request.open_files),
            (resource.RLIMIT_MEMLOCK, 0, 0),
            (resource.RLIMIT_MSGQUEUE, 0, 0),
            (resource.RLIMIT_NICE, 0, 0),
            (resource.RLIMIT_RTPRIO, 0, 0),
            (resource.RLIMIT_NPROC, request.processes + 1, request.processes + 1),
        ]
        if request.data_bytes:
            limits.append((resource.RLIMIT_DATA, request.data_bytes, request.data_bytes))
        for which, soft, hard in limits:
            resource.setrlimit(which, (soft, hard))
        first = 3
        if request.flags & _HAS_CHANNEL:
            os.dup2(request.fds[-1], 3)
            first = 4
        if self._libc.syscall(self._close_range, first, ctypes.c_uint(0xFFFFFFFF), 0) != 0:
            os._exit(71)

    def _watch(self, request: _Request, main: int, status: socket.socket, proc: int, box: int, deaths: int) -> bytes:
        self._keep_capabilities(1 << _CAP_KILL | 1 << _CAP_SYS_PTRACE)
        poll = select.poll()
        poll.register(deaths, select.POLLIN)
        poll.register(status, select.POLLIN)
        started = time.monotonic()
        wall_end = started + request.wall_us / 1e6
        next_look = started + _LOOK_S
        files = _FILES_UNSEEN
        seen_by_pid: dict[str, int] = {}
        reason, wait_status, peak, delay, seen, left = _NONE, None, 0, 0, 0, 0
        while wait_status is None and reason == _NONE:
            now = time.monotonic()
            if now >= wall_end:
                delay = max(delay, _measure(proc, seen_by_pid).delay_us)
                wall_end = started + (request.wall_us + min(delay, request.wall_us * (STARVED_FACTOR - 1))) / 1e6
                if now >= wall_end:
                    reason = _WALL
                    break
            if now >= next_look:
                usage = _measure(proc, seen_by_pid)
                seen_us = seen_by_pid.get("", 0) * 1_000_000 // os.sysconf("SC_CLK_TCK")
                seen = max(seen, usage.cpu_us + _reaped_us(), seen_us)
                delay = max(delay, usage.delay_us)
                peak = max(peak, usage.memory_bytes)
                if usage.processes:
                    files = usage.file_bytes_max
                if usage.memory_bytes > request.memory_bytes:
                    reason = _MEMORY
                    break
                if seen >= request.cpu_us:
                    reason = _CPU
                    break
                next_look = time.monotonic() + max(_LOOK_S, 20 * (time.monotonic() - now))
            for fd, _ in poll.poll(max(0.0, min(wall_end, next_look) - time.monotonic()) * 1000):
                if fd != deaths:
                    reason = _ASKED
                    continue
                with suppress(BlockingIOError):
                    os.read(deaths, 4096)
                with suppress(ChildProcessError):
                    while wait_status is None:
                        pid, found = os.waitpid(-1, os.WNOHANG)
                        if pid == 0:
                            break
                        if pid == main:
                            wait_status = found
        ended = time.monotonic()
        if wait_status is not None:
            left = _measure(proc, seen_by_pid).processes
        killed = _kill_and_reap(main)
        wait_status = wait_status if wait_status is not None else killed
        cpu = max(seen, _reaped_us())
        resident = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        if reason == _NONE and cpu > request.cpu_us:
            reason = _CPU
        if reason == _NONE and resident > request.memory_bytes + files:
            reason = _MEMORY
        code = 0
        if request.flags & _HAS_COLLECT and reason == _NONE and wait_status == 0:
            try:
                _copy_tree(box, request.fds[-1], [request.file_bytes, 2000])
            except OSError as error:
                reason, code = _COLLECT, error.errno or errno.EIO
        wall_us = int((ended - started) * 1e6)
        return _STATUS.pack(
            _MAGIC, _ENDED, code, wait_status, reason, left, cpu, wall_us, max(peak, resident), delay, 0, 0, b""
        )


def _parse_order(message: bytes, fds: int) -> _Order | None:
    if len(message) < _ORDER.size:
        return None
    magic, inodes, world_bytes, run_user, _, _, filters = _ORDER.unpack_from(message)
    program = message[_ORDER.size :]
    if magic != _ORDER_MAGIC or run_user != 0 or len(program) != 8 * filters or fds != 4:
        return None
    return _Order(world_bytes, inodes, program)


def _parse(message: bytes) -> _Request | None:
    if len(message) < _REQUEST.size:
        return None
    magic, flags, *numbers, arguments, environment, _ = _REQUEST.unpack_from(message)
    texts = message[_REQUEST.size :].split(b"\0")[:-1]
    if magic != _MAGIC or arguments == 0 or len(texts) != arguments + environment:
        return None
    cpu, wall, memory, file, world, stack, data, processes, open_files, inodes = numbers
    return _Request(
        flags, cpu, wall, memory, file, world, stack, data, processes, open_files, inodes,
        texts[:arguments], texts[arguments:],
    )  # fmt: skip


def _fds_wanted(flags: int) -> int:
    return sum(flags & flag != 0 for flag in (_HAS_PROGRAM, _HAS_FILES, _HAS_COLLECT, _HAS_CHANNEL))


def _spaces() -> list[int]:
    """Names of the namespaces that a run has of its own."""
    return [os.stat(f"/proc/self/ns/{space}").st_ino for space in ("user", "pid", "mnt", "ipc", "uts")]


def _size(world: _Order | _Request) -> str:
    return f"size={world.world_bytes},nr_inodes={world.inodes},mode=0755"


def _await_request(status: socket.socket, deaths: int) -> tuple[bytes, list[int]]:
    """What the agent wants of this spare; nothing when it is dropped, or its candidate has died."""
    poll = select.poll()
    poll.register(deaths, select.POLLIN)
    poll.register(status, select.POLLIN)
    if any(fd == deaths for fd, _ in poll.poll()):
        return b"", []
    message, fds, _, _ = socket.recv_fds(status, _MESSAGE_BYTES_MAX, 8)
    return message, fds


def _move_up(fd: int) -> int:
    """Out of the way of descriptors 0 to 3."""
    if fd >= 10:
        return fd
    duplicate = 1030  # F_DUPFD_CLOEXEC
    import fcntl

    higher = fcntl.fcntl(fd, duplicate, 10)
    os.close(fd)
    return higher


def _copy_tree(from_folder: int, to_folder: int, budget: list[int], depth: int = 0) -> None:
    """Regular files and folders only; never follows, never blocks; `budget` is bytes and entries left."""
    if depth > 16:
        raise OSError(errno.ELOOP, "too deep")
    for name in os.listdir(from_folder):
        if budget[1] == 0:
            raise OSError(errno.ENFILE, "too many")
        budget[1] -= 1
        mode = os.lstat(name, dir_fd=from_folder).st_mode
        if stat.S_ISDIR(mode):
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=to_folder)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            source, target = os.open(name, flags, dir_fd=from_folder), os.open(name, flags, dir_fd=to_folder)
            try:
                _copy_tree(source, target, budget, depth + 1)
            finally:
                os.close(source)
                os.close(target)
        elif stat.S_ISREG(mode):
            _copy_file(name, from_folder, to_folder, budget)


def _copy_file(name: str, from_folder: int, to_folder: int, budget: list[int]) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=from_folder)
    try:
        facts = os.fstat(source)
        if not stat.S_ISREG(facts.st_mode):
            return
        if facts.st_size > budget[0]:
            raise OSError(errno.EFBIG, "too large")
        budget[0] -= facts.st_size
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=to_folder)
        target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=to_folder)
        try:
            left = facts.st_size
            while left > 0 and (chunk := os.read(source, min(left, 1 << 20))):
                left -= len(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[os.write(target, view) :]
            os.fchmod(target, 0o755 if facts.st_mode & 0o111 else 0o644)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _read(proc: int, path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY, dir_fd=proc)
    except OSError:
        return b""
    try:
        return os.read(fd, 8192)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _measure(proc: int, seen: dict[str, int]) -> _Usage:
    """Adds up every process but the warden. `seen` keeps what each was seen to use, for those nobody waits for."""
    usage = _Usage()
    ticks = os.sysconf("SC_CLK_TCK")
    for name in os.listdir(proc):
        if not name.isdigit() or name == "1":
            continue
        usage.processes += 1
        fields = _read(proc, f"{name}/stat").rpartition(b")")[2].split()
        if len(fields) > 15:
            usage.cpu_us += sum(map(int, fields[11:15])) * 1_000_000 // ticks
            own = int(fields[11]) + int(fields[12])
            last = seen.get(name, 0)
            seen[""] = seen.get("", 0) + (own - last if own >= last else own)
            seen[name] = own
        waited = _read(proc, f"{name}/schedstat").split()
        if len(waited) > 1:
            usage.delay_us += int(waited[1]) // 1000
        for line in _read(proc, f"{name}/status").splitlines():
            if line.startswith((b"RssAnon:", b"RssShmem:")):
                usage.memory_bytes += int(line.split()[1]) * 1024
            elif line.startswith(b"RssFile:"):
                usage.file_bytes_max = max(usage.file_bytes_max, int(line.split()[1]) * 1024)
    return usage


def _reaped_us() -> int:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((usage.ru_utime + usage.ru_stime) * 1e6)


def _kill_and_reap(main: int) -> int:
    found = signal.SIGKILL
    while True:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return int(found)
        if pid == main:
            found = status  # type: ignore[assignment]


def serve_programs(sock_fd: int) -> None:
    """The place of `launcher serve`: each candidate is exec'ed."""
    launcher = PyLauncher()
    launcher.touchstone_become_spawner()
    before, parent = (getattr(ctypes.pythonapi, name) for name in ("PyOS_BeforeFork", "PyOS_AfterFork_Parent"))
    while True:
        before()
        role = launcher.touchstone_next(sock_fd)
        if role == 1:
            break
        parent()
        if role < 0:
            return
    launcher.touchstone_await()
    arguments, variables = launcher.texts()
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # As a program expects to find them.
    try:
        os.execve(arguments[0], arguments, dict(variable.split(b"=", 1) for variable in variables))  # noqa: S606
    except OSError as error:
        os.write(2, f"cannot execute {os.fsdecode(arguments[0])}: {error.strerror}\n".encode())
        os._exit(127)


if __name__ == "__main__":
    serve_programs(int(sys.argv[1]))
