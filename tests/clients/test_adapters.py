"""The reward functions that trainers take, called as each trainer calls them, against the running service.

The trainers themselves are no part of this environment; `make interop` runs the same modules inside them.
"""

import asyncio
import functools
import inspect
import json
import math
import pickle
from collections.abc import Coroutine
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from touchstone_client import NotGraded, Patience, Refused, Unavailable
from touchstone_client.adapters import areal, sample, swift, trl, verifiers, verl
from touchstone_client.adapters.recipe import recipe_of

from tests.clients.conftest import QUICK
from tests.clients.scripted import graded, refused, scripted
from tests.processes import Service

CODE = {"kind": "code", "tests": {"kind": "stdio", "cases": [{"input": "3\n", "output": "6\n"}]}}
PROGRAM = "```python\nprint(2*int(input()))\n```"


T = TypeVar("T")


async def and_leave(call: Coroutine[Any, Any, T]) -> T:
    """The call's value, when the connections of this event loop are closed: trainers' loops last, these do not."""
    try:
        return await call
    finally:
        await sample.leave()


class Log:
    """What a trainer's log_metric and log_extra were told."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.extra: dict[str, list[Any]] = {}

    def metric(self, name: str, value: float) -> None:
        self.metrics[name] = value

    def column(self, name: str, values: list[Any]) -> None:
        self.extra[name] = values


def test_trl_calls_with_columns_and_gets_a_reward_or_none(service: Service) -> None:
    """Maths and code in one batch, conversational; a row with a broken reference is None and nothing else."""
    remote = trl.RemoteReward(service.url, "r1-zero", name="verifier")
    assert inspect.iscoroutinefunction(remote.__call__)
    log = Log()
    rewards = asyncio.run(
        remote(
            prompts=[[{"role": "user", "content": "Double it."}]] * 4,
            completions=[
                [{"role": "assistant", "content": PROGRAM, "tool_calls": None}],
                [{"role": "assistant", "content": "\\boxed{7}"}],
                [{"role": "assistant", "content": "\\boxed{8}"}],
                [{"role": "assistant", "content": "<answer>\\boxed{7}</answer>", "reasoning_content": "hm"}],
            ],
            completion_ids=[[1]] * 4,
            task=[json.dumps(CODE), None, None, None],
            answer=[None, "7", "", "7"],
            trainer_state=object(),
            log_metric=log.metric,
            log_extra=log.column,
            environments=None,
        )
    )
    assert rewards == [1.0, 1.0, None, 2.0]
    assert log.metrics["verifier/accuracy"] == 1.0
    assert log.metrics["verifier/format"] == pytest.approx(1 / 3)
    assert (log.metrics["verifier/graded"], log.metrics["verifier/invalid"]) == (0.75, 0.25)
    assert all(math.isfinite(value) for value in log.metrics.values())
    assert log.extra["verifier_reason"] == ["passed", "equal", "refused", "equal"]
    assert log.extra["verifier_format"] == [0.0, 0.0, None, 1.0]


def test_trl_reward_functions_can_be_pickled_and_named(service: Service) -> None:
    """TRL's asynchronous GRPO sends them to processes; its log takes the name from the object."""
    remote = pickle.loads(pickle.dumps(trl.RemoteReward(service.url, name="accuracy_of_ours")))
    assert remote.__name__ == "accuracy_of_ours"
    assert asyncio.run(remote(prompts=["?"], completions=["\\boxed{7}"], solution=["7"])) == [1.0]


def test_one_component_alone_for_trainers_that_weigh(service: Service) -> None:
    """Its score, without the weight; a name that the recipe does not have is said at once."""
    said = {"prompts": ["?"] * 2, "completions": ["<think>a</think>\n<answer>\\boxed{7}</answer>", "7"]}
    parts = {
        name: asyncio.run(trl.RemoteReward(service.url, "r1-zero", component=name)(**said, answer=["8", "7"]))
        for name in ("accuracy", "format")
    }
    assert parts == {"accuracy": [0.0, 1.0], "format": [1.0, 0.0]}
    with pytest.raises(ValueError, match="no component 'style', but accuracy, format"):
        asyncio.run(trl.RemoteReward(service.url, "r1-zero", component="style")(**said, answer=["8", "7"]))


def test_a_missing_column_ends_the_run_in_its_first_step(service: Service) -> None:
    """Otherwise every reward would be None for ever, and the run would learn nothing."""
    with pytest.raises(Refused, match="no row can be judged by the columns"):
        asyncio.run(trl.RemoteReward(service.url)(prompts=["?"], completions=["7"], answers=["7"]))
    with pytest.raises(Refused, match="422"):
        asyncio.run(trl.RemoteReward(service.url, "nonsense")(prompts=["?"], completions=["7"], answer=["7"]))


def test_a_service_that_stays_away_is_an_exception_or_a_batch_of_none() -> None:
    """Never a batch of zeros."""
    patience = Patience(total_s=0.2, first_s=0.05)
    call = {"prompts": ["?"], "completions": ["7"], "answer": ["7"]}
    with scripted(lambda *_: refused(503)) as server:
        with pytest.raises(Unavailable):
            asyncio.run(trl.RemoteReward(server.url, patience=patience)(**call))
        quiet = trl.RemoteReward(server.url, patience=patience, unavailable="none")
        assert asyncio.run(quiet(**call)) == [None]


def test_swift_calls_with_messages(service: Service) -> None:
    """Completions by position, everything else as columns; a new event loop for each call."""
    remote = swift.RemoteReward(recipe_of(service.url, "r1-zero"))
    turns = [{"role": "user", "content": "What is 3+4?"}, {"role": "assistant", "content": "\\boxed{7}"}]
    for _ in range(2):
        found = asyncio.run(
            remote(
                ["\\boxed{7}", "8"],
                messages=[turns, turns],
                solution=["7", ""],
                trainer_state=None,
                prompt_id=["a", "b"],
            )
        )
        assert found == [1.0, None]


def test_verl_gets_the_same_finite_numbers_for_every_sample(service: Service) -> None:
    """Graded, invalid and error alike: verl takes its keys from the first sample and means over all."""

    async def run() -> list[dict[str, float]]:
        score = functools.partial(verl.compute_score, url=service.url, profile="r1-zero", patience=QUICK)
        labels = ["7", "", json.dumps(CODE), json.dumps({"inputs": ["3\n"], "outputs": ["6\n"]}), {"nonsense": 1}]
        answers = ["\\boxed{7}", "\\boxed{7}", PROGRAM, PROGRAM, "x"]
        samples = zip(answers, labels, strict=True)
        found = await asyncio.gather(
            *(score(data_source="d", solution_str=s, ground_truth=g, extra_info={"num_turns": 1}) for s, g in samples)
        )
        late = await score(
            solution_str=PROGRAM + "#", ground_truth=CODE, extra_info=None, deadline_s=1e-3, fault_rounds=0
        )
        return [*found, late]

    found = asyncio.run(and_leave(run()))
    names = ["acc", "accuracy", "error", "format", "graded", "invalid", "score"]
    assert all(sorted(score) == names for score in found)
    assert all(type(value) is float and math.isfinite(value) for score in found for value in score.values())
    assert [score["score"] for score in found] == [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    assert [score["invalid"] for score in found] == [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    assert [score["error"] for score in found] == [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]


def test_verl_knows_its_keys_before_anything_was_graded(service: Service) -> None:
    """A run whose first sample is invalid still has every component's key."""
    call = verl.compute_score(solution_str="7", ground_truth="", url=service.url, profile="r1-zero", answer_s=61.0)
    assert set(asyncio.run(and_leave(call))) >= {"accuracy", "format"}
    assert inspect.iscoroutinefunction(verl.compute_score)


def test_areal_calls_in_a_pool_of_processes(service: Service) -> None:
    """Forked from a process that has used the client before; special tokens at the end are no part of the answer."""
    remote = areal.RemoteReward(service.url)
    assert remote("?", "\\boxed{7}<|im_end|>\n<|endoftext|>", [1], [2], answer="7") == 1.0
    with ProcessPoolExecutor(2) as pool:
        calls = [
            pool.submit(functools.partial(remote, "?", f"It is {n}<|im_end|>", [1], [2], answer="7", task=None))
            for n in range(20)
        ]
        assert [call.result(60) for call in calls] == [float(n == 7) for n in range(20)]
        with pytest.raises(NotGraded, match="invalid"):
            pool.submit(functools.partial(remote, "?", "7", [1], [2], answer="")).result(60)


def test_areal_has_its_exception_before_it_stops_waiting() -> None:
    """AReaL makes 0 of what takes 15 seconds, and rejects the rollout for an exception."""
    with scripted(lambda *_: refused(503)) as server, pytest.raises(Unavailable):
        areal.RemoteReward(server.url)("?", "7", [1], [2], answer="7")
    settings = areal.RemoteReward("http://127.0.0.1:9").recipe.settings
    worst = settings.patience.total_s + settings.connect_s + areal.DEADLINE_S + settings.margin_s
    assert worst < 15 and settings.fault_rounds == 0


@dataclass
class Data:
    """What verifiers' task data and trace have that is looked at."""

    answer: Any
    prompt_text: str = "?"

    def model_dump(self) -> dict[str, Any]:
        return {"answer": self.answer, "task": None, "prompt": self.prompt_text}


@dataclass
class Trace:
    last_reply: str
    metrics: dict[str, float] = field(default_factory=dict)

    def record_metric(self, name: str, value: float) -> None:
        self.metrics[name] = value


def test_verifiers_gets_a_reward_or_an_exception(service: Service) -> None:
    """A rollout that raises is tried again there; it is never 0."""
    remote = verifiers.RemoteReward(service.url, "r1-zero")

    async def run() -> Trace:
        trace = Trace("\\boxed{7}")
        assert await remote(Data("7"), trace) == 1.0
        with pytest.raises(NotGraded):
            await remote(Data(""), Trace("7"))
        return trace

    assert asyncio.run(and_leave(run())).metrics == {
        "touchstone/accuracy": 1.0,
        "touchstone/format": 0.0,
        "touchstone/correct": 1.0,
    }


def test_lengths_in_tokens_are_sent_along() -> None:
    """Where the trainer has them; ms-swift has a list for each turn, and says what was cut off."""
    with scripted(lambda asked, _: graded(asked)) as server:
        asyncio.run(
            trl.RemoteReward(server.url)(
                prompts=["?"] * 2, completions=["7", "8"], completion_ids=[[1, 2], []], answer=["7"] * 2
            )
        )
        remote = swift.RemoteReward(recipe_of(server.url))
        asyncio.run(remote(["7"], response_token_ids=[[[1, 2], [3]]], is_truncated=[True], solution=["7"]))
        areal.RemoteReward(server.url)("?", "7", [1], [2, 3, 4], answer="7")
        sent = [item for asked in server.asked for item in asked.json["items"]]
    assert [item["completion_tokens"] for item in sent] == [2, 0, 3, 3]
    assert [item.get("truncated") for item in sent] == [None, None, True, None]


def test_adapters_send_rewards_inline_and_the_key() -> None:
    """The same arguments everywhere; a recipe by name and inline at once is a mistake."""
    rewards = [{"name": "accuracy", "weight": 2.0}]
    with scripted(lambda asked, _: graded(asked)) as server:
        remote = trl.RemoteReward(server.url, rewards=rewards, key="k", deadline_s=9.0)
        asyncio.run(remote(prompts=["?"], completions=["7"], answer=["7"]))
        assert server.asked[0].json["rewards"] == rewards
        assert server.asked[0].json["deadline_s"] == 9.0
        assert server.asked[0].headers["x-api-key"] == "k"
    with pytest.raises(ValueError, match="either profile or rewards"):
        trl.RemoteReward(server.url, "r1-zero", rewards=rewards)
