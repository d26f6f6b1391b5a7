"""Task type to grader: one dictionary, opened once per worker process and closed with it."""

from collections.abc import Callable
from contextlib import ExitStack
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
from graders.verdict import Verdict
from sandbox.limits import Limits
from sandbox.runner import Runner


class Registry:
    """Every grader this process has. A context manager: leaving it ends the graders' child processes.

    Args:
        runner: where code runs; None in a process that grades no code (its code items are our fault, not theirs).
        limits: of one test, where the task names none.
    """

    def __init__(self, runner: Runner | None = None, limits: Limits | None = None) -> None:
        self._exits = ExitStack()
        self._graders: dict[type, Callable[..., Verdict]] = {
            ChoiceTask: choice.grade,
            TextTask: text.grade,
            JsonTask: structured.grade,
            InstructionsTask: instructions.grade,
            PreferenceTask: preference.refuse,
        }
        self._graders[MathTask] = self._exits.enter_context(MathGrader()).grade
        if runner is not None:
            from graders.code.grade import CodeGrader

            self._graders[CodeTask] = CodeGrader(runner, limits or Limits()).grade

    def grade(self, task: Task, completion: str, prompt: str = "") -> Verdict:
        """Judge one completion.

        Raises:
            TaskInvalid: the task cannot be used.
            GraderFault, SandboxFault: we failed; the caller may try again.
        """
        grader = self._graders.get(type(task))
        if grader is None:
            raise GraderFault(f"no grader for {type(task).__name__} in this worker")
        return grader(task, completion, prompt)

    def close(self) -> None:
        """End what the graders started."""
        self._exits.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
