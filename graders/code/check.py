"""Is a code task fit to train on: does its solution pass, and do its tests notice when the solution is broken?

Broken solutions are made from the right one by changing one thing at a time (an operator, a constant, a condition, a
missing statement); Python only, for other languages only the solution is run. A mutant that passes is a hole in the
tests or a change without effect; a person has to tell which, so it is shown as a line before and after. Not part of
grading.
"""

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from graders.code.grade import CodeGrader
from graders.errors import TaskInvalid
from graders.task import CodeTask
from graders.verdict import Outcome, Reason

MUTANTS = 20
"""Mutants tried of one solution unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found about a task.

    Args:
        problem: "" or one word: "no_solution", "solution_fails", "weak_tests", or the code of a TaskInvalid.
        message: the same for people.
        reason: how the solution was judged, where it was.
        mutants: broken solutions tried.
        survivors: those that passed, each as "line N: before -> after".
    """

    problem: str = ""
    message: str = ""
    reason: Reason | None = None
    mutants: int = 0
    survivors: tuple[str, ...] = ()


def check(grader: CodeGrader, task: CodeTask, mutants: int = MUTANTS) -> Checked:
    """Run a task's solution, and broken ones, against its tests.

    Args: mutants: how many to try at most; chosen evenly over the text, the same ones each time.
    Raises: GraderFault, SandboxFault.
    """
    if task.solution is None:
        return Checked("no_solution", "the task has no solution to check its tests with")
    language = task.language or "python"
    plain = replace(task, solution=None, language=language)
    try:
        verdict = grader.grade(plain, _fenced(task.solution, language))
        if verdict.outcome is not Outcome.CORRECT:
            return Checked("solution_fails", f"the solution gets {verdict.reason}", verdict.reason)
        if language != "python":
            return Checked(reason=verdict.reason)
        tried = 0
        survivors = []
        for change, code in _some(mutants_of(task.solution), mutants):
            tried += 1
            if grader.grade(plain, _fenced(code, language)).outcome is Outcome.CORRECT:
                survivors.append(change)
    except TaskInvalid as invalid:
        return Checked(invalid.code, invalid.message)
    problem = "weak_tests" if survivors else ""
    message = f"{len(survivors)} of {tried} broken solutions pass" if survivors else ""
    return Checked(problem, message, verdict.reason, tried, tuple(survivors))


def _fenced(code: str, language: str) -> str:
    marks = "`" * 8  # More than any program has in a row.
    return f"{marks}{language}\n{code}\n{marks}\n"


def _some(mutants: Iterator[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """So many of them, spread over the whole and the same each time."""
    found = list(dict(mutants).items())
    if len(found) <= count:
        return found
    return random.Random(0).sample(found, count)  # noqa: S311  Not a secret.


def mutants_of(code: str) -> Iterator[tuple[str, str]]:
    """Every program that differs in one place, as (what was changed, text); nothing for a text that does not parse."""
    try:
        places = sum(1 for _ in ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for place in range(places):
        for way in range(2):
            tree = ast.parse(code)
            change = _Change(place, way)
            changed = change.visit(tree)
            if change.done:
                yield change.done, ast.unparse(ast.fix_missing_locations(changed)) + "\n"


_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.FloorDiv: (ast.Mult,),
    ast.Div: (ast.Mult,),
    ast.Mod: (ast.Add,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitAnd,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}


class _Change(ast.NodeTransformer):
    """Changes the node at one place of the walk, in one of at most two ways; `done` says what became of it."""

    def __init__(self, place: int, way: int) -> None:
        self._left = place
        self._way = way
        self.done = ""

    def visit(self, node: ast.AST) -> ast.AST:
        """Count down to the place, then change what is there if it can be changed."""
        here = self._left == 0
        self._left -= 1
        if here:
            before = _short(node)
            changed = self._changed(node)
            if changed is not None:
                self.done = f"line {getattr(node, 'lineno', 0)}: {before} -> {_short(changed)}"
                return ast.copy_location(changed, node) if hasattr(node, "lineno") else changed
            return node
        if self._left < 0:
            return node
        return self.generic_visit(node)

    def _changed(self, node: ast.AST) -> ast.AST | None:
        if isinstance(node, ast.Compare):
            others = _COMPARISONS.get(type(node.ops[0]), ())
            if self._way < len(others):
                return ast.Compare(node.left, [others[self._way](), *node.ops[1:]], node.comparators)
        elif isinstance(node, ast.BinOp) and self._way == 0:
            others_of = _OPERATORS.get(type(node.op), ())
            return ast.BinOp(node.left, others_of[0](), node.right) if others_of else None
        elif isinstance(node, ast.BoolOp) and self._way == 0:
            return ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            return ast.Constant(node.value + (1 if self._way == 0 else -1))
        elif isinstance(node, ast.Constant) and type(node.value) is bool and self._way == 0:
            return ast.Constant(not node.value)
        elif isinstance(node, (ast.If, ast.While)) and self._way == 0:
            return type(node)(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        elif isinstance(node, (ast.AugAssign, ast.Break, ast.Continue)) and self._way == 0:
            return ast.Pass()
        elif isinstance(node, ast.Return) and node.value is not None and self._way == 0:
            return ast.Return(ast.Constant(None))
        return None


def _short(node: ast.AST) -> str:
    """A node's first line, as text."""
    return ast.unparse(node).partition("\n")[0][:80]
