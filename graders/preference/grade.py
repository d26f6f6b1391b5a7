"""From a task to what a judge is asked about, and from the judge's numbers to a verdict.

The asking itself is app.judges' part: this file, like all graders, knows no HTTP. Between `prepare` and `conclude` each
call of `dialects.calls` is made once.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from graders.errors import TaskInvalid
from graders.preference.chat import Exchange
from graders.preference.judge import CHAT_SCORE_SCALE, Judge, Raw
from graders.preference.quote import neutralise
from graders.task import PreferenceTask
from graders.verdict import JsonValue, Outcome, Reason, Verdict

EXPLAIN_CHARACTERS_MAX = 2048

NUMBER_MAX = 1e12
"""Magnitude to which a judge's numbers are held before they are added up; far outside of every scale's bounds."""

NO_JUDGE = (
    "no judge is configured: add a table [judges.NAME] to the file that TOUCHSTONE_CONFIG names, for the API and for a "
    "judge worker (docs/judges.md)"
)

AnyJudge = TypeVar("AnyJudge", bound=Judge)


def choose(task: PreferenceTask, judges: Mapping[str, AnyJudge]) -> tuple[str, AnyJudge]:
    """The judge that a task asks for: the named one, else the first.

    Raises: TaskInvalid if there is no such judge, or one that needs a reference and none is given.
    """
    if not judges:
        raise TaskInvalid("no_judge", NO_JUDGE)
    name = next(iter(judges)) if task.judge is None else task.judge
    if name not in judges:
        raise TaskInvalid("unknown_judge", "no judge of that name is configured (docs/judges.md)")
    judge = judges[name]
    if judge.dialect == "chat-pairwise" and not (task.reference or "").strip():
        raise TaskInvalid("no_reference", "this judge compares with `reference`, and the task has none")
    return name, judge


def refuse(task: PreferenceTask, completion: str, prompt: str = "") -> Verdict:
    """The grader of a process that asks no judge, to which such items come only where none is configured.

    Raises: TaskInvalid, always.
    """
    raise TaskInvalid("no_judge", NO_JUDGE)


def shown(completion: str, scope: str) -> str | None:
    """The part of a completion that a judge is shown, by graders.extract's rule for reasoning.

    Returns: the text without white space around it; None where there is none, also because the reasoning never ends.
    """
    text = completion
    if scope == "answer":
        closed = completion.rfind("</think>")
        text = completion[closed + len("</think>") :] if closed >= 0 else completion
        if "<think>" in text:
            return None
    return text.strip() or None


def prepare(
    task: PreferenceTask, judge: Judge, completion: str, prompt: str, turns: Sequence[tuple[str, str]] = ()
) -> Exchange | Verdict:
    """What the judge is asked about, its texts neutralised; or a verdict where there is nothing to ask.

    Args: turns: (role, content) of a prompt given as messages; without them `prompt` is one message of the user's.
    """
    answer = shown(completion, judge.scope)
    if answer is None:
        return Verdict(Outcome.WRONG, Reason.NO_ANSWER, judge.worst, judge.dialect)
    if len(answer) > judge.characters_max:
        return Verdict(Outcome.WRONG, Reason.TOO_LONG, judge.worst, judge.dialect)

    def safe(text: str) -> str:
        return neutralise(text, judge.special_tokens)

    return Exchange(
        turns=tuple((role, safe(content)) for role, content in turns or (("user", prompt),)),
        answer=safe(answer),
        reference=None if task.reference is None else safe(task.reference),
    )


def conclude(
    name: str, judge: Judge, task: PreferenceTask, numbers: Sequence[float], said: Sequence[str] = ()
) -> Verdict:
    """The verdict of a judgement.

    Args:
        name: the judge's.
        numbers: one finite number a call of dialects.calls, in its order.
        said: what a chat judge wrote, for the explanation.

    Returns: correct or wrong where the judge has a threshold; else partial between the ends of the scale.
    """
    mean = math.fsum(min(max(number, -NUMBER_MAX), NUMBER_MAX) for number in numbers) / len(numbers)
    if judge.dialect == "chat-pairwise":
        raw = 0.0 if abs(mean) < judge.margin else mean
        score = (raw + 2) / 4  # Of -2 to 2.
    else:
        score = (judge.scale or CHAT_SCORE_SCALE).score(mean)
    explain: dict[str, JsonValue] = {"judge": name, "numbers": list(numbers)}
    if said:
        explain["said"] = [text[-EXPLAIN_CHARACTERS_MAX:] for text in said]
    if task.reference is not None:
        explain["expected"] = task.reference[:EXPLAIN_CHARACTERS_MAX]
    if judge.threshold is not None:
        passed = score >= judge.threshold
        outcome = Outcome.CORRECT if passed else Outcome.WRONG
        return Verdict(outcome, Reason.JUDGED, float(passed), judge.dialect, explain=explain)
    outcome = Outcome.PARTIAL
    if score in (0.0, 1.0) and not isinstance(judge.scale, Raw):
        outcome = Outcome.CORRECT if score else Outcome.WRONG
    return Verdict(outcome, Reason.JUDGED, score, judge.dialect, explain=explain)
