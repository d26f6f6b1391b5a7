"""slime and miles: rewards over HTTP, without a line of code.

    --rm-type remote_rm --rm-url http://grader:8000/compat/slime/r1-zero
    --label-key answer

With --reward-key score the address ends in ?reward_key=score, and the answer is an object that has it. The label is a
reference, or a task as JSON; a row's metadata is not sent.

This file sends what slime sends for one sample:

    python examples/trainers/slime_http.py
"""

import os

import httpx

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")

sample = {"prompt": "What is 1/2 + 1/4?", "response": "It is \\boxed{\\frac{3}{4}}.", "label": "0.75"}
answer = httpx.post(f"{URL}/compat/slime/accuracy", json=sample, timeout=120).raise_for_status().json()
print(f"reward {answer}")
