"""Kinds of task beside maths, choice and code, through the whole application in this process."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.app.test_routes import grade


def item(completion: str, kind: str, **task: Any) -> dict[str, Any]:
    """An item of a kind."""
    return {"completion": completion, "task": {"kind": kind, **task}}


def test_a_text_is_graded_and_its_reference_stays_here(client: TestClient) -> None:
    """A share of a point comes through as it is, and nothing of the task is echoed without `explain`."""
    answer = grade(
        client,
        item("The answer is Paris.", "text", answer="paris"),
        item("Eiffel Tower in Paris", "text", answer=["the Eiffel Tower"], match="f1"),
        item("x", "text", answer="(", match="regex"),
    )
    first, second, third = answer["results"]
    assert (first["reward"], first["verdict"]["reason"], first["verdict"]["answer"]) == (1.0, "equal", "Paris")
    assert (second["verdict"]["outcome"], second["reward"]) == ("partial", pytest.approx(2 / 3))
    assert (third["status"], third["reward"], third["invalid"]["code"]) == ("invalid", None, "unreadable_pattern")
    assert "the Eiffel" not in json.dumps(answer)


def test_large_integers_cross_the_service_exactly(client: TestClient) -> None:
    """In the task, in the schema and in the completion; a double would have lost the last digits."""
    large = 12345678901234567890123456789
    answer = grade(
        client,
        item(f'{{"n": {large}}}', "json", answer={"n": large}),
        item(f'{{"n": {large + 1}}}', "json", answer={"n": large}),
        item(f'{{"n": {large + 1}}}', "json", schema={"properties": {"n": {"maximum": large}}}),
    )
    assert [row["verdict"]["reason"] for row in answer["results"]] == ["equal", "different", "schema"]


def test_json_is_judged_by_schema_and_answer(client: TestClient) -> None:
    """And a task without either is the task's fault."""
    answer = grade(
        client,
        item('<think>hm</think>```json\n{"a": 1.0}\n```', "json", answer={"a": 1}, schema={"required": ["a"]}),
        item('{"a": 1, "b": 2}', "json", answer={"a": 1}, match="subset"),
        item('{"a": 1}', "json", schema={"required": ["secret"]}),
        item("{}", "json"),
        item("{}", "json", schema={"$ref": "https://127.0.0.1:1/x"}),
        explain=True,
    )
    rows = answer["results"]
    assert [row["reward"] for row in rows] == [1.0, 1.0, 0.0, None, None]
    assert rows[2]["verdict"]["explain"]["violation"] == {"path": "", "keyword": "required"}
    assert [row["invalid"]["code"] for row in rows[3:]] == ["empty_reference", "invalid_schema"]


BAD_TASKS = {
    "a schema that is a list": ({"kind": "json", "schema": []}, "items.0.task.schema"),
    "an unknown json match": ({"kind": "json", "answer": 1, "match": "like"}, "items.0.task.match"),
    "no answer": ({"kind": "text"}, "items.0.task.answer"),
    "an unknown match": ({"kind": "text", "answer": "x", "match": "like"}, "items.0.task.match"),
    "an empty list": ({"kind": "text", "answer": []}, "items.0.task.answer"),
    "a number": ({"kind": "text", "answer": 3}, "items.0.task.answer"),
}


@pytest.mark.parametrize(("task", "path"), BAD_TASKS.values(), ids=BAD_TASKS)
def test_a_bad_field_is_named_by_its_path(client: TestClient, task: dict[str, Any], path: str) -> None:
    """422, and never its value."""
    response = client.post("/v1/grade", json={"items": [{"completion": "x", "task": task}]})
    assert response.status_code == 422
    assert path in [error["path"] for error in response.json()["errors"]]


def test_instructions_are_checked_and_a_bad_one_is_named(client: TestClient) -> None:
    """The path of what is wrong stands in the message; the rest of the batch is graded."""
    ids = ["length_constraints:number_words", "punctuation:no_comma"]
    kwargs = [{"num_words": 3, "relation": "at least"}, {}]
    answer = grade(
        client,
        item("three words here", "instructions", instruction_ids=ids, kwargs=kwargs),
        item("two, words", "instructions", instruction_ids=ids, kwargs=kwargs, mode="loose"),
        item("x", "instructions", instruction_ids=ids, kwargs=[{"num_words": 3}, {}]),
        explain=True,
    )
    rows = answer["results"]
    assert [row["reward"] for row in rows] == [1.0, 0.0, None]
    assert rows[1]["verdict"]["explain"]["followed"] == {f"0:{ids[0]}": False, f"1:{ids[1]}": False}
    assert rows[2]["invalid"] == {"code": "invalid_instruction", "message": "kwargs.0.relation: must be given"}
