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


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nsys.exit(42 if int(open(sys.argv[2]).read()) == 1 else 43)",
        "import sys\nx = open(sys.argv[2]).read()\nwhile x.strip() != '1': pass\nsys.exit(42)",
    ],
)
def test_an_output_that_breaks_a_working_checker_is_wrong(grade_stdio: Grade, source: str) -> None:
    """Else a program could choose "no score" over "wrong" by what it prints."""
    checker = ProgramChecker(language="python", source=source)
    assert grade_stdio("print(1)", [("", "1")], checker).reason is Reason.PASSED
    assert grade_stdio("print('x')", [("", "1")], checker).reason is Reason.WRONG_ANSWER


TESTLIB_CPP = """
#include "testlib.h"
int main(int argc, char* argv[]) {
    registerTestlibCmd(argc, argv);
    int n = inf.readInt();
    long long sum = 0;
    for (int i = 0; i < n; i++) sum += ouf.readInt(1, 100);
    if (sum != ans.readInt()) quitf(_wa, "the numbers add up to %lld", sum);
    if (!ouf.seekEof()) quitf(_pe, "more than was asked for");
    quitf(_ok, "%d numbers", n);
}
"""


def test_testlib_is_supplied(grade_stdio: Grade) -> None:
    """As Codeforces' problems come: statuses of testlib without being told, any right answer accepted."""
    checker = ProgramChecker(language="c++", source=TESTLIB_CPP)
    cases = [("3\n", "10\n"), ("2\n", "5\n")]
    right = "n = int(input())\nprint(*({3: [2, 3, 5], 2: [4, 1]}[n]))"
    assert grade_stdio(right, cases, checker).reason is Reason.PASSED
    for wrong in ("print(1, 1, 1)", "print('x')", "print(2, 3)", "print(2, 3, 5, 1)", "pass", "print(2, 3, 500)"):
        assert grade_stdio(wrong, cases, checker).reason is Reason.WRONG_ANSWER, wrong


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
