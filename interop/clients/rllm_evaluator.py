"""rLLM: an evaluator on its own episodes and tasks. From a checkout, since the package is on no index.

rllm/types.py, rllm/eval/types.py and rllm/eval/reward_fns/_helpers.py as committed.
"""

from concurrent.futures import ThreadPoolExecutor

from common import URL, bare, report, rows

bare("rllm", "rllm.eval", "rllm.eval.reward_fns")
from rllm.types import Episode, Step, Task, Trajectory  # noqa: E402
from touchstone_client import NotGraded  # noqa: E402
from touchstone_client.adapters.rllm import TouchstoneEvaluator  # noqa: E402

evaluator = TouchstoneEvaluator(URL, "accuracy")


def one(row):
    task = Task(id=row["id"], instruction=row["prompt"], metadata={"ground_truth": row["label"]})
    steps = [Step(model_response=row["completion"])]
    output = evaluator.evaluate(task, Episode(trajectories=[Trajectory(steps=steps)]))
    assert output.is_correct == (output.reward == 1.0) and [signal.name for signal in output.signals] == ["accuracy"]
    return output.reward


given = rows()
with ThreadPoolExecutor(16) as pool:
    rewards = list(pool.map(one, given))
try:
    one({"id": "bad", "prompt": "?", "completion": "7", "label": ""})
except NotGraded:
    report("rllm", "Evaluator", rewards, [row["expected"] for row in given], "from a checkout")
else:
    raise AssertionError("an invalid row has a reward")
