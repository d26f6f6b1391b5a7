"""Verdicts already found: exact, bounded, and only of what would come out the same again.

GRPO groups repeat answers, and a retried request repeats everything. The key is a digest of the grader version and of
all that grading looks at, so an equal key means an equal item. What depends on the machine's mood (time and memory
limits, the undecided), what a judge said that might say otherwise next time, and what was our fault is never kept.
"""

import hashlib
import os
import time
from dataclasses import replace

from cachetools import TTLCache
from pydantic_core import to_json

from app import version
from app.chunk import ChunkItem, ItemResult

_MOODY = frozenset({"time_limit", "memory_limit", "output_limit", "compile_error", "undecided"})
"""Reasons that another try may not find again: a limit was reached, perhaps by the compiler."""


def key_of(item: ChunkItem) -> tuple[bytes, int]:
    """A digest of everything a verdict on the item depends on, but not its deadline; and its size in bytes.

    A program that is only to be run has a key of its own each time: whoever asks for a run wants it made.
    """
    data = item.seen
    if item.task is not None and item.task.get("kind") == "run":
        return os.urandom(32), len(data)
    return hashlib.sha256(version.GRADER.encode() + b"\0" + data).digest(), len(data)


class VerdictCache:
    """Results by key. For one event loop, not for several threads.

    Args:
        bytes_max: of the results in memory, about; the least recently used go first. 0 keeps nothing.
        ttl_s: seconds a result is kept.
    """

    def __init__(self, bytes_max: int, ttl_s: float) -> None:
        self._results: TTLCache[bytes, tuple[int, ItemResult]] = TTLCache(
            bytes_max, ttl_s, timer=time.monotonic, getsizeof=lambda entry: entry[0]
        )
        self._bytes_max = bytes_max

    def get(self, key: bytes) -> ItemResult | None:
        """The result kept for a key, with nothing waited and nothing graded."""
        entry = self._results.get(key)
        return None if entry is None else entry[1]

    def put(self, key: bytes, result: ItemResult) -> None:
        """Keep a result, if it would come out the same again."""
        if not self._bytes_max or result.status == "error" or result.run is not None or _is_moody(result):
            return
        size = 1024 + 4 * len(to_json([result.verdict, result.votes]))  # A value takes more room than its JSON.
        if size <= self._bytes_max:
            self._results[key] = (size, replace(result, queue_s=0.0, grade_s=0.0, cached=True))


def _is_moody(result: ItemResult) -> bool:
    if result.votes is not None and not result.votes["complete"]:
        return True
    if result.judge is not None and not result.judge["keep"]:
        return True
    verdict = result.verdict or {}
    tests = verdict.get("tests", {}).get("results", ())
    return verdict.get("reason") in _MOODY or any(test["outcome"] in _MOODY for test in tests)
