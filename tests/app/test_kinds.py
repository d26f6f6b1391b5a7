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


BAD_TASKS = {
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
