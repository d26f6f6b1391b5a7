"""Completions of one prompt together: who they are, relative components, and statistics on request."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.schemas import BatchResponse
from tests.app.conftest import math_item

KIMI = [{"name": "accuracy"}, {"name": "kimi_length"}]


def grade(client: TestClient, *items: dict[str, Any], **batch: Any) -> list[dict[str, Any]]:
    """Post a batch that must be answered."""
    response = client.post("/v1/grade", json={"items": list(items), **batch})
    assert response.status_code == 200, response.text
    BatchResponse.model_validate_json(response.text)
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def answer(value: int, length: int, **more: Any) -> dict[str, Any]:
    """An item of so many characters."""
    end = f"\\boxed{{{value}}}"
    return math_item(" " * (length - len(end)) + end, **{"group": "g", **more})


def kimi(results: list[dict[str, Any]]) -> list[float | None]:
    """The relative scores."""
    return [row["components"]["kimi_length"]["score"] for row in results]


def test_shortness_is_relative_to_the_group(client: TestClient) -> None:
    """Half a point for the shortest, minus half for the longest; a wrong answer gains nothing."""
    results = grade(
        client, answer(42, 100), answer(42, 150), answer(42, 200), answer(41, 100), answer(41, 200), rewards=KIMI
    )
    assert kimi(results) == [0.5, 0.0, -0.5, 0.0, -0.5]
    assert [row["reward"] for row in results] == [1.5, 1.0, 0.5, 0.0, -0.5]


def test_groups_do_not_see_each_other(client: TestClient) -> None:
    """By name, or by prompt and task where no name is given; order does not matter."""
    items = [
        answer(42, 100, group="a"),
        answer(42, 300, group="b"),
        answer(42, 200, group="a"),
        answer(42, 300, group="b"),
        answer(42, 100, group=None, prompt="What?"),
        answer(42, 100, group=None, prompt="Why?"),
        answer(42, 300, group=None, prompt="What?"),
        math_item(" " * 200 + "\\boxed{41}", "41", prompt="What?"),
    ]
    assert kimi(grade(client, *items, rewards=KIMI)) == [0.5, 0.0, -0.5, 0.0, 0.5, 0.0, -0.5, 0.0]


def test_messages_form_a_group_by_what_they_say(client: TestClient) -> None:
    """Equal chats are equal prompts."""
    chat = [{"role": "user", "content": "What?"}]
    items = [answer(42, length, group=None, prompt=chat) for length in (100, 200)]
    assert kimi(grade(client, *items, rewards=KIMI)) == [0.5, -0.5]


def test_a_faulty_task_moves_nobody(client: TestClient) -> None:
    """Its length still counts, its own score is null."""
    with_fault = [answer(42, 100), answer(42, 150), math_item(" " * 200, " ", group="g")]
    assert kimi(grade(client, *with_fault, rewards=KIMI)) == [0.5, 0.0, None]


def test_an_equal_completion_from_the_cache_gets_its_own_groups_score(client: TestClient) -> None:
    """What is kept is the verdict; the place in a group is found anew."""
    first = grade(client, answer(42, 100), answer(42, 200), rewards=KIMI)
    again = grade(client, answer(42, 100), answer(42, 60), rewards=KIMI)
    assert kimi(first) == [0.5, -0.5]
    assert kimi(again) == [-0.5, 0.5]
    assert again[0]["cached"] is True


def test_tokens_are_counted_as_the_request_says(client: TestClient) -> None:
    """Whatever the characters are."""
    rewards = [{"name": "kimi_length", "params": {"unit": "tokens"}}]
    items = [answer(42, 100, completion_tokens=9), answer(42, 50, completion_tokens=19)]
    assert kimi(grade(client, *items, rewards=rewards)) == [0.5, -0.5]


def test_a_truncated_completion_counts_as_wrong_where_the_recipe_says_so(client: TestClient) -> None:
    """In its group too."""
    recipe = {"components": KIMI, "truncated": "wrong"}
    items = [answer(42, 100, truncated=True), answer(42, 100), answer(42, 200)]
    results = grade(client, *items, rewards=recipe, group=["pass_rate"])
    assert kimi(results) == [0.0, 0.5, -0.5]
    assert results[0]["group"] == {"size": 3, "pass_rate": pytest.approx(2 / 3)}


def test_statistics_come_when_asked_for(client: TestClient) -> None:
    """All of them with true, or those named; without the wish there is no `group`."""
    items = [answer(42, 100), answer(41, 100), answer(42, 100, group="alone")]
    assert all("group" not in row for row in grade(client, *items) + grade(client, *items, group=False))
    one, two, alone = (row["group"] for row in grade(client, *items, group=True))
    assert one == pytest.approx({"size": 2, "mean": 0.5, "std": 0.70710678, "pass_rate": 0.5, "advantage": 0.70710678})
    assert two["advantage"] == -one["advantage"]
    assert alone == {"size": 1, "mean": 1.0, "std": 0.0, "pass_rate": 1.0, "advantage": 0.0}
    some = grade(client, *items, group=["advantage"])[0]["group"]
    assert set(some) == {"size", "advantage"}


def test_what_has_no_reward_has_no_advantage(client: TestClient) -> None:
    """And counts in nobody's mean."""
    items = [answer(42, 100), math_item("x", " ", group="g"), answer(41, 100)]
    right, faulty, wrong = (row["group"] for row in grade(client, *items, group=True))
    assert (faulty["advantage"], faulty["size"], faulty["mean"]) == (None, 3, 0.5)
    assert right["advantage"] == -wrong["advantage"] > 0


@pytest.mark.parametrize("batch", [{"rewards": KIMI}, {"group": True}, {"group": ["mean"]}])
def test_an_item_of_no_group_is_refused(client: TestClient, batch: dict[str, Any]) -> None:
    """Neither `group` nor `prompt`: 422 with the path, rather than a group of strangers."""
    items = [answer(42, 100), math_item("x")]
    response = client.post("/v1/grade", json={"items": items, **batch})
    assert response.status_code == 422
    assert [error["path"] for error in response.json()["errors"]] == ["items.1.group"]


@pytest.mark.parametrize("wish", [[], ["median"], "mean", 1, None])
def test_a_wish_that_is_none_is_refused(client: TestClient, wish: Any) -> None:
    """422 with the path."""
    response = client.post("/v1/grade", json={"items": [answer(42, 100)], "group": wish})
    assert response.status_code == 422
    assert response.json()["errors"][0]["path"].startswith("group")


def test_relative_scores_are_measured(client: TestClient) -> None:
    """The histogram of rewards has them as it has every other component."""
    grade(client, answer(42, 101), answer(42, 202), rewards=KIMI)
    assert 'touchstone_reward_count{component="kimi_length"} 2.0' in client.get("/metrics").text
