"""Task type to grader: one dictionary, opened once per worker process and closed with it."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Self

from graders import choice, instructions, structured, text
from graders.errors import GraderFault
from graders.math.grade import MathGrader
from graders.preference import grade as preference
from graders.task import (
    ChoiceTask,
    CodeTask,
    InstructionsTask,
    JsonTask,
    MathTask,
    PreferenceTask,
    Task,
    TextTask,
)
from graders.verdict import RunReport, Verdict
from graders.votes import Counter, Tally
from graders.work import ProgramTask, RunTask, VoteTask
from sandbox.limits import Limits
from sandbox.runner import Runner


class Registry:
    """Every grader this process has. A context manager: leaving it ends the graders' child processes.

    Args:
        runner: where code runs; None in a process that grades no code (its code items are our fault, not theirs).
        limits: of one test, where the task names none.
        remember: whether a program's run on an input may be remembered (graders.code.runs).
    """

    def __init__(self, runner: Runner | None = None, limits: Limits | None = None, *, remember: bool = True) -> None:
        self._exits = ExitStack()
        self._graders: dict[type, Callable[..., Verdict]] = {
            ChoiceTask: choice.grade,
            TextTask: text.grade,
            JsonTask: structured.grade,
            InstructionsTask: instructions.grade,
            PreferenceTask: preference.refuse,
        }
        maths = self._exits.enter_context(MathGrader())
        self._graders[MathTask] = maths.grade
        self._counter = Counter(maths)
        self._run: Callable[[RunTask, str], RunReport] | None = None
        if runner is not None:
            from graders.code.grade import CodeGrader
            from graders.code.run import run_program

            code = CodeGrader(runner, limits or Limits(), remember=remember)
            self._graders[CodeTask] = code.grade
            self._graders[ProgramTask] = code.grade_program
            self._run = partial(run_program, runner, limits or Limits())

    def grade(self, task: Task | ProgramTask, completion: str, prompt: str = "") -> Verdict:
        """Judge one completion.

        Raises:
            TaskInvalid: the task cannot be used.
            GraderFault, SandboxFault: we failed; the caller may try again.
        """
        grader = self._graders.get(type(task))
        if grader is None:
            raise GraderFault(f"no grader for {type(task).__name__} in this worker")
        return grader(task, completion, prompt)

    def run(self, task: RunTask, program: str) -> RunReport:
        """Run a program as it is.

        Raises: TaskInvalid, GraderFault, SandboxFault as `grade` does.
        """
        if self._run is None:
            raise GraderFault("no sandbox in this worker")
        return self._run(task, program)

    def count(self, task: VoteTask) -> Tally:
        """Count votes.

        Raises: GraderFault as `grade` does.
        """
        return self._counter.count(task)

    def close(self) -> None:
        """End what the graders started."""
        self._exits.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
