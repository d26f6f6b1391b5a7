"""Majority vote: completions of one prompt put into classes of equal answers, without a reference.

Equal is what the grader of the kind calls equal: for maths each answer is a reference that the other meets, both ways,
so that 1/2, 0.5 and \\frac{1}{2} are one answer; for choices the letters, for text the normal form, for JSON the value.
An answer joins the first class whose first member it is equal to. Equality is not transitive for every pair of
notations; the order of the completions, which is the caller's, therefore settles which class an answer joins.

A completion abstains that has no answer, or whose answer cannot be read back as a reference to itself. One that names
several values votes for just these several, and for none of them alone.

Bounded by comparisons and by time: past either bound an answer joins a class only by its text, and the tally says that
it is not complete.

Not covered: which class wins (app.select), and weights of votes.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from graders import choice, structured, text
from graders.errors import TaskInvalid
from graders.extract import extract
from graders.math.grade import MathGrader, read_reference
from graders.math.text import tight
from graders.task import MathTask
from graders.verdict import JsonValue, Outcome
from graders.work import VoteTask

COMPARISONS_MAX = 50_000
"""Pairs of answers that are compared; 256 completions with as many answers have 32,640."""
SECONDS_MAX = 10.0
"""A backstop well below what a worker may take for an item."""
ANSWER_CHARS_MAX = 2048


@dataclass(frozen=True, slots=True)
class Tally:
    """What a vote found.

    Args:
        classes: indices of completions with equal answers, each in order, by first member.
        answers: what the first member of each class says, at most 2,048 characters.
        complete: False when a bound was reached, so that equal answers may stand in different classes.
    """

    classes: tuple[tuple[int, ...], ...] = ()
    answers: tuple[str, ...] = ()
    complete: bool = True


_INTEGER = re.compile(r"-?[0-9]{1,18}")


@dataclass(slots=True)
class _Class:
    """Equal answers under way."""

    answer: str
    completion: str
    integer: int | None = None
    members: list[int] = field(default_factory=list)


class Counter:
    """Counts votes with a maths grader that stays the caller's to close."""

    def __init__(self, grader: MathGrader, *, seconds_max: float = SECONDS_MAX) -> None:
        self._grader = grader
        self._seconds_max = seconds_max

    def count(self, task: VoteTask) -> Tally:
        """Put completions into classes of equal answers.

        Raises: GraderFault as the maths grader does.
        """
        if task.by == "math":
            return self._by_equivalence(task.completions)
        return _by_key(task.completions, _KEYS[task.by])

    def _by_equivalence(self, completions: tuple[str, ...]) -> Tally:
        until = time.monotonic() + self._seconds_max
        known: dict[str, _Class] = {}
        classes: list[_Class] = []
        left, complete = COMPARISONS_MAX, True
        for index, completion in enumerate(completions):
            answer = self._answer(completion)
            if answer is None:
                continue
            found = known.get(tight(answer))
            integer = int(answer) if _INTEGER.fullmatch(answer) else None
            for other in classes if found is None else ():
                if integer is not None and other.integer is not None:
                    if integer == other.integer:
                        found = other
                        break
                    continue  # Two plain integers, which most answers are: nothing else can be meant.
                if left <= 0 or time.monotonic() >= until:
                    complete = False
                    break
                left -= 1
                equal = self._equal(answer, completion, other)
                if equal:
                    found = other
                    break
                complete = complete and equal is not None
            if found is None:
                found = _Class(answer, completion, integer)
                classes.append(found)
            found.members.append(index)
            known[tight(answer)] = found
        return _tally(classes, complete)

    def _answer(self, completion: str) -> str | None:
        """What a completion says, as a text that is a reference to it; None when it says nothing or too much."""
        span = extract(completion)
        for said in dict.fromkeys((span.text, span.narrow)):
            if not said:
                continue
            try:
                read_reference(said)
                if self._grader.grade(MathTask(answer=said), completion).outcome is Outcome.CORRECT:
                    return said
            except TaskInvalid:
                continue
        return None

    def _equal(self, answer: str, completion: str, other: _Class) -> bool | None:
        """Whether each meets the other as a reference; None where that cannot be told."""
        for reference, met in ((other.answer, completion), (answer, other.completion)):
            outcome = self._grader.grade(MathTask(answer=reference), met).outcome
            if outcome is Outcome.UNDECIDED:
                return None
            if outcome is not Outcome.CORRECT:
                return False
        return True


def _by_key(completions: tuple[str, ...], key_of: Callable[[str], tuple[str, str] | None]) -> Tally:
    classes: dict[str, _Class] = {}
    for index, completion in enumerate(completions):
        read = key_of(completion)
        if read is not None:
            classes.setdefault(read[0], _Class(read[1], completion)).members.append(index)
    return _tally(list(classes.values()), True)


def _tally(classes: list[_Class], complete: bool) -> Tally:
    return Tally(
        tuple(tuple(one.members) for one in classes),
        tuple(one.answer[:ANSWER_CHARS_MAX] for one in classes),
        complete,
    )


def _letters(completion: str) -> tuple[str, str] | None:
    reading = choice.read(extract(completion), completion, None)
    if reading.hedged or not reading.letters:
        return None
    said = ", ".join(sorted(reading.letters))
    return said, said


def _words(completion: str) -> tuple[str, str] | None:
    span = text.find(completion, "auto", lines=False)
    said = span.narrow or span.text
    key = text.normalized(said) if said else ""
    return (key, said) if said and key else None


def _value(completion: str) -> tuple[str, str] | None:
    found, _ = structured.find(completion)
    if found is None:
        return None
    try:
        value = structured.parse(found)
    except structured.NotJson:
        return None
    return json.dumps(_plain(value), sort_keys=True), found


def _plain(value: JsonValue) -> JsonValue:
    """A value with whole numbers written as integers, so that equal values have equal text."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


_KEYS: dict[str, Callable[[str], tuple[str, str] | None]] = {"choice": _letters, "text": _words, "json": _value}
