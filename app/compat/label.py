"""What a trainer's label says to judge by.

1. An object with a `kind`, or a text that is the JSON of one, is a task as in /v1/grade.
2. An object with `inputs` and `outputs`, or a text that is the JSON of one, holds tests as LiveCodeBench, verl and
   NeMo-Gym lay them out: programs by input and output, or, with `fn_name`, calls.
3. A list of texts or numbers is a list of references, of which any one will do.
4. Any other text, or a number, is one reference, read as the request's `label` says: a maths answer unless it says
   otherwise. A preference needs none; there a text is the answer to compare with.

A label that cannot be used makes its own row invalid and no other.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from app.errors import BadJson
from app.json_edge import check_json
from app.schemas import field_errors, task_from_json
from graders.errors import TaskInvalid
from graders.task import PreferenceTask, Task

READINGS = ("math", "choice", "text", "asserts", "preference")
"""How a plain label may be read."""


def task_of(label: Any, reading: str = "math") -> Task | None:
    """The task of a label.

    Args: reading: one of READINGS, for a label that is a plain text or number.
    Returns: None where there is nothing to judge by: no label, or an empty one.
    Raises: TaskInvalid when there is something and it cannot be used.
    """
    if isinstance(label, str) and label.lstrip().startswith("{"):
        label = _object_or_text(label)
    if label is None or label == "" or label == []:
        return PreferenceTask() if reading == "preference" else None
    if isinstance(label, Mapping):
        return _of_object(label)
    if isinstance(label, Sequence) and not isinstance(label, str) and reading in ("math", "choice", "text"):
        return _task({"kind": reading, "answer": [_text(entry) for entry in label]})
    if reading == "preference":
        return _task({"kind": "preference", "reference": _text(label)})
    if reading == "asserts":
        return _task({"kind": "code", "language": "python", "tests": {"kind": "asserts", "source": _text(label)}})
    return _task({"kind": reading, "answer": _text(label)})


def paired_tests(inputs: Any, outputs: Any, function: Any = None) -> dict[str, Any]:
    """Tests in two lists of equal length, as this service names them.

    Args:
        inputs, outputs: texts (or lists of lines); for a function an input has one JSON value a line, its arguments.
        function: the function's name, or None for programs.

    Raises: TaskInvalid.
    """
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise TaskInvalid("bad_label", "inputs and outputs must be lists of equal length")
    if function is None or function == "":
        cases = [
            {"input": _lines(given), "output": _lines(wanted)} for given, wanted in zip(inputs, outputs, strict=True)
        ]
        return {"kind": "stdio", "cases": cases}
    if not isinstance(function, str):
        raise TaskInvalid("bad_label", "fn_name must be a text")
    calls = [
        {"args": _arguments(given), "expected": _value(wanted)} for given, wanted in zip(inputs, outputs, strict=True)
    ]
    return {"kind": "function", "entry_point": function, "cases": calls}


def _object_or_text(text: str) -> Any:
    """The object a text is the JSON of; the text itself when it is none, as the set {1, 2} is not."""
    try:
        value = check_json(text.encode("utf-8", "replace"))
    except BadJson:
        return text
    return value if isinstance(value, dict) and ("kind" in value or "inputs" in value) else text


def _of_object(label: Mapping[str, Any]) -> Task:
    if "kind" in label:
        return _task(label)
    if "inputs" in label and "outputs" in label:
        tests = paired_tests(label["inputs"], label["outputs"], label.get("fn_name"))
        return _task({"kind": "code", "tests": tests} | ({"language": "python"} if tests["kind"] == "function" else {}))
    raise TaskInvalid("bad_label", "an object needs a `kind`, or `inputs` and `outputs`")


def _task(value: Mapping[str, Any]) -> Task:
    try:
        return task_from_json(value)
    except ValidationError as error:
        first = field_errors(error)[0]
        raise TaskInvalid("bad_label", f"{first['path'] or 'the label'}: {first['message']}") from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TaskInvalid("bad_label", "a reference must be a text or a number")
    return repr(value)


def _lines(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    if not isinstance(value, str):
        raise TaskInvalid("bad_label", "an input or output must be a text or a list of lines")
    return value


def _arguments(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        raise TaskInvalid("bad_label", "a call's input must be a text or a list of arguments")
    return [_value(line) for line in value.split("\n") if line.strip()]


def _value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise TaskInvalid("bad_label", "an argument or expected value is not JSON") from None


def _refuse(name: str) -> None:
    raise ValueError(name)
