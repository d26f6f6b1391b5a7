"""A multiple-choice answer: the letters a completion settles on, against the right ones."""

import re

from graders.extract import extract
from graders.task import ChoiceTask
from graders.verdict import Outcome, Reason, Verdict

_LETTER = re.compile(r"(?<![A-Za-z])([A-Z])(?![A-Za-z])")


def grade(task: ChoiceTask, completion: str, prompt: str = "") -> Verdict:
    """Judge one completion."""
    span = extract(completion, task.extract)
    if span.text is None:
        return Verdict(Outcome.WRONG, Reason.NO_ANSWER, method=span.method)
    expected = set(_LETTER.findall(" ".join([task.answer] if isinstance(task.answer, str) else task.answer).upper()))
    found = set(_LETTER.findall(span.text.upper()[:2048]))
    if found == expected:
        return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, "letter", span.text[:2048])
    return Verdict(Outcome.WRONG, Reason.DIFFERENT, method="letter", answer=span.text[:2048])
