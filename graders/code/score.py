"""From the results of single tests to one score, and which tests can still change it. Arithmetic only.

A test that was skipped counts as not passed. One tampered test makes the whole score 0.
"""

from collections.abc import Mapping, Sequence

from graders.errors import TaskInvalid
from graders.task import CodeTask
from graders.verdict import Outcome, Reason, TestOutcome, TestResult

PATIENCE_S = 300.0
"""Elapsed seconds of tests that ran into their time limit, after which the rest of a suite is skipped. A suite that is
scored test by test must not be a way to hold a worker for hours."""


class Plan:
    """How the tests of a task add up.

    Args:
        task: for `score`, `subtasks` and `stop_on_first_failure`.
        weights: of each test, in the task's order.

    Raises: TaskInvalid when there are no tests, no weight, or a subtask names a test that is not there.
    """

    def __init__(self, task: CodeTask, weights: Sequence[float]) -> None:
        if not weights:
            raise TaskInvalid("no_tests", "the task has no tests")
        self._weights = list(weights)
        self._score = task.score
        self._subtasks = task.subtasks or ()
        self._stop = task.stop_on_first_failure
        if task.score == "weighted" and not self._subtasks and sum(weights) <= 0:
            raise TaskInvalid("no_weight", "the weights of the tests add up to nothing")
        for subtask in self._subtasks:
            if max(subtask.cases) >= len(weights):
                raise TaskInvalid("bad_subtask", f"a subtask names case {max(subtask.cases)} of {len(weights)}")
        if self._subtasks and sum(subtask.points for subtask in self._subtasks) <= 0:
            raise TaskInvalid("no_weight", "the points of the subtasks add up to nothing")

    def __len__(self) -> int:
        return len(self._weights)

    def needs(self, index: int, results: Mapping[int, TestResult]) -> bool:
        """Whether a test that has not run is still worth running, after the results so far."""
        if index in results:
            return False
        failed = {i for i, result in results.items() if result.outcome is not TestOutcome.ACCEPTED}
        if any(results[i].outcome is TestOutcome.TAMPERED for i in failed):
            return False
        if self._stop is not None:
            return not (self._stop and failed)
        if not failed:
            return True
        if self._subtasks:
            groups = [subtask for subtask in self._subtasks if index in subtask.cases]
            return any(group.score == "fraction" or failed.isdisjoint(group.cases) for group in groups)
        return self._score != "all"

    def pending(self, results: Mapping[int, TestResult]) -> list[int]:
        """The tests still worth running, in order."""
        return [index for index in range(len(self)) if self.needs(index, results)]

    def settle(self, results: Mapping[int, TestResult]) -> "Settled":
        """Add up.

        Returns: the score in [0, 1], 1 exactly when the outcome is CORRECT, with the reason of the first test that
            cost something.
        """
        complete = tuple(results.get(index, TestResult(index)) for index in range(len(self)))
        passed = [result.outcome is TestOutcome.ACCEPTED for result in complete]
        first = next((r for r in complete if r.outcome not in (TestOutcome.ACCEPTED, TestOutcome.SKIPPED)), None)
        if any(result.outcome is TestOutcome.TAMPERED for result in complete):
            return Settled(Outcome.WRONG, Reason.TAMPERED, 0.0, complete)
        full, score = self._share(passed)
        if full:
            return Settled(Outcome.CORRECT, Reason.PASSED, 1.0, complete)
        if first is None:
            # Nothing failed and yet something is missing: only we can have left it out.
            return Settled(Outcome.UNDECIDED, Reason.UNDECIDED, 0.0, complete)
        reason = Reason(first.outcome.value)
        if score <= 0:
            return Settled(Outcome.WRONG, reason, 0.0, complete)
        return Settled(Outcome.PARTIAL, reason, min(score, 1 - 1e-9), complete)

    def _share(self, passed: Sequence[bool]) -> tuple[bool, float]:
        """Whether nothing is missing, and the share of what there was to get."""
        if self._subtasks:
            got = total = 0.0
            full = True
            for subtask in self._subtasks:
                cases = [passed[index] for index in subtask.cases]
                total += subtask.points
                share = sum(cases) / len(cases) if subtask.score == "fraction" else float(all(cases))
                got += subtask.points * share
                full = full and (share == 1 or subtask.points == 0)
            return full, got / total
        if self._score == "all":
            return all(passed), float(all(passed))
        if self._score == "fraction":
            return all(passed), sum(passed) / len(passed)
        got = sum(weight for weight, ok in zip(self._weights, passed, strict=True) if ok)
        full = all(ok or weight == 0 for weight, ok in zip(self._weights, passed, strict=True))
        return full, got / sum(self._weights)


class Settled:
    """What a plan made of the results: `outcome`, `reason`, `score`, and `tests`, one for each test of the task."""

    __slots__ = ("outcome", "reason", "score", "tests")

    def __init__(self, outcome: Outcome, reason: Reason, score: float, tests: tuple[TestResult, ...]) -> None:
        self.outcome, self.reason, self.score, self.tests = outcome, reason, score, tests
