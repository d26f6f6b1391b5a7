"""AReaL: a reward function for its workflows.

    workflow="areal.workflow.rlvr.RLVRWorkflow"
    workflow_kwargs=dict(reward_fn="touchstone_client.adapters.areal.reward_fn", …)
    # in the environment: TOUCHSTONE_URL=http://grader:8000 TOUCHSTONE_PROFILE=r1-zero

or an object, which AReaL pickles into its pool of processes:

    RLVRWorkflow(reward_fn=RemoteReward("http://grader:8000", "r1-zero"), …)

This file calls it as AReaL does; the second row cannot be judged, and raises, so that the rollout is rejected:

    python examples/trainers/areal_reward.py
"""

import os

from touchstone_client import NotGraded
from touchstone_client.adapters.areal import RemoteReward

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")

reward = RemoteReward(URL, "r1-zero")
print(reward("What is 3 + 4?", "\\boxed{7}<|im_end|>", [1, 2], [3, 4], answer="7"))
try:
    reward("What is 3 + 4?", "\\boxed{7}<|im_end|>", [1, 2], [3, 4], answer="")
except NotGraded as error:
    print(f"rejected: {error}")
