"""Processes of this one that grade, one per core, over the same functions as the service's workers.

For files that are graded, or chosen from, without a service.
"""

import atexit
import contextlib
import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor

from app import jobs, log
from app.chunk import Chunk, ItemResult
from app.errors import GradeError
from app.judges import Panel
from app.judging import Jury
from app.processes import die_with_parent
from app.settings import Settings
from app.worker import default_limits, open_sandbox
from graders.registry import Registry
from sandbox.errors import SandboxFault


class GradingPool:
    """The processes.

    Raises: GradeError when a judge cannot be asked as it is configured.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            Panel(settings.judges)  # Keys that are missing are said once, and not with each item.
        except ValueError as error:
            raise GradeError(str(error)) from None
        self._settings = settings
        self.size = os.cpu_count() or 1
        self.renewals = 0
        self._pool = self._open()

    def _open(self) -> ProcessPoolExecutor:
        # Not forked: this process has threads.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            self.size, context, initializer=_open_process, initargs=(self._settings, os.getpid())
        )

    def submit(self, queue: str, chunk: Chunk) -> "Future[list[ItemResult]]":
        """Grade a chunk of one queue's items: one result for each, in order.

        Raises, or the future raises: BrokenProcessPool when an item killed its process, and with it all others.
        """
        return self._pool.submit(_grade, queue, chunk.to_text())

    def renew(self) -> None:
        """Start new processes after an item killed the old ones."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._open()
        self.renewals += 1

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


class _Process:
    """What one process of a pool grades with; the sandbox is opened when the first program comes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._exits = contextlib.ExitStack()
        self._plain = self._exits.enter_context(Registry(None, default_limits(settings)))
        self._code: Registry | None = None
        self._jury: Jury | None = None
        atexit.register(self._exits.close)

    def registry(self, queue: str) -> Registry:
        """The registry for a queue's items."""
        if queue != "code":
            return self._plain
        if self._code is None:
            runner = open_sandbox(self._settings)
            self._exits.callback(runner.close)
            self._code = self._exits.enter_context(Registry(runner, default_limits(self._settings)))
        return self._code

    def jury(self) -> Jury:
        """The judges, asked from here."""
        if self._jury is None:
            self._jury = self._exits.enter_context(Jury(self._settings.judges))
        return self._jury


_process: list[_Process] = []


def _open_process(settings: Settings, parent: int) -> None:
    log.configure("warning")
    die_with_parent(parent)
    _process[:] = [_Process(settings)]


def _grade(queue: str, chunk_text: bytes) -> list[ItemResult]:
    # Results go through their JSON, as a service's do.
    return [ItemResult.from_text(result.to_text()) for result in _results(queue, Chunk.from_text(chunk_text))]


def _results(queue: str, chunk: Chunk) -> list[ItemResult]:
    if queue == "judge":
        return list(_process[0].jury().judge(chunk.items))
    try:
        registry = _process[0].registry(queue)
    except SandboxFault as fault:
        return [ItemResult.failed("sandbox", f"no sandbox: {fault}")] * len(chunk.items)
    return [jobs.grade_item(registry, item) for item in chunk.items]
