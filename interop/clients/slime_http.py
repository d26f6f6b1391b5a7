"""slime: remote_rm, as --rm-type remote_rm calls it. From a checkout, since the package is on no index.

slime/rollout/rm_hub and slime/utils/types.py as committed; of slime.utils.misc, which wants a GPU stack, they take two
functions that this path does not call.
"""

import asyncio
import types

from common import URL, bare, report, rows, stand_in

bare("slime", "slime.rollout", "slime.utils")
stand_in("slime.utils.misc", load_function=None, decode_int32_meta_array=None)
from slime.rollout.rm_hub import async_rm  # noqa: E402
from slime.utils.types import Sample  # noqa: E402


async def main():
    args = types.SimpleNamespace(rm_type="remote_rm", rm_url=f"{URL}/compat/slime/accuracy", custom_rm_path=None)
    gate = asyncio.Semaphore(64)

    async def one(row):
        sample = Sample(prompt=row["prompt"], response=row["completion"], label=row["label"])
        async with gate:
            return await async_rm(args, sample)

    given = rows()
    rewards = await asyncio.gather(*(one(row) for row in given))
    report("slime", "rm_hub.async_rm", rewards, [row["expected"] for row in given], "from a checkout")


asyncio.run(main())
