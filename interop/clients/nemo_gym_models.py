"""NeMo-Gym: its own models write the requests of /seed_session and /verify and read the answers.

The package as published; the wheel asks for a newer Python than some machines have, so it is unpacked, not installed.
Where ray, wandb or mlflow are not there they are stand-ins, since no model is theirs.
"""

import asyncio
import sys

import aiohttp
from common import UNPACKED, URL, report, rows, stand_in

for name in ("ray", "wandb", "mlflow"):
    try:
        __import__(name)
    except ImportError:
        stand_in(name, Histogram=object)
sys.path.insert(0, str(UNPACKED))
from nemo_gym.base_resources_server import BaseVerifyRequest, BaseVerifyResponse  # noqa: E402
from nemo_gym.config_types import AggregateMetrics, AggregateMetricsRequest  # noqa: E402
from nemo_gym.failure_kinds import FAILURE_KINDS  # noqa: E402


def request_of(row):
    """A row as the agent posts it: the dataset's own fields beside the request and the response."""
    text = {"type": "output_text", "text": row["completion"], "annotations": []}
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    response = {
        "id": "r", "created_at": 0.0, "model": "toy", "object": "response", "output": [message],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip
    asked = {"input": [{"role": "user", "content": row["prompt"]}]}
    request = BaseVerifyRequest.model_validate({"responses_create_params": asked, "response": response})
    return {**request.model_dump(mode="json", exclude_unset=True), "expected_answer": row["label"]}


async def main():
    given = rows()
    gate = asyncio.Semaphore(32)
    async with aiohttp.ClientSession() as session:

        async def post(path, value):
            async with gate, session.post(URL + path, json=value) as answer:
                answer.raise_for_status()
                return await answer.json()

        await post("/seed_session", {})
        answers = await asyncio.gather(*(post("/verify", request_of(row)) for row in given))
        read = [BaseVerifyResponse.model_validate(answer) for answer in answers]
        bad = BaseVerifyResponse.model_validate(
            await post("/verify", request_of({"prompt": "?", "completion": "7", "label": ""}))
        )
        assert not any(answer.mask_sample for answer in read)
        assert bad.mask_sample, "an invalid row is not masked"
        assert bad.failure_kind in FAILURE_KINDS or ":" in bad.failure_kind, bad.failure_kind
        marked = [
            {**answer, "_ng_task_index": index // 2, "_ng_rollout_index": index % 2}
            for index, answer in enumerate(answers)
        ]
        asked = AggregateMetricsRequest(verify_responses=marked)
        AggregateMetrics.model_validate(await post("/aggregate_metrics", asked.model_dump(mode="json")))
    rewards = [answer.reward for answer in read]
    report("nemo-gym", "verify, its models", rewards, [row["expected"] for row in given], "its wheel")


asyncio.run(main())
