"""Programs that try to cheat the code grader, and honest ones that look as if they did.

The shared set as a whole (it skips where the data is absent), one test for each way of grading; tricks against trusted
asserts are tried against every expectation in tests/graders/code/test_asserts.py.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from graders.code.grade import CodeGrader
from graders.task import AssertTests, CodeTask, FunctionCase, FunctionTests, StdioCase, StdioTests, UnittestTests
from graders.verdict import Outcome
from sandbox.errors import JailUnavailable
from sandbox.limits import Limits
from sandbox.pool import open_runner

Rows = Callable[[str], list[dict[str, Any]]]
PARTS = 4


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeGrader]:
    """On real jails, of the kind that TOUCHSTONE_SANDBOX names."""
    kind = os.environ.get("TOUCHSTONE_SANDBOX", "bubblewrap")
    folder = tmp_path_factory.mktemp("run")
    try:
        runner = open_runner("docker" if kind == "docker" else "bubblewrap", jails=2, run_dir=folder)
    except JailUnavailable as error:
        pytest.skip(f"no sandbox on this machine: {error}")
    yield CodeGrader(runner, Limits(cpu_s=2.0))
    runner.close()


def task(row: dict[str, Any], problems: dict[str, dict[str, Any]]) -> CodeTask:
    """The problem that a program of this mode is graded with."""
    problem = problems[row["mode"]]
    tests: Any
    if row["mode"] == "stdin":
        tests = StdioTests(cases=tuple(StdioCase(input=c["input"], output=c["output"]) for c in problem["tests"]))
    elif row["mode"] == "function":
        cases = tuple(FunctionCase(args=tuple(c["args"]), expected=c["expected"]) for c in problem["tests"])
        tests = FunctionTests(entry_point=problem["entry_point"], cases=cases)
    elif row["mode"] == "assert":
        tests = AssertTests(source=problem["test"], entry_point=problem["entry_point"])
    else:
        tests = UnittestTests(source=problem["test_file"])
    return CodeTask(tests=tests, language=row["language"])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_attack_passes_and_every_honest_program_does(grader: CodeGrader, shared_rows: Rows, part: int) -> None:
    """Whatever an attack gets, it is not a pass, and the grader goes on."""
    problems = {row["mode"]: row for row in shared_rows("code_attack_problems.jsonl")}
    for row in shared_rows("code_attacks.jsonl")[part::PARTS]:
        verdict = grader.grade(task(row, problems), f"```{row['language']}\n{row['code']}\n```")
        assert (verdict.outcome is Outcome.CORRECT) == row["honest"], (row["id"], verdict)
        assert (verdict.score == 1) == row["honest"], row["id"]
