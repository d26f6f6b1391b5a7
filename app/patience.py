"""Waiting for room on behalf of callers that would come back too early, or not at all.

Trainers that speak another service's format mostly try again a fixed number of times, a second apart, and then give
their rollout up. So a full queue is waited out here for a while, by a bounded number of requests.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.errors import QueueFull

T = TypeVar("T")

_STEP_S = 1.0
"""The longest time between two looks at the queue."""


class Patience:
    """The requests of one process that wait for room.

    Args:
        wait_s: seconds that one is held at most.
        waiting_max: how many are held at once.
    """

    def __init__(self, wait_s: float, waiting_max: int) -> None:
        self._wait_s = wait_s
        self._waiting_max = waiting_max
        self._waiting = 0

    async def of(self, work: Callable[[], Awaitable[T]], wait_s: float | None = None) -> T:
        """The work's result, begun again while the queue is full.

        Args: wait_s: seconds to hold on, if not the usual ones.
        Raises: QueueFull when the time is over or too many wait already; whatever else the work raises.
        """
        until = time.monotonic() + (self._wait_s if wait_s is None else wait_s)
        try:
            return await work()
        except QueueFull as full:
            if self._waiting >= self._waiting_max:
                raise
            refused = full
        self._waiting += 1
        try:
            while (left_s := until - time.monotonic()) > 0:
                await asyncio.sleep(min(refused.retry_after_s or _STEP_S, _STEP_S, left_s))
                try:
                    return await work()
                except QueueFull as full:
                    refused = full
            raise refused
        finally:
            self._waiting -= 1
