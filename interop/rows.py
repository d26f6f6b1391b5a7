"""The rows that trainers' own code is run on: 200 with labels that are known, from the shared data.

mixed    120 whole maths completions, 40 right programs, 40 wrong ones; each with its reference or tests as a label
programs 200 Python programs, half of them right, with asserts, for callers of the code sandbox alone
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

Row = dict[str, Any]

MIXED_MATHS, MIXED_PROGRAMS, PROGRAMS = 120, 80, 200

BAD_LABELS = {"completions_tora_math-00033"}
"""Rows that docs/math-labels.md shows to be labelled wrongly."""


def read(data: Path, name: str) -> list[Row]:
    """A file of the shared data."""
    with (data / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def rows(data: Path) -> dict[str, list[Row]]:
    """Both sets. A row has id, prompt, completion, label (a reference, or a task as JSON) and expected (the reward)."""
    maths = (_maths(row) for row in read(data, "math_completions.jsonl") if row["id"] not in BAD_LABELS)
    programs = list(_programs(data))
    return {
        "mixed": [*islice(maths, MIXED_MATHS), *islice(_alternating(programs), MIXED_PROGRAMS)],
        "programs": list(islice(_alternating(programs), PROGRAMS)),
    }


def _maths(row: Row) -> Row:
    return {
        "id": row["id"],
        "prompt": row["problem"],
        "completion": row["completion"],
        "label": row["gold"],
        "expected": float(row["label"]),
    }


def _programs(data: Path) -> Iterator[Row]:
    """Reference solutions and the mutants that fail the same asserts; CRLF as in the source is kept."""
    asserts = {}
    for row in read(data, "code_asserts_humaneval.jsonl"):
        asserts[row["id"]] = (row, row["test"], f"check({row['entry_point']})", row["entry_point"])
    for row in read(data, "code_asserts_mbpp.jsonl"):
        if not row["setup"]:
            asserts[row["id"]] = (row, "\n".join(row["tests"]), "", None)
    solutions = [(row["id"], row["solution"], 1.0) for row, *_ in asserts.values()]
    mutants = [
        (row["base"], row["solution"], 0.0) for row in read(data, "code_wrong_answers.jsonl") if row["base"] in asserts
    ]
    for index, (base, solution, expected) in enumerate([*mutants, *solutions]):
        row, source, call, entry_point = asserts[base]
        tests: Row = {"kind": "asserts", "source": source}
        if entry_point is not None:
            tests["entry_point"] = entry_point
        yield {
            "id": f"{base}/{index}",
            "prompt": row["prompt"],
            "completion": f"```python\n{solution}\n```",
            "label": json.dumps({"kind": "code", "language": "python", "tests": tests}),
            "asserts": f"{source}\n{call}\n",
            "expected": expected,
        }


def _alternating(programs: list[Row]) -> Iterator[Row]:
    """Wrong, right, wrong, right."""
    wrong = [row for row in programs if not row["expected"]]
    right = [row for row in programs if row["expected"]]
    for pair in zip(wrong, right, strict=False):
        yield from pair
