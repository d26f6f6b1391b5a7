"""A maths answer against its reference: extract, compare, and say how it was decided.

First version: exact rationals and text; what neither can tell is undecided.
"""

import re
from fractions import Fraction
from threading import Lock
from typing import Self

from graders.errors import TaskInvalid
from graders.extract import extract
from graders.task import MathTask
from graders.verdict import Outcome, Reason, Verdict

_FRACTION = re.compile(r"(-?)\\[dt]?frac\{(-?\d+)\}\{(\d+)\}")
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?|-?\d+/\d+")


def _number(text: str) -> Fraction | None:
    text = text.strip().strip("$").replace(",", "")
    if len(text) > 1000:
        return None
    match = _FRACTION.fullmatch(text)
    if match is not None and int(match.group(3)):
        return Fraction(int(match.group(1) + "1") * int(match.group(2)), int(match.group(3)))
    if _PLAIN.fullmatch(text) and not text.endswith("/0"):
        return Fraction(text)
    return None


class MathGrader:
    """Grades maths tasks; owns a child process for what is costly, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = Lock()

    def grade(self, task: MathTask, completion: str, prompt: str = "") -> Verdict:
        """Judge one completion."""
        if not any(answer.strip() for answer in task.answers):
            raise TaskInvalid("empty_reference", "the reference answer is empty")
        span = extract(completion, task.extract)
        if span.text is None:
            return Verdict(Outcome.WRONG, Reason.NO_ANSWER, method=span.method)
        answer = span.text[:2048]
        value = _number(span.text)
        for reference in task.answers:
            expected = _number(reference)
            if reference.strip().strip("$") == span.text.strip().strip("$"):
                return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, "text", answer)
            if value is not None and expected is not None and value == expected:
                return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, "rational", answer)
        if value is not None and all(_number(reference) is not None for reference in task.answers):
            return Verdict(Outcome.WRONG, Reason.DIFFERENT, method="rational", answer=answer)
        return Verdict(method="none", answer=answer)

    def close(self) -> None:
        """End the child process, if one was started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
