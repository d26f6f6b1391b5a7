"""rLLM: an evaluator.

    from touchstone_client.adapters.rllm import TouchstoneEvaluator
    evaluator = TouchstoneEvaluator("http://grader:8000", "r1-zero")
    AgentTrainer(agent_flow=…, evaluator=evaluator, …)

This file needs rllm and evaluates one episode:

    python examples/trainers/rllm_evaluator.py
"""

import os

from rllm.types import Episode, Step, Task, Trajectory
from touchstone_client.adapters.rllm import TouchstoneEvaluator

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")

task = Task(id="1", instruction="What is 3 + 4?", metadata={"ground_truth": "7"})
episode = Episode(trajectories=[Trajectory(steps=[Step(model_response="\\boxed{7}")])])
print(TouchstoneEvaluator(URL, "r1-zero").evaluate(task, episode))
