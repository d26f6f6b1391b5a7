"""The JobQueue protocol: hand over a chunk, have its results called back one by one; full is an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.chunk import Chunk, ItemResult

OnResult = Callable[[int, ItemResult], None]
"""Called in the event loop with an item's index in its chunk and its result, at most once an index."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue as a scrape or a readiness check sees it."""

    depth: int  # Items waiting.
    oldest_s: float  # Age of the chunk that waits longest.
    workers: int  # Workers that gave a sign of life within a lease.
    isolation: tuple[str, ...] = ()  # What its workers run programs behind; empty where none are run.
    languages: tuple[str, ...] = ()  # The languages that at least one of its workers has.


class JobQueue(Protocol):
    """Carries chunks to workers. Every accepted item gets exactly one result, unless it is forgotten first."""

    async def submit(self, queue: str, chunk: Chunk, on_result: OnResult) -> None:
        """Accept a chunk.

        Raises: QueueFull, StoreUnavailable; then nothing of it was accepted.
        """

    def forget(self, chunk_id: str) -> None:
        """Nobody waits for this chunk any more; results that still come are dropped."""

    async def clock_ms(self) -> int:
        """Milliseconds by the one clock that deadlines are kept in."""

    async def state(self) -> dict[str, QueueState]:
        """Each queue's state.

        Raises: StoreUnavailable.
        """

    async def check(self) -> None:
        """Does the store answer?

        Raises: StoreUnavailable.
        """

    def workers(self, queue: str) -> int:
        """Workers lately seen on a queue, from memory; at least 1."""
