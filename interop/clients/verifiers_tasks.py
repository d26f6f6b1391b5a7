"""verifiers: its NeMo Gym taskset against the service's /verify, and a task of its own with a reward that asks it.

The package as published. Traces are built as its rollouts build them; no model is asked.
"""

import asyncio
import json
import tempfile
from pathlib import Path

import verifiers.v1 as vf
from common import URL, report, rows
from touchstone_client.adapters.verifiers import RemoteReward
from verifiers.v1.graph import MessageNode
from verifiers.v1.tasksets.nemo_gym.taskset import NeMoGymConfig, NeMoGymTaskConfig, NeMoGymTaskset
from verifiers.v1.tasksets.nemo_gym.toolset import NeMoGymState
from verifiers.v1.trace import AgentInfo, Trace, TraceTask
from verifiers.v1.types import AssistantMessage, UserMessage


def trace_of(task, row, state):
    nodes = [
        MessageNode(message=UserMessage(content=row["prompt"]), sampled=False),
        MessageNode(message=AssistantMessage(content=row["completion"]), sampled=True, parent=0),
    ]
    agent = AgentInfo.model_construct()
    return Trace.model_construct(
        task=TraceTask(type=type(task).__name__, data=task.data), agent=agent, nodes=nodes, state=state
    )


class Data(vf.TaskData):
    answer: str


class MyTask(vf.Task[Data]):
    @vf.reward
    async def touchstone(self, trace: vf.Trace) -> float:
        return await RemoteReward(URL, "accuracy")(self.data, trace)


async def main():
    given = rows()
    gate = asyncio.Semaphore(32)
    with tempfile.TemporaryDirectory() as folder:
        dataset = Path(folder) / "rows.jsonl"
        asked = [{"input": [{"role": "user", "content": row["prompt"]}]} for row in given]
        dataset.write_text(
            "\n".join(
                json.dumps({"responses_create_params": params, "expected_answer": row["label"]})
                for params, row in zip(asked, given, strict=True)
            )
        )
        config = NeMoGymConfig(dataset=dataset, task=NeMoGymTaskConfig(resources_url=URL))
        tasks = list(NeMoGymTaskset(config).load())

    async def through_gym(task, row):
        trace = trace_of(task, row, NeMoGymState())
        async with gate:
            await task.setup(trace, None)
            await task.score(trace)
        return trace.reward

    async def own(row):
        task = MyTask(Data(prompt=row["prompt"], answer=row["label"]))
        trace = trace_of(task, row, vf.State())
        async with gate:
            await task.score(trace)
        assert trace.metrics["touchstone/accuracy"] == trace.reward
        return trace.reward

    expected = [row["expected"] for row in given]
    rewards = await asyncio.gather(*(through_gym(task, row) for task, row in zip(tasks, given, strict=True)))
    report("verifiers", "NeMo Gym taskset", rewards, expected, "installed as published")
    rewards = await asyncio.gather(*(own(row) for row in given))
    report("verifiers", "Task.score", rewards, expected, "installed as published")
    bad = MyTask(Data(prompt="?", answer=""))
    try:
        await bad.score(trace_of(bad, {"prompt": "?", "completion": "7"}, vf.State()))
    except vf.TaskError:
        return
    raise AssertionError("an invalid row has a reward")


asyncio.run(main())
