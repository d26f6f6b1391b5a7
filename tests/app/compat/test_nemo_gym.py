"""NeMo-Gym's resources server: rows of its own datasets' layouts, responses as its model servers make them."""

import base64
import json
import zlib
from typing import Any

import pytest
from starlette.testclient import TestClient

from sandbox.errors import SandboxFault
from sandbox.fake_runner import FakeRunner
from sandbox.limits import Limits
from sandbox.run import Program, Run, RunOutcome
from tests.app.compat.conftest import StartOver

ADDS = "```python\nclass Solution:\n    def add(self, a, b):\n        return a + b\n```"


def message(text: str) -> dict[str, Any]:
    """An assistant's message in a Responses object."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def rollout(text: str, *, before: tuple[dict[str, Any], ...] = (), **row: Any) -> dict[str, Any]:
    """A /verify body: the dataset row's own fields, what was asked, and the model's response."""
    response = {
        "id": "resp_1",
        "created_at": 1.0,
        "model": "policy",
        "object": "response",
        "output": [*before, message(text)],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
    }
    asked = {"input": [{"role": "user", "content": "Solve it."}], "temperature": 1.0}
    return {"responses_create_params": asked, "response": response} | row


def verify(client: TestClient, body: dict[str, Any], address: str = "/verify") -> dict[str, Any]:
    """Post to /verify; the answer holds the whole request and the fields of the protocol."""
    response = client.post(address, json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    changed = {"instance_config"} if answer["mask_sample"] else set()
    assert {name: answer[name] for name in body if name not in changed} == {
        name: value for name, value in body.items() if name not in changed
    }
    assert isinstance(answer["reward"], float)
    assert {"mask_sample", "failure_kind", "failure_reason"} <= set(answer)
    return answer


def test_a_maths_row_is_verified_by_its_expected_answer(client: TestClient) -> None:
    """The layout of math_with_judge."""
    row = {"question": "How many?", "expected_answer": "32"}
    right = verify(client, rollout("It is \\boxed{32}.", **row))
    assert (right["reward"], right["accuracy"], right["mask_sample"], right["failure_kind"]) == (1.0, 1.0, False, None)
    assert verify(client, rollout("It is \\boxed{33}.", **row))["reward"] == 0.0
    assert verify(client, rollout("", **row))["mask_sample"] is False


def test_options_make_a_choice(client: TestClient) -> None:
    """The layout of mcqa: a list of one-letter maps."""
    row = {"options": [{"A": "Karyotyping"}, {"B": "PCR"}], "expected_answer": "B", "grading_mode": "lenient_boxed"}
    assert verify(client, rollout("\\boxed{B}", **row))["reward"] == 1.0
    assert verify(client, rollout("\\boxed{PCR}", **row))["reward"] == 1.0
    assert verify(client, rollout("\\boxed{A}", **row))["reward"] == 0.0


def test_instructions_are_checked(client: TestClient) -> None:
    """The layout of instruction_following, whose arguments are padded with nulls."""
    row = {
        "prompt": "Say it without a comma.",
        "instruction_id_list": ["punctuation:no_comma", "keywords:existence"],
        "kwargs": [{"num_words": None}, {"keywords": ["it"], "num_words": None}],
        "grading_mode": "binary",
    }
    assert verify(client, rollout("This is it.", **row))["reward"] == 1.0
    assert verify(client, rollout("Well, this is it.", **row))["reward"] == 0.0


def test_the_responses_own_count_of_tokens_counts(client: TestClient) -> None:
    """Profiles that measure length in tokens work here, since a response says how many it has."""
    answer = verify(client, rollout("\\boxed{5}", expected_answer="5"), "/verify?profile=dapo")
    assert (answer["accuracy"], answer["soft_overlong"], answer["mask_sample"]) == (1.0, 0.0, False)


def packed(inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    """Tests compressed as LiveCodeBench's preparation does it."""
    data = zlib.compress(json.dumps({"inputs": inputs, "outputs": outputs}).encode())
    return {"packed": base64.b64encode(data).decode(), "fn_name": "add"}


@pytest.mark.parametrize(
    "tests",
    [
        {"inputs": ["1\n2", "[1]\n[2]"], "outputs": ["3", "[1, 2]"], "fn_name": "add"},
        packed(["1\n2", "[1]\n[2]"], ["3", "[1, 2]"]),
    ],
    ids=["plain", "packed"],
)
def test_unit_tests_are_run_in_the_sandbox(over_jails: TestClient, tests: dict[str, Any]) -> None:
    """The layout of code_gen: calls with one JSON argument a line; plain or packed."""
    assert verify(over_jails, rollout(ADDS, verifier_metadata={"unit_tests": tests}))["reward"] == 1.0
    wrong = ADDS.replace("a + b", "a")
    assert verify(over_jails, rollout(wrong, verifier_metadata={"unit_tests": tests}))["reward"] == 0.0


def test_programs_by_input_and_output(over_jails: TestClient) -> None:
    """The same without a function's name."""
    tests = {"inputs": ["3\n"], "outputs": ["6\n"]}
    completion = "```python\nprint(2 * int(input()))\n```"
    assert verify(over_jails, rollout(completion, verifier_metadata={"unit_tests": tests}))["reward"] == 1.0


def test_a_rows_own_task_goes_before_its_answer(client: TestClient) -> None:
    """In the row or in its metadata, in the shape of /v1/grade."""
    task = {"kind": "math", "answer": "7"}
    assert verify(client, rollout("\\boxed{7}", expected_answer="8", task=task))["reward"] == 1.0
    assert verify(client, rollout("\\boxed{7}", verifier_metadata={"task": task}))["reward"] == 1.0


def test_reasoning_counts_as_thought(client: TestClient) -> None:
    """A server that takes the think tags off must not cost the format, nor may a thought be the answer."""
    summary = {"id": "r", "type": "reasoning", "summary": [{"type": "summary_text", "text": "It is \\boxed{33}."}]}
    body = rollout("<answer>\\boxed{32}</answer>", before=(summary,), expected_answer="32")
    answer = verify(client, body, "/profile/r1-zero/verify")
    assert (answer["accuracy"], answer["format"], answer["reward"]) == (1.0, 1.0, 2.0)
    thought = rollout("", before=(summary,), expected_answer="33")
    assert verify(client, thought)["reward"] == 0.0


def test_a_profile_may_stand_in_the_row(client: TestClient) -> None:
    """For clients whose address has no room for it; the address goes before the row."""
    body = rollout("<think>a</think><answer>5</answer>", expected_answer="5", verifier_metadata={"profile": "r1-zero"})
    assert verify(client, body)["reward"] == 2.0
    assert verify(client, body, "/verify?profile=accuracy")["reward"] == 1.0
    assert client.post("/verify", json=body | {"verifier_metadata": {"profile": "none"}}).status_code == 404


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"expected_answer": "  "},
        {"verifier_metadata": {"task": {"kind": "maths"}}},
        {"verifier_metadata": {"unit_tests": {"inputs": ["1"], "outputs": []}}},
        {"verifier_metadata": {"unit_tests": {"packed": "!!"}}},
        {"expected_answer": {"x": 1}},
    ],
)
def test_a_row_that_cannot_be_judged_is_masked(client: TestClient, row: dict[str, Any]) -> None:
    """Out of the loss and of the metrics, with a kind that can be grouped by and words that say why."""
    answer = verify(client, rollout("\\boxed{5}", instance_config={"name": "x"}, **row))
    assert (answer["reward"], answer["mask_sample"]) == (0.0, True)
    assert answer["failure_kind"] == "touchstone:invalid_task"
    assert answer["failure_reason"]
    assert answer["instance_config"] == {"name": "x", "mask_sample": True}


def test_numbers_have_the_same_names_on_every_row(client: TestClient) -> None:
    """Whatever became of it."""
    good = verify(client, rollout("\\boxed{5}", expected_answer="5"))
    bad = verify(client, rollout("\\boxed{5}"))
    numbers = [{name for name, value in row.items() if isinstance(value, (int, float))} for row in (good, bad)]
    assert numbers[0] == numbers[1]


def lost(_program: Program, _run: Run, _limits: Limits) -> RunOutcome:
    """A sandbox that fails each time."""
    raise SandboxFault("the jail is gone")


def test_a_fault_of_ours_is_masked_in_their_vocabulary(start_over: StartOver) -> None:
    """200 with a registered kind: never a zero that trains."""
    tests = {"inputs": ["3\n"], "outputs": ["6\n"]}
    body = rollout("```python\nprint(6)\n```", verifier_metadata={"unit_tests": tests})
    answer = verify(start_over(FakeRunner(lost)), body)
    assert (answer["mask_sample"], answer["failure_kind"]) == (True, "provider_unavailable")
    late = verify(start_over(FakeRunner(lost)), body, "/verify?deadline_s=0.000001")
    assert (late["mask_sample"], late["failure_kind"]) == (True, "verifier_error")


def test_a_fault_of_ours_may_be_a_503_instead(start_over: StartOver) -> None:
    """For verifiers, which takes the reward of a masked rollout for one; what cannot be judged stays masked."""
    client = start_over(FakeRunner(lost))
    tests = {"inputs": ["3\n"], "outputs": ["6\n"]}
    body = rollout("```python\nprint(6)\n```", verifier_metadata={"unit_tests": tests})
    response = client.post("/verify?errors=503", json=body)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert verify(client, rollout("\\boxed{5}"), "/verify?errors=503")["mask_sample"] is True


def test_components_add_up_to_the_reward(client: TestClient) -> None:
    """Which NeMo-RL checks where it is given them."""
    for completion in ("<think>a</think><answer>5</answer>", "<think>a</think><answer>6</answer>", "5"):
        body = rollout(completion, expected_answer="5")
        answer = verify(client, body, "/verify?profile=r1-zero&reward_components=true")
        assert set(answer["reward_components"]) == {"accuracy", "format"}
        assert sum(answer["reward_components"].values()) == answer["reward"]
    assert "reward_components" not in verify(client, body)


def test_a_rows_own_field_is_never_overwritten_by_a_component(client: TestClient) -> None:
    """The echo is the caller's; its join would break."""
    assert verify(client, rollout("\\boxed{5}", expected_answer="5", accuracy="mine"))["accuracy"] == "mine"


def test_a_session_is_opened_and_closed_in_name(client: TestClient) -> None:
    """As nemo_gym.testing.session_conformance asks of a server that keeps no state; an agent's seed gets nothing."""
    episode = {"rollout_id": "r", "attempt": 0}
    seed = {"resources_session_id": "s", "episode_id": episode, "task_id": {"taskset": "t"}, "task_data": {}}
    for _ in range(2):
        assert client.post("/seed_session", json=seed).json() == {"resources_session_id": "s"}
    close = {"resources_session_id": "s", "episode_id": episode}
    for _ in range(2):
        response = client.post("/close_session", json=close)
        assert (response.status_code, response.json()) == (200, {"resources_session_id": "s"})
    assert client.post("/seed_session", json={"question": "q"}).json() == {}
    assert client.get("/reverify_mode").json() == "stateless"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/verify", {}),
        ("/verify", {"responses_create_params": {}}),
        ("/verify", {"responses_create_params": {}, "response": "text"}),
        ("/seed_session", []),
        ("/close_session", {}),
        ("/close_session", {"resources_session_id": "s"}),
        ("/aggregate_metrics", {}),
        ("/aggregate_metrics", {"verify_responses": [1]}),
    ],
)
def test_bodies_that_do_not_fit_are_422(client: TestClient, path: str, body: Any) -> None:
    """FastAPI's, as its own server answers."""
    response = client.post(path, json=body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"][0] == "body"


def test_metrics_are_of_what_was_measured(client: TestClient) -> None:
    """By task and over all, without the masked ones, which count as coverage; flags as 0 and 1, usage as numbers."""
    usage = {"usage": {"output_tokens": 10}}
    rows = [
        {"_ng_task_index": 0, "_ng_rollout_index": 0, "reward": 1.0, "solved": True, "response": usage},
        {"_ng_task_index": 0, "_ng_rollout_index": 1, "reward": 0.0, "solved": False, "response": usage},
        {"_ng_task_index": 1, "_ng_rollout_index": 0, "reward": 1.0, "solved": True, "response": usage},
        {"_ng_task_index": 2, "_ng_rollout_index": 0, "reward": 0.0, "mask_sample": True},
    ]
    answer = client.post("/aggregate_metrics", json={"verify_responses": rows}).json()
    first, second = answer["group_level_metrics"]
    assert (first["_ng_task_index"], first["mean/reward"], first["num_rollouts"]) == (0, 0.5, 2)
    assert (second["_ng_task_index"], second["std/reward"]) == (1, 0.0)
    overall = answer["agent_metrics"]
    assert overall["mean/reward"] == pytest.approx(2 / 3)
    assert overall["std/reward"] == pytest.approx(0.57735, abs=1e-5)
    assert (overall["median/reward"], overall["mean/output_tokens"]) == (1.0, 10.0)
    assert overall["coverage/masked_rollouts"] == overall["coverage/fully_masked_tasks"] == 1
    assert set(answer["key_metrics"]) == {"mean/reward", "mean/solved", "mean/output_tokens"}
    assert client.post("/aggregate_metrics", json={"verify_responses": []}).json()["agent_metrics"] == {}
