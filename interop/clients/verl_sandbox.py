"""verl: its own sandbox_fusion scorer, with the service as the sandbox.

verl/utils/reward_score/sandbox_fusion as published. The rows' asserts go where verl puts them: behind the program, one
run a row, judged by how the run ended. (The service itself judges asserts outside the program's process; this protocol
leaves the judging to verl.)
"""

import threading
from concurrent.futures import ThreadPoolExecutor

from common import URL, bare, report, rows

bare("verl", "verl.utils", "verl.utils.reward_score")
from verl.utils.reward_score.sandbox_fusion import compute_score  # noqa: E402

gate = threading.Semaphore(16)


def one(row):
    tests = {"assert_case": [row["asserts"]], "inputs": [""], "outputs": [None]}
    score, metadata = compute_score(f"{URL}/run_code", gate, 1024, row["completion"], tests, continuous=True)
    errors = [case["status"] for case in metadata if case.get("api_request_error") or case["status"] == "sandbox_error"]
    assert not errors, metadata
    return score


given = rows("programs")
with ThreadPoolExecutor(8) as pool:
    scores = list(pool.map(one, given))
report("verl", "sandbox_fusion.compute_score", scores, [row["expected"] for row in given], "module from its wheel")
