"""The one door to the sandbox: open a program, run it many times or talk to it, and leave nothing behind."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sandbox.limits import Limits
from sandbox.run import Program, Run, RunOutcome


class Conversation(Protocol):
    """A run under way that exchanges messages with the outside over a private channel.

    Inside the jail the channel is a stream socket; its descriptor number is in the environment variable
    TOUCHSTONE_CHANNEL. A message is a 4-byte big-endian length followed by that many bytes, both ways. The other
    end belongs to the candidate's process: whatever arrives is data from the candidate, never a verdict.
    """

    def send(self, message: bytes) -> None:
        """Hand one message to the program. Ignored once the program has ended.

        Raises: SandboxFault if the jail is lost.
        """

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """The next message, or None when the program ended or closed the channel.

        Args: timeout_s: seconds to wait for it; None waits until the run's own limits end it.
        Raises: TimeoutError when timeout_s passed; SandboxFault if the jail is lost.
        """

    def finish(self, kill: bool = False) -> RunOutcome:
        """Close the channel, wait for the end (or kill now) and say how it ended."""


class Candidate(Protocol):
    """One program in one jail, its files in place and compiled."""

    @property
    def compiled(self) -> RunOutcome | None:
        """How compilation ended; None for a language that has no such step. Not exited_zero: nothing can run."""

    def run(self, runs: Sequence[Run], limits: Limits) -> Iterator[RunOutcome]:
        """Run one after the other, each in fresh namespaces with a fresh work folder.

        Yields: one outcome per run, in order, as each ends; closing the iterator early stops the rest.
        Raises: SandboxFault if an outcome could not be had because of us; ValueError, before anything is run, for file
            names that would leave the work folder and for arguments that no program can be given.
        """

    def talk(self, run: Run, limits: Limits) -> AbstractContextManager[Conversation]:
        """Start a run with a channel. Leaving the context kills what still runs."""


class Runner(Protocol):
    """Runs programs behind isolation."""

    @property
    def isolation(self) -> str:
        """What is in force, for verdicts and doctor, for example "docker+namespaces"."""

    @property
    def languages(self) -> frozenset[str]:
        """The languages that work in this runner's jails."""

    def open(self, program: Program, compile_limits: Limits | None = None) -> AbstractContextManager[Candidate]:
        """Take a jail, lay the files, compile where the language has it.

        Raises: SandboxFault (retried inside on another jail a bounded number of times first);
            LanguageUnavailable when no jail has the language.
        """

    def close(self) -> None:
        """End every jail; nothing of them is left on the host."""
