"""JSON: where it is found, how strictly it is read, and what is the same value."""

import json
from typing import Any

import pytest

from graders.errors import TaskInvalid
from graders.structured import NotJson, contained, equal, find, grade, parse
from graders.task import JsonTask
from graders.verdict import Outcome, Reason

WANTED = '{"a": 1}'

PLACES = [
    (WANTED, "whole"),
    (f"<think>{{}}</think>\n{WANTED}\n", "whole"),
    (f"<answer>\n{WANTED}\n</answer>", "whole"),
    (f"<answer>[2]</answer> or <answer>{WANTED}</answer>", "whole"),
    (f"Here:\n```json\n{WANTED}\n```\nand a list:\n```\n[1]\n```", "fence"),
    (f"```python\n{{}}\n```\n```JSON\n{WANTED}\n```", "fence"),
    (f"So:\n```\n{WANTED}\n```", "fence"),
    (f"<answer>```json\n{WANTED}\n```</answer>", "fence"),
    (f"So:\n```json\n{WANTED}", "fence"),
    (f"The result is {WANTED}, as [1] says.", "prose"),
    (f"First {{}} then {WANTED}.", "prose"),
    (f"Open a brace {{ and write {WANTED}", "prose"),
]


@pytest.mark.parametrize(("completion", "method"), PLACES)
def test_json_is_found_by_the_written_rule(completion: str, method: str) -> None:
    """The last that counts, and only that."""
    assert find(completion) == (WANTED, method)


def test_a_list_is_looked_for_where_the_task_wants_one() -> None:
    """In prose an object goes first, unless a list is asked for."""
    text = "With {} I get [1, 2]."
    assert find(text)[0] == "{}"
    assert grade(JsonTask(answer=[1, 2]), text).outcome is Outcome.CORRECT
    assert grade(JsonTask(schema={"type": "array"}), text).outcome is Outcome.CORRECT


@pytest.mark.parametrize("completion", ["", "<think>{}", "<think>{}</think>", "no brackets here", "<answer></answer>"])
def test_where_there_is_none_there_is_no_answer(completion: str) -> None:
    """Reasoning does not count."""
    assert grade(JsonTask(schema=True), completion).reason is Reason.NO_ANSWER


LOOSE = [
    '{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}', '{"a": 1, "a": 1}', '{"a": 1,}', "{'a': 1}", '{"a": "\ud800"}',
    '{"a": "\\ud800"}', '{"a": 01}', "{a: 1}", '{"a": 1', '{"a": "line\nbreak"}', '{"a": 1} // done',
    "[" * 65 + "]" * 65, "[" * 100_000, '{"a":' * 5_000, "9" * 5_000, "// c\n{}",
]  # fmt: skip


@pytest.mark.parametrize("text", LOOSE)
def test_what_needs_mending_is_not_json(text: str) -> None:
    """A parser that mends teaches a policy to send what others cannot read."""
    with pytest.raises(NotJson):
        parse(text)


def test_what_is_nearly_json_is_unparsable_and_its_inside_does_not_stand_in() -> None:
    """A part of a broken answer is not the answer."""
    for text in ('{"x": {"a": 1}, "y": ', '{"x": {"a": 1}, "x": 2}', '```json\n{"x": {"a": 1},}\n```'):
        verdict = grade(JsonTask(answer={"a": 1}), text)
        assert (verdict.outcome, verdict.reason) == (Outcome.WRONG, Reason.UNPARSABLE), text


SAME = [
    (1, 1.0), (100, 1e2), (2**70, 2**70), (0.5, 0.50), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ([], []), (None, None),
    ({"a": [True, None]}, {"a": [True, None]}), ("é", "é"), (-0.0, 0),
]  # fmt: skip
DIFFERENT = [
    (1, True), (0, False), (1, "1"), (2**70, 2**70 + 1), (2**53 + 1, float(2**53)), ([1, 2], [2, 1]), ({}, []),
    ({"a": 1}, {"a": 1, "b": 2}), ("a", "A"), (None, False), (0, None), ("", None), ([True], [1]),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SAME)
def test_the_same_value_however_it_is_written(left: Any, right: Any) -> None:
    """Both ways, and each contains the other."""
    assert equal(left, right) and equal(right, left) and contained(left, right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_other_values_are_different(left: Any, right: Any) -> None:
    """True is no number, and no digit of a large integer is lost."""
    assert not equal(left, right) and not equal(right, left)


def test_a_subset_is_asked_for_level_by_level() -> None:
    """More keys may be there, more members may not."""
    assert contained({"a": {"b": 1}}, {"a": {"b": 1.0, "c": 2}, "d": 3})
    assert contained([{"a": 1}], [{"a": 1, "b": 2}])
    assert not contained({"a": {"b": 1}}, {"a": {}})
    assert not contained([{"a": 1}], [{"a": 1}, {"a": 1}])
    task = JsonTask(answer={"name": "move", "arguments": {"to": "e4"}}, match="subset")
    assert grade(task, '{"name": "move", "arguments": {"to": "e4", "from": "e2"}}').reason is Reason.EQUAL
    assert grade(task, '{"name": "move"}').reason is Reason.DIFFERENT


SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer", "maximum": 2**70}, "code": {"type": "string", "pattern": "^(a+)+$"}},
    "required": ["id"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"id": 3}', Reason.VALID),
        ('{"id": 3.0, "code": "aaa"}', Reason.VALID),
        (f'{{"id": {2**70}}}', Reason.VALID),
        (f'{{"id": {2**70 + 1}}}', Reason.SCHEMA),
        ('{"id": true}', Reason.SCHEMA),
        ('{"id": 3, "x": 1}', Reason.SCHEMA),
        ('{"code": "aaa"}', Reason.SCHEMA),
        ('{"id": 3, "code": "' + "a" * 50_000 + 'b"}', Reason.SCHEMA),
    ],
)
def test_a_value_fits_its_schema_or_not(text: str, reason: Reason) -> None:
    """Large integers exactly, and a pattern that would take others' engines for ever."""
    assert grade(JsonTask(schema=SCHEMA), text).reason is reason


def test_schema_and_answer_are_both_asked_for() -> None:
    """A value that fits but is another one is different; what does not fit is not compared."""
    task = JsonTask(schema=SCHEMA, answer={"id": 3})
    assert grade(task, '{"id": 3}').reason is Reason.EQUAL
    assert grade(task, '{"id": 4}').reason is Reason.DIFFERENT
    verdict = grade(task, '{"id": "secret"}')
    assert verdict.reason is Reason.SCHEMA
    assert verdict.explain["violation"] == {"path": "id", "keyword": "properties/id/type"}


INVALID = [
    (JsonTask(), "empty_reference"),
    (JsonTask(answer={}, match="subset"), "empty_reference"),
    (JsonTask(schema={"type": "nonsense"}), "invalid_schema"),
    (JsonTask(schema={"$ref": "http://127.0.0.1:1/schema.json"}), "invalid_schema"),
    (JsonTask(schema={"$ref": "file:///etc/passwd"}), "invalid_schema"),
    (JsonTask(schema={"$ref": "#/$defs/none"}), "invalid_schema"),
    (JsonTask(schema={"$schema": "http://127.0.0.1:1/meta"}), "invalid_schema"),
    (JsonTask(schema={"pattern": "(?=a)"}), "invalid_schema"),
    (JsonTask(schema={"pattern": "(a)\\1"}), "invalid_schema"),
    (JsonTask(schema={"pattern": "((a{1,1000}){1,1000}){1,1000}"}), "invalid_schema"),
    (JsonTask(schema={"enum": ["x" * (1 << 20)]}), "schema_too_long"),
]


@pytest.mark.parametrize(("task", "code"), INVALID)
def test_a_task_that_cannot_be_used_is_invalid(task: JsonTask, code: str) -> None:
    """Nothing is fetched, and no completion is blamed."""
    with pytest.raises(TaskInvalid) as refused:
        grade(task, "{}")
    assert refused.value.code == code


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"$defs": {"x": {"items": {"$ref": "#/$defs/x"}}}, "$ref": "#/$defs/x"}]
)
def test_a_schema_may_refer_to_itself(schema: dict[str, Any]) -> None:
    """Without end to its levels, but with one to the time it takes."""
    assert grade(JsonTask(schema=schema), json.dumps([[[[]]]])).outcome is Outcome.CORRECT
