"""`touchstone check TASKS`: are code tasks fit to train on, before anyone trains on them?

Each line of TASKS is an item as in /v1/grade, or a task alone. A task's `solution` is run against its own tests, then
broken versions of it: a solution that fails, or tests that let broken ones pass, are reported. Only code tasks are
checked; of others only the reference is read.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from app.errors import BadJson
from app.json_edge import check_json
from app.judge_settings import JudgeSettings
from app.schemas import field_errors, task_from_json
from app.settings import Settings
from app.worker import default_limits, open_sandbox
from graders.code.check import check
from graders.code.grade import CodeGrader
from graders.errors import TaskInvalid
from graders.preference.grade import choose
from graders.registry import Registry
from graders.task import CodeTask, PreferenceTask, Task

BROKEN = "broken"
WEAK = "weak"
FIT = "fit"


def check_tasks(source: Path, settings: Settings, console: Console, *, mutants: int) -> int:
    """Check every task of a file and print those that are not fit.

    Args: mutants: broken solutions tried a task, at most.
    Returns: the exit status: 1 when a task is broken, else 0; weak tests are only reported.
    Raises: SandboxFault if no jail can be had; OSError if the file cannot be read.
    """
    found: Counter[str] = Counter()
    runner = open_sandbox(settings)
    try:
        with Registry(None, default_limits(settings)) as registry, source.open("rb") as lines:
            grader = CodeGrader(runner, default_limits(settings))
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                state, name, message = _check_line(line, registry, grader, settings.judges, mutants)
                found[state] += 1
                if state != FIT:
                    console.print(f"line {number}{name}: {state}: {message}", markup=False, highlight=False)
    finally:
        runner.close()
    console.print(", ".join(f"{found[state]} {state}" for state in (FIT, WEAK, BROKEN)), highlight=False)
    return 1 if found[BROKEN] else 0


def _check_line(
    line: bytes, registry: Registry, grader: CodeGrader, judges: Mapping[str, JudgeSettings], mutants: int
) -> tuple[str, str, str]:
    """A line's state, its item's id for the report, and why."""
    try:
        value = check_json(line)
    except BadJson as refused:
        return BROKEN, "", refused.message
    if not isinstance(value, dict):
        return BROKEN, "", "not a JSON object"
    name = f" ({value['id']})" if isinstance(value.get("id"), str) else ""
    try:
        task: Task = task_from_json(value.get("task", value))
    except ValidationError as error:
        return (
            BROKEN,
            name,
            "not a task: " + "; ".join(f"{row['path']} {row['message']}" for row in field_errors(error)),
        )
    if isinstance(task, CodeTask):
        checked = check(grader, task, mutants)
        survivors = "".join(f"\n    {change}" for change in checked.survivors[:5])
        if not checked.problem:
            return FIT, name, ""
        return (WEAK if checked.problem in {"weak_tests", "no_solution"} else BROKEN), name, checked.message + survivors
    try:
        if isinstance(task, PreferenceTask):
            choose(task, judges)  # Whether it can be judged is seen without asking anybody.
        else:
            registry.grade(task, "")
    except TaskInvalid as invalid:
        return BROKEN, name, invalid.message
    return FIT, name, ""
