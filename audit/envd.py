"""The service as envdoctor's target: the tasks of tasks.jsonl, judged with their prompts."""

import json
from pathlib import Path

from client import math_answer
from envdoctor import Case, FunctionTarget

_ROWS = [json.loads(line) for line in Path(__file__).with_name("tasks.jsonl").read_text("utf-8").splitlines()]
_PROMPTS = {row["answer"]: row["prompt"] for row in _ROWS}
target = FunctionTarget(
    lambda completion, answer: math_answer(completion, answer, _PROMPTS.get(answer)),
    [Case(id=str(at), prompt=row["prompt"], answer=row["answer"]) for at, row in enumerate(_ROWS)],
    name="touchstone over HTTP",
)
