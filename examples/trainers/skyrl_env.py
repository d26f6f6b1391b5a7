"""SkyRL: an environment whose reward the service gives.

    # in the entry point, before training starts
    from skyrl_gym.envs import register
    register(
        id="touchstone",
        entry_point="touchstone_client.adapters.skyrl:TouchstoneEnv",
        kwargs={"url": "http://grader:8000", "profile": "r1-zero"},
    )

    environment.env_class=touchstone
    # a row: {"prompt": […], "env_class": "touchstone", "reward_spec": {"method": "rule", "ground_truth": "7"}}

This file needs skyrl-gym and takes one step:

    python examples/trainers/skyrl_env.py
"""

import os

import skyrl_gym
from skyrl_gym.envs import register

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")

register(
    id="touchstone",
    entry_point="touchstone_client.adapters.skyrl:TouchstoneEnv",
    kwargs={"url": URL, "profile": "r1-zero"},
)
environment = skyrl_gym.make("touchstone", extras={"reward_spec": {"method": "rule", "ground_truth": "7"}})
environment.init([{"role": "user", "content": "What is 3 + 4?"}])
print(environment.step("\\boxed{7}"))
