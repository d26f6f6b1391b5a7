"""open-instruct: the service runs its code tests, without a line of code.

    --code_api_url http://grader:8000/test_program
    --code_max_execution_time 1.0

Tests are a list, or its JSON, plain or packed with zlib; a pickle is refused, since reading one runs what is in it.

This file sends what open-instruct sends for one sample:

    python examples/trainers/open_instruct_http.py
"""

import os

import httpx

URL = os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000")

sample = {
    "program": "def double(n):\n    return 2 * n",
    "tests": ["assert double(3) == 6", "assert double(3) == 7"],
    "max_execution_time": 1.0,
}
print(httpx.post(f"{URL}/test_program", json=sample, timeout=30).raise_for_status().json())
