"""What a label means, and what of a dataset's row is sent."""

from typing import Any

import pytest
from touchstone_client.tasks import task_of, text_of, without_end


def math(answer: Any) -> dict[str, Any]:
    return {"kind": "math", "answer": answer}


def stdio(*cases: tuple[str, str]) -> dict[str, Any]:
    return {"kind": "code", "tests": {"kind": "stdio", "cases": [{"input": i, "output": o} for i, o in cases]}}


def calls(*cases: tuple[Any, Any]) -> dict[str, Any]:
    tests = {"kind": "function", "entry_point": "f", "cases": [{"args": a, "expected": e} for a, e in cases]}
    return {"kind": "code", "language": "python", "tests": tests}


class Array:
    """What numpy's arrays have in common with the lists they stand for."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def tolist(self) -> list[Any]:
        return list(self.values)


@pytest.mark.parametrize(
    ("label", "task"),
    [
        ("3/4", math("3/4")),
        (7, math("7")),
        (0.5, math("0.5")),
        (["a", 1], math(["a", "1"])),
        (Array("a", "b"), math(["a", "b"])),
        ("{1, 2}", math("{1, 2}")),
        ('{"a": 1}', math('{"a": 1}')),
        ("{" * 100_000, math("{" * 100_000)),
        ('{"kind": "choice", "answer": "A"}', {"kind": "choice", "answer": "A"}),
        ({"kind": "text", "answer": "x", "match": None}, {"kind": "text", "answer": "x"}),
        ('{"inputs": ["1\\n"], "outputs": ["2\\n"]}', stdio(("1\n", "2\n"))),
        ({"inputs": [["1", "2"]], "outputs": ["3"], "fn_name": None}, stdio(("1\n2", "3"))),
        ({"inputs": ["1\n[2]"], "outputs": ["[1, 2]"], "fn_name": "f"}, calls(([1, [2]], [1, 2]))),
        ({"inputs": Array([1, 2]), "outputs": Array(None), "fn_name": "f"}, calls(([1, 2], None))),
        (None, None),
        ("", None),
        ([], None),
    ],
)
def test_a_label_is_read_by_one_rule(label: Any, task: dict[str, Any] | None) -> None:
    """The one that the service's compatible routes have."""
    assert task_of(label) == task


@pytest.mark.parametrize("label", [{"a": 1}, {"inputs": ["1"], "outputs": []}, {"inputs": "1"}])
def test_a_label_that_is_no_task_is_passed_on(label: dict[str, Any]) -> None:
    """The service says what is wrong with it, and makes the item invalid; nothing here guesses."""
    assert task_of(label) == label


def test_a_table_fills_rows_with_nulls_that_are_left_out() -> None:
    """Arrow gives a maths row the fields of a code row; but the null that a function is to return stays."""
    filled = {
        "kind": "code",
        "answer": None,
        "language": "python",
        "limits": None,
        "tests": {
            "kind": "function",
            "source": None,
            "entry_point": "f",
            "cases": [{"args": [None, 1], "kwargs": None, "expected": None, "weight": None, "input": None}],
        },
    }
    assert task_of(filled) == calls(([None, 1], None))


def test_turns_are_sent_as_a_role_and_a_text() -> None:
    """Parts are joined, tool calls and the like are left out, reasoning given apart stands before the content."""
    assert text_of("as it is") == "as it is"
    assert text_of(None) == ""
    assert text_of({"role": "user", "content": "x"}) == [{"role": "user", "content": "x"}]
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "tool_calls": [{}]},
        {"role": "assistant", "content": "7", "reasoning_content": "hm"},
    ]
    assert text_of(turns) == [
        {"role": "user", "content": "ab"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\n7"},
    ]


def test_only_special_tokens_at_the_end_are_taken_off() -> None:
    """Whatever stands between words is the model's own."""
    assert without_end("7<|im_end|>\n<|endoftext|>") == "7"
    assert without_end("a </s> b\n") == "a </s> b\n"
    assert without_end("<|im_end|>" * 1000) == ""
