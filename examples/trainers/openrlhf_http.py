"""OpenRLHF: rewards over HTTP, without a line of code.

    python -m openrlhf.cli.train_ppo_ray … \
        --reward.remote_url http://grader:8000/compat/openrlhf/r1-zero \
        --data.label_key answer

Several URLs, with commas between them, are taken in turn. The label is a reference, or a task as JSON for programs. A
service with keys takes one in the address: http://grader:8000/key/KEY/compat/openrlhf/r1-zero.

This file sends what OpenRLHF sends for one rollout, and prints what it reads of the answer:

    python examples/trainers/openrlhf_http.py
"""

import os

import httpx

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")
PROMPT = "<|im_start|>user\nWhat is 1/2 + 1/4?<|im_end|>\n<|im_start|>assistant\n"

rollout = {"query": [PROMPT + "It is \\boxed{\\frac{3}{4}}.<|im_end|>"], "prompts": [PROMPT], "labels": ["0.75"]}
answer = httpx.post(f"{URL}/compat/openrlhf/accuracy", json=rollout, timeout=180).raise_for_status().json()
print(f"rewards {answer['rewards']}, scores {answer['scores']}, extra_logs {answer['extra_logs']}")
