"""The service as the plain Python functions that tools which audit graders call; REWARD_URL and REWARD_KEY say where.

Each tool has its own idea of a reward function's arguments, so there is one function for each. An item that was not
graded raises: a fault of ours is never handed to a tool as the score 0, which it would take for a refusal.

Not covered: code tasks; the tools here only know answers.
"""

import os
from typing import Any

import httpx

_BATCH_MAX = 1024
_CLIENT = httpx.Client(
    base_url=os.environ.get("REWARD_URL", "http://127.0.0.1:8000"),
    headers={"X-API-Key": os.environ["REWARD_KEY"]} if os.environ.get("REWARD_KEY") else {},
    timeout=60,
    trust_env=False,
)


class NotGraded(Exception):
    """The service could not judge an item: its task is invalid, or the service failed."""


def _text(completion: Any) -> str:
    """What a completion says: text as it is, the last turn of a conversation, nothing for nothing."""
    if isinstance(completion, str):
        return completion
    if isinstance(completion, list) and completion:
        last = completion[-1]
        content = last.get("content") if isinstance(last, dict) else last
        return content if isinstance(content, str) else ""
    return ""


def _sendable(said: str) -> str:
    """Text as a client that keeps to UTF-8 sends it; the edge refuses a lone surrogate for everybody."""
    return said.encode("utf-8", "replace").decode("utf-8")


def item(completion: Any, answer: Any, prompt: Any = None) -> dict[str, Any]:
    """One item of a request, as the contract has it."""
    made: dict[str, Any] = {"completion": _sendable(_text(completion)), "task": {"kind": "math", "answer": str(answer)}}
    if prompt:
        made["prompt"] = _sendable(_text(prompt))
    return made


def scores(items: list[dict[str, Any]]) -> list[float]:
    """The reward of each item, in order.

    Raises:
        NotGraded: some item has none.
        httpx.HTTPError: the service does not answer, or refuses the request.
    """
    rewards: list[float] = []
    for start in range(0, len(items), _BATCH_MAX):
        response = _CLIENT.post("/v1/grade", json={"items": items[start : start + _BATCH_MAX]})
        response.raise_for_status()
        for result in response.json()["results"]:
            if result["status"] != "graded" or result["reward"] is None:
                raise NotGraded(f"{result['status']}: {result.get('invalid') or result.get('fault')}")
            rewards.append(float(result["reward"]))
    return rewards


def math_reward(completion: Any, reference: Any) -> float:
    """One completion against one reference, as reward-doctor calls it."""
    return scores([item(completion, reference)])[0]


def math_answer(completion: Any, answer: Any, prompt: Any = None) -> float:
    """One completion of a problem, as rewardprobe and envdoctor call it."""
    return scores([item(completion, answer, prompt)])[0]
