"""A JobQueue that encodes, runs and decodes in place: for tests above the queue and for grading without a store.

It does not survive anything and never refuses; tests/contract holds it to the same behaviour as rq_queue otherwise.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from app.chunk import QUEUES, Chunk, ItemResult
from app.queue import OnResult, QueueState


class MemoryQueue:
    """Runs each chunk in a thread of its own.

    Args:
        grade_item: from a chunk's text and an index to a result's text (app.jobs.grade_in_place).
        languages: those of the runner behind it.
    """

    def __init__(self, grade_item: Callable[[bytes, int], bytes], languages: Iterable[str] = ()) -> None:
        self._grade_item = grade_item
        self._languages = tuple(sorted(languages))
        self._chunks: dict[str, OnResult] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, queue: str, chunk: Chunk, on_result: OnResult) -> None:
        """See JobQueue."""
        if queue not in QUEUES:
            raise ValueError(f"no queue {queue}")
        self._chunks[chunk.id] = on_result
        task = asyncio.create_task(self._run(chunk))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, chunk: Chunk) -> None:
        text = chunk.to_text()
        for index in range(len(chunk.items)):
            if chunk.id not in self._chunks:
                return
            result = ItemResult.from_text(await asyncio.to_thread(self._grade_item, text, index))
            if on_result := self._chunks.get(chunk.id):
                on_result(index, result)
        self._chunks.pop(chunk.id, None)

    def forget(self, chunk_id: str) -> None:
        """See JobQueue."""
        self._chunks.pop(chunk_id, None)

    async def clock_ms(self) -> int:
        """See JobQueue."""
        return int(time.time() * 1000)

    async def check(self) -> None:
        """See JobQueue."""

    async def state(self) -> dict[str, QueueState]:
        """See JobQueue."""
        state = QueueState(depth=0, oldest_s=0.0, workers=1)
        return {name: replace(state, languages=self._languages if name == "code" else ()) for name in QUEUES}

    def workers(self, queue: str) -> int:
        """See JobQueue."""
        return 1
