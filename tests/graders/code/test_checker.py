"""Special judges."""

import pytest

from graders.errors import TaskInvalid
from graders.task import ProgramChecker
from graders.verdict import Reason
from tests.graders.code.conftest import Grade, outcomes

FILES = """
import sys
given, output, answer = (open(name).read().split() for name in sys.argv[1:4])
sys.exit(42 if sorted(output) == sorted(answer) and len(given) == len(output) else 43)
"""
VALIDATOR = """
import os, sys
given, answer = (open(name).read().split() for name in sys.argv[1:3])
assert os.path.isdir(sys.argv[3])
open(os.path.join(sys.argv[3], "judgemessage.txt"), "w").write("seen")
sys.exit(42 if sorted(sys.stdin.read().split()) == sorted(answer) else 43)
"""
TESTLIB = FILES.replace("42", "0").replace("43", "1")
CASES = [("2 1\n", "1 2\n"), ("3 4\n", "3 4\n")]


@pytest.mark.parametrize(
    "checker",
    [
        ProgramChecker(language="python", source=FILES),
        ProgramChecker(language="py", source=VALIDATOR),
        ProgramChecker(language="python", source=TESTLIB, dialect="testlib"),
    ],
)
def test_a_program_decides(grade_stdio: Grade, checker: ProgramChecker) -> None:
    """By files or by standard input, by 42 and 43 or by testlib's statuses."""
    assert grade_stdio("print(*sorted(input().split(), reverse=True))", CASES, checker).reason is Reason.PASSED
    verdict = grade_stdio("x = input().split()\nprint(*x if x[0] == '2' else '9')", CASES, checker, score="fraction")
    assert outcomes(verdict) == ["accepted", "wrong_answer"]


@pytest.mark.parametrize(
    ("source", "dialect", "code"),
    [
        ("import sys\nsys.exit(0)", "kattis", "checker_failed"),
        ("import sys\nsys.exit(1)", "kattis", "checker_failed"),
        ("import sys\nsys.exit(3)", "testlib", "checker_failed"),
        ("import sys\nsys.exit(42)", "testlib", "checker_failed"),
        ("1 / 0", "kattis", "checker_failed"),
        ("print('ok')", "kattis", "checker_failed"),
        ("import os\nos.kill(os.getpid(), 9)", "testlib", "checker_failed"),
    ],
)
def test_any_other_end_makes_the_task_invalid(grade_stdio: Grade, source: str, dialect: str, code: str) -> None:
    """A checker that fails says nothing about the completion."""
    checker = ProgramChecker(language="python", source=source, dialect=dialect)  # type: ignore[arg-type]
    with pytest.raises(TaskInvalid) as caught:
        grade_stdio("print(1)", [("", "1")], checker)
    assert caught.value.code == code


def test_a_checker_that_does_not_compile_is_the_tasks_fault(grade_stdio: Grade) -> None:
    """Whatever the completion is."""
    checker = ProgramChecker(language="cpp", source="int main( {")
    with pytest.raises(TaskInvalid) as caught:
        grade_stdio("print(1)", [("", "1")], checker)
    assert caught.value.code == "checker_does_not_compile"


def test_a_checker_in_a_language_that_is_not_here_is_the_tasks_fault(grade_stdio: Grade) -> None:
    """Not ours: the catalogue says what there is."""
    with pytest.raises(TaskInvalid) as caught:
        grade_stdio("print(1)", [("", "1")], ProgramChecker(language="cobol", source="x"))
    assert caught.value.code == "unsupported_language"


def test_a_program_that_crashes_is_not_shown_to_the_checker(grade_stdio: Grade) -> None:
    """A status other than 0 decides first."""
    checker = ProgramChecker(language="python", source="import sys\nsys.exit(42)")
    assert grade_stdio("1 / 0", [("", "1")], checker).reason is Reason.RUNTIME_ERROR
