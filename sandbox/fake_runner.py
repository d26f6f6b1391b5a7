"""A Runner that plays a script instead of running anything, for every test above this folder.

It keeps the promises of runner.py that callers lean on (order, early close, one outcome per run, a conversation that
ends once), which tests/contract proves on it and on the real runner alike. It isolates nothing, since nothing runs.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sandbox.errors import LanguageUnavailable, SandboxFault
from sandbox.limits import Limits
from sandbox.run import Ended, Program, Run, RunOutcome

Play = Callable[[Program, Run, Limits], RunOutcome]
Reply = Callable[[Program, bytes], bytes | None]


def exited(stdout: bytes = b"", code: int = 0) -> RunOutcome:
    """An outcome as of a program that printed this and ended by itself."""
    return RunOutcome(ended=Ended.EXITED, exit_code=code, stdout=stdout)


class FakeRunner:
    """A Runner whose programs do as the script says."""

    def __init__(
        self,
        play: Play = lambda _program, _run, _limits: exited(),
        *,
        compiled: Callable[[Program], RunOutcome | None] = lambda _program: None,
        reply: Reply = lambda _program, _message: None,
        languages: Sequence[str] = ("python",),
    ) -> None:
        """Args:
        play: how each run ends; may raise SandboxFault.
        compiled: how each compilation ends.
        reply: what a talking program answers to a message; None ends it.
        languages: the languages it claims to have.
        """
        self._play = play
        self._compile = compiled
        self._reply = reply
        self._languages = frozenset(languages)
        self._closed = False
        self.opened: list[Program] = []
        self.ran: list[Run] = []

    @property
    def isolation(self) -> str:
        """Says that there is none."""
        return "fake"

    @property
    def languages(self) -> frozenset[str]:
        """As given."""
        return self._languages

    @contextmanager
    def open(self, program: Program, compile_limits: Limits | None = None) -> Iterator["FakeCandidate"]:
        """See runner.Runner."""
        if self._closed:
            raise SandboxFault("the runner is closed")
        if program.language not in self._languages:
            raise LanguageUnavailable(program.language)
        self.opened.append(program)
        yield FakeCandidate(self, program, self._compile(program))

    def close(self) -> None:
        """See runner.Runner."""
        self._closed = True

    def play(self, program: Program, run: Run, limits: Limits) -> RunOutcome:
        """One run by the script."""
        self.ran.append(run)
        return self._play(program, run, limits)

    def reply(self, program: Program, message: bytes) -> bytes | None:
        """One answer by the script."""
        return self._reply(program, message)


class FakeCandidate:
    """A program of the script."""

    def __init__(self, runner: FakeRunner, program: Program, compiled: RunOutcome | None) -> None:
        self._runner = runner
        self._program = program
        self._compiled = compiled

    @property
    def compiled(self) -> RunOutcome | None:
        """See runner.Candidate."""
        return self._compiled

    def run(self, runs: Sequence[Run], limits: Limits) -> Iterator[RunOutcome]:
        """See runner.Candidate."""
        self._check_ready()
        for run in runs:
            yield self._runner.play(self._program, run, limits)

    @contextmanager
    def talk(self, run: Run, limits: Limits) -> Iterator["FakeConversation"]:
        """See runner.Candidate."""
        self._check_ready()
        yield FakeConversation(self._runner, self._program, run, limits)

    def _check_ready(self) -> None:
        if self._compiled is not None and not self._compiled.exited_zero:
            raise SandboxFault("a program that did not compile cannot run")


class FakeConversation:
    """Answers each message at once; ends when the script answers None."""

    def __init__(self, runner: FakeRunner, program: Program, run: Run, limits: Limits) -> None:
        self._runner = runner
        self._program = program
        self._run = run
        self._limits = limits
        self._answers: list[bytes] = []
        self._ended = False
        self._outcome: RunOutcome | None = None

    def send(self, message: bytes) -> None:
        """See runner.Conversation."""
        if self._ended:
            return
        answer = self._runner.reply(self._program, message)
        if answer is None:
            self._ended = True
        else:
            self._answers.append(answer)

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """See runner.Conversation. With nothing said and nothing to come it times out at once."""
        if self._answers:
            return self._answers.pop(0)
        if not self._ended and timeout_s is not None:
            raise TimeoutError
        self._ended = True
        return None

    def finish(self, kill: bool = False) -> RunOutcome:
        """See runner.Conversation."""
        if self._outcome is None:
            if kill and not self._ended:
                self._outcome = RunOutcome(ended=Ended.SIGNALLED, signal=9)
            else:
                self._outcome = self._runner.play(self._program, self._run, self._limits)
        self._ended = True
        return self._outcome
