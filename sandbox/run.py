"""The values a runner takes and gives: a program, a run of it, and how the run ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Ended(StrEnum):
    """How a run ended. The first is the default: a run that nobody observed did not happen."""

    NOT_RUN = "not_run"
    EXITED = "exited"  # By itself, with `exit_code`.
    SIGNALLED = "signalled"  # Killed by `signal`, and not by one of our limits.
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"


@dataclass(frozen=True, slots=True)
class Program:
    """Untrusted source files and the language that tells how to compile and run them.

    Args:
        language: a table of `languages.toml`, for example "python" or "cpp".
        files: relative file names to contents; names are flat or nested, never absolute, never with "..".
        main: the name in `files` to compile or run; "" when there is one file only.
    """

    language: str
    files: Mapping[str, bytes]
    main: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a program.

    Args:
        stdin: bytes given to the program's standard input, which is then closed.
        args: command-line arguments after the program's own.
        files: further files to lay into the work folder of this run only.
    """

    stdin: bytes = b""
    args: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run, or a compilation, ended and what it used.

    `stdout` and `stderr` hold at most `Limits.output_bytes` each. `retried` says that a suspicious time-out was
    repeated alone and this is the second outcome.
    """

    ended: Ended = Ended.NOT_RUN
    exit_code: int | None = None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    memory_bytes: int = 0
    retried: bool = False

    @property
    def exited_zero(self) -> bool:
        """True for a normal end with status 0. It is a fact about the process, never a verdict."""
        return self.ended is Ended.EXITED and self.exit_code == 0
