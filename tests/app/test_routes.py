"""The edge and the routes, through the whole application in this process."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.schemas import BatchResponse
from graders.components import COMPONENTS
from graders.format import STYLES
from tests.app.conftest import StartApp, math_item

JSON = {"Content-Type": "application/json"}
THOUGHT = "<think>Halves and quarters.</think>\n<answer>\\boxed{3/4}</answer>"


def grade(client: TestClient, *items: dict[str, Any], **batch: Any) -> dict[str, Any]:
    """Post a batch that must be answered."""
    response = client.post("/v1/grade", json={"items": list(items), **batch})
    assert response.status_code == 200, response.text
    BatchResponse.model_validate_json(response.text)
    answer: dict[str, Any] = response.json()
    return answer


def test_the_contracts_first_example_gets_its_reward(client: TestClient) -> None:
    """Accuracy and format, echoed id and metadata, and a summary that adds up."""
    answer = grade(
        client,
        math_item(THOUGHT, "\\frac{3}{4}", id="a1", prompt="What is 1/2 + 1/4?", metadata={"step": 7}),
        profile="r1-zero",
    )
    (result,) = answer["results"]
    assert (result["index"], result["id"], result["metadata"]) == (0, "a1", {"step": 7})
    assert (result["status"], result["reward"], result["cached"]) == ("graded", 2.0, False)
    assert result["components"] == {
        "accuracy": {"score": 1.0, "weight": 1.0},
        "format": {"score": 1.0, "weight": 1.0},
    }
    assert result["verdict"]["outcome"] == "correct"
    assert result["verdict"]["reason"] == "equal"
    assert result["verdict"]["expected"] is None
    assert answer["summary"]["items"] == answer["summary"]["correct"] == 1
    assert answer["summary"]["reward_mean"] == 2.0


def test_results_stand_in_the_order_asked(client: TestClient) -> None:
    """Whatever chunks the items travelled in."""
    items = [math_item(f"\\boxed{{{n}}}", str(n if n % 3 else n + 1), id=f"i{n}") for n in range(300)]
    results = grade(client, *items)["results"]
    assert [row["id"] for row in results] == [f"i{n}" for n in range(300)]
    assert [row["index"] for row in results] == list(range(300))
    assert [row["reward"] for row in results] == [float(n % 3 != 0) for n in range(300)]


def test_messages_are_read_as_a_chat(client: TestClient) -> None:
    """Of a completion the assistant's turns count; a user's turn in it cannot answer."""
    turns = [{"role": "assistant", "content": "\\boxed{42}"}, {"role": "user", "content": "\\boxed{7}"}]
    item = math_item("", "42") | {"completion": turns, "prompt": [{"role": "user", "content": "6 times 7?"}]}
    assert grade(client, item)["results"][0]["reward"] == 1.0
    turns[0]["content"] = "no idea"
    assert grade(client, item)["results"][0]["reward"] == 0.0


def test_an_unusable_reference_is_invalid_and_the_rest_is_graded(client: TestClient) -> None:
    """The task's fault is null, never a number, and never the neighbour's."""
    good, bad = grade(client, math_item("\\boxed{42}"), math_item("\\boxed{42}", "  "))["results"]
    assert (good["status"], good["reward"]) == ("graded", 1.0)
    assert (bad["status"], bad["reward"], bad["components"]["accuracy"]["score"]) == ("invalid", None, None)
    assert set(bad["invalid"]) == {"code", "message"}


def test_components_have_the_same_names_on_every_item(client: TestClient) -> None:
    """Trainers index the first item's keys on all others; null counts as a value, absence would break them."""
    results = grade(client, math_item("x"), math_item("x", " "), profile="r1-zero")["results"]
    assert {tuple(row["components"]) for row in results} == {("accuracy", "format")}


def test_inline_rewards_weigh_and_gate(client: TestClient) -> None:
    """A weighted sum; a gate at 0 takes everything."""
    rewards = [{"name": "accuracy", "weight": 2}, {"name": "format", "weight": 0.5, "gate": True}]
    right, bare = grade(client, math_item(THOUGHT, "3/4"), math_item("\\boxed{3/4}", "3/4"), rewards=rewards)["results"]
    assert (right["reward"], bare["reward"]) == (2.5, 0.0)


def test_an_items_own_recipe_wins(client: TestClient) -> None:
    """Over the batch's; and a recipe without accuracy needs no task."""
    own = {"completion": THOUGHT, "rewards": [{"name": "format"}]}
    results = grade(client, own, math_item(THOUGHT, "3/4"), profile="r1-zero")["results"]
    assert [row["reward"] for row in results] == [1.0, 2.0]
    assert "verdict" not in results[0]


def test_signed_accuracy_pays_minus_one(client: TestClient) -> None:
    """DAPO's values."""
    rewards = [{"name": "accuracy", "params": {"values": "signed"}}]
    results = grade(client, math_item("\\boxed{42}"), math_item("\\boxed{41}"), rewards=rewards)["results"]
    assert [row["reward"] for row in results] == [1.0, -1.0]


def test_nothing_of_the_reference_is_echoed_unless_asked(client: TestClient) -> None:
    """A policy that reads responses, or a log that keeps them, must not learn answers."""
    item = math_item("\\boxed{7}", "8675309")
    assert "8675309" not in json.dumps(grade(client, item))
    assert "8675309" in json.dumps(grade(client, item, explain=True)["results"][0]["verdict"])


def test_a_deadline_of_nothing_is_an_error_per_item(client: TestClient) -> None:
    """Late is our fault: null, retryable, and the request itself is fine."""
    answer = grade(client, math_item("\\boxed{42}"), deadline_s=1e-9)
    (result,) = answer["results"]
    assert (result["status"], result["reward"], result["fault"]["code"]) == ("error", None, "deadline")
    assert result["fault"]["retryable"] is True
    assert answer["summary"]["error"] == 1


BAD_BODIES = {
    "no items": ({}, "items"),
    "empty items": ({"items": []}, "items"),
    "items not a list": ({"items": 3}, "items"),
    "unknown field": ({"items": [math_item("x")], "itmes": 1}, "itmes"),
    "unknown field in an item": ({"items": [math_item("x", extra=1)]}, "items.0.extra"),
    "unknown field in a task": ({"items": [{"completion": "x", "task": {"kind": "math", "answer": "1", "a": 1}}]}, "a"),
    "completion missing": ({"items": [{"task": {"kind": "math", "answer": "1"}}]}, "items.0.completion"),
    "completion a number": ({"items": [math_item("x") | {"completion": 3}]}, "items.0.completion"),
    "answer a number": ({"items": [math_item("x", 3)]}, "items.0.task.answer"),  # type: ignore[arg-type]
    "no such kind": ({"items": [{"completion": "x", "task": {"kind": "maths", "answer": "1"}}]}, "items.0.task"),
    "no such profile": ({"items": [math_item("x")], "profile": "r2"}, "profile"),
    "profile and rewards": ({"items": [math_item("x")], "profile": "r1-zero", "rewards": [{"name": "format"}]}, "prof"),
    "no such component": ({"items": [math_item("x")], "rewards": [{"name": "vibes"}]}, "rewards.0.name"),
    "component twice": ({"items": [math_item("x")], "rewards": [{"name": "format"}] * 2}, "rewards.1.name"),
    "bad parameter": (
        {"items": [math_item("x")], "rewards": [{"name": "format", "params": {"style": "loud"}}]},
        "rewards.0.params.style",
    ),
    "no task for accuracy": ({"items": [{"completion": "x"}]}, "items.0.task"),
    "id too long": ({"items": [math_item("x", id="i" * 129)]}, "items.0.id"),
    "deadline of zero": ({"items": [math_item("x")], "deadline_s": 0}, "deadline_s"),
    "deadline too far": ({"items": [math_item("x")], "deadline_s": 1e9}, "deadline_s"),
    "deadline as text": ({"items": [math_item("x")], "deadline_s": "5"}, "deadline_s"),
    "body a list": ([], ""),
}


@pytest.mark.parametrize(("body", "path"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_bad_field_is_named_with_its_path(client: TestClient, body: Any, path: str) -> None:
    """422 problem+json with the path of each bad field."""
    response = client.post("/v1/grade", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert any(path in error["path"] for error in problem["errors"]), problem
    assert problem["request_id"] == response.headers["x-request-id"]


def test_a_problem_never_echoes_values(client: TestClient) -> None:
    """A reference in a wrong field must not come back in an error, which ends in somebody's log."""
    body = {"items": [{"completion": {"x": "s3cret"}, "task": {"kind": "s3cret", "answer": ["s3cret", 1]}}]}
    assert "s3cret" not in client.post("/v1/grade", json=body).text


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"items": NaN}', JSON, 400),
        (b"", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        ('{"items": []}'.encode("utf-16"), JSON, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415),
        (b"{}", JSON | {"Content-Encoding": "gzip"}, 415),
    ],
)
def test_a_body_that_is_not_our_json_is_refused(
    client: TestClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    """Each with its status and a problem document."""
    response = client.post("/v1/grade", content=content, headers=headers)
    assert response.status_code == status
    assert response.json()["status"] == status


def test_limits_of_size_are_413(start_app: StartApp) -> None:
    """Body, items, completion and task, each by its own setting."""
    client = start_app(body_bytes_max=20_000, items_max=3, completion_bytes_max=100, task_bytes_max=200)
    over = {
        "body": [math_item("x" * 30_000)],
        "items": [math_item("x")] * 4,
        "completion": [math_item("é" * 60)],
        "task": [math_item("x", "1" * 300)],
    }
    for name, items in over.items():
        assert client.post("/v1/grade", json={"items": items}).status_code == 413, name
    assert client.post("/v1/grade", json={"items": [math_item("é" * 50)] * 3}).status_code == 200


def test_a_body_over_the_limit_is_not_read_to_its_end(start_app: StartApp) -> None:
    """200 MB without a declared length: refused when the limit is passed."""
    client = start_app(body_bytes_max=1024 * 1024)
    sent = 0

    def pieces() -> Any:
        nonlocal sent
        for _ in range(200):
            sent += 1
            yield b" " * 1024 * 1024

    response = client.post("/v1/grade", content=pieces(), headers=JSON)
    assert response.status_code == 413
    assert response.headers["connection"] == "close"


def test_a_key_is_asked_for_where_keys_are_configured(start_app: StartApp) -> None:
    """401 without, 403 with a wrong one, either header with a right one; probes need none."""
    client = start_app(api_keys="one,two")
    body = {"items": [math_item("\\boxed{42}")]}
    assert client.post("/v1/grade", json=body).status_code == 401
    assert client.post("/v1/grade", json=body).headers["www-authenticate"] == "Bearer"
    assert client.post("/v1/grade", json=body, headers={"X-API-Key": "three"}).status_code == 403
    assert client.post("/v1/grade", json=body, headers={"Authorization": "Basic one"}).status_code == 401
    assert client.post("/v1/grade", json=body, headers={"X-API-Key": "two"}).status_code == 200
    assert client.post("/v1/grade", json=body, headers={"Authorization": "Bearer one"}).status_code == 200
    assert client.get("/metrics").status_code == 401
    assert client.get("/livez").status_code == 200


def test_request_ids_are_echoed_when_they_are_harmless(client: TestClient) -> None:
    """What could break a log line or a header is replaced by one of ours."""
    assert client.get("/livez", headers={"X-Request-Id": "step-7/rank-3"}).headers["x-request-id"] == "step-7/rank-3"
    for odd in ("a b", "x" * 200, "<script>"):
        assert client.get("/livez", headers={"X-Request-Id": odd}).headers["x-request-id"] != odd


def test_unknown_routes_and_methods_are_problems(client: TestClient) -> None:
    """404 and 405 look like every other problem."""
    for response, status in ((client.get("/v1/nothing"), 404), (client.get("/v1/grade"), 405)):
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["request_id"] == response.headers["x-request-id"]


def test_the_catalogue_describes_every_component(client: TestClient) -> None:
    """Name, meaning and the JSON Schema of the parameters."""
    rows = {row["name"]: row for row in client.get("/v1/rewards").json()["rewards"]}
    assert set(rows) == set(COMPONENTS)
    assert rows["format"]["params"]["properties"]["style"]["enum"] == list(STYLES)
    assert "fr" in rows["language"]["params"]["properties"]["target"]["enum"]
    assert (rows["accuracy"]["needs_task"], rows["format"]["needs_task"]) == (True, False)
    for row in rows.values():
        assert row["description"]
        assert all(field["description"] for field in row["params"].get("properties", {}).values())
    assert "r1-zero" in {row["name"] for row in client.get("/v1/profiles").json()["profiles"]}


def test_metrics_count_what_was_answered(client: TestClient) -> None:
    """Values reach the API through the results; labels are from closed lists."""
    grade(client, math_item("\\boxed{42}"), math_item("\\boxed{41}"), math_item("x", " "))
    text = client.get("/metrics").text
    assert 'touchstone_items_total{kind="math",outcome="correct",status="graded"} 1.0' in text
    assert 'touchstone_items_total{kind="math",outcome="wrong",status="graded"} 1.0' in text
    assert 'touchstone_items_total{kind="math",outcome="none",status="invalid"} 1.0' in text
    assert 'touchstone_reward_count{component="accuracy"} 2.0' in text
    assert 'touchstone_http_request_seconds_count{route="/v1/grade",status="200"} 1.0' in text


def test_health_version_and_openapi_answer(client: TestClient) -> None:
    """The pages a deployment and a reader look at."""
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json()["status"] == "ok"
    assert set(client.get("/version").json()) == {"version", "grader_version"}
    document = client.get("/openapi.json").json()
    assert document["paths"]["/v1/grade"]["post"]["requestBody"]["required"] is True
    assert client.get("/docs").status_code == 200


def test_the_page_and_the_docs_load_nothing_from_elsewhere(client: TestClient) -> None:
    """They work on a cluster without a way out."""
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.status_code == 200
        assert "http://" not in page.text
        assert "https://" not in page.text
    assert client.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200
    assert "default-src 'none'" in client.get("/").headers["content-security-policy"]


def test_the_page_needs_no_key_and_the_rest_does(start_app: StartApp) -> None:
    """It asks for one."""
    client = start_app(api_keys="one")
    assert client.get("/").status_code == 200
    assert client.get("/v1/profiles").status_code == 401


def test_every_reference_of_the_openapi_document_leads_somewhere(client: TestClient) -> None:
    """Programs are generated from it; a part that is not where its reference says breaks each of them."""
    document = client.get("/openapi.json").json()
    level, references = [document], set()
    while level:
        value = level.pop()
        if isinstance(value, dict):
            references |= {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            mapping = value.get("mapping")
            references |= set(mapping.values()) if isinstance(mapping, dict) else set()
            assert "$defs" not in value
            level.extend(value.values())
        elif isinstance(value, list):
            level.extend(value)
    assert "#/components/schemas/StdioTests" in references
    for reference in references:
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_a_request_repeated_is_answered_from_memory_with_the_same_results(client: TestClient) -> None:
    """A client that lost the answer asks again; results and rewards are the same, and say where they are from."""
    body = {"items": [math_item("\\boxed{42}", id="a"), math_item("\\boxed{41}"), math_item("x", " ")], "group": False}
    first, again = (client.post("/v1/grade", json=body).json() for _ in range(2))
    assert first["request_id"] != again["request_id"]
    assert [row["cached"] for row in again["results"]] == [True] * 3
    for row in (*first["results"], *again["results"]):
        del row["cached"], row["timing"]
    del first["summary"]["duration_s"], again["summary"]["duration_s"]
    assert (first["results"], first["summary"]) == (again["results"], again["summary"])
    text = client.get("/metrics").text
    assert 'touchstone_items_total{kind="math",outcome="correct",status="graded"} 2.0' in text
    assert 'touchstone_items_total{kind="math",outcome="none",status="invalid"} 2.0' in text
    assert 'touchstone_cache_requests_total{result="hit"} 3.0' in text


def test_where_caches_are_off_a_request_repeated_is_graded_again(start_app: StartApp) -> None:
    """Measuring wants it so."""
    client = start_app(cache_bytes_max=0)
    for _ in range(2):
        assert not grade(client, math_item("\\boxed{42}"))["results"][0]["cached"]


def test_an_answer_with_a_fault_in_it_is_not_given_again(client: TestClient) -> None:
    """What failed is tried again with the request that repeats it, and what was late may be in time."""
    late = grade(client, math_item("\\boxed{42}"), deadline_s=1e-9)["results"][0]
    assert late["status"] == "error"
    assert grade(client, math_item("\\boxed{42}"), deadline_s=1e-9)["results"][0]["fault"]["code"] == "deadline"
    assert 'result="hit"' not in client.get("/metrics").text
