"""What comes back, as values. A field that a newer service adds is in `raw` and breaks nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from touchstone_client.errors import BadAnswer

Json = Mapping[str, Any]

ENDED = frozenset({"finished", "cancelled", "expired"})
"""States of a job that no longer change."""


@dataclass(frozen=True)
class Component:
    """One component's share: `score` is None where it could not be computed."""

    score: float | None
    weight: float


@dataclass(frozen=True)
class Verdict:
    """What was found: `outcome` correct, partial, wrong or undecided, and why in one word."""

    outcome: str
    reason: str
    method: str | None = None
    answer: str | None = None
    tests_passed: int | None = None
    tests_total: int | None = None
    raw: Json = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Cause:
    """Why an item was not graded: the task's fault (`invalid`) or the service's (`fault`)."""

    code: str
    message: str
    retryable: bool = False


@dataclass(frozen=True)
class Result:
    """What became of one item.

    `status` is graded, invalid (the task is at fault) or error (the service is); `reward` is a finite number or None,
    and None whenever the item was not graded. `index` is the item's place in what was asked, `group` has the numbers
    about its group where they were asked for.
    """

    index: int
    status: str
    reward: float | None
    id: str | None = None
    components: Mapping[str, Component] = field(default_factory=dict)
    verdict: Verdict | None = None
    invalid: Cause | None = None
    fault: Cause | None = None
    cached: bool = False
    queue_s: float = 0.0
    grade_s: float = 0.0
    metadata: Json | None = None
    group: Json | None = None
    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @property
    def graded(self) -> bool:
        """True when there is a verdict that can be trained on."""
        return self.status == "graded" and self.reward is not None

    @property
    def correct(self) -> bool:
        """True when the verdict says correct."""
        return self.verdict is not None and self.verdict.outcome == "correct"

    @property
    def reason(self) -> str:
        """One word: the verdict's reason, else the invalid or fault code."""
        if self.verdict is not None:
            return self.verdict.reason
        cause = self.invalid or self.fault
        return cause.code if cause is not None else self.status


@dataclass(frozen=True)
class Summary:
    """A batch in numbers; `reward_mean` is over the items that have a reward."""

    items: int
    graded: int
    invalid: int
    error: int
    correct: int
    reward_mean: float | None

    @classmethod
    def of(cls, results: "list[Result]") -> "Summary":
        """Counted from the results themselves, since a batch may have gone in several requests."""
        states = [result.status for result in results]
        rewards = [result.reward for result in results if result.reward is not None]
        return cls(
            items=len(results),
            graded=states.count("graded"),
            invalid=states.count("invalid"),
            error=states.count("error"),
            correct=sum(result.correct for result in results),
            reward_mean=sum(rewards) / len(rewards) if rewards else None,
        )


@dataclass(frozen=True)
class Graded:
    """The results of a batch, one per item in the order asked, and its numbers."""

    results: list[Result]
    summary: Summary
    grader_version: str = ""

    @property
    def rewards(self) -> list[float | None]:
        """The rewards alone."""
        return [result.reward for result in self.results]


@dataclass(frozen=True)
class JobState:
    """A look at a job; `counts` has total, done, graded, invalid and error."""

    id: str
    state: str
    counts: Mapping[str, int]
    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        """True when nothing will be added."""
        return self.state in ENDED


def result_of(value: Any) -> Result:
    """One result of the service.

    Raises: BadAnswer.
    """
    try:
        verdict, timing = value.get("verdict"), value.get("timing") or {}
        return Result(
            index=int(value["index"]),
            status=str(value["status"]),
            reward=_number(value["reward"]),
            id=value.get("id"),
            components={
                str(name): Component(_number(part["score"]), float(part["weight"]))
                for name, part in (value.get("components") or {}).items()
            },
            verdict=None if verdict is None else _verdict(verdict),
            invalid=_cause(value.get("invalid")),
            fault=_cause(value.get("fault")),
            cached=bool(value.get("cached", False)),
            queue_s=float(timing.get("queue_s", 0.0)),
            grade_s=float(timing.get("grade_s", 0.0)),
            metadata=value.get("metadata"),
            group=value.get("group"),
            raw=value,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"a result without what the contract promises: {error!r}") from None


def job_of(value: Any) -> JobState:
    """A job as the service shows it.

    Raises: BadAnswer.
    """
    try:
        return JobState(str(value["id"]), str(value["state"]), dict(value["counts"]), value)
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"a job without what the contract promises: {error!r}") from None


def component_names(answer: Any, profile: str | None) -> list[str]:
    """The components of a recipe in the answer of GET /v1/profiles; of the default recipe without a name.

    Raises: BadAnswer.
    """
    try:
        name = profile if profile is not None else answer["default"]
        rewards = next(recipe["rewards"] for recipe in answer["profiles"] if recipe["name"] == name)
        return [str(reward["name"]) for reward in rewards]
    except (KeyError, StopIteration, TypeError) as error:
        raise BadAnswer(f"the service has no recipe {profile!r} ({error!r})") from None


def refused_result(index: int, item: Mapping[str, Any], message: str) -> Result:
    """An item that the service would not take, as the invalid result it would have been.

    The recipe is not known here, so there are no components.
    """
    return Result(
        index, "invalid", None, id=item.get("id"), invalid=Cause("refused", message), metadata=item.get("metadata")
    )


def _verdict(value: Json) -> Verdict:
    tests = value.get("tests") or {}
    return Verdict(
        outcome=str(value["outcome"]),
        reason=str(value["reason"]),
        method=value.get("method"),
        answer=value.get("answer"),
        tests_passed=tests.get("passed"),
        tests_total=tests.get("total"),
        raw=value,
    )


def _cause(value: Json | None) -> Cause | None:
    if value is None:
        return None
    return Cause(str(value["code"]), str(value.get("message", "")), bool(value.get("retryable", False)))


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"no number: {type(value).__name__}")
    return float(cast("float", value))
