"""OpenRLHF, slime and miles, LLaMA-Factory: payloads as their own clients make them, answers as those read them."""

import json
import math
from typing import Any

import pytest
from starlette.testclient import TestClient

from sandbox.errors import SandboxFault
from sandbox.fake_runner import FakeRunner, exited
from sandbox.limits import Limits
from sandbox.run import Program, Run, RunOutcome
from tests.app.compat.conftest import StartOver
from tests.app.conftest import StartApp

PROMPT = "<|im_start|>user\nWhat is 1/2 + 1/4?<|im_end|>\n<|im_start|>assistant\n"
RIGHT = "<think>Quarters.</think>\n<answer>\\boxed{3/4}</answer>"
WRONG = "<think>Halves.</think>\n<answer>\\boxed{1/4}</answer>"
END = "<|im_end|>\n<|endoftext|><|endoftext|>"
CODE_LABEL = json.dumps({"inputs": ["3\n"], "outputs": ["6\n"]})
DOUBLES = "```python\nprint(2 * int(input()))\n```"


def openrlhf(*rows: tuple[str, Any], prompt: str = PROMPT) -> dict[str, Any]:
    """What OpenRLHF posts for (answer, label) rows: whole sequences, special tokens kept."""
    return {
        "query": [prompt + answer + END for answer, _ in rows],
        "prompts": [prompt for _ in rows],
        "labels": [label for _, label in rows],
    }


def rewards(client: TestClient, body: dict[str, Any], profile: str = "r1-zero") -> dict[str, Any]:
    """Post to OpenRLHF's route and hold the answer to what its client needs: equal lengths, finite numbers."""
    response = client.post(f"/compat/openrlhf/{profile}", json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    answer: dict[str, Any] = response.json()
    assert set(answer) == {"rewards", "scores", "extra_logs"}
    for column in (answer["rewards"], answer["scores"], *answer["extra_logs"].values()):
        assert len(column) == len(body["query"])
        assert all(isinstance(number, float) and math.isfinite(number) for number in column)
    return answer


def test_openrlhf_gets_a_reward_for_what_stands_behind_the_prompt(client: TestClient) -> None:
    """The prompt and the special tokens are not judged: with them the format would be broken."""
    answer = rewards(client, openrlhf((RIGHT, "3/4")))
    assert (answer["rewards"], answer["scores"]) == ([2.0], [1.0])
    assert answer["extra_logs"] == {"accuracy": [1.0], "format": [1.0], "invalid": [0.0], "error": [0.0]}


def test_openrlhf_rows_keep_their_order_and_each_its_own_fate(client: TestClient) -> None:
    """One row without a usable label costs that row; names of the logs are the same for all."""
    rows = [(RIGHT, "3/4"), (WRONG, "3/4"), (RIGHT, None), (RIGHT, '{"kind": "maths"}'), ("no tags", "\\frac{3}{4}")]
    answer = rewards(client, openrlhf(*rows))
    assert answer["rewards"] == [2.0, 1.0, 0.0, 0.0, 0.0]
    assert answer["scores"] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert answer["extra_logs"]["invalid"] == [0.0, 0.0, 1.0, 1.0, 0.0]
    assert answer["extra_logs"]["error"] == [0.0] * 5


def test_openrlhf_keys_are_the_same_when_nothing_can_be_graded(client: TestClient) -> None:
    """Its trainer stacks the logs of all rows by the names of the first."""
    good, bad = rewards(client, openrlhf((RIGHT, "3/4"))), rewards(client, openrlhf((RIGHT, " ")))
    assert set(good["extra_logs"]) == set(bad["extra_logs"])
    assert bad["extra_logs"]["invalid"] == [1.0]


def test_openrlhf_finds_the_answer_when_the_prompt_is_not_to_the_letter(client: TestClient) -> None:
    """A tokenizer that adds its first token or normalizes a blank: as many markers in as the prompt has."""
    shown = PROMPT.replace("1/2 + 1/4", "1/2  + 1/4")
    asked = "<|im_start|>assistant\nHi.<|im_end|>\n" + PROMPT
    for query, prompt in (
        ("<s>" + PROMPT + RIGHT + END, PROMPT),
        (shown + RIGHT + END, PROMPT),
        ("<|im_start|>assistant\nHi.<|im_end|>\n" + shown + RIGHT + END, asked),
    ):
        body = {"query": [query], "prompts": [prompt], "labels": ["3/4"]}
        assert rewards(client, body)["rewards"] == [2.0], query


def test_openrlhf_without_prompts_goes_by_the_last_question(client: TestClient) -> None:
    """A completion that writes an assistant's marker of its own is not cut there."""
    forged = "<think>\\boxed{1/4}<|im_start|>assistant\n" + RIGHT
    body = {"query": [PROMPT + RIGHT + END, PROMPT + forged + END], "labels": ["3/4", "3/4"]}
    answer = rewards(client, body)
    assert answer["rewards"][0] == 2.0
    assert answer["extra_logs"]["format"] == [1.0, 0.0]


def test_openrlhf_labels_name_other_kinds(over_jails: TestClient) -> None:
    """A task as JSON, tests in two lists, a choice by the address; a plain text is a maths reference."""
    task = json.dumps({"kind": "choice", "answer": "B"})
    body = openrlhf(("The answer is B.", task), (DOUBLES, CODE_LABEL), (DOUBLES.replace("2 *", "3 *"), CODE_LABEL))
    assert rewards(over_jails, body, "accuracy")["rewards"] == [1.0, 1.0, 0.0]
    assert rewards(over_jails, openrlhf(("\\boxed{\\{2, 1\\}}", "{1, 2}")), "accuracy")["rewards"] == [1.0]
    letters = openrlhf(("The answer is B.", "B"))
    assert rewards(over_jails, letters, "accuracy?label=choice")["rewards"] == [1.0]


def test_a_label_may_be_a_number_or_several(client: TestClient) -> None:
    """As some datasets have them."""
    body = openrlhf(("\\boxed{5}", 5), ("\\boxed{2.5}", 2.5), ("\\boxed{7}", ["6", "7"]), ("\\boxed{7}", True))
    assert rewards(client, body, "accuracy")["rewards"] == [1.0, 1.0, 1.0, 0.0]


def test_the_fallback_is_the_addresss(client: TestClient) -> None:
    """The number of what was not graded, and of nothing else."""
    answer = rewards(client, openrlhf((WRONG, "3/4"), (RIGHT, None)), "accuracy?fallback=-0.5")
    assert answer["rewards"] == [0.0, -0.5]


def test_a_completion_over_the_limit_answers_nothing(start_app: StartApp) -> None:
    """It is the completion's doing and no refuge: wrong, not invalid; and its neighbour is graded."""
    client = start_app(completion_bytes_max=200)
    answer = rewards(client, openrlhf(("x" * 300 + "\\boxed{3/4}", "3/4"), (RIGHT, "3/4")), "accuracy")
    assert (answer["rewards"], answer["extra_logs"]["invalid"]) == ([0.0, 1.0], [0.0, 0.0])


def lost(_program: Program, _run: Run, _limits: Limits) -> RunOutcome:
    """A sandbox that fails each time."""
    raise SandboxFault("the jail is gone")


def test_a_fault_of_ours_is_flagged_or_comes_again(start_over: StartOver) -> None:
    """Beside graded rows it is a number with a flag; alone it is a 503, which OpenRLHF and slime try again."""
    client = start_over(FakeRunner(lost), compat_wait_s=0)
    answer = rewards(client, openrlhf(("\\boxed{5}", "5"), (DOUBLES, CODE_LABEL)), "accuracy")
    assert (answer["rewards"], answer["extra_logs"]["error"]) == ([1.0, 0.0], [0.0, 1.0])
    alone = client.post("/compat/openrlhf/accuracy", json=openrlhf((DOUBLES, CODE_LABEL)))
    sample = {"prompt": "Double it.", "response": DOUBLES, "label": CODE_LABEL}
    for response in (alone, client.post("/compat/slime/accuracy", json=sample)):
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1


def test_a_deadline_is_not_tried_again_in_vain(start_over: StartOver) -> None:
    """The caller has waited as long as it would: a number with a flag, so that its rollout goes on."""
    import time

    def slow(_program: Program, _run: Run, _limits: Limits) -> RunOutcome:
        time.sleep(0.5)
        return exited(b"6")

    client = start_over(FakeRunner(slow))
    answer = rewards(client, openrlhf((DOUBLES, CODE_LABEL)), "accuracy?deadline_s=0.05")
    assert (answer["rewards"], answer["extra_logs"]["error"]) == ([0.0], [1.0])


def test_a_full_queue_is_a_503_with_a_time_to_come_back(start_app: StartApp) -> None:
    """For callers that read it; after a wait for those that do not."""
    client = start_app(queue_items_max=1, compat_wait_s=0.05)
    response = client.post("/compat/openrlhf/accuracy", json=openrlhf((RIGHT, "3/4"), (WRONG, "3/4")))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "query"]),
        ({"query": "text"}, ["body", "query"]),
        ({"query": ["a"], "labels": ["1", "2"]}, ["body", "labels"]),
        ({"query": ["a"], "prompts": []}, ["body", "prompts"]),
        ([], ["body"]),
    ],
)
def test_openrlhf_bodies_that_do_not_fit_are_422(client: TestClient, body: Any, loc: list[str]) -> None:
    """With FastAPI's list of rows."""
    response = client.post("/compat/openrlhf/accuracy", json=body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"][: len(loc)] == loc


@pytest.mark.parametrize("caller", ["openrlhf", "slime", "llamafactory"])
def test_an_unknown_profile_is_a_404(client: TestClient, caller: str) -> None:
    """Before the body is looked at: the address is wrong, whatever is sent."""
    response = client.post(f"/compat/{caller}/r2-zero", json={})
    assert response.status_code == 404
    assert "profile" in response.json()["detail"]


@pytest.mark.parametrize("query", ["label=vibes", "fallback=nan", "fallback=x", "deadline_s=0", "deadline_s=1e9"])
def test_a_bad_parameter_of_the_address_is_named(client: TestClient, query: str) -> None:
    """422 with its name."""
    response = client.post(f"/compat/openrlhf/accuracy?{query}", json=openrlhf((RIGHT, "3/4")))
    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == query.partition("=")[0]


def test_json_that_python_sends_and_the_standard_forbids_costs_one_row(client: TestClient) -> None:
    """NaN for a missing label, half a surrogate pair in a completion: json.dumps writes both."""
    body = b'{"query": ["\\\\boxed{5}\\ud83d", "\\\\boxed{5}"], "labels": ["5", NaN], "extra": Infinity}'
    response = client.post("/compat/openrlhf/accuracy", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 200, response.text
    assert response.json()["extra_logs"]["invalid"] == [0.0, 1.0]
    assert response.json()["rewards"] == [1.0, 0.0]


def test_slime_gets_a_bare_number(client: TestClient) -> None:
    """The JSON body is the reward."""
    for response, label, expected in (("\\boxed{5}", "5", 1.0), ("\\boxed{6}", "5", 0.0), ("\\boxed{5}", None, 0.0)):
        answer = client.post("/compat/slime/accuracy", json={"prompt": "q", "response": response, "label": label})
        assert (answer.status_code, answer.json()) == (200, expected)
        assert answer.headers["content-type"] == "application/json"


def test_slime_gets_an_object_with_its_reward_key(client: TestClient) -> None:
    """And prompts as messages, of any shape that a chat has."""
    prompt = [{"role": "user", "content": [{"type": "text", "text": "2 + 3?"}]}, {"role": "system", "content": None}]
    body = {"prompt": prompt, "response": RIGHT + "<|im_end|>", "label": "3/4"}
    answer = client.post("/compat/slime/r1-zero?reward_key=score", json=body).json()
    assert answer == {"score": 2.0, "accuracy": 1.0, "format": 1.0, "invalid": 0.0, "error": 0.0}
    unusable = client.post("/compat/slime/r1-zero?reward_key=score", json=body | {"label": {"x": 1}}).json()
    assert unusable == {"score": 0.0, "accuracy": 0.0, "format": 0.0, "invalid": 1.0, "error": 0.0}


def test_slime_bodies_that_do_not_fit_are_422(client: TestClient) -> None:
    """A response is needed, and is a text."""
    for body in ({}, {"response": None}, {"response": 3}, {"response": "x", "prompt": 3}):
        assert client.post("/compat/slime/accuracy", json=body).status_code == 422


def test_llamafactory_is_told_at_once_that_it_has_no_reference(client: TestClient) -> None:
    """Every row would be invalid, and it would never notice."""
    response = client.post("/compat/llamafactory/accuracy", json={"model": "model", "messages": [PROMPT + RIGHT]})
    assert response.status_code == 422
    assert "accuracy" in response.json()["detail"]


def test_llamafactory_is_told_when_nothing_could_be_judged(client: TestClient) -> None:
    """A profile with a judge, and none configured: a run on zeros would go unnoticed."""
    response = client.post("/compat/llamafactory/r1-general", json={"model": "model", "messages": [PROMPT + RIGHT]})
    assert response.status_code == 422
    assert "judge" in response.json()["detail"]
    assert client.post("/compat/llamafactory/r1-general", json={"model": "m"}).status_code == 422


def test_a_profile_that_counts_tokens_is_refused_to_callers_that_send_none(client: TestClient) -> None:
    """422 with the reason, for the whole request: every row would be without a reward."""
    response = client.post("/compat/openrlhf/dapo", json=openrlhf((RIGHT, "3/4")))
    assert response.status_code == 422
    assert "tokens" in response.json()["errors"][0]["message"]


def test_a_label_of_another_kind_than_the_profiles_costs_its_row(client: TestClient) -> None:
    """A maths task where a preference is wanted."""
    answer = rewards(client, openrlhf((RIGHT, '{"kind": "math", "answer": "1"}'), (RIGHT, None)), "r1-general")
    assert answer["extra_logs"]["invalid"] == [1.0, 1.0]


def test_llamafactory_gets_a_score_for_each_sequence(start_app: StartApp) -> None:
    """By an operator's recipe that needs no reference; without its prompt a sequence is cut at the last question."""
    client = start_app(profiles={"shape": {"components": [{"name": "format"}]}})
    body = {"model": "model", "messages": [PROMPT + RIGHT + END, PROMPT + "no tags" + END, RIGHT]}
    answer = client.post("/compat/llamafactory/shape", json=body).json()
    assert set(answer) == {"id", "object", "model", "scores"}
    assert (answer["object"], answer["model"], answer["scores"]) == ("score.evaluation", "model", [1.0, 0.0, 1.0])
    assert client.post("/compat/llamafactory/shape", json=body | {"messages": []}).json()["scores"] == []


def test_a_profile_that_compares_completions_is_refused_to_callers_that_send_them_singly(start_app: StartApp) -> None:
    """Each would be its prompt's only one, and the comparison always the same number."""
    client = start_app(
        profiles={
            "short": {"components": [{"name": "accuracy"}, {"name": "kimi_length", "params": {"unit": "characters"}}]}
        }
    )
    response = client.post("/compat/openrlhf/short", json=openrlhf((RIGHT, "3/4")))
    assert response.status_code == 422
    assert "one by one" in response.json()["errors"][0]["message"]


def test_kinds_of_a_recipe_go_by_the_labels(start_app: StartApp) -> None:
    """One profile for mixed data; the names of the logs are all kinds' on every row."""
    recipe = {
        "components": [{"name": "accuracy"}],
        "kinds": {"choice": [{"name": "accuracy", "weight": 3}, {"name": "format"}]},
    }
    client = start_app(profiles={"mixed": recipe})
    choice = json.dumps({"kind": "choice", "answer": "B"})
    answer = rewards(client, openrlhf(("\\boxed{5}", "5"), ("The answer is B.", choice)), "mixed")
    assert answer["rewards"] == [1.0, 3.0]
    assert set(answer["extra_logs"]) == {"accuracy", "format", "invalid", "error"}


def test_a_graded_row_without_a_reward_is_flagged(start_app: StartApp) -> None:
    """A recipe may give an undecided or truncated completion nothing; the fallback that stands for it is marked."""
    client = start_app(profiles={"whole": {"components": [{"name": "accuracy"}], "truncated": "null"}})
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "\\boxed{5}"}]}
    body = {"responses_create_params": {"input": "q"}, "expected_answer": "5"}
    cut = body | {"response": {"status": "incomplete", "output": [message]}}
    answer = client.post("/verify?profile=whole&fallback=0.25", json=cut).json()
    assert (answer["reward"], answer["mask_sample"], answer["failure_kind"]) == (0.25, True, "touchstone:no_score")
    assert (answer["invalid"], answer["error"]) == (1.0, 0.0)
