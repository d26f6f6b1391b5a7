"""NeMo Gym and NeMo-RL: the service as a resources server, without a line of code.

    # one of env.nemo_gym.config_paths; without an entrypoint Gym starts nothing, it uses what is there
    touchstone:
      resources_servers:
        touchstone: {host: grader, port: 8000, domain: math}

Axolotl's plug-in and verifiers' NeMo Gym taskset speak to the same routes. A row that was not graded comes back with
`mask_sample` and a `failure_kind`; NeMo-RL leaves it out with env.should_mask_flagged_samples=true.

This file sends what an agent sends for one rollout:

    python examples/trainers/nemo_gym_http.py
"""

import os

import httpx

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")


def rollout(said: str, expected_answer: str) -> dict[str, object]:
    """A row of the dataset with the response to it."""
    content = [{"type": "output_text", "text": said, "annotations": []}]
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": content}
    response = {"id": "r", "created_at": 0, "model": "m", "object": "response", "output": [message]}
    params = {"input": [{"role": "user", "content": "What is 3 + 4?"}]}
    more = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return {
        "responses_create_params": params,
        "response": {**response, **more},
        "expected_answer": expected_answer,
    }


for expected_answer in ("7", "8", ""):
    answer = httpx.post(f"{URL}/verify", json=rollout("\\boxed{7}", expected_answer), timeout=60).raise_for_status()
    said = answer.json()
    print({name: said.get(name) for name in ("reward", "mask_sample", "failure_kind")})
