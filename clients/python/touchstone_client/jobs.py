"""Jobs: what both clients share of sending one and reading what comes of it.

A job's input is one item a line. It is written to a file first (in memory while small), so that a sending that broke
off can be repeated whole under the same idempotency key, whatever the items came from.
"""

import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from touchstone_client.errors import BadAnswer
from touchstone_client.grade import Item
from touchstone_client.results import Graded, JobState, Result, Summary, result_of
from touchstone_client.wire import to_json

MEMORY_BYTES = 16 * 1024 * 1024
"""A longer input is kept on disk while it is sent."""

PIECE_BYTES = 256 * 1024

LOOK_S = 30.0
"""Seconds that one look at a job waits for its end."""

LOOK_MARGIN_S = 30.0

PAUSE_S = 0.5
"""Seconds before a stream that ended early is taken up again."""

QUIET_S = 120.0
"""Seconds without a line after which a stream of results is taken up again."""


class Spool:
    """A job's input, to be sent as often as needed. Use as a context manager."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115
        self.count = 0
        try:
            for item in items:
                self._file.write(to_json(item) + b"\n")
                self.count += 1
            if not self.count:
                raise ValueError("a job needs at least one item")
        except BaseException:
            self._file.close()
            raise

    def pieces(self) -> Iterator[bytes]:
        """The input from its beginning."""
        self._file.seek(0)
        while piece := self._file.read(PIECE_BYTES):
            yield piece

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """The batch's own fields as the query of POST /v1/jobs."""
    found = {name: value for name, value in options.items() if value not in (None, False)}
    return {name: "true" if value is True else value for name, value in found.items()}


def with_rewards(items: Iterable[Item], rewards: Sequence[Mapping[str, Any]] | None) -> Iterator[Item]:
    """Items that carry the batch's recipe themselves, which a job's query cannot; an item's own wins."""
    for item in items:
        own = rewards is None or item.get("rewards") is not None or item.get("profile") is not None
        yield item if own else {**item, "rewards": rewards}


def in_order(results: list[Result], state: JobState) -> Graded:
    """All results of a job in the order of its items.

    Raises: BadAnswer if it ended before every item had one (it was cancelled).
    """
    results.sort(key=lambda result: result.index)
    if [result.index for result in results] != list(range(int(state.counts["total"]))):
        raise BadAnswer(f"job {state.id} is {state.state} with {len(results)} results")
    return Graded(results, Summary.of(results))


class Reader:
    """Results as they come, each once, through as many streams as it takes.

    Args:
        after: how many were seen before.
        patience_s: how long an ended job may keep back results that it counts.
    """

    def __init__(self, after: int, patience_s: float) -> None:
        self.after = after
        self._patience_s = patience_s
        self._moved = time.monotonic()

    def read(self, line: str) -> Result | None:
        """The result of a line; None for one that was seen before, or that was cut off.

        Raises: BadAnswer.
        """
        try:
            value = json.loads(line)
        except ValueError:
            return None  # The stream broke off within it; it comes again.
        seq = value.get("seq") if isinstance(value, dict) else None
        if not isinstance(seq, int):
            raise BadAnswer("a line of a job's results that is no result")
        if seq <= self.after:
            return None
        if seq != self.after + 1:
            raise BadAnswer(f"result {seq} came after {self.after}")
        self.after = seq
        self._moved = time.monotonic()
        return result_of(value)

    def complete(self, state: JobState) -> bool:
        """True when nothing is missing of what the job has found.

        Raises: BadAnswer if it keeps back some of what it counts.
        """
        if state.ended and self.after >= int(state.counts.get("done", 0)):
            return True
        if state.ended and time.monotonic() - self._moved > self._patience_s:
            raise BadAnswer(f"job {state.id} has ended, but its results stop at {self.after}")
        return False
