"""The agent: one process in the jail that lays files, starts runs, and carries bytes between them and the runner.

Theory of operation. The agent speaks frames (protocol) on its standard input and output and does one thing at a time:
a queue of runs, of which the first is under way. It never waits anywhere but in epoll, so that it hears the runner
while a candidate runs, floods its output or ignores its input. A spawner (launcher.c or zygote) makes spares: walls,
a warden, and a candidate behind them that waits for its program. A run takes a spare, or has one made, and the next
spare is made while it goes on, so that the next run need not wait for its walls. A spare knows nothing of any program,
serves one run, and is dropped when it has not been wanted for a while. From a run's start on three things can happen:
bytes on a pipe, the warden's status, or the backstop's deadline. The warden keeps the limits; the agent counts output
and asks it to kill at the cap, and kills it through the pidfd if it does not answer. When standard input ends, so do
the agent and the jail.

The agent is not dumpable and lies in another pid, mount and user namespace than any candidate; its folder is covered
by the candidate's own tmpfs. It knows no expected answer, and no other candidate than the one it was opened for.
Where namespaces are refused (WALLS_VARIABLE says so) it is root with two capabilities, its folder is root's alone, and
each run gets a user id of its own; see launcher.c.

Frames from the runner (head["do"]): open, run, talk, say, hush, stop, close, ping, which. Frames to it (head["done"]):
hello, open, run, said, silent, stop, close, ping, which, fault. Each is described where it is handled.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.agent.seccomp import build_filter
from sandbox.protocol import (
    CANDIDATE_ENVIRONMENT,
    STARVED_FACTOR,
    WALLS_OF_USERS,
    WALLS_VARIABLE,
    Frame,
    FrameError,
    FrameReader,
    FrameWriter,
    send_descriptors,
)

HOME = b"/jail"
CODE = "/touchstone"
CHANNEL_VARIABLE = "TOUCHSTONE_CHANNEL"

_ORDER = struct.Struct("=IIQIIII")
_ANSWER = struct.Struct("=ii")
_REQUEST = struct.Struct("=IIQQQQQQQIIIIII")
_STATUS = struct.Struct("=IIiiIIQQQQII32s")
_ORDER_MAGIC = 0x54534F32
_MAGIC = 0x54534C32
_HAS_PROGRAM, _HAS_FILES, _HAS_COLLECT, _HAS_CHANNEL = 1, 2, 4, 8
_STAGE_ENDED = 2
_REASONS = {0: "none", 1: "cpu", 2: "wall", 3: "memory", 4: "asked", 5: "collect"}

_REQUEST_BYTES_MAX = 160 * 1024
_PIPE_BYTES = 256 * 1024
_READ_BYTES = 256 * 1024
_PATIENT_S = 0.02
_PATIENT_BYTES = 64 * 1024
_OUTBOX_BYTES_MAX = 4 * 2**20  # Above this the agent stops reading from the candidate until the runner has caught up.
_CHANNEL_BACKLOG_BYTES_MAX = 128 * 2**20  # Above this the channel is closed: the candidate does not read.
_BACKSTOP_S = 3.0
_SPAWNER_READY_S = 60.0
_SPARE_S = 90.0  # Longer than the pool leaves a jail without a check, which wants a spare.
_STACK_BYTES_MAX = 4 * 2**30
_OPEN_FILES = 256
_OPEN_FILES_MAX = 2**20  # The agent's own; more than a jail's processes can have on its way through sockets.
_NETWORK_FILES = ("dev", "snmp", "netstat", "snmp6", "ip6_flowlabel")
_DESCRIPTORS_S = 5.0  # How long a run's start waits for descriptors of the run before to be gone.
_INODES = 4096
_WORLD_BYTES = 64 * 2**20


class SpawnerLost(Exception):
    """A spawner does not start, answer or live; the jail is of no further use."""


class RunRefused(Exception):
    """The kernel refuses what separates one run from the rest."""


@dataclass(slots=True)
class Users:
    """User ids that no other run has: neither here nor, as the kernel counts processes by user, in another jail."""

    warden: int
    last: int
    given: int

    @staticmethod
    def choose() -> "Users":
        """A range at random among those that exist here; where users are mapped that is not all of them."""
        with open("/proc/self/uid_map") as file:
            inside, _, count = map(int, file.readline().split())
        first, span, size = (2**30, 2**30, 4096) if inside + count > 2**31 else (10_000, 50_000, 500)
        warden = first + int.from_bytes(os.urandom(8), "big") % (span // size) * size
        return Users(warden, warden + size - 1, warden)

    def next(self) -> int:
        """One that was not given before. Raises: ValueError when there is none left."""
        if self.given == self.last:
            raise ValueError("this jail has no user left")
        self.given += 1
        return self.given


@dataclass(slots=True)
class Spawner:
    """A process that starts runs: the launcher program, or a zygote of some flavour."""

    process: subprocess.Popen[bytes]
    sock: socket.socket

    def order(self, order: bytes, fds: list[int], patience_s: float) -> None:
        """Ask for a spare; one at a time. Raises: SpawnerLost."""
        try:
            send_descriptors(self.sock, order, fds, patience_s)
        except OSError as error:
            raise SpawnerLost(f"spawner: {error}") from error

    def answer(self) -> tuple[int, int]:
        """The warden that was ordered: a pidfd and its process id. Raises: RunRefused, SpawnerLost."""
        try:
            answer, received, _, _ = socket.recv_fds(self.sock, _ANSWER.size, 1)
        except OSError as error:
            raise SpawnerLost(f"spawner: {error}") from error
        if len(answer) != _ANSWER.size:
            raise SpawnerLost("spawner ended")
        code, pid = _ANSWER.unpack(answer)
        if code != 0:
            raise RunRefused(f"namespaces: {os.strerror(code)}")
        if not received:
            raise RunRefused("this kernel has no pidfds: what it cannot name it cannot be relied upon to end")
        return received[0], pid


@dataclass(slots=True)
class Spare:
    """Walls with a candidate behind them that waits for a program. The descriptors are ours.

    Args:
        spawner: who makes it.
        made: when it was ordered.
        status: to the warden: the request, and "kill"; from it: how the run ended.
        stdin_fd: what is written here the program will read.
        stdout_fd, stderr_fd: where its output arrives.
        pidfd, warden: the warden's, once the spawner has answered; until then -1.
    """

    spawner: Spawner
    made: float
    status: socket.socket
    stdin_fd: int
    stdout_fd: int
    stderr_fd: int
    pidfd: int = -1
    warden: int = -1
    settled: bool = False

    def settle(self) -> None:
        """Hear the spawner's answer, once. Raises: RunRefused, SpawnerLost."""
        if not self.settled:
            self.settled = True
            self.pidfd, self.warden = self.spawner.answer()

    def close(self) -> None:
        """Close all but the pidfd. A warden without a run ends of it."""
        self.status.close()
        for fd in (self.stdin_fd, self.stdout_fd, self.stderr_fd):
            os.close(fd)


@dataclass(slots=True)
class RunUnderWay:
    """What is known about the run that is going on."""

    number: int
    output_bytes_max: int
    deadline: float
    pidfd: int
    status: socket.socket
    stdout_fd: int
    stderr_fd: int
    finish: Callable[["RunUnderWay", dict[str, Any]], None]
    channel: socket.socket | None = None
    stdout: list[bytes] = field(default_factory=list)
    stderr: list[bytes] = field(default_factory=list)
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    channel_bytes: int = 0
    over_output: bool = False
    asked: bool = False
    killed: bool = False
    to_channel: deque[bytes] = field(default_factory=deque)
    to_channel_bytes: int = 0
    hush_when_sent: bool = False
    channel_paused: bool = False
    oom_kills: int | None = None


class Agent:
    """See the module's theory of operation."""

    def __init__(self, stdin_fd: int, stdout_fd: int, users: Users | None) -> None:
        """Args: users: those of the runs; None: runs have namespaces."""
        self._stdin_fd = stdin_fd
        self._stdout_fd = stdout_fd
        os.set_blocking(stdin_fd, False)
        os.set_blocking(stdout_fd, False)
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._reader = FrameReader()
        self._writer = FrameWriter()
        self._outbox: deque[memoryview] = deque()
        self._outbox_bytes = 0
        self._filter = build_filter()
        self._users = users
        self._landlock = landlock_version()
        self._unclean = False  # Something of a run is still there.
        self._spawners: dict[str, Spawner] = {}
        self._spares: dict[str, Spare] = {}  # At most one of each kind of spawner.
        self._world = (_WORLD_BYTES, _INODES)  # Bytes and files of the last run; as a rule the next one's too.
        self._queue: deque[Frame] = deque()
        self._current: RunUnderWay | None = None
        self._program_folder: bytes | None = None
        self._program_laid: tuple[int, int] | None = None  # What _measure says of it; asked once, as it never changes.
        self._cache: dict[str, tuple[bytes, int]] = {}
        self._cache_bytes = 0
        self._folders = 0
        self._ended = False
        self._flushed = 0.0
        self._held_back = False  # Frames wait for their successors.
        self._wardens: list[int] = []  # Pidfds of those that have reported.
        self._network = read_network()

    # ---- The loop ----

    def serve(self) -> None:
        """Say hello, then answer frames until standard input ends."""
        self._watch(self._stdin_fd, select.EPOLLIN, self._on_input)
        self._spawner("exec")
        self._spawner("plain")
        self._send({"done": "hello", "digest": digest(), **self._facts()})
        while not self._ended:
            due = [self._current.deadline] if self._current is not None else []
            if self._held_back:
                due.append(self._flushed + _PATIENT_S)
            if self._spares:
                due.append(min(spare.made for spare in self._spares.values()) + _SPARE_S)
            timeout = max(0.0, min(due) - time.monotonic()) if due else -1.0
            for fd, events in self._epoll.poll(timeout):
                handler = self._handlers.get(fd)
                if handler is not None:
                    handler(events)
            if self._current is not None and time.monotonic() >= self._current.deadline:
                self._on_deadline(self._current)
            if self._held_back and time.monotonic() >= self._flushed + _PATIENT_S:
                self._flush_now()
            for kind, spare in tuple(self._spares.items()):
                if time.monotonic() >= spare.made + _SPARE_S:
                    self._drop(self._spares.pop(kind))

    def _watch(self, fd: int, events: int, handler: Callable[[int], None]) -> None:
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def _unwatch(self, fd: int) -> None:
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def _on_input(self, _events: int) -> None:
        try:
            data = os.read(self._stdin_fd, 1 << 20)
        except BlockingIOError:
            return
        if not data:
            self._ended = True
            return
        for frame in self._reader.feed(data):
            self._on_frame(frame)

    def _send(self, head: dict[str, Any], *body: bytes, patient: bool = False) -> None:
        """Send a frame; a patient one may wait a moment for its successors, as each write wakes three processes."""
        data = self._writer.encode(head, body)
        self._outbox.append(memoryview(data))
        self._outbox_bytes += len(data)
        now = time.monotonic()
        more = self._queue or self._current is not None
        if patient and more and self._outbox_bytes < _PATIENT_BYTES and now < self._flushed + _PATIENT_S:
            self._held_back = True
            return
        self._flush_now()

    def _flush_now(self) -> None:
        self._flushed = time.monotonic()
        self._held_back = False
        self._flush()

    def _flush(self) -> None:
        while self._outbox:
            chunk = self._outbox[0]
            try:
                written = os.write(self._stdout_fd, chunk)
            except BlockingIOError:
                if self._stdout_fd not in self._handlers:
                    self._watch(self._stdout_fd, select.EPOLLOUT, lambda _events: self._flush())
                return
            self._outbox_bytes -= written
            if written == len(chunk):
                self._outbox.popleft()
            else:
                self._outbox[0] = chunk[written:]
        self._unwatch(self._stdout_fd)
        run = self._current
        if run is not None and run.channel is not None and run.channel_paused:
            run.channel_paused = False
            self._watch_channel(run)

    # ---- Frames from the runner ----

    def _on_frame(self, frame: Frame) -> None:
        action = frame.head["do"]
        if action in ("open", "run", "talk", "close", "ping", "which"):
            self._queue.append(frame)
            self._start_next()
        elif action == "say":
            # The body goes to the candidate's channel as it is.
            if self._current is not None and self._current.channel is not None:
                self._say(self._current, frame.body)
        elif action == "hush":
            # The runner has nothing more to say on the channel.
            if self._current is not None and self._current.channel is not None:
                self._current.hush_when_sent = True
                self._pump_channel(self._current)
        elif action == "stop":
            # Nothing of what was asked before is wanted any more; answered when that is so.
            self._queue.clear()
            self._queue.append(Frame({"do": "stopped"}))
            if self._current is not None:
                self._kill(self._current)
            else:
                self._start_next()
        else:
            raise FrameError(f"unknown frame {action!r}")

    def _start_next(self) -> None:
        while self._current is None and self._queue:
            frame = self._queue.popleft()
            try:
                self._handle(frame)
            except RunRefused as error:
                self._send({"done": "fault", "message": str(error), "refused": True})
            except (OSError, SpawnerLost, ValueError, KeyError) as error:
                self._send({"done": "fault", "message": f"{type(error).__name__}: {error}"[:500]})

    def _handle(self, frame: Frame) -> None:
        action = frame.head["do"]
        if action == "open":
            self._open(frame)
        elif action == "run":
            self._run(frame, talk=False)
        elif action == "talk":
            self._run(frame, talk=True)
        elif action == "close":
            # The candidate is done with: its folders go. "strangers" counts what should not be there.
            self._forget_program()
            self._await_wardens(_BACKSTOP_S)
            self._send({"done": "close", "strangers": self._strangers() + self._unclean + self._has_used_network()})
        elif action == "stopped":
            self._send({"done": "stop"})
        elif action == "ping":
            self._send({"done": "ping", **self._facts()})
        elif action == "which":
            # Which of the named commands there are, and where.
            paths = {name: shutil.which(name) for name in frame.head["names"]}
            self._send({"done": "which", "paths": {name: path for name, path in paths.items() if path}})

    def _open(self, frame: Frame) -> None:
        """Lay the program's files and compile them, if the head has "compile"; a known "key" is not compiled again."""
        head = frame.head
        self._forget_program()
        key = head.get("key")
        if key in self._cache:
            folder, size = self._cache.pop(key)
            self._cache[key] = (folder, size)  # To the end: the least recently used goes first.
            self._program_folder = folder
            self._send({"done": "open", "compile": head["compile"] and {"cached": True}})
            return
        folder = self._new_folder()
        self._lay(folder, head["files"], frame.body)
        compile_head = head.get("compile")
        if compile_head is None:
            self._program_folder = folder
            self._send({"done": "open", "compile": None})
            return
        products = self._new_folder()
        if self._users is not None:
            os.chmod(products, 0o777)  # noqa: S103 - the run's user copies into it; nobody else comes as far as HOME.

        def finish(run: RunUnderWay, outcome: dict[str, Any]) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            self._program_folder = products
            if key and outcome.get("wait_status") == 0 and outcome["reason"] == "none":
                self._remember(key, products)
            self._send({"done": "open", "compile": outcome}, *run.stdout, *run.stderr)

        self._start(0, compile_head, folder, None, b"", products, talk=False, finish=finish)

    def _run(self, frame: Frame, talk: bool) -> None:
        """One run: the body is standard input, then the files of this run."""
        head = frame.head
        stdin = frame.body[: head["stdin"]]
        extra: bytes | None = None
        if head["files"]:
            extra = self._new_folder()
            self._lay(extra, head["files"], frame.body[head["stdin"] :])

        def finish(run: RunUnderWay, outcome: dict[str, Any]) -> None:
            if extra is not None:
                shutil.rmtree(extra, ignore_errors=True)
            self._send({"done": "run", "n": run.number, "outcome": outcome}, *run.stdout, *run.stderr, patient=True)

        if self._program_folder is None:
            raise ValueError("no program is open")
        self._start(head["n"], head, self._program_folder, extra, stdin, None, talk, finish)

    # ---- Files ----

    def _new_folder(self) -> bytes:
        self._folders += 1
        path = b"%s/%d" % (HOME, self._folders)
        os.mkdir(path, 0o755)
        return path

    def _lay(self, folder: bytes, files: list[list[Any]], body: bytes) -> None:
        """Write files, whose names the runner has checked; checked again, since a mistake here would be a hole."""
        at = 0
        for name, size in files:
            parts = name.split("/")
            if not name or name.startswith("/") or any(part in ("", ".", "..") for part in parts) or "\0" in name:
                raise ValueError("bad file name")
            path = folder + b"/" + os.fsencode(name)
            if len(parts) > 1:
                os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            with open(path, "wb") as file:
                file.write(body[at : at + size])
            at += size

    def _remember(self, key: str, folder: bytes) -> None:
        size, _ = _measure(folder)
        self._cache[key] = (folder, size)
        self._cache_bytes += size
        while len(self._cache) > 1 and (self._cache_bytes > 64 * 2**20 or len(self._cache) > 64):
            oldest = next(iter(self._cache))
            old_folder, old_size = self._cache.pop(oldest)
            self._cache_bytes -= old_size
            shutil.rmtree(old_folder, ignore_errors=True)

    def _forget_program(self) -> None:
        folder, self._program_folder, self._program_laid = self._program_folder, None, None
        if folder is not None and all(folder != kept for kept, _ in self._cache.values()):
            shutil.rmtree(folder, ignore_errors=True)

    # ---- Runs ----

    def _start(
        self,
        number: int,
        head: dict[str, Any],
        program: bytes,
        extra: bytes | None,
        stdin: bytes,
        collect: bytes | None,
        talk: bool,
        finish: Callable[[RunUnderWay, dict[str, Any]], None],
    ) -> None:
        """Start one run."""
        if self._unclean:
            raise ValueError("something of the run before is still there")
        limits, kind = head["limits"], head["spawner"]
        theirs: list[int] = []  # Copied to the warden, then closed.
        channel: socket.socket | None = None
        try:
            flags = 0
            for path, flag in ((program, _HAS_PROGRAM), (extra, _HAS_FILES), (collect, _HAS_COLLECT)):
                if path is not None:
                    theirs.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
                    flags |= flag
            environment = dict(head["env"])
            if talk:
                channel, channel_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
                theirs.append(channel_theirs.detach())
                flags |= _HAS_CHANNEL
                environment[CHANNEL_VARIABLE] = "3"
            laid = [] if extra is None else [_measure(extra)]
            if program == self._program_folder and self._program_laid is None:
                self._program_laid = _measure(program)
            laid.append(self._program_laid or _measure(program))
            # What is there to begin with takes nothing from what the program may write.
            self._world = (
                limits["file_bytes"] + sum(size for size, _ in laid),
                _INODES + sum(count for _, count in laid),
            )
            request = self._request(flags, limits, head, environment)
            oom_kills = read_oom_kills()  # Before the run begins; what was killed in the one before is not its doing.
            spare = self._deliver(kind, request, theirs, stdin)
        except BaseException:
            if channel is not None:
                channel.close()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        run = RunUnderWay(
            number=number,
            output_bytes_max=limits["output_bytes"],
            deadline=time.monotonic() + limits["wall_s"] * STARVED_FACTOR + _BACKSTOP_S,
            pidfd=spare.pidfd,
            status=spare.status,
            stdout_fd=spare.stdout_fd,
            stderr_fd=spare.stderr_fd,
            finish=finish,
            channel=channel,
            oom_kills=oom_kills,
        )
        self._current = run
        self._watch(run.stdout_fd, select.EPOLLIN, lambda _events: self._on_stdout(run))
        self._watch(run.stderr_fd, select.EPOLLIN, lambda _events: self._on_stderr(run))
        self._watch(run.status.fileno(), select.EPOLLIN, lambda _events: self._on_status(run))
        if run.channel is not None:
            run.channel.setblocking(False)
            self._watch_channel(run)
        if self._users is None:
            with contextlib.suppress(OSError, SpawnerLost):  # Whoever wants it will see why there is none.
                self._spares[kind] = self._order(kind)

    # ---- Spares ----

    def _deliver(self, kind: str, request: bytes, fds: list[int], stdin: bytes) -> Spare:
        """Hand a run to a spare; to a new one when the one at hand has died meanwhile, or could not be made."""
        for kept in (self._spares.pop(kind, None), None):
            spare = kept or self._order(kind, _DESCRIPTORS_S)
            try:
                spare.settle()
                view = memoryview(stdin)
                while view:
                    view = view[os.write(spare.stdin_fd, view) :]
                send_descriptors(spare.status, request, fds, _DESCRIPTORS_S)
            except (BrokenPipeError, ConnectionResetError):
                self._drop(spare)
            except RunRefused:  # While a run goes on there may be no process to be had, and after it there is.
                self._drop(spare)
                if kept is None:
                    raise
            except BaseException:
                self._drop(spare)
                raise
            else:
                os.close(spare.stdin_fd)
                return spare
        raise SpawnerLost(f"{kind}: its wardens die")

    def _order(self, kind: str, patience_s: float = 0.0) -> Spare:
        """Have a spare made. Nothing waits for it before it is wanted. Raises: OSError, SpawnerLost."""
        spawner = self._spawner(kind)
        ours: list[int] = []
        theirs: list[int] = []
        try:
            # Standard input is an unlinked file, so that no one has to feed it and it can be opened by name again.
            ours.append(os.memfd_create("stdin", os.MFD_CLOEXEC))
            theirs.append(os.open(f"/proc/self/fd/{ours[0]}", os.O_RDONLY | os.O_CLOEXEC))
            for _ in ("stdout", "stderr"):
                read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
                ours.append(read_fd)
                theirs.append(write_fd)
                os.set_blocking(read_fd, False)
                if self._users is not None:  # Else the run's user could not open /dev/stdout, whose owner is ours.
                    os.fchmod(write_fd, 0o666)
            with contextlib.suppress(OSError):  # A larger pipe means fewer wake-ups; refused, the run is only slower.
                fcntl.fcntl(theirs[1], fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            status, status_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.append(status.detach())
            theirs.append(status_theirs.detach())
            user, warden_user = (0, 0) if self._users is None else (self._users.next(), self._users.warden)
            world_bytes, inodes = self._world
            fixed = _ORDER.pack(
                _ORDER_MAGIC, inodes, world_bytes, user, warden_user, self._landlock, len(self._filter) // 8
            )
            spawner.order(fixed + self._filter, theirs, patience_s)
        except BaseException:
            for fd in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        stdin_fd, stdout_fd, stderr_fd, status_fd = ours
        return Spare(spawner, time.monotonic(), socket.socket(fileno=status_fd), stdin_fd, stdout_fd, stderr_fd)

    def _drop(self, spare: Spare) -> None:
        """Let a spare go that will not be used."""
        with contextlib.suppress(RunRefused, SpawnerLost):
            spare.settle()
        spare.close()
        if spare.pidfd >= 0:
            self._wardens.append(spare.pidfd)

    def _request(
        self,
        flags: int,
        limits: dict[str, Any],
        head: dict[str, Any],
        environment: dict[str, str],
    ) -> bytes:
        """The request as launcher.c reads it."""
        world_bytes, inodes = self._world
        stack = min(max(limits["memory_bytes"], 64 * 2**20), _STACK_BYTES_MAX)
        arguments = [os.fsencode(argument) for argument in head["argv"]]
        variables = [os.fsencode(f"{name}={value}") for name, value in environment.items()]
        if any(b"\0" in text for text in arguments + variables):
            raise ValueError("NUL in an argument")
        fixed = _REQUEST.pack(
            _MAGIC,
            flags,
            int(limits["cpu_s"] * 1e6),
            int(limits["wall_s"] * 1e6),
            limits["memory_bytes"] + head.get("memory_extra_bytes", 0),
            limits["file_bytes"],
            world_bytes,
            stack,
            head.get("data_bytes", 0),
            limits["processes"] + head.get("processes_extra", 0),
            head.get("open_files", _OPEN_FILES),
            inodes,
            len(arguments),
            len(variables),
            0,
        )
        request = fixed + b"".join(text + b"\0" for text in arguments + variables)
        if len(request) > _REQUEST_BYTES_MAX:
            raise ValueError("arguments too long")
        return request

    def _on_stdout(self, run: RunUnderWay) -> None:
        run.stdout_bytes = self._drain(run, run.stdout_fd, run.stdout, run.stdout_bytes)

    def _on_stderr(self, run: RunUnderWay) -> None:
        run.stderr_bytes = self._drain(run, run.stderr_fd, run.stderr, run.stderr_bytes)

    def _drain(self, run: RunUnderWay, fd: int, parts: list[bytes], count: int) -> int:
        """Take what there is, keep what is within the cap, and end the run that passes it."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return count
        if not data:
            self._unwatch(fd)
            return count
        room = run.output_bytes_max - count
        if room > 0:
            parts.append(data[:room])
        count += len(data)
        if count > run.output_bytes_max and not run.over_output:
            run.over_output = True
            self._kill(run)
        return count

    def _kill(self, run: RunUnderWay) -> None:
        if not run.asked:
            run.asked = True
            with contextlib.suppress(OSError):
                run.status.send(b"kill")
            run.deadline = min(run.deadline, time.monotonic() + _BACKSTOP_S)

    def _on_deadline(self, run: RunUnderWay) -> None:
        """The warden is silent: end it from outside; its end closes the status socket."""
        if run.killed:
            self._send({"done": "fault", "message": "a run cannot be killed"})
            self._ended = True
            return
        run.killed = True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(run.pidfd, signal.SIGKILL)
        run.deadline = time.monotonic() + _BACKSTOP_S

    def _on_status(self, run: RunUnderWay) -> None:
        try:
            message = run.status.recv(_STATUS.size)
        except BlockingIOError:
            return
        except ConnectionResetError:
            # Our word to it came too late to be read; its report lies behind the error.
            try:
                message = run.status.recv(_STATUS.size, socket.MSG_DONTWAIT)
            except OSError:
                message = b""
        for fd, drain in ((run.stdout_fd, self._on_stdout), (run.stderr_fd, self._on_stderr)):
            # All writers are dead, so this ends; the cap on rounds holds should one have escaped.
            for _ in range(64):
                if fd not in self._handlers:
                    break
                drain(run)
        if run.channel is not None:
            self._drain_channel(run)
        self._release(run)
        self._current = None
        outcome = self._outcome(run, message)
        if self._queue and self._queue[0].head["do"] == "run" and not self._unclean:
            self._start_next()  # The next run goes on while this one's report is written. It has nothing to say yet.
            run.finish(run, outcome)
        else:
            run.finish(run, outcome)
            self._start_next()

    def _release(self, run: RunUnderWay) -> None:
        for fd in (run.stdout_fd, run.stderr_fd):
            self._unwatch(fd)
            os.close(fd)
        self._unwatch(run.status.fileno())
        run.status.close()
        self._close_channel(run)
        # A warden reports before it ends, and its end (of all its namespaces) takes a moment longer.
        self._wardens.append(run.pidfd)
        if len(self._wardens) > 8:
            self._await_wardens(0.0)

    def _await_wardens(self, seconds: float) -> None:
        """Let go of the wardens that have ended, waiting at most so long for the others."""
        deadline = time.monotonic() + seconds
        while self._wardens:
            ended = select.select(self._wardens, [], [], max(0.0, deadline - time.monotonic()))[0]
            if not ended:
                return
            for pidfd in ended:
                self._wardens.remove(pidfd)
                os.close(pidfd)

    def _outcome(self, run: RunUnderWay, message: bytes) -> dict[str, Any]:
        sizes = {"stdout": sum(map(len, run.stdout)), "stderr": sum(map(len, run.stderr))}
        if len(message) != _STATUS.size:
            if self._saw_oom(run):
                return {"reason": "memory", "wait_status": 9, "cpu_s": 0.0, "wall_s": 0.0, "memory_bytes": 0, **sizes}
            return {"reason": "lost", "wait_status": 9, **sizes}
        magic, stage, error, wait_status, reason, left, *used, unclean, _, where = _STATUS.unpack(message)
        cpu_us, wall_us, peak, delay_us = used
        self._unclean = self._unclean or unclean != 0
        if magic != _MAGIC or stage != _STAGE_ENDED:
            place = where.rstrip(b"\0").decode(errors="replace")
            return {"reason": "failed", "message": f"{place}: {os.strerror(error)}", **sizes}
        name = _REASONS.get(reason, "lost")
        killed = wait_status & 0x7F == signal.SIGKILL
        if run.over_output:
            name = "output"
        return {
            "reason": name,
            "wait_status": wait_status,
            "cpu_s": cpu_us / 1e6,
            "wall_s": wall_us / 1e6,
            "memory_bytes": peak,
            "delay_s": delay_us / 1e6,
            "left": left,
            "oom": killed and reason == 0 and self._saw_oom(run),
            **sizes,
        }

    def _saw_oom(self, run: RunUnderWay) -> bool:
        """Did the kernel kill for lack of memory since the run began? Asked when a run was killed by no one we know."""
        now = read_oom_kills()
        return run.oom_kills is not None and now is not None and now > run.oom_kills

    # ---- The conversation's channel ----

    def _watch_channel(self, run: RunUnderWay) -> None:
        if run.channel is None:
            return
        fd = run.channel.fileno()
        events = (0 if run.channel_paused else select.EPOLLIN) | (select.EPOLLOUT if run.to_channel else 0)
        if fd in self._handlers:
            self._epoll.modify(fd, events)
        else:
            self._watch(fd, events, lambda events: self._on_channel(run, events))

    def _on_channel(self, run: RunUnderWay, events: int) -> None:
        if events & select.EPOLLOUT:
            self._pump_channel(run)
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and run.channel is not None:
            self._read_channel(run)

    def _read_channel(self, run: RunUnderWay) -> bool:
        """Pass one piece on; False when there is none."""
        assert run.channel is not None  # noqa: S101
        try:
            data = run.channel.recv(_READ_BYTES)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            self._close_channel(run)
            self._send({"done": "silent"})
            return False
        self._send({"done": "said"}, data)
        if self._outbox_bytes > _OUTBOX_BYTES_MAX and run.channel is not None:
            run.channel_paused = True
            self._watch_channel(run)
        return True

    def _drain_channel(self, run: RunUnderWay) -> None:
        for _ in range(64):
            if run.channel is None or not self._read_channel(run):
                return

    def _say(self, run: RunUnderWay, data: bytes) -> None:
        run.to_channel.append(data)
        run.to_channel_bytes += len(data)
        if run.to_channel_bytes > _CHANNEL_BACKLOG_BYTES_MAX:
            self._close_channel(run)
            self._send({"done": "silent"})
            return
        self._pump_channel(run)

    def _pump_channel(self, run: RunUnderWay) -> None:
        channel = run.channel
        if channel is None:
            return
        try:
            while run.to_channel:
                data = run.to_channel[0]
                sent = channel.send(data, socket.MSG_NOSIGNAL)
                run.to_channel_bytes -= sent
                if sent == len(data):
                    run.to_channel.popleft()
                else:
                    run.to_channel[0] = data[sent:]
            if run.hush_when_sent:
                channel.shutdown(socket.SHUT_WR)
                run.hush_when_sent = False
        except BlockingIOError:
            pass
        except OSError:  # The candidate has closed its end; what it said before is still to be read.
            run.to_channel.clear()
            run.to_channel_bytes = 0
        self._watch_channel(run)

    def _close_channel(self, run: RunUnderWay) -> None:
        if run.channel is not None:
            self._unwatch(run.channel.fileno())
            run.channel.close()
            run.channel = None
            run.to_channel.clear()

    # ---- Spawners and facts ----

    def _spawner(self, kind: str) -> Spawner:
        known = self._spawners.get(kind)
        if known is not None:
            return known
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_SPAWNER_READY_S)
        number = str(theirs.fileno())
        if kind == "exec" and not os.path.exists(f"{CODE}/launcher"):
            program = (
                "import sys; sys.path.insert(0, sys.argv[1]); from sandbox.agent.pylauncher import serve_programs; "
            )
            command = [sys.executable, "-I", "-S", "-c", program + "serve_programs(int(sys.argv[2]))", CODE, number]
        elif kind == "exec":
            command = [f"{CODE}/launcher", "serve", number]
        else:
            command = [sys.executable, "-s", f"{CODE}/sandbox/agent/zygote.py", f"{CODE}/launcher.so", number, kind]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=spawner_environment(),
            cwd="/",
        )
        theirs.close()
        if kind != "exec":
            try:
                ready = ours.recv(16)
            except OSError as error:
                raise SpawnerLost(f"{kind}: {error}") from error
            if ready != b"ready":
                raise SpawnerLost(f"{kind} did not start")
        self._spawners[kind] = Spawner(process, ours)
        return self._spawners[kind]

    def _strangers(self) -> int:
        """Processes of this jail that are neither the agent's nor pid 1: there should be none between candidates."""
        for kind, spare in tuple(self._spares.items()):
            try:
                spare.settle()
            except (RunRefused, SpawnerLost):
                self._drop(self._spares.pop(kind))
        spares = {spare.warden for spare in self._spares.values()}
        known = {1, os.getpid(), os.getppid(), *(spawner.process.pid for spawner in self._spawners.values()), *spares}
        count = 0
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) not in known:
                try:
                    with open(f"/proc/{name}/stat", "rb") as file:
                        state, parent, *_ = file.read().rpartition(b")")[2].split()
                except OSError:
                    continue
                if state not in (b"Z", b"X") and int(parent) not in spares:
                    count += 1
        return count

    def _has_used_network(self) -> bool:
        """Has anything gone by way of the jail's loopback, or been tried to? Then the next candidate could see it."""
        return self._users is None and read_network() != self._network

    def _facts(self) -> dict[str, Any]:
        strangers = self._strangers()
        return {
            "pid": os.getpid(),
            "fds": len(os.listdir("/proc/self/fd")),
            "rss_bytes": _resident_bytes(),
            "python": sys.version.split()[0],
            "path": os.environ.get("PATH", os.defpath),
            "folders": len(os.listdir(HOME)) - len(self._cache),
            "mounts": _count_lines("/proc/self/mounts"),
            "strangers": strangers,
            "landlock": self._landlock,
            "oom_kills": read_oom_kills(),
        }


def digest(folder: str = f"{CODE}/sandbox") -> str:
    """Names the code that runs here, so that a jail of another version is found out (see staging.agent_digest)."""
    found = []
    for parent, _, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(parent, name), folder) for name in names if name.endswith((".py", ".c"))]
    total = hashlib.sha256()
    for name in sorted(found):
        with open(os.path.join(folder, name), "rb") as file:
            content = file.read()
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _measure(folder: bytes) -> tuple[int, int]:
    """Bytes, in whole pages, and number of the files and folders within."""
    page = os.sysconf("SC_PAGE_SIZE")
    size = count = 0
    for parent, folders, names in os.walk(folder):
        count += len(folders) + len(names)
        size += sum(-(-os.lstat(os.path.join(parent, name)).st_size // page) * page for name in names)
    return size, count


def _count_lines(path: str) -> int:
    with open(path) as file:
        return sum(1 for _ in file)


def read_oom_kills() -> int | None:
    """How often the kernel killed for lack of memory in this jail's control group; None where it does not say."""
    for path, word in (
        ("/sys/fs/cgroup/memory.events", "oom_kill"),
        ("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill"),
    ):
        try:
            with open(path) as file:
                for line in file:
                    name, _, value = line.partition(" ")
                    if name == word:
                        return int(value)
        except (OSError, ValueError):
            continue
    return None


def read_network() -> tuple[bytes, ...]:
    """What this jail's network has counted, and what may outlive the socket that asked for it.

    A connection that waits for its end is not looked for: it has been counted.
    """
    found: list[bytes] = []
    for name in _NETWORK_FILES:
        try:
            with open(f"/proc/net/{name}", "rb") as file:
                found.append(file.read())
        except OSError:  # A kernel without IPv6.
            found.append(b"")
    return tuple(found)


def spawner_environment() -> dict[str, str]:
    """What a candidate's environment is built from: nothing of ours but the PATH.

    A zygote has it already, so that its forks need not change it.
    """
    return {**CANDIDATE_ENVIRONMENT, "PATH": os.environ.get("PATH", os.defpath)}


def landlock_version() -> int:
    """What the launcher can use of Landlock: the kernel's version of it, from 2 on; 0: nothing.

    Version 1 forbids every move of a file from one folder to another, which honest programs do.
    """
    import ctypes

    create_ruleset, version_please = 444, 1  # The same number on every architecture.
    if not os.path.exists(f"{CODE}/launcher"):
        return 0
    found: int = ctypes.CDLL(None, use_errno=True).syscall(create_ruleset, None, 0, version_please)
    return found if found >= 2 else 0


def _hide() -> None:
    """Not dumpable: no process of the same user may trace us or read our memory."""
    import ctypes

    set_dumpable = 4
    if ctypes.CDLL(None, use_errno=True).prctl(set_dumpable, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def main() -> None:
    """Serve on standard input and output until the runner hangs up."""
    _hide()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = _STACK_BYTES_MAX if hard == resource.RLIM_INFINITY else min(_STACK_BYTES_MAX, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))  # For the zygotes: the gap is fixed when they start.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(_OPEN_FILES_MAX, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))  # See send_descriptors.
    # Frames travel on copies, so that a stray print cannot fall between them.
    stdin_fd, stdout_fd = os.dup(0), os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    users = None
    if os.environ.get(WALLS_VARIABLE) == WALLS_OF_USERS:
        users = Users.choose()
        # Said when the container was made, but there are engines that give a mount the mode of what it covers.
        os.chmod(HOME, 0o700)
        for place in ("/box", "/tmp", "/dev/shm"):  # noqa: S108
            os.chmod(place, 0o1777)  # noqa: S103 - each run's own while it lasts, and swept afterwards.
    try:
        Agent(stdin_fd, stdout_fd, users).serve()
    except (BrokenPipeError, ConnectionResetError):
        pass  # The runner is gone, which ends us as well as the end of its stream does.
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise


if __name__ == "__main__":
    main()
