"""verl: the client's compute_score as the custom reward function.

    pip install touchstone-client          # where the reward workers run
    reward.custom_reward_function.path=pkg://touchstone_client.adapters.verl
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.url=http://grader:8000
    +reward.custom_reward_function.reward_kwargs.profile=r1-zero
    reward.num_workers=8

With `reward.reward_manager.name=rate_limited` set `+reward.max_concurrent=64 +reward.timeout=900`, above the client's
patience of 600 s: on a time-out that manager writes other keys, which verl then misses.

This file calls the function as verl's reward loop does:

    python examples/trainers/verl_reward.py
"""

import asyncio
import json
import os

from touchstone_client.adapters.verl import compute_score

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")
TESTS = {"inputs": ["3\n", "-1\n"], "outputs": ["6\n", "-2\n"]}

SAMPLES = [
    ("It is \\boxed{\\frac{3}{4}}.", "0.75"),
    ("```python\nprint(2 * int(input()))\n```", json.dumps(TESTS)),
    ("It is \\boxed{1}.", ""),
]


async def main() -> None:
    """Score a right answer, a right program, and a row that cannot be judged."""
    for solution, label in SAMPLES:
        scores = await compute_score("any", solution, label, {"index": 0}, url=URL, profile="r1-zero")
        print(scores)


asyncio.run(main())
