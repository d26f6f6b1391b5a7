"""Verdicts already found: exact, bounded, and only of what would come out the same again.

GRPO groups repeat answers: the key of a verdict is a digest of the grader version and of all that grading looks at, so
an equal key means an equal item. A retried request repeats everything: whole answers are kept by a digest of the
request's bytes, and given out again unread. What depends on the machine's mood (time and memory limits, the undecided),
what a judge said that might say otherwise next time, and what was our fault is never kept, nor is an answer that has
any of it.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cachetools import TTLCache
from pydantic_core import to_json

from app import version
from app.chunk import ChunkItem, ItemResult

_MOODY = frozenset({"time_limit", "memory_limit", "output_limit", "compile_error", "undecided"})
"""Reasons that another try may not find again: a limit was reached, perhaps by the compiler."""

ANSWERS_PART = 4
"""Of the room that caches have, one in so many parts is for whole answers; the others are for verdicts."""


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
        if not self._bytes_max or not lasts(result):
            return
        size = 1024 + 4 * len(to_json([result.verdict, result.votes]))  # A value takes more room than its JSON.
        if size <= self._bytes_max:
            self._results[key] = (size, replace(result, queue_s=0.0, grade_s=0.0, cached=True))


def lasts(result: ItemResult) -> bool:
    """Whether a result would come out the same again."""
    if result.status == "error" or result.run is not None:
        return False
    if result.votes is not None and not result.votes["complete"]:
        return False
    if result.judge is not None and not result.judge["keep"]:
        return False
    verdict = result.verdict or {}
    tests = verdict.get("tests", {}).get("results", ())
    return verdict.get("reason") not in _MOODY and all(test["outcome"] not in _MOODY for test in tests)


def digest_of(body: bytes) -> bytes:
    """What tells one request's body from all others."""
    return hashlib.sha256(body).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets that repeats another one.

    Args:
        results: a JSON list.
        summary: all of it but the duration.
        counts: how many results there are of each kind of task, status and outcome ("none" without a verdict).
    """

    results: bytes
    summary: Mapping[str, Any]
    counts: Mapping[tuple[str, str, str], int]

    @classmethod
    def of(cls, response: Mapping[str, Any], kinds: Sequence[str]) -> "Answer":
        """Of the response that was given the first time, and the kind of each item's task."""
        rows = [{**row, "timing": {"queue_s": 0.0, "grade_s": 0.0}, "cached": True} for row in response["results"]]
        outcomes = (row["verdict"]["outcome"] if "verdict" in row else "none" for row in rows)
        counts = Counter(zip(kinds, (row["status"] for row in rows), outcomes, strict=True))
        summary = {name: value for name, value in response["summary"].items() if name != "duration_s"}
        return cls(to_json(rows), summary, counts)

    def to_text(self, request_id: str, duration_s: float) -> bytes:
        """The response as JSON."""
        head = to_json({"request_id": request_id, "grader_version": version.GRADER})
        summary = to_json({**self.summary, "duration_s": round(duration_s, 6)})
        return b'%b,"results":%b,"summary":%b}' % (head.removesuffix(b"}"), self.results, summary)


class AnswerCache:
    """Whole answers by `digest_of` their request. For one event loop; arguments as VerdictCache's."""

    def __init__(self, bytes_max: int, ttl_s: float) -> None:
        self._answers: TTLCache[bytes, Answer] = TTLCache(
            bytes_max, ttl_s, timer=time.monotonic, getsizeof=lambda answer: 1024 + len(answer.results)
        )
        self._bytes_max = bytes_max

    def get(self, digest: bytes) -> Answer | None:
        """The answer kept for a request."""
        return self._answers.get(digest)

    def put(self, digest: bytes, answer: Answer) -> None:
        """Keep an answer all of whose results last."""
        if 1024 + len(answer.results) <= self._bytes_max:
            self._answers[digest] = answer
