"""A key and a profile in the address, for callers that can send no headers; and where a key must never turn up."""

import json
import logging

import pytest
from starlette.testclient import TestClient

from app.log import configure
from tests.app.conftest import StartApp

KEY = "s3cret-Key/1"
IN_PATH = "s3cret-Key%2F1"


@pytest.fixture
def keyed(start_app: StartApp) -> TestClient:
    """An application with a key that needs quoting."""
    return start_app(api_keys=KEY)


def sample(response: str = "\\boxed{5}", label: str = "5") -> dict[str, str]:
    """What slime sends."""
    return {"prompt": "2 + 3?", "response": response, "label": label}


@pytest.mark.parametrize(
    "address",
    [
        f"/key/{IN_PATH}/compat/slime/accuracy",
        f"/compat/slime/accuracy?key={IN_PATH}",
        f"/compat/slime/accuracy?reward_key=score&key={IN_PATH}",
        f"/key/wrong/compat/slime/accuracy?key={IN_PATH}",
    ],
)
def test_a_key_in_the_address_opens_the_door(keyed: TestClient, address: str) -> None:
    """In front of the path or in the query; of several one right one is enough."""
    assert keyed.post(address, json=sample()).status_code == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/compat/slime/accuracy", 401),
        ("/key/wrong/compat/slime/accuracy", 403),
        ("/compat/slime/accuracy?key=wrong", 403),
        ("/compat/slime/accuracy?key=", 401),
        ("/key//compat/slime/accuracy", 401),
        (f"/compat/key/{IN_PATH}/slime/accuracy", 401),
    ],
)
def test_a_wrong_key_or_none_does_not(keyed: TestClient, address: str, status: int) -> None:
    """401 and 403 as with headers; a key anywhere else in the path is none."""
    assert keyed.post(address, json=sample()).status_code == status


def test_headers_go_on_working_beside_an_address(keyed: TestClient) -> None:
    """A trainer whose library sends a header of its own is not locked out by it, nor is the header's key ignored."""
    headers = {"Authorization": "Bearer some-other-service"}
    assert keyed.post(f"/key/{IN_PATH}/compat/slime/accuracy", json=sample(), headers=headers).status_code == 200
    assert keyed.post("/compat/slime/accuracy", json=sample(), headers={"X-API-Key": KEY}).status_code == 200


def test_a_key_works_for_every_route_and_its_query_stays_strict(keyed: TestClient) -> None:
    """The rest of the query is what it was."""
    assert keyed.get(f"/key/{IN_PATH}/v1/profiles").status_code == 200
    assert keyed.get(f"/v1/profiles?key={IN_PATH}").status_code == 200
    assert keyed.post(f"/compat/slime/accuracy?fallback=x&key={IN_PATH}", json=sample()).status_code == 422


def test_a_profile_in_front_of_a_path_is_the_requests(keyed: TestClient) -> None:
    """For routes whose own servers know no profile."""
    body = {"messages": [{"role": "assistant", "content": "<think>a</think><answer>5</answer>"}], "ground_truth": "5"}
    both = keyed.post(f"/key/{IN_PATH}/profile/r1-zero/evaluate", json=body).json()
    assert set(both["metrics"]) == {"accuracy", "format"}
    alone = keyed.post(f"/key/{IN_PATH}/evaluate?profile=accuracy", json=body).json()
    assert set(alone["metrics"]) == {"accuracy"}


def test_a_query_may_stand_in_front_of_the_path(keyed: TestClient) -> None:
    """For callers that put /verify behind whatever they are given; a parameter in its usual place wins."""
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is B."}]}
    body = {"responses_create_params": {"input": "q"}, "response": {"output": [message]}, "expected_answer": "B"}
    for address in (
        f"/key/{IN_PATH}/with/label=choice&fallback=0.5/verify",
        f"/with/label=choice&key={IN_PATH}/verify",
        f"/key/{IN_PATH}/with/label=math/profile/accuracy/verify?label=choice",
    ):
        response = keyed.post(address, json=body)
        assert (response.status_code, response.json()["reward"]) == (200, 1.0), address


def test_a_key_is_in_no_log_line_no_metric_and_no_answer(keyed: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever becomes of the request."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    configure("debug")
    try:
        texts = [
            keyed.post(f"/key/{IN_PATH}/compat/slime/accuracy", json=sample()).text,
            keyed.post(f"/compat/slime/accuracy?key={IN_PATH}", json={"response": 1}).text,
            keyed.post(f"/key/{IN_PATH}/compat/slime/nothing", json=sample()).text,
            keyed.post(f"/key/{IN_PATH}/nowhere?key={IN_PATH}", json=sample()).text,
            keyed.post(f"/with/key={IN_PATH}/compat/slime/accuracy", json=sample()).text,
            keyed.get(f"/key/{IN_PATH}/metrics").text,
        ]
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
    captured = capsys.readouterr()
    assert '"event": "graded"' in captured.err
    # The test's own client logs the addresses it asks for; every other line is the service's.
    lines = [line for line in captured.err.splitlines() if '"event": "HTTP Request:' not in line]
    for text in (*texts, *lines, captured.out):
        assert "s3cret" not in text
    assert 'route="/compat/slime/{profile}",status="200"' in texts[-1]


def test_the_openapi_document_has_every_compatible_route(keyed: TestClient) -> None:
    """Under a tag of their own."""
    paths = json.loads(keyed.get("/openapi.json").text)["paths"]
    tagged = {path for path, methods in paths.items() for one in methods.values() if one.get("tags") == ["compat"]}
    assert tagged == {
        "/compat/openrlhf/{profile}",
        "/compat/slime/{profile}",
        "/compat/llamafactory/{profile}",
        "/run_code",
        "/submit",
        "/v1/ping",
        "/seed_session",
        "/verify",
        "/close_session",
        "/aggregate_metrics",
        "/reverify_mode",
        "/test_program",
        "/test_program_stdio",
        "/health",
        "/api/v2/execute",
        "/api/v2/runtimes",
        "/evaluate",
    }
