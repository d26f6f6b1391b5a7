"""open-instruct: CodeVerifier against /test_program. From a checkout, since the package is on no index.

Only the file's class is wanted; what its other verifiers import is a stand-in.
"""

import asyncio
import logging
import sys
import types
from unittest.mock import MagicMock

from common import URL, bare, report, rows, stand_in

bare("open_instruct")


class Anything(types.ModuleType):
    """A module that other verifiers of the file import from."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock()


for name in (
    "IFEvalG",
    "context_window_checker",
    "if_functions",
    "judge_utils",
    "math_utils",
    "rubrics",
    "rubrics.prompts",
    "rubrics.run_utils",
    "utils",
):
    sys.modules[f"open_instruct.{name}"] = Anything(f"open_instruct.{name}")
stand_in("open_instruct.logger_utils", setup_logger=logging.getLogger)
from open_instruct.ground_truth_utils import CodeVerifier, CodeVerifierConfig  # noqa: E402

config = CodeVerifierConfig(
    code_api_url=f"{URL}/test_program",
    code_max_execution_time=5.0,
    code_pass_rate_reward_threshold=0.0,
    code_apply_perf_penalty=False,
)
verifier = CodeVerifier(config)


async def main():
    gate = asyncio.Semaphore(8)

    async def one(row):
        async with gate:
            return (await verifier.async_call([], row["completion"], [row["asserts"]])).score

    given = rows("programs")
    scores = await asyncio.gather(*(one(row) for row in given))
    report("open-instruct", "CodeVerifier", scores, [row["expected"] for row in given], "from a checkout")


asyncio.run(main())
