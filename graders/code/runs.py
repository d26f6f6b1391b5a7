"""Runs that were made before: equal programs on equal inputs under equal limits are run once.

A batch often judges one program by several tasks whose tests overlap; what a run did is a fact about the program and
its input, whatever is expected of it. Only runs that ended by themselves are remembered: one that met a limit, or that
was repeated, may end otherwise another time. Nothing expected is kept here, and nothing of it reaches a jail.
"""

import hashlib
from dataclasses import dataclass

from cachetools import LRUCache

from sandbox.limits import Limits
from sandbox.run import Ended, Program, RunOutcome

BYTES_MAX = 16 * 2**20
OUTPUT_BYTES_MAX = 64 * 2**10
"""A run that printed more is made again."""
_OVERHEAD_BYTES = 1024


class Runs:
    """The latest runs of a process, bounded in bytes; 0 remembers nothing. Not for several threads at once."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._outcomes: LRUCache[bytes, RunOutcome] = LRUCache(
            bytes_max, lambda outcome: len(outcome.stdout) + len(outcome.stderr) + _OVERHEAD_BYTES
        )

    def of(self, program: Program, limits: Limits) -> "RunsOfOne":
        """What is remembered of one program under these limits."""
        digest = hashlib.blake2b(repr((program.language, program.main, limits)).encode(), digest_size=32)
        for name, content in sorted(program.files.items()):
            digest.update(f"{len(name)} {len(content)} ".encode())
            digest.update(name.encode("utf-8", "surrogatepass"))
            digest.update(content)
        return RunsOfOne(self._outcomes, program.language, digest.digest())


@dataclass(frozen=True, slots=True)
class RunsOfOne:
    """The remembered runs of one program: standard input to outcome."""

    outcomes: "LRUCache[bytes, RunOutcome]"
    language: str
    program: bytes

    def get(self, stdin: bytes) -> RunOutcome | None:
        """What the program did with this input, if that is known."""
        return self.outcomes.get(self._key(stdin))

    def keep(self, stdin: bytes, outcome: RunOutcome) -> None:
        """Remember a run, if it may be."""
        by_itself = outcome.ended is Ended.EXITED and not outcome.retried
        size = len(outcome.stdout) + len(outcome.stderr)
        if by_itself and size <= OUTPUT_BYTES_MAX and size + _OVERHEAD_BYTES <= self.outcomes.maxsize:
            self.outcomes[self._key(stdin)] = outcome

    def _key(self, stdin: bytes) -> bytes:
        return hashlib.blake2b(stdin, key=self.program[:32], digest_size=32).digest()
