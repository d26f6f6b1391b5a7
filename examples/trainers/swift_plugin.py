"""ms-swift: a plug-in file.

    swift rlhf --rlhf_type grpo … \
        --external_plugins examples/trainers/swift_plugin.py \
        --reward_funcs touchstone

The dataset's `solution` (or `task`, `answer`, `ground_truth`) column says what a row is judged against.

Run by itself this file grades three rows as swift would, of which the last cannot be judged and is None:

    python examples/trainers/swift_plugin.py
"""

import asyncio
import os

from touchstone_client.adapters.recipe import recipe_of
from touchstone_client.adapters.swift import RemoteReward, register

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")
PROFILE = "r1-zero"

if __name__ == "__main__":
    reward = RemoteReward(recipe_of(URL, PROFILE))
    print(asyncio.run(reward(["\\boxed{7}", "\\boxed{8}", "\\boxed{7}"], solution=["7", "7", ""])))
else:
    register("touchstone", URL, PROFILE)
