"""verl: its loader of custom reward functions and its reward managers, with the client's compute_score.

The package as published, from its wheel: only what a rollout needs (vllm and the like) is not installed.
"""

import asyncio
import sys

import numpy as np
import torch
from common import UNPACKED, URL, report, rows
from omegaconf import OmegaConf

sys.path.insert(0, str(UNPACKED))
from verl import DataProto
from verl.experimental.reward_loop.reward_manager.limited import RateLimitedRewardManager
from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager
from verl.trainer.ppo.reward import get_custom_reward_fn

config = OmegaConf.create(
    {
        "reward": {
            "max_concurrent": 32,
            "timeout": 600,
            "custom_reward_function": {
                "path": "pkg://touchstone_client.adapters.verl",
                "name": "compute_score",
                "reward_kwargs": {"url": URL, "profile": "r1-zero"},
            },
        }
    }
)


class Tokenizer:
    """Bytes."""

    def decode(self, ids, skip_special_tokens):
        return bytes(int(one) for one in ids).decode()


def sample(row):
    said = torch.tensor([list(row["completion"].encode())])
    return DataProto.from_dict(
        tensors={"responses": said, "attention_mask": torch.ones_like(said)},
        non_tensors={
            "data_source": np.array(["mixed"], dtype=object),
            "reward_model": np.array([{"ground_truth": row["label"], "style": "rule"}], dtype=object),
            "extra_info": np.array([{"index": 0}], dtype=object),
        },
    )


async def run(manager, given):
    return await asyncio.gather(*(manager.run_single(sample(row)) for row in given))


given = [*rows(), {"completion": "7", "label": ""}]
for kind in (NaiveRewardManager, RateLimitedRewardManager):

    async def main(kind=kind):
        kind.init_class(config, Tokenizer())
        return await run(kind(config, Tokenizer(), get_custom_reward_fn(config)), given)

    found = asyncio.run(main())
    names = {tuple(sorted(one["reward_extra_info"])) for one in found}
    assert len(names) == 1, f"the keys differ from sample to sample: {names}"
    for name in names.pop():
        float(np.mean([one["reward_extra_info"][name] for one in found]))
    last = found.pop()["reward_extra_info"]
    assert last["invalid"] == 1.0 and last["graded"] == 0.0
    rewards = [one["reward_extra_info"]["accuracy"] for one in found]
    report("verl", kind.__name__, rewards, [row["expected"] for row in given[:-1]], "its wheel, without vllm")
