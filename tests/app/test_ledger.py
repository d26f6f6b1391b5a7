"""Jobs beside each other in a lane, on a real store, with the worker driven by hand."""

import asyncio
import uuid
from typing import Any

from pydantic_core import to_json

from app.chunk import ItemResult
from app.ledger import LANE_CHUNKS, MOVED_TOGETHER, Intake, Ledger
from app.metrics import Metrics
from app.profiles import recipes_of
from app.rq_queue import Keys, WorkerDesk, connect, rq_queue
from app.schemas import parse_batch
from app.settings import Settings
from tests.app.conftest import math_item

LANE = "math-jobs"


async def accept(ledger: Ledger, settings: Settings, items: list[dict[str, Any]]) -> str:
    """A job of these items. Returns: its id."""
    batch = parse_batch(to_json({"items": items}), settings)
    begun = await ledger.begin(key=None, explain=False, deadline_s=None)
    assert isinstance(begun, Intake)
    await begun.add(batch.items, recipes_of(batch))
    return (await begun.accept()).id


def test_a_small_job_does_not_wait_for_all_of_a_large_one(store_url: str) -> None:
    """It waits behind what is in the lane already, and from then on the two take turns."""
    settings = Settings(key_prefix=f"test{uuid.uuid4().hex}", lease_s=30, math_chunk_items_max=1)
    keys, connection = Keys(settings.key_prefix), connect(settings, store_url)
    listed = rq_queue(keys, LANE, connection).key

    async def until_waiting(count: int) -> None:
        async with asyncio.timeout(20):
            while connection.llen(listed) < count:
                await asyncio.sleep(0.01)

    async def scenario() -> None:
        order: list[str] = []
        desk = WorkerDesk(settings, connection, "math", "w", {}, on_stuck=lambda: None)
        async with Ledger(settings, store_url, Metrics()) as ledger:
            large = await accept(ledger, settings, [math_item("large", id=str(n)) for n in range(600)])
            await until_waiting(LANE_CHUNKS)
            small = await accept(ledger, settings, [math_item("small", id=str(n)) for n in range(20)])
            with desk:
                async with asyncio.timeout(60):
                    while len(order) < 620:
                        delivery = connection.lpop(listed)
                        if delivery is None:
                            await asyncio.sleep(0.01)
                            continue
                        taken = desk.take(delivery.decode())
                        assert taken is not None
                        order.append(taken[0].items[0].completion)
                        desk.put(taken[0], 0, ItemResult("graded", {"accuracy": 1.0}))
                        await asyncio.to_thread(desk.done, delivery.decode(), 1)
            assert (await ledger.look(large, 10)).state == "finished"
            assert (await ledger.look(small, 10)).state == "finished"
        last = max(place for place, name in enumerate(order) if name == "small")
        assert last < LANE_CHUNKS + 4 * MOVED_TOGETHER + 20, last

    asyncio.run(scenario())
