"""SkyRL-gym: the environment registered and made as SkyRL does it, stepped in its number of threads."""

from concurrent.futures import ThreadPoolExecutor

import skyrl_gym
from common import URL, report, rows
from skyrl_gym.envs import register

register(
    id="touchstone",
    entry_point="touchstone_client.adapters.skyrl:TouchstoneEnv",
    kwargs={"url": URL, "profile": "accuracy"},
)
metrics = []


def one(row):
    extras = {"reward_spec": {"method": "rule", "ground_truth": row["label"]}, "max_turns": 1}
    environment = skyrl_gym.make("touchstone", env_config={}, extras=extras)
    environment.init([{"role": "user", "content": row["prompt"]}])
    output = environment.step(row["completion"])
    assert output["done"] and output["observations"] == []
    metrics.append(environment.get_metrics())
    return output["reward"]


given = rows()
with ThreadPoolExecutor(32) as pool:
    rewards = list(pool.map(one, given))
means = skyrl_gym.envs.base_text_env.BaseTextEnv.aggregate_metrics(metrics)
assert means["graded"] == 1.0 and abs(means["accuracy"] - sum(rewards) / len(rewards)) < 1e-9, means
report("skyrl-gym", "make, step", rewards, [row["expected"] for row in given], "installed as published")
