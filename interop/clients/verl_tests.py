"""verl: its own tests of sandbox_fusion, with the service as the sandbox. From a checkout, since no package has them.

tests/utils/reward_score/reward_score/test_sandbox_fusion_on_cpu.py as committed: programs that are right, wrong, do not
compile, fail, and run too long, and a hundred at once. One test is left out: it wants a hundred programs to use ten
seconds of processor time each and all to be told so within thirty, which takes more processors than a test machine has.
"""

import os
import sys

from common import UNPACKED, URL, report

os.environ["SANDBOX_FUSION_URL"] = f"{URL}/run_code"
sys.path.insert(0, str(UNPACKED))
import pytest

FILE = UNPACKED / "tests" / "utils" / "reward_score" / "reward_score" / "test_sandbox_fusion_on_cpu.py"


class Outcomes:
    """What became of each test."""

    def __init__(self):
        self.passed = []

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or not report.passed:
            self.passed.append(report.passed)


outcomes = Outcomes()
pytest.main(
    ["-q", "-p", "no:cacheprovider", "-k", "not all_timeout", str(FILE), "--rootdir", str(FILE.parent)],
    plugins=[outcomes],
)
report("verl", "its tests of sandbox_fusion", outcomes.passed, [True] * 14, "tests from a checkout")
