"""What a dataset says of a row, as the task that a completion is judged against.

A label is read by one rule, which is that of the service's compatible routes:

    {"kind": …}                   a task as it is, as an object or as its JSON
    {"inputs": …, "outputs": …}   tests as verl, PRIME and LiveCodeBench have them; with `fn_name` they are calls
    nothing, or an empty text     no task
    anything else                 the reference of a maths problem; a list is several references, any of which will do

Nothing here raises: a label that cannot be a task is passed on as it is, and comes back as an invalid item.

Tables with one column for tasks of several kinds (Arrow, Parquet) fill every row with every field that any row has. The
fields that are null there are left out, since the service takes no field that a kind does not have.
"""

import json
from collections.abc import Mapping
from typing import Any

Task = dict[str, Any]

VALUES = frozenset({"args", "kwargs", "expected", "schema", "answer", "options"})
"""Fields of a task whose content is the task's own data, in which a null means something."""

TURN_ROLE_MAX = 64

ENDS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|return|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|finetune_right_pad_id|>",
    "<end_of_turn>",
    "<turn|>",
    "<｜end▁of▁sentence｜>",
    "<eos>",
    "</s>",
    "<pad>",
    "<|pad|>",
    "[PAD]",
)
"""Special tokens that stand behind the last word where a trainer decodes with them."""


def task_of(label: Any) -> Task | None:
    """The task that a label stands for; None for no label at all."""
    label = _plain(label)
    if isinstance(label, str):
        label = _object(label) or label
    if label is None or label in ("", []):
        return None
    if isinstance(label, Mapping):
        return tests_of(label) if "kind" not in label and "inputs" in label else without_nulls(label)
    if isinstance(label, list):
        return {"kind": "math", "answer": [str(one) for one in label]}
    return {"kind": "math", "answer": str(label)}


def tests_of(tests: Mapping[str, Any]) -> Task:
    """Tests given as `inputs` and `outputs`, with `fn_name` where a function is called.

    The inputs of a function are either argument lists or, as verl writes them, texts with one JSON value a line.
    """
    inputs, outputs, name = _plain(tests["inputs"]), _plain(tests.get("outputs")), tests.get("fn_name")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        return dict(tests)
    pairs = list(zip(inputs, outputs, strict=True))
    if not name:
        cases = [{"input": _lines(given), "output": _lines(wanted)} for given, wanted in pairs]
        return {"kind": "code", "tests": {"kind": "stdio", "cases": cases}}
    calls = [{"args": _arguments(given), "expected": _value(wanted)} for given, wanted in pairs]
    return {"kind": "code", "language": "python", "tests": {"kind": "function", "entry_point": name, "cases": calls}}


def without_nulls(value: Mapping[str, Any]) -> Task:
    """A task without the fields that are null, but for those whose null is data."""

    def kept(value: Any) -> Any:
        value = _plain(value)
        if isinstance(value, Mapping):
            return {
                str(name): _plain(one) if name in VALUES else kept(one)
                for name, one in value.items()
                if one is not None or name == "expected"
            }
        return [kept(one) for one in value] if isinstance(value, list) else value

    task: Task = kept(value)
    return task


def text_of(said: Any) -> Any:
    """A prompt or completion as the service takes it: text, or messages of a role and a text.

    Of a message in several parts the texts count; a turn's separate reasoning (`reasoning_content`, `thinking`) stands
    before its content in <think> tags, as the model wrote it. Everything else about a turn is left out.
    """
    said = _plain(said)
    if said is None:
        return ""
    if isinstance(said, Mapping):
        said = [said]
    if not isinstance(said, list):
        return str(said)
    return [{"role": str(turn.get("role", ""))[:TURN_ROLE_MAX], "content": _content(turn)} for turn in said]


def without_end(text: str) -> str:
    """A text without the special tokens at its end, and the white space between them."""
    while True:
        bare = text.rstrip()
        end = next((mark for mark in ENDS if bare.endswith(mark)), None)
        if end is None:
            return text
        text = bare[: -len(end)]


def _content(turn: Mapping[str, Any]) -> str:
    content = _plain(turn.get("content"))
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    text = "" if content is None else str(content)
    thought = turn.get("reasoning_content") or turn.get("thinking")
    return f"<think>\n{thought}\n</think>\n\n{text}" if isinstance(thought, str) and thought.strip() else text


def _object(text: str) -> Mapping[str, Any] | None:
    """The JSON object that a text is, if it is one that looks like a task or tests; {1, 2} is maths."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and ("kind" in value or "inputs" in value) else None


def _lines(value: Any) -> Any:
    value = _plain(value)
    return "\n".join(value) if isinstance(value, list) and all(isinstance(line, str) for line in value) else value


def _arguments(given: Any) -> Any:
    given = _plain(given)
    return [_value(line) for line in given.split("\n") if line.strip()] if isinstance(given, str) else given


def _value(value: Any) -> Any:
    value = _plain(value)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _plain(value: Any) -> Any:
    """Lists for arrays and tuples, numbers for numpy's, whatever they are in."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return list(value) if isinstance(value, tuple) else value
