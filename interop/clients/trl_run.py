"""TRL: a run of GRPOTrainer on the CPU, 20 steps of maths and code, with every reward from the service; then its own
scoring of the rows. The run is that of examples/trainers/trl_grpo.py."""

import math
import sys
import tempfile
from pathlib import Path

from common import EXAMPLES, URL, report, rows
from touchstone_client.adapters.trl import RemoteReward
from trl.trainer.utils import is_async_callable

sys.path.insert(0, str(EXAMPLES))
from trl_grpo import train

STEPS = 20

with tempfile.TemporaryDirectory() as folder:
    trainer = train(URL, "r1-zero", STEPS, Path(folder))

assert is_async_callable(trainer.reward_funcs[0])
log = [row for row in trainer.state.log_history if "reward" in row]
assert len(log) == STEPS, f"{len(log)} steps were logged"
for row in log:
    print({name: round(value, 3) for name, value in row.items() if "touchstone" in name or name == "reward"})
    assert row["touchstone/graded"] == 1.0, "a row was skipped"
    assert row["touchstone/invalid"] == row["touchstone/error"] == 0.0
    assert row["touchstone/accuracy"] == row["touchstone/correct"]
    whole = row["touchstone/accuracy"] + row["touchstone/format"]
    assert math.isclose(row["reward"], whole, abs_tol=1e-6), "the reward is not the sum of its components"
first, last = (sum(row["reward"] for row in part) / 5 for part in (log[:5], log[-5:]))
assert last > first + 0.2, f"nothing was learnt: {first} to {last}"
trainer.reward_funcs[0] = RemoteReward(URL, "accuracy")

given = rows()
scored = trainer._calculate_rewards(
    [{"answer": row["label"], "task": None} for row in given],
    [row["prompt"] for row in given],
    [row["completion"] for row in given],
    [[1] for _ in given],
)
trainer._pending_metrics.clear()
rewards = scored[:, 0].tolist()
note = f"{STEPS} steps, none skipped; mean reward {first:.2f} to {last:.2f}"
report("trl", "GRPOTrainer", rewards, [row["expected"] for row in given], note)
