"""A jail and the frames spoken with its agent: one open program, its runs, its conversation.

Turns what the agent reports into outcomes. Everything that is not an outcome of the program raises SandboxFault, after
which the session is `broken` and its jail must go. Not for several threads at once.
"""

import collections
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.errors import JailLost, SandboxFault
from sandbox.jail import Jail
from sandbox.languages import Placed, check_name
from sandbox.limits import Limits
from sandbox.protocol import CANDIDATE_ENVIRONMENT, STARVED_FACTOR, Frame, FrameError, FrameReader, FrameWriter
from sandbox.run import Ended, Run, RunOutcome

_SEND_S = 60.0
_SLACK_S = 20.0  # Beyond the agent's own backstop; reached only when the agent itself is gone or frozen.
_SIGXCPU = 24
_ARGUMENTS_MAX = 2048  # With a language's own, well below what the launcher takes.
_ARGUMENT_BYTES_MAX = 96 * 1024
_ENDED = {
    "cpu": Ended.TIME_LIMIT,
    "wall": Ended.TIME_LIMIT,
    "memory": Ended.MEMORY_LIMIT,
    "output": Ended.OUTPUT_LIMIT,
    "collect": Ended.OUTPUT_LIMIT,  # A compiler whose products are too many or too large.
}


class WardenLost(SandboxFault):
    """The run's warden died without a word: the kernel's doing, or the candidate's."""


class RunRefused(JailLost):
    """A run could not be set up: what separates it from the rest was refused."""


class Session:
    """See the module."""

    def __init__(self, jail: Jail) -> None:
        self.jail = jail
        self.broken = False
        self.facts: dict[str, Any] = {}
        self.programs: dict[str, str] = {}
        self._reader = FrameReader()
        self._writer = FrameWriter()
        self._frames: list[Frame] = []
        self._prepared: list[bytes] = []
        self._numbers = itertools.count()
        self._due: collections.deque[int] = collections.deque()  # Runs asked for, whose outcomes are still to come.
        self._opening = False  # The agent's word that a program lies there is still to come, before any other.
        self._leaving = False  # Likewise that a program is gone.

    # ---- Frames ----

    def send(self, head: dict[str, Any], *body: bytes) -> None:
        """One frame to the agent. Raises: JailLost."""
        self.prepare(head, *body)
        self.flush()

    def prepare(self, head: dict[str, Any], *body: bytes) -> None:
        """One frame to the agent, to go out with the next flush: many small writes would cost more than the runs."""
        try:
            self._prepared.append(self._writer.encode(head, body))
        except FrameError as error:
            raise SandboxFault(str(error)) from error

    def flush(self) -> None:
        """Send what was prepared. Raises: JailLost."""
        if not self._prepared:
            return
        data = b"".join(self._prepared)
        self._prepared.clear()
        try:
            self.jail.send(data, _SEND_S)
        except JailLost:
            self.broken = True
            raise

    def next_frame(self, timeout_s: float) -> Frame:
        """The agent's next frame.

        Raises: TimeoutError; JailLost when the agent is gone, speaks out of turn, or reports that it cannot go on.
        """
        self.flush()
        deadline = time.monotonic() + timeout_s
        while True:
            while not self._frames:
                try:
                    data = self.jail.receive(max(0.0, deadline - time.monotonic()))
                    self._frames += self._reader.feed(data)
                except FrameError as error:
                    self.broken = True
                    raise JailLost(f"{self.jail.name}: {error}") from error
                except JailLost:
                    self.broken = True
                    raise
            frame = self._frames.pop(0)
            opened, self._opening = self._opening, False
            if not (opened and frame.head.get("done") == "open"):
                return frame

    def expect(self, done: str, timeout_s: float) -> Frame:
        """The next frame, which must be of that kind. Raises: JailLost."""
        try:
            frame = self.next_frame(timeout_s)
        except TimeoutError as error:
            self.broken = True
            raise JailLost(f"{self.jail.name} does not answer") from error
        if frame.head.get("done") != done:
            self.broken = True
            kind = RunRefused if frame.head.get("refused") else JailLost
            raise kind(f"{self.jail.name}: {frame.head.get('message') or frame.head!r:.500}")
        return frame

    # ---- A program ----

    def greet(self, timeout_s: float, commands: Sequence[str]) -> None:
        """Wait for the agent's hello and ask it which of the commands it has. Raises: JailLost."""
        self.facts = self.expect("hello", timeout_s).head
        self.send({"do": "which", "names": sorted(set(commands))})
        self.programs = self.expect("which", timeout_s).head["paths"]

    def open(self, placed: Placed, limits: Limits, key: str) -> RunOutcome | None:
        """Lay the files and compile. Returns how compilation ended, None where there is none. Raises: SandboxFault.

        Where there is nothing to compile the program goes out with its first run, and what is wrong is raised there.
        """
        files, body = _pack(placed.files)
        compile_head = None
        if placed.language.compile:
            compile_head = self._command(placed, placed.language.compile, limits, "exec")
        self.prepare({"do": "open", "key": key, "files": files, "compile": compile_head}, *body)
        if compile_head is None:
            self._opening = True
            return None
        frame = self.expect("open", limits.wall_limit_s * STARVED_FACTOR + _SLACK_S)
        report = frame.head["compile"]
        if report.get("cached"):
            return RunOutcome(ended=Ended.EXITED, exit_code=0)
        return self._outcome(report, frame.body)

    def leave(self) -> None:
        """Have the program forgotten; `is_clean` says whether it was. Raises: JailLost."""
        self.send({"do": "close"})
        self._leaving = True

    @property
    def is_leaving(self) -> bool:
        """Is a program being forgotten, and the agent not done yet?"""
        return self._leaving and not self._frames and self.jail.is_silent()

    def is_clean(self) -> bool:
        """Is nothing left of the programs before? Waits for the agent to say so. Raises: JailLost."""
        leaving, self._leaving = self._leaving, False
        return not leaving or bool(self.expect("close", _SLACK_S).head["strangers"] == 0)

    def start(self, placed: Placed, run: Run, limits: Limits, talk: bool = False) -> None:
        """Ask for a run; outcomes come in the order asked. It begins with the next flush, at the latest when one waits.

        Raises: SandboxFault; ValueError as `check_run`.
        """
        check_run(run)
        files, body = _pack(run.files)
        language = placed.language
        spawner = placed.flavour() if language.zygote else "exec"
        head = self._command(placed, language.run, limits, spawner)
        head["argv"] += run.args
        number = next(self._numbers)  # No two of a jail are equal, so that no outcome is taken for another's.
        self.prepare(
            {"do": "talk" if talk else "run", "n": number, "stdin": len(run.stdin), "files": files, **head},
            run.stdin,
            *body,
        )
        self._due.append(number)

    def outcome(self, limits: Limits) -> tuple[RunOutcome, float]:
        """How the run that is due ended, and for how long it was kept waiting for a processor. Raises: SandboxFault."""
        frame = self.expect("run", limits.wall_limit_s * STARVED_FACTOR + _SLACK_S)
        return self.read_outcome(frame)

    def read_outcome(self, frame: Frame) -> tuple[RunOutcome, float]:
        """As `outcome`, from the frame at hand."""
        due = self._due.popleft() if self._due else None
        if frame.head["n"] != due:
            self.broken = True
            raise JailLost(f"{self.jail.name}: run {frame.head['n']} where {due} was due")
        report = frame.head["outcome"]
        return self._outcome(report, frame.body), float(report.get("delay_s", 0.0))

    def stop(self) -> None:
        """Want nothing any more of what was asked. Raises: JailLost."""
        if not self._due:
            return
        self.send({"do": "stop"})
        while True:
            try:
                frame = self.next_frame(_SLACK_S)
            except TimeoutError as error:
                self.broken = True
                raise JailLost(f"{self.jail.name} does not stop") from error
            if frame.head.get("done") == "stop":
                self._due.clear()
                return

    def _command(self, placed: Placed, command: tuple[str, ...], limits: Limits, spawner: str) -> dict[str, Any]:
        language = placed.language
        argv = placed.fill(command, limits.memory_bytes)
        if spawner == "exec":
            argv[0] = self.programs.get(argv[0], argv[0])
        return {
            "argv": argv,
            "env": {**CANDIDATE_ENVIRONMENT, "PATH": self.facts.get("path", os.defpath), **language.env},
            "spawner": spawner,
            "memory_extra_bytes": language.memory_extra_mib * 2**20,
            "processes_extra": language.processes_extra,
            "limits": {
                "cpu_s": limits.cpu_s,
                "wall_s": limits.wall_limit_s,
                "memory_bytes": limits.memory_bytes,
                "output_bytes": limits.output_bytes,
                "processes": limits.processes,
                "file_bytes": limits.file_bytes,
            },
        }

    def _outcome(self, report: dict[str, Any], body: bytes) -> RunOutcome:
        reason = report["reason"]
        if reason == "failed":
            self.broken = True
            raise RunRefused(f"{self.jail.name}: a run could not be set up: {report.get('message')}")
        if reason == "lost":
            self.broken = True
            raise WardenLost(f"{self.jail.name}: a run's warden is gone")
        status: int = report["wait_status"]
        code = os.waitstatus_to_exitcode(status)
        ended = _ENDED.get(reason)
        if ended is None:
            ended = Ended.EXITED if code >= 0 else Ended.SIGNALLED
            if -code == _SIGXCPU:  # The kernel's own limit was quicker than the warden's look.
                ended = Ended.TIME_LIMIT
            elif report.get("oom"):
                ended = Ended.MEMORY_LIMIT
        return RunOutcome(
            ended=ended,
            exit_code=code if ended is Ended.EXITED else None,
            signal=-code if ended is Ended.SIGNALLED else None,
            stdout=body[: report["stdout"]],
            stderr=body[report["stdout"] : report["stdout"] + report["stderr"]],
            cpu_s=report["cpu_s"],
            wall_s=report["wall_s"],
            memory_bytes=report["memory_bytes"],
        )

    # ---- A conversation ----

    def say(self, message: bytes) -> None:
        """One message to the program's channel. Raises: JailLost."""
        self.send({"do": "say"}, len(message).to_bytes(4, "big"), message)

    def frames_until(self, deadline: float) -> Iterator[Frame]:
        """Frames as they come. Raises: TimeoutError at the deadline; JailLost."""
        while True:
            yield self.next_frame(max(0.0, deadline - time.monotonic()))


def check_run(run: Run) -> None:
    """Refuse what no program could be given.

    Raises: ValueError.
    """
    for name in run.files:
        check_name(name)
    if len(run.args) > _ARGUMENTS_MAX or sum(len(arg.encode()) + 1 for arg in run.args) > _ARGUMENT_BYTES_MAX:
        raise ValueError(f"at most {_ARGUMENTS_MAX} arguments, of {_ARGUMENT_BYTES_MAX} bytes together")
    if any("\0" in arg for arg in run.args):
        raise ValueError("an argument holds no NUL")


def _pack(files: Any) -> tuple[list[list[Any]], list[bytes]]:
    for name in files:
        check_name(name)
    return [[name, len(content)] for name, content in files.items()], list(files.values())
