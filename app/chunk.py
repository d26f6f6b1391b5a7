"""What crosses Redis: a chunk of items down, one result per item up, as versioned JSON, never pickle.

A chunk carries all that grading needs and nothing that identifies the caller: weights, ids and metadata stay with the
API process, which adds up the rewards.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic_core import from_json, to_json

from app.errors import ItemFault
from graders.verdict import JsonValue, TestOutcome, Verdict

VERSION = 2
"""Raised whenever an older worker would misread a chunk; such a worker hands the chunk back. 2: `tokens`,
`overruled`, `question` and `turns` of ChunkItem, and programs that come by themselves (graders.work)."""

READABLE = (1, VERSION)
"""Versions of chunks that this release reads: what an older one did not send has a default here."""

RESULT_VERSION = 1
"""Raised whenever an older API process would misread a result."""

QUEUES = ("math", "code", "judge")
"""The closed list of queues; all that needs neither a sandbox nor a judge goes to "math"."""

JOB_CHUNK = "job"
"""How the ids of chunks begin that belong to a job; they travel in the queue's slow lane."""


def lanes_of(queue: str) -> tuple[str, str]:
    """A queue's two lanes, the first always served first: requests that wait, and jobs."""
    return queue, f"{queue}-jobs"


def lane_of(queue: str, delivery: str) -> str:
    """The lane that a chunk, or a delivery of it, travels in."""
    return lanes_of(queue)[delivery.startswith(JOB_CHUNK)]


ANSWER_CHARACTERS_MAX = 2048


class UnknownVersion(ValueError):
    """A chunk or a result written by a newer release than this one."""


@dataclass(frozen=True, slots=True)
class ChunkItem:
    """One item as a worker sees it.

    Args:
        completion, prompt: texts.
        task: the task's JSON (app.schemas.task_json), or None when no component needs a verdict.
        components: (name, parameters) of each component to score.
        tokens: how many the completion has, when the request says so.
        overruled: the components see a wrong verdict, whatever is found: it was truncated, and its recipe says so.
        question: of a prompt given as messages the last user's turn, where a component looks at it; else empty.
        deadline_ms: by the store's clock; past it the item is not begun. None: no deadline.
        explain: send the verdict's details up as well.
        turns: (role, content) of a prompt given as messages, where a judge is asked; else empty.
    """

    completion: str
    prompt: str = ""
    task: Mapping[str, Any] | None = None
    components: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    tokens: int | None = None
    overruled: bool = False
    question: str = ""
    deadline_ms: int | None = None
    explain: bool = False
    turns: tuple[tuple[str, str], ...] = ()
    _seen: bytes = field(default=b"", init=False, repr=False, compare=False)

    @property
    def seen(self) -> bytes:
        """The JSON of all that grading looks at, which is everything but the deadline; written once.

        Keys stay in the order they were sent: a program can see the order of an argument's keys.
        """
        if not self._seen:
            value: dict[str, Any] = {"completion": self.completion, "components": self.components}
            for name in _OPTIONAL:
                if given := getattr(self, name):
                    value[name] = given
            if self.tokens is not None:
                value["tokens"] = self.tokens
            object.__setattr__(self, "_seen", to_json(value))
        return self._seen

    @classmethod
    def of_json(
        cls,
        components: Iterable[tuple[str, Mapping[str, Any]]],
        turns: Iterable[tuple[str, str]] = (),
        **fields: Any,
    ) -> "ChunkItem":
        """The item of what its JSON holds.

        Raises: TypeError, ValueError if it is none of ours.
        """
        return cls(
            components=tuple((name, params) for name, params in components),
            turns=tuple((role, content) for role, content in turns),
            **fields,
        )


_OPTIONAL = ("prompt", "task", "overruled", "question", "explain", "turns")
"""Fields of an item that are left out when they say nothing."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items that travel together.

    Args:
        reply: the stream their results go to: an API process's, or a job's log.
        job: the record of the job they belong to (app.ledger); "" for a request that waits.
    """

    id: str
    items: tuple[ChunkItem, ...]
    reply: str = ""
    submitted_ms: int = 0
    job: str = ""

    def to_text(self) -> bytes:
        """The chunk as JSON."""
        head = {
            "v": VERSION,
            "id": self.id,
            "reply": self.reply,
            "submitted_ms": self.submitted_ms,
            "job": self.job,
        }
        items = b",".join(
            item.seen
            if item.deadline_ms is None
            else b'{"deadline_ms":%d,%b' % (item.deadline_ms, item.seen.removeprefix(b"{"))
            for item in self.items
        )
        return b'%b,"items":[%b]}' % (to_json(head).removesuffix(b"}"), items)

    @classmethod
    def from_text(cls, text: str | bytes) -> "Chunk":
        """The chunk of its JSON.

        Raises: UnknownVersion; ValueError or TypeError if it is none of ours.
        """
        value = from_json(text, allow_inf_nan=False)
        if not isinstance(value, dict) or value.pop("v", None) not in READABLE:
            raise UnknownVersion("the chunk was written by another release")
        items = tuple(ChunkItem.of_json(**item) for item in value.pop("items"))
        return cls(items=items, **value)


Status = Literal["graded", "invalid", "error"]


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of one item; exactly one of `fault`, `invalid` and a graded item's `scores` means something.

    Args:
        status: who was at fault, if anybody (contract, section 1).
        scores: component name to its number, or None for no score.
        verdict: `verdict_json` of the grader's verdict; None where nothing was judged.
        invalid: {code, message} of a task that cannot be used.
        fault: what failed on our side.
        queue_s, grade_s: seconds waited for a worker, and being graded.
        cached: the verdict was found before, for an equal item.
        judge: where a judge was asked, what its requests were like, and whether the verdict may be cached
            (app.judges.Record); else None.
        run: what a program did that was only to be run (graders.verdict.RunReport); then nothing was judged.
        votes: which answers are equal (graders.votes.Tally), where that was the question; then nothing was judged.
    """

    status: Status
    scores: Mapping[str, float | None] = field(default_factory=dict)
    verdict: Mapping[str, Any] | None = None
    invalid: Mapping[str, str] | None = None
    fault: ItemFault | None = None
    queue_s: float = 0.0
    grade_s: float = 0.0
    cached: bool = False
    judge: Mapping[str, Any] | None = None
    run: Mapping[str, Any] | None = None
    votes: Mapping[str, Any] | None = None

    @classmethod
    def failed(cls, code: str, message: str, *, retryable: bool = True) -> "ItemResult":
        """An `error` result: our fault, no number."""
        return cls("error", fault=ItemFault(code, message, retryable))

    def to_text(self) -> bytes:
        """The result as JSON.

        Raises: ValueError where a score is no finite number, or a text no Unicode.
        """
        if not all(score is None or math.isfinite(score) for score in self.scores.values()):
            raise ValueError("a score is no finite number")
        value: dict[str, Any] = {"v": RESULT_VERSION, "status": self.status, "scores": self.scores, "fault": None}
        if self.fault is not None:
            value["fault"] = self.fault.as_json()
        for name in ("verdict", "invalid", "queue_s", "grade_s", "cached", "judge", "run", "votes"):
            if given := getattr(self, name):
                value[name] = given
        return to_json(value)

    @classmethod
    def from_text(cls, text: str | bytes) -> "ItemResult":
        """The result of its JSON.

        Raises: UnknownVersion; ValueError or TypeError if it is none of ours.
        """
        value = from_json(text, allow_inf_nan=False)
        if not isinstance(value, dict) or value.pop("v", None) != RESULT_VERSION:
            raise UnknownVersion("the result was written by another release")
        if value["fault"] is not None:
            value["fault"] = ItemFault(**value["fault"])
        return cls(**value)


def verdict_json(verdict: Verdict, *, explain: bool) -> dict[str, JsonValue]:
    """A verdict in the contract's shape. Without `explain` nothing of the reference, tests or outputs is in it."""
    report: dict[str, JsonValue] = {"outcome": verdict.outcome.value, "reason": verdict.reason.value}
    if verdict.method is not None:
        report["method"] = verdict.method
    answer = None if verdict.answer is None else verdict.answer[:ANSWER_CHARACTERS_MAX]
    if verdict.language is None:
        report |= {"answer": answer, "expected": None}
    else:
        report["language"] = verdict.language  # The program itself is long, and the caller has it.
    if verdict.integrity:
        report["integrity"] = verdict.integrity
    if verdict.isolation is not None:
        report["isolation"] = verdict.isolation
    if verdict.tests is not None:
        results: list[JsonValue] = []
        for test in verdict.tests:
            row: dict[str, JsonValue] = {
                "index": test.index,
                "outcome": test.outcome.value,
                "time_s": round(test.time_s, 6),
                "memory_bytes": test.memory_bytes,
            }
            if explain:
                row["explain"] = dict(test.explain)
            results.append(row)
        passed = sum(test.outcome is TestOutcome.ACCEPTED for test in verdict.tests)
        report["tests"] = {"passed": passed, "total": len(results), "results": results}
    if explain:
        details = dict(verdict.explain)
        if verdict.language is None:
            report["expected"] = details.pop("expected", None)
        else:
            details["program"] = answer
        report["explain"] = details
    return report
