"""verifiers and prime-rl: rewards from the service, in one of two ways.

A NeMo Gym taskset, without a line of code (its rows' `expected_answer` or tests say what is judged):

    --env.taskset.id nemo_gym --env.taskset.dataset rows.jsonl
    --env.taskset.task.resources-url http://grader:8000

Or a reward on any task, by configuration or as a method:

    --env.taskset.task.rewards.touchstone.fn touchstone_client.adapters.verifiers:touchstone
    # in the environment: TOUCHSTONE_URL=http://grader:8000 TOUCHSTONE_PROFILE=r1-zero

This file needs nothing of verifiers: it calls the reward on what a task and a trace have that is looked at:

    python examples/trainers/verifiers_task.py
"""

import asyncio
import os
from types import SimpleNamespace

from touchstone_client.adapters.verifiers import RemoteReward

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")

metrics: dict[str, float] = {}
task = {"prompt": "What is 3 + 4?", "answer": "7"}
trace = SimpleNamespace(last_reply="\\boxed{7}", record_metric=metrics.__setitem__)
print(asyncio.run(RemoteReward(URL, "r1-zero")(task, trace)), metrics)
