"""`touchstone check TASKS`: broken tasks and weak tests are named, with the line they stand on."""

import json
import os
import subprocess
import sys
from pathlib import Path

SOLUTION = "def add(a, b):\n    return a + b\n"


def line(*cases: tuple[int, int, int], solution: str = SOLUTION, **more: object) -> dict[str, object]:
    """An item with a solution and its tests."""
    rows = [{"args": [a, b], "expected": expected} for a, b, expected in cases]
    tests = {"kind": "function", "entry_point": "add", "cases": rows}
    return {"id": "t", "task": {"kind": "code", "language": "python", "tests": tests, "solution": solution}, **more}


def test_broken_and_weak_tasks_are_named(tmp_path: Path) -> None:
    """Status 1 for the broken ones; what survives is shown."""
    rows: list[dict[str, object]] = [
        line((1, 2, 3), (5, 2, 7), (-3, 4, 1)),
        line((0, 0, 0)),
        line((1, 2, 1)),
        {"kind": "math", "answer": "\\frac{1}{2}"},
        {"kind": "math", "answer": " "},
        {"kind": "magic"},
    ]
    source = tmp_path / "tasks.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    environment = {**os.environ, "TOUCHSTONE_DATA_DIR": str(tmp_path), "COLUMNS": "200"}
    command = [sys.executable, "-m", "app", "check", str(source), "--mutants", "8"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    words = done.stdout
    assert "line 1" not in words
    assert "line 2 (t): weak:" in words
    assert "->" in words
    assert "line 3 (t): broken: the solution gets wrong_answer" in words
    assert "line 4" not in words
    assert "line 5: broken" in words
    assert "line 6: broken: not a task" in words
    assert "2 fit, 1 weak, 3 broken" in words


def test_tasks_of_other_kinds_are_read_without_a_completion(tmp_path: Path) -> None:
    """What would be `invalid` in training is broken here: an empty reference, a bad pattern, schema or argument."""
    rows: list[dict[str, object]] = [
        {"kind": "text", "answer": "Paris"},
        {"kind": "text", "answer": "(?=x)", "match": "regex"},
        {"kind": "json", "schema": {"type": "object"}},
        {"kind": "json", "schema": {"type": "thing"}},
        {"kind": "json"},
        {"kind": "instructions", "instruction_ids": ["punctuation:no_comma"]},
        {"kind": "instructions", "instruction_ids": ["length_constraints:number_words"], "kwargs": [{"num_words": 3}]},
    ]
    source = tmp_path / "tasks.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    environment = {**os.environ, "TOUCHSTONE_DATA_DIR": str(tmp_path), "COLUMNS": "200"}
    command = [sys.executable, "-m", "app", "check", str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert [word for word in range(1, 8) if f"line {word}: broken" in done.stdout] == [2, 4, 5, 7]
    assert "kwargs.0.relation: must be given" in done.stdout
    assert "3 fit, 0 weak, 4 broken" in done.stdout
