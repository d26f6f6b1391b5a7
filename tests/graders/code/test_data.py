"""Reference solutions, model generations and wrong answers of public benchmarks, from the shared data.

Each file as a whole, so these tests skip where the data is absent; small cases of the same kinds are in the tests
beside this one.
"""

from collections.abc import Callable
from typing import Any

import pytest

from graders.code.grade import CodeGrader
from graders.task import (
    AssertTests,
    CodeTask,
    FunctionCase,
    FunctionTests,
    ProgramChecker,
    StdioCase,
    StdioTests,
    Subtask,
)
from graders.verdict import Outcome, Reason
from tests.graders.code.conftest import fence

Rows = Callable[[str], list[dict[str, Any]]]
PARTS = 3
"""Long files are split, so that each test stays well within its time."""


def asserts(source: str, entry_point: str | None = None) -> CodeTask:
    """A task of trusted asserts."""
    return CodeTask(tests=AssertTests(source=source, entry_point=entry_point))


def mbpp(row: dict[str, Any]) -> CodeTask:
    """A row of MBPP as a task."""
    return asserts("\n".join([row["setup"], *row["tests"]]))


def test_humaneval_references_pass(grader: CodeGrader, shared_rows: Rows) -> None:
    """All of them, by value."""
    for row in shared_rows("code_asserts_humaneval.jsonl"):
        verdict = grader.grade(asserts(row["test"], row["entry_point"]), fence(row["solution"], "python"))
        assert (verdict.reason, verdict.integrity) == (Reason.PASSED, ""), row["id"]


@pytest.mark.parametrize("part", range(PARTS))
def test_mbpp_references_pass(grader: CodeGrader, shared_rows: Rows, part: int) -> None:
    """All of them, by value."""
    for row in shared_rows("code_asserts_mbpp.jsonl")[part::PARTS]:
        verdict = grader.grade(mbpp(row), fence(row["solution"], "python"))
        assert (verdict.reason, verdict.integrity) == (Reason.PASSED, ""), row["id"]


def test_generated_bodies_pass(grader: CodeGrader, shared_rows: Rows) -> None:
    """Function bodies that continue the prompt."""
    problems = {row["id"].rpartition("/")[2]: row for row in shared_rows("code_asserts_humaneval.jsonl")}
    for row in shared_rows("code_generations_humaneval.jsonl"):
        problem = problems[row["id"].rpartition("/")[2]]
        verdict = grader.grade(asserts(problem["test"], problem["entry_point"]), row["completion"], row["prompt"])
        assert verdict.reason is Reason.PASSED, row["id"]


def test_no_wrong_answer_passes(grader: CodeGrader, shared_rows: Rows) -> None:
    """Mutants of the references."""
    humaneval = {row["id"]: row for row in shared_rows("code_asserts_humaneval.jsonl")}
    mbpps = {row["id"]: row for row in shared_rows("code_asserts_mbpp.jsonl")}
    for row in shared_rows("code_wrong_answers.jsonl"):
        base = humaneval.get(row["base"])
        task = asserts(base["test"], base["entry_point"]) if base else mbpp(mbpps[row["base"]])
        verdict = grader.grade(task, fence(row["solution"], "python"))
        assert (verdict.outcome, verdict.score) == (Outcome.WRONG, 0), row["id"]


def test_leetcode_references_pass(grader: CodeGrader, shared_rows: Rows) -> None:
    """By-value cases with keyword arguments, in LeetCode's environment."""
    for row in shared_rows("code_function_leetcode.jsonl"):
        cases = tuple(FunctionCase(kwargs=case["kwargs"], expected=case["expected"]) for case in row["tests"])
        task = CodeTask(tests=FunctionTests(entry_point=row["entry_point"], cases=cases))
        assert grader.grade(task, fence(row["solution"], "python")).reason is Reason.PASSED, row["id"]


# What this service says where it differs from the label, and why.
DIFFERENCES = {
    "kattis/different/accepted/different_py2.py": Reason.COMPILE_ERROR,  # Python 2, which is not offered.
    "kattis/different/slow_accepted/different_slow.py": Reason.TIME_LIMIT,  # Needs minutes; it states no limit.
    "kattis/hello/run_time_error/memory_limit.cc": Reason.MEMORY_LIMIT,  # Its set has no verdict of that name.
}
REASONS = {
    "AC": Reason.PASSED,
    "WA": Reason.WRONG_ANSWER,
    "TLE": Reason.TIME_LIMIT,
    "RTE": Reason.RUNTIME_ERROR,
    "PARTIAL": Reason.WRONG_ANSWER,
}


def judge_task(problem: dict[str, Any], language: str) -> CodeTask:
    """A contest problem as a task: plain, with its output validator, or with two subtasks."""
    checker: Any = "tokens"
    texts = {name.rpartition("/")[2]: file["text"] for name, file in problem["validator_files"].items()}
    if texts:
        header = texts["validate.h"].replace("#pragma once", "")
        source = texts["validate.cc"].replace('#include "validate.h"', header)
        checker = ProgramChecker(language="c++", source=source)
    cases = tuple(StdioCase(input=case["input"], output=case["output"]) for case in problem["tests"])
    subtasks = None
    if problem["kind"] == "scoring":
        names = [case["name"] for case in problem["tests"]]
        groups = [tuple(i for i, name in enumerate(names) if group in name) for group in ("subtask1", "subtask2")]
        subtasks = tuple(Subtask(cases=group, points=50) for group in groups)
    return CodeTask(tests=StdioTests(cases=cases, checker=checker), language=language, subtasks=subtasks)


@pytest.mark.slow
def test_judge_submissions_get_their_verdicts(grader: CodeGrader, shared_rows: Rows, runner: Any) -> None:
    """Every submission in a language that is here and that comes as one file."""
    problems = {row["id"]: row for row in shared_rows("code_judge_problems.jsonl")}
    graded = 0
    for row in shared_rows("code_judge_submissions.jsonl"):
        if row["language"] not in runner.languages or len(row["files"]) != 1:
            continue
        (file,) = row["files"].values()
        task = judge_task(problems[row["problem"]], row["language"])
        verdict = grader.grade(task, fence(file["text"], row["language"]))
        wanted = DIFFERENCES.get(row["id"]) or REASONS[row["expected"][0]]
        assert verdict.reason is wanted, (row["id"], verdict)
        assert (verdict.outcome is Outcome.PARTIAL) == (row["expected"][0] == "PARTIAL"), row["id"]
        graded += 1
    assert graded >= 15


# References that do not pass the tests they come with, which nobody notices where only an exit status counts.
BROKEN_REFERENCES = {
    "JavaScript/155",  # Its console.assert fails for 0; console.assert only prints.
    "Go/95",  # Looks at two keys of a map, in Go's random order.
}


@pytest.mark.slow
@pytest.mark.parametrize("language", ["python", "cpp", "java", "javascript", "go", "rust"])
def test_humaneval_x_references_pass(grader: CodeGrader, shared_rows: Rows, runner: Any, language: str) -> None:
    """In every language that is here, as bodies that continue the prompt."""
    if language not in runner.languages:
        pytest.skip(f"no {language} in these jails")
    for row in shared_rows("code_multilang_humaneval_x.jsonl"):
        if row["language"] != language or row["id"] in BROKEN_REFERENCES:
            continue
        source = "\n".join(part for part in (row["test_setup"], row["import"], row["test"]) if part)
        prompt = row["declaration"] if language == "rust" else row["prompt"]
        task = CodeTask(tests=AssertTests(source=source), language=language)
        verdict = grader.grade(task, row["canonical_solution"], prompt)
        assert verdict.reason is Reason.PASSED, (row["id"], verdict)
        assert verdict.integrity == ("" if language == "python" else "weak")
