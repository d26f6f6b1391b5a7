"""A real runner for the tests that need programs to run, and short ways to write a task."""

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest

from graders.code.grade import CodeGrader
from graders.task import AssertTests, CodeTask, FunctionCase, FunctionTests, StdioCase, StdioTests, UnittestTests
from graders.verdict import Verdict
from sandbox.docker_jail import ask_engine
from sandbox.errors import JailUnavailable
from sandbox.limits import Limits
from sandbox.pool import open_runner
from sandbox.run import Program
from sandbox.runner import Candidate, Runner

Grade = Callable[..., Verdict]

IMAGE = os.environ.get("TOUCHSTONE_SANDBOX_IMAGE", "touchstone-sandbox:latest")


class Both:
    """Bubblewrap's jails, and docker's for the languages that this host has no compiler of."""

    def __init__(self, first: Runner, second: Runner) -> None:
        self._first, self._second = first, second
        self.isolation = first.isolation
        self.languages = first.languages | second.languages

    def open(
        self, program: Program, compile_limits: Limits | None = None
    ) -> contextlib.AbstractContextManager[Candidate]:
        """See Runner."""
        chosen = self._first if program.language in self._first.languages else self._second
        return chosen.open(program, compile_limits)

    def close(self) -> None:
        """See Runner."""
        self._first.close()
        self._second.close()


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Real jails, of the kind that TOUCHSTONE_SANDBOX names; skips where this machine can make none."""
    folder = tmp_path_factory.mktemp("run")
    try:
        opened: Runner
        if os.environ.get("TOUCHSTONE_SANDBOX") == "docker":
            opened = open_runner("docker", jails=2, image=IMAGE, run_dir=folder)
        else:
            opened = open_runner("bubblewrap", jails=2, run_dir=folder)
            if ask_engine(IMAGE).has_image:
                opened = Both(opened, open_runner("docker", jails=2, image=IMAGE, run_dir=folder))
    except JailUnavailable as error:
        pytest.skip(f"no sandbox on this machine: {error}")
    yield opened
    opened.close()


@pytest.fixture
def grader(runner: Runner) -> CodeGrader:
    """Two seconds a test, so that a hanging one costs little."""
    return CodeGrader(runner, Limits(cpu_s=2.0))


@pytest.fixture
def grade_stdio(grader: CodeGrader) -> Grade:
    """grade(code, [(input, output), ...], checker="tokens", language="python", **task)."""

    def grade(
        code: str, cases: list[tuple[str, str]], checker: object = "tokens", language: str = "python", **task: object
    ) -> Verdict:
        tests = StdioTests(cases=tuple(StdioCase(input=i, output=o) for i, o in cases), checker=checker)  # type: ignore[arg-type]
        return grader.grade(CodeTask(tests=tests, language=language, **task), fence(code, language))  # type: ignore[arg-type]

    return grade


@pytest.fixture
def grade_calls(grader: CodeGrader) -> Grade:
    """grade(code, entry_point, [(args, expected), ...], compare="equal", language="python", **task)."""

    def grade(
        code: str,
        entry_point: str,
        cases: list[tuple[list[object], object]],
        compare: object = "equal",
        language: str = "python",
        **task: object,
    ) -> Verdict:
        made = tuple(FunctionCase(args=tuple(args), expected=expected) for args, expected in cases)
        tests = FunctionTests(entry_point=entry_point, cases=made, compare=compare)  # type: ignore[arg-type]
        return grader.grade(CodeTask(tests=tests, language=language, **task), fence(code, language))  # type: ignore[arg-type]

    return grade


@pytest.fixture
def grade_asserts(grader: CodeGrader) -> Grade:
    """grade(code, source, entry_point=None, language="python", **task)."""

    def grade(
        code: str, source: str, entry_point: str | None = None, language: str = "python", **task: object
    ) -> Verdict:
        tests = AssertTests(source=source, entry_point=entry_point)
        return grader.grade(CodeTask(tests=tests, language=language, **task), fence(code, language))  # type: ignore[arg-type]

    return grade


@pytest.fixture
def grade_unittest(grader: CodeGrader) -> Grade:
    """grade(code, source, **task)."""

    def grade(code: str, source: str, **task: object) -> Verdict:
        return grader.grade(CodeTask(tests=UnittestTests(source=source), **task), fence(code, "python"))  # type: ignore[arg-type]

    return grade


def fence(code: str, language: str) -> str:
    """A completion that holds a program."""
    return f"Here it is.\n\n```{language}\n{code}\n```\n"


def outcomes(verdict: Verdict) -> list[str]:
    """How each test went."""
    return [test.outcome.value for test in verdict.tests or ()]
