"""ms-swift: compute_rewards_per_func, which calls a registered AsyncORM with the dataset's columns.

swift/rl_core/grpo_algorithm.py and swift/rewards/orm.py as published, without the package's own imports (modelscope and
a release of trl below 1.0): of these they take a logger, a type's name, and the turning of rows into columns.
"""

import logging

import torch
from common import URL, bare, report, rows, stand_in

bare("swift", "swift.rewards", "swift.rl_core")


class Rows:
    """What RowPreprocessor.rows_to_batched does: a list for each key."""

    @staticmethod
    def rows_to_batched(given):
        return {key: [row.get(key) for row in given] for key in dict.fromkeys(key for row in given for key in row)}


stand_in("swift.utils", get_logger=lambda: logging.getLogger("swift"))
stand_in("swift.dataset", RowPreprocessor=Rows)
stand_in("swift.infer_engine", InferRequest=object)
stand_in("swift.rl_core.data", GRPOSample=object)
from swift.rewards import orm  # noqa: E402

stand_in("swift.rewards", orms=orm.orms, AsyncORM=orm.AsyncORM, ORM=orm.ORM)
from swift.rl_core.grpo_algorithm import compute_rewards_per_func  # noqa: E402
from touchstone_client.adapters.swift import register  # noqa: E402

register("touchstone", URL, "accuracy")
made = orm.orms["touchstone"](args=None)
assert isinstance(made, orm.AsyncORM)
assert type(made).__name__ == "touchstone"


class Sample:
    """The two fields that the algorithm reads."""

    def __init__(self, row):
        turns = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]
        self.messages, self.row = turns, {"messages": turns, "solution": row["label"], "request_id": row["id"]}

    def to_reward_row(self):
        return self.row


given = rows()
bad = {"prompt": "?", "completion": "7", "label": "", "id": "bad"}
rewards = compute_rewards_per_func([Sample(row) for row in [*given, bad]], [made], None, torch.device("cpu"))
assert torch.isnan(rewards[-1, 0]), "an invalid row has a reward"
found = rewards[:-1, 0].tolist()
report("ms-swift", "compute_rewards_per_func", found, [row["expected"] for row in given], "modules from its wheel")
