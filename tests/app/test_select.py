"""POST /v1/select: rejection sampling, best of n and votes, through the whole application in this process."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.schemas import SelectionResponse
from app.select import REASONS
from tests.app.conftest import StartApp, math_item

PROSE = "Two halves make one whole, and so the sum of the given fractions is what we were looking for. "


def select(client: TestClient, method: str, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Post a selection that must be answered."""
    response = client.post("/v1/select", json={"method": method, "items": list(items), **more})
    assert response.status_code == 200, response.text
    SelectionResponse.model_validate_json(response.text)
    answer: dict[str, Any] = response.json()
    seen = [index for group in answer["groups"] for index in group["selected"]]
    seen += [entry["index"] for group in answer["groups"] for entry in group["dropped"]]
    assert sorted(seen) == list(range(len(items)))
    return answer


def reasons(group: dict[str, Any]) -> dict[int, str]:
    """Why each dropped item of a group was dropped."""
    return {entry["index"]: entry["reason"] for entry in group["dropped"]}


def test_rejection_sampling_keeps_the_correct_ones_of_each_group(client: TestClient) -> None:
    """Groups by name, and without one by equal prompt and task; nothing that is no verdict passes for one."""
    answer = select(
        client,
        "reject",
        math_item("\\boxed{42}", prompt="a"),
        math_item("\\boxed{7}", "7", group="g"),
        math_item("\\boxed{41}", prompt="a"),
        math_item("\\boxed{42.0}", prompt="a"),
        math_item("\\boxed{8}", "7", group="g", prompt="other words"),
        math_item("\\boxed{42}", " ", prompt="a"),
    )
    first, named, broken = answer["groups"]
    assert (first["group"], first["selected"], reasons(first)) == (None, [0, 3], {2: "wrong"})
    assert (named["group"], named["selected"], reasons(named)) == ("g", [1], {4: "wrong"})
    assert (broken["selected"], reasons(broken), broken["answer"]) == ([], {5: "invalid"}, None)
    assert (first["answer"], first["votes"]) == ("42", None)
    assert answer["summary"]["dropped"] == {"wrong": 2, "invalid": 1}
    assert (answer["summary"]["selected"], answer["summary"]["empty"]) == (3, 1)


FILTERED = {
    "mixed_language": f"<think>{PROSE}这两个分数的和就是我们要找的答案，所以答案是四十二。</think>\\boxed{{42}}",
    "long_paragraph": f"<think>{PROSE * 30}</think>\\boxed{{42}}",
    "code_block": f"<think>{PROSE}\n```python\nprint(42)\n```\n</think>\\boxed{{42}}",
    "repetition": "<think>"
    + "So it is 42. Wait, let me check that again, it is 42 after all. " * 40
    + "</think>\\boxed{42}",
}


@pytest.mark.parametrize("name", FILTERED)
def test_each_filter_drops_what_it_names_and_only_that(client: TestClient, name: str) -> None:
    """Alone it lets the others' texts through, as far as they have not its fault too; a clean one passes them all."""
    clean = f"<think>{PROSE}</think>\\boxed{{42}}"
    params = {"share_min": 0.7} if name == "mixed_language" else {}
    answer = select(
        client,
        "reject",
        math_item(clean, group="g"),
        math_item(FILTERED[name], group="g"),
        math_item(FILTERED[name].replace("42}", "41}"), group="g"),
        filters=[{"name": name, "params": params}],
    )
    (group,) = answer["groups"]
    assert (group["selected"], reasons(group)) == ([0], {1: name, 2: "wrong"})
    others = [
        {"name": other} for other in FILTERED if other != name and {other, name} != {"long_paragraph", "repetition"}
    ]
    passed = select(client, "reject", math_item(FILTERED[name]), math_item(clean), filters=others)
    assert passed["summary"]["selected"] == 2, passed


def test_filters_have_parameters(client: TestClient) -> None:
    """The same names and ranges as the components they are."""
    item = math_item(f"<think>{PROSE}</think>\\boxed{{42}}")
    filters = [{"name": "long_paragraph", "params": {"characters_max": 20}}]
    assert reasons(select(client, "reject", item, filters=filters)["groups"][0]) == {0: "long_paragraph"}


def test_keep_bounds_what_is_kept_of_a_group(client: TestClient) -> None:
    """In the order they were sent."""
    items = [math_item("\\boxed{42}", group="g", id=str(n)) for n in range(4)]
    (group,) = select(client, "reject", *items, keep=2)["groups"]
    assert (group["selected"], reasons(group)) == ([0, 1], {2: "surplus", 3: "surplus"})


def test_the_best_is_the_first_of_the_highest_reward(client: TestClient) -> None:
    """By the recipe's reward; what has none is never the best."""
    thought = "<think>Hm.</think>\n<answer>\\boxed{42}</answer>"
    items = [
        math_item("\\boxed{42}", group="g"),
        math_item(thought, group="g"),
        math_item(thought + "\n", group="g"),
        math_item(thought, " ", group="g"),
    ]
    (group,) = select(client, "best", *items, profile="r1-zero")["groups"]
    assert (group["selected"], reasons(group)) == ([1], {0: "surplus", 2: "surplus", 3: "invalid"})
    (group,) = select(client, "best", *items, profile="r1-zero", keep=3)["groups"]
    assert (group["selected"], reasons(group)) == ([1, 2, 0], {3: "invalid"})


def test_a_vote_counts_equal_answers_not_equal_texts_and_needs_no_reference(client: TestClient) -> None:
    """Three notations of one half outvote two of a third."""
    texts = [
        "\\boxed{1/3}",
        "\\boxed{0.5}",
        "so \\boxed{\\frac{1}{2}}",
        "Let me think about this.\nIt is hard, and I have to go on for longer.",
        "\\boxed{\\frac{2}{6}}",
        "\\boxed{1/2}",
    ]
    (group,) = select(client, "vote", *[{"completion": text, "prompt": "p"} for text in texts])["groups"]
    assert (group["selected"], group["votes"]) == ([1, 2, 5], 3)
    assert group["answer"] == "0.5"
    assert reasons(group) == {0: "outvoted", 3: "no_answer", 4: "outvoted"}


def test_ties_go_to_the_answer_that_was_first(client: TestClient) -> None:
    """The order of a request is the caller's, so it settles what nothing else does."""
    items = [{"completion": f"\\boxed{{{answer}}}", "group": "g"} for answer in (3, 4, 4, 3, 5)]
    (group,) = select(client, "vote", *items)["groups"]
    assert (group["selected"], group["votes"], group["answer"]) == ([0, 3], 2, "3")


def test_filtered_completions_have_no_vote(client: TestClient) -> None:
    """And a reasoning that never ended has no answer to vote for."""
    fence = "<think>```\nx\n```</think>"
    items = [
        {"completion": text, "group": "g"}
        for text in (fence + "\\boxed{1}", fence + "\\boxed{1}", "\\boxed{2}", "<think>\\boxed{1}")
    ]
    (group,) = select(client, "vote", *items, filters=[{"name": "code_block"}])["groups"]
    assert (group["selected"], reasons(group)) == ([2], {0: "code_block", 1: "code_block", 3: "no_answer"})


@pytest.mark.parametrize(
    ("by", "texts", "answer"),
    [
        ("choice", ["The answer is (B).", "B", "**Answer: C**", "either A or C"], "B"),
        ("text", ["The answer is Paris.", "paris!", "London"], "Paris"),
        ("json", ['{"a": 1.0}', '```json\n{"a": 1}\n```', '{"a": true}'], '{"a": 1.0}'),
    ],
)
def test_votes_by_letter_by_words_and_by_value(client: TestClient, by: str, texts: list[str], answer: str) -> None:
    """Named by `by`, or by the kind of the task."""
    (group,) = select(client, "vote", *[{"completion": text} for text in texts], by=by)["groups"]
    assert (group["selected"], group["answer"], group["votes"]) == ([0, 1], answer, 2)
    if by != "json":
        items = [{"completion": text, "task": {"kind": by, "answer": "D"}} for text in texts]
        assert select(client, "vote", *items)["groups"][0]["selected"] == [0, 1]


def test_late_is_an_error_and_never_a_verdict(client: TestClient) -> None:
    """Of every method: the caller sees that the service failed, and nothing is selected."""
    for method in ("reject", "best", "vote"):
        answer = select(client, method, math_item("\\boxed{42}"), math_item("\\boxed{42}"), deadline_s=1e-9)
        assert answer["groups"][0]["selected"] == []
        assert reasons(answer["groups"][0]) == {0: "error", 1: "error"}


BAD = {
    "no method": ({"items": [math_item("x")]}, "method"),
    "another method": ({"method": "worst", "items": [math_item("x")]}, "method"),
    "an unknown field": ({"method": "best", "items": [math_item("x")], "explain": True}, "explain"),
    "an unknown filter": ({"method": "best", "items": [math_item("x")], "filters": [{"name": "x"}]}, "filters.0.name"),
    "a filter twice": (
        {"method": "best", "items": [math_item("x")], "filters": [{"name": "code_block"}, {"name": "code_block"}]},
        "filters.1.name",
    ),
    "a parameter out of range": (
        {"method": "best", "items": [math_item("x")], "filters": [{"name": "repetition", "params": {"ngram": 0}}]},
        "filters.0.params.ngram",
    ),
    "nothing kept": ({"method": "best", "items": [math_item("x")], "keep": 0}, "keep"),
    "no task": ({"method": "reject", "items": [{"completion": "x"}]}, "items.0.task"),
    "no verdict": ({"method": "reject", "items": [math_item("x")], "rewards": [{"name": "format"}]}, "items.0"),
    "a filter that is a component": (
        {
            "method": "best",
            "items": [math_item("x")],
            "rewards": [{"name": "no_code_block"}],
            "filters": [{"name": "code_block"}],
        },
        "items.0",
    ),
    "a vote with a recipe": ({"method": "vote", "items": [math_item("x")], "profile": "r1-zero"}, "profile"),
    "a vote on programs": (
        {"method": "vote", "items": [{"completion": "x", "task": {"kind": "instructions", "instruction_ids": ["x"]}}]},
        "items.0.task.kind",
    ),
    "by without a vote": ({"method": "best", "items": [math_item("x")], "by": "text"}, "by"),
}


@pytest.mark.parametrize(("body", "path"), BAD.values(), ids=BAD)
def test_a_bad_selection_is_refused_with_its_path(client: TestClient, body: dict[str, Any], path: str) -> None:
    """422, before anything is graded."""
    response = client.post("/v1/select", json=body)
    assert response.status_code == 422
    assert path in [error["path"] for error in response.json()["errors"]], response.text


def test_a_selection_has_the_limits_of_a_batch(start_app: StartApp) -> None:
    """413 over the number of items; 415 without the content type; 400 for what is no JSON."""
    client = start_app(items_max=2)
    body = {"method": "vote", "items": [{"completion": "x"}] * 3}
    assert client.post("/v1/select", json=body).status_code == 413
    assert client.post("/v1/select", content=b"{}").status_code == 415
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/select", content=b"{", headers=headers).status_code == 400


def test_what_was_counted_is_measured(client: TestClient) -> None:
    """A vote is an item of the math queue like any other; filters are scores like any other."""
    select(client, "vote", *[{"completion": f"\\boxed{{{n}}}"} for n in (1, 2, 1)])
    select(client, "reject", math_item("\\boxed{42}"), filters=[{"name": "code_block"}])
    text = client.get("/metrics").text
    assert 'touchstone_items_total{kind="vote",outcome="none",status="graded"} 1.0' in text
    assert 'touchstone_reward_count{component="no_code_block"} 1.0' in text


def test_every_reason_is_documented() -> None:
    """docs/api.md has the closed list."""
    from tests.test_docs import DOCS

    page = (DOCS / "api.md").read_text(encoding="utf-8")
    assert all(f"`{reason}`" in page for reason in REASONS)
