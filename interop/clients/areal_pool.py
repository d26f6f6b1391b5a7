"""AReaL: AsyncRewardWrapper, which runs a reward function in its pool of processes with its time limit and retries.

areal/api/reward_api.py as published; of the package's logging it takes a getLogger.
"""

import asyncio
import logging

from common import URL, bare, report, rows, stand_in

bare("areal", "areal.api", "areal.utils")
stand_in("areal.utils.logging", getLogger=logging.getLogger)
from areal.api.reward_api import AsyncRewardWrapper  # noqa: E402
from touchstone_client import NotGraded  # noqa: E402
from touchstone_client.adapters.areal import RemoteReward  # noqa: E402


async def main():
    reward = AsyncRewardWrapper(RemoteReward(URL), max_workers=4)

    async def one(row):
        ids = [1, 2, 3]
        return await reward(row["prompt"], row["completion"] + "<|im_end|>", ids, ids, answer=row["label"])

    given = rows()
    found = await asyncio.gather(*(one(row) for row in given))
    try:
        await AsyncRewardWrapper(RemoteReward(URL), max_workers=4, max_retries=0)("?", "7", [1], [1], answer="")
    except NotGraded:
        pass
    else:
        raise AssertionError("an invalid row has a reward")
    report("areal", "AsyncRewardWrapper", found, [row["expected"] for row in given], "reward_api.py from its wheel")


if __name__ == "__main__":
    asyncio.run(main())
