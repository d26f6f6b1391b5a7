"""verl: the service as its code sandbox, without a line of code. ROLL and tinker-cookbook speak the same protocol.

    reward.sandbox_fusion.url=http://grader:8000/run_code           # verl
    reward.sandbox_fusion.max_concurrent=64
    SANDBOX_URL=http://grader:8000/run_code                         # tinker-cookbook

verl then runs its own scorer, one request a test. With the custom reward function (verl_reward.py) the service does the
judging, in one request a sample, and no expected output leaves it.

This file sends what verl sends for one test:

    python examples/trainers/verl_sandbox.py
"""

import os

import httpx

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")

run = {
    "compile_timeout": 10,
    "run_timeout": 10,
    "code": "print(2 * int(input()))",
    "stdin": "3\n",
    "memory_limit_MB": 1024,
    "language": "python",
    "files": {},
    "fetch_files": [],
}
answer = httpx.post(f"{URL}/run_code", json=run, timeout=30).raise_for_status().json()
print(f"{answer['status']}, stdout {answer['run_result']['stdout']!r}")
