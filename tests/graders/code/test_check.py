"""Whether tests notice a broken solution."""

import ast

import pytest

from graders.code.check import check, mutants_of
from graders.code.grade import CodeGrader
from graders.task import CodeTask, FunctionCase, FunctionTests
from graders.verdict import Reason

SOLUTION = "def f(a, b):\n    if a > b:\n        return a - b\n    return b - a\n"


def task(cases: list[tuple[int, int, int]], solution: str | None = SOLUTION) -> CodeTask:
    """The distance of two numbers."""
    made = tuple(FunctionCase(args=(a, b), expected=distance) for a, b, distance in cases)
    return CodeTask(tests=FunctionTests(entry_point="f", cases=made), solution=solution)


def test_good_tests_let_no_mutant_pass_but_those_without_effect(grader: CodeGrader) -> None:
    """a > b or a >= b makes no difference to a distance."""
    found = check(grader, task([(5, 3, 2), (3, 5, 2), (4, 4, 0), (-1, 1, 2)]))
    assert found.reason is Reason.PASSED
    assert found.mutants >= 6
    assert found.survivors == ("line 2: a > b -> a >= b",)


def test_weak_tests_are_named_with_what_they_miss(grader: CodeGrader) -> None:
    """Only one branch is ever taken."""
    found = check(grader, task([(5, 3, 2)]))
    assert found.problem == "weak_tests"
    assert any("b - a" in change for change in found.survivors)


@pytest.mark.parametrize(
    ("solution", "problem"),
    [(None, "no_solution"), ("def f(a, b): return a", "solution_fails"), ("def g(a): pass", "solution_fails")],
)
def test_a_task_that_cannot_be_checked_says_why(grader: CodeGrader, solution: str | None, problem: str) -> None:
    """In one word."""
    assert check(grader, task([(5, 3, 2)], solution)).problem == problem


def test_mutants_parse_and_differ_from_the_solution() -> None:
    """Each in one place, none twice."""
    texts = [text for _, text in mutants_of(SOLUTION)]
    assert len(texts) >= 6
    assert ast.unparse(ast.parse(SOLUTION)) + "\n" not in texts
    for text in texts:
        ast.parse(text)
    assert list(mutants_of("def f(")) == []
