"""How results add up, and which tests can still change the sum."""

from typing import Any

import pytest

from graders.code.score import Plan
from graders.errors import TaskInvalid
from graders.task import CodeTask, StdioTests, Subtask
from graders.verdict import Outcome, Reason, TestOutcome, TestResult

TESTS = StdioTests(cases=())
SUBTASKS = (
    Subtask(cases=(0, 1), points=30),
    Subtask(cases=(2, 3), points=70, score="fraction"),
)


def plan(weights: list[float], **task: Any) -> Plan:
    """A plan for a task with so many tests."""
    return Plan(CodeTask(tests=TESTS, **task), weights)


def results(letters: str) -> dict[int, TestResult]:
    """a accepted, w wrong, t time limit, x tampered, - not run."""
    named = {
        "a": TestOutcome.ACCEPTED,
        "w": TestOutcome.WRONG_ANSWER,
        "t": TestOutcome.TIME_LIMIT,
        "x": TestOutcome.TAMPERED,
    }
    return {i: TestResult(i, named[letter]) for i, letter in enumerate(letters) if letter != "-"}


@pytest.mark.parametrize(
    ("task", "weights", "letters", "outcome", "reason", "score"),
    [
        ({}, [1, 1], "aa", Outcome.CORRECT, Reason.PASSED, 1),
        ({}, [1, 1], "aw", Outcome.WRONG, Reason.WRONG_ANSWER, 0),
        ({}, [1, 1, 1], "at-", Outcome.WRONG, Reason.TIME_LIMIT, 0),
        ({"score": "fraction"}, [1, 1], "aa", Outcome.CORRECT, Reason.PASSED, 1),
        ({"score": "fraction"}, [1, 1, 1, 1], "atwa", Outcome.PARTIAL, Reason.TIME_LIMIT, 0.5),
        ({"score": "fraction"}, [1, 1], "ww", Outcome.WRONG, Reason.WRONG_ANSWER, 0),
        ({"score": "fraction"}, [1, 1], "ax", Outcome.WRONG, Reason.TAMPERED, 0),
        ({"score": "weighted"}, [3, 1], "aw", Outcome.PARTIAL, Reason.WRONG_ANSWER, 0.75),
        ({"score": "weighted"}, [0, 1], "wa", Outcome.CORRECT, Reason.PASSED, 1),
        ({"score": "weighted"}, [0.1, 0.2, 0.7], "aaa", Outcome.CORRECT, Reason.PASSED, 1),
        ({"subtasks": SUBTASKS}, [1] * 4, "aaaa", Outcome.CORRECT, Reason.PASSED, 1),
        ({"subtasks": SUBTASKS}, [1] * 4, "awaa", Outcome.PARTIAL, Reason.WRONG_ANSWER, 0.7),
        ({"subtasks": SUBTASKS}, [1] * 4, "aawa", Outcome.PARTIAL, Reason.WRONG_ANSWER, 0.65),
        ({"subtasks": SUBTASKS}, [1] * 4, "wwww", Outcome.WRONG, Reason.WRONG_ANSWER, 0),
        ({}, [1, 1], "a-", Outcome.UNDECIDED, Reason.UNDECIDED, 0),
        ({}, [1, 1], "--", Outcome.UNDECIDED, Reason.UNDECIDED, 0),
    ],
)
def test_sums(
    task: dict[str, Any], weights: list[float], letters: str, outcome: Outcome, reason: Reason, score: float
) -> None:
    """Each row is one clause; what is missing without a failure is undecided, never correct."""
    settled = plan(weights, **task).settle(results(letters))
    assert (settled.outcome, settled.reason) == (outcome, reason)
    assert settled.score == pytest.approx(score)
    assert (settled.score == 1) == (settled.outcome is Outcome.CORRECT)
    assert [test.index for test in settled.tests] == list(range(len(weights)))


@pytest.mark.parametrize(
    ("task", "letters", "pending"),
    [
        ({}, "----", [0, 1, 2, 3]),
        ({}, "a---", [1, 2, 3]),
        ({}, "w---", []),
        ({"score": "fraction"}, "w---", [1, 2, 3]),
        ({"score": "fraction", "stop_on_first_failure": True}, "w---", []),
        ({"stop_on_first_failure": False}, "w---", [1, 2, 3]),
        ({"stop_on_first_failure": False}, "x---", []),
        ({"subtasks": SUBTASKS}, "w---", [2, 3]),
        ({"subtasks": SUBTASKS}, "--w-", [0, 1, 3]),
        ({"subtasks": (Subtask(cases=(0, 1), points=1), Subtask(cases=(1, 2), points=1))}, "w---", [1, 2]),
    ],
)
def test_only_tests_that_can_change_the_score_are_pending(
    task: dict[str, Any], letters: str, pending: list[int]
) -> None:
    """A failed group of the kind "all" is not run further, a tampered suite not at all."""
    assert plan([1.0] * 4, **task).pending(results(letters)) == pending


@pytest.mark.parametrize(
    ("task", "weights", "code"),
    [
        ({}, [], "no_tests"),
        ({"score": "weighted"}, [0, 0], "no_weight"),
        ({"subtasks": (Subtask(cases=(5,), points=1),)}, [1], "bad_subtask"),
        ({"subtasks": (Subtask(cases=(0,), points=0),)}, [1], "no_weight"),
    ],
)
def test_a_suite_that_cannot_score_is_the_tasks_fault(task: dict[str, Any], weights: list[float], code: str) -> None:
    """Never a number for the completion."""
    with pytest.raises(TaskInvalid) as caught:
        plan(weights, **task)
    assert caught.value.code == code
