"""The worker process: opens its graders (and, for code, its sandbox), starts rq, stops cleanly.

One process grades one chunk at a time, without forking: the sandbox's warm jails and the parsed references stay with
it. A crash costs the items it had not written; their lease runs out and another worker has them.
"""

import contextlib
import os
import socket
import time
import uuid
from typing import Any

import structlog
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from app import jobs, version
from app.chunk import lanes_of
from app.processes import die_with_parent, settle
from app.rq_queue import Keys, WorkerDesk, connect, rq_queue
from app.settings import Settings
from graders.registry import Registry
from sandbox.limits import Limits
from sandbox.runner import Runner

_log = structlog.get_logger()

TAKE_S = 1
"""Seconds that a worker waits for a delivery before it looks whether it shall stop."""

RQ_HEARTBEAT_S = 60.0
"""Seconds between two signs of life for rq's own registry, which forgets a worker after eight minutes."""

STUCK_EXIT = 70
"""Exit status of a worker that an item held past its backstop (sysexits' EX_SOFTWARE)."""


class QuietWorker(SimpleWorker):
    """rq's worker, reduced to what we use of it: its registration, its signals, and taking from lists in order.

    What a list holds is a delivery and no more: no record of a job is read, so that whoever can write to the store
    cannot name a callable, and no round trip is spent on states that nobody asks for. What became of a delivery,
    time limits and dead workers are app.rq_queue's.
    """

    _sign_at = 0.0

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """Never: app.rq_queue's reaper gives out again what a dead worker left."""
        return False

    def _set_connection(self, connection: Any) -> Any:
        """The connection as it is: rq would raise its time-out to minutes, and we wait in short steps."""
        return connection

    def subscribe(self) -> None:
        """To no channel of commands."""

    def unsubscribe(self) -> None:
        """From none."""

    def check_for_suspension(self, burst: bool) -> None:
        """There is none."""

    def procline(self, message: str) -> None:
        """No process title: it would name deliveries to everybody on the host."""

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Known here only."""
        self._state = state

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Now and then, long before rq would take us for dead; leases have beats of their own."""
        if time.monotonic() >= self._sign_at:
            super().heartbeat(timeout, pipeline)
            self._sign_at = time.monotonic() + RQ_HEARTBEAT_S

    def _shutdown(self) -> None:
        """Asked to stop. Only noted: an exception here could lose a delivery that was taken a moment ago."""
        self._stop_requested = True

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        """The next delivery and its list; None once we are asked to stop, or, in a burst, when there is none."""
        lists = [queue.key for queue in self.queues]
        pause_s = 0.1
        while not self._stop_requested:
            try:
                self.heartbeat()
                found: Any = self.connection.blpop(lists, timeout=TAKE_S)
                if found:
                    return found[1].decode("utf-8", "replace"), found[0]
                if timeout is None:
                    break
                pause_s = 0.1
            except RedisError as error:
                _log.warning("worker_lost_store", error=type(error).__name__)
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, 2.0)
        return None

    def execute_job(self, job: Any, queue: Any) -> None:
        """Grade a delivery. Whatever goes wrong is not its end: its lease runs out, and it is given out again."""
        try:
            jobs.grade_chunk(job)
        except Exception as error:  # noqa: BLE001  See above.
            _log.warning("delivery_failed", delivery=job[:100], error=repr(error)[:200])


def run(settings: Settings, queue: str) -> None:
    """Work on one queue until SIGTERM or SIGINT; the chunk under way is finished first.

    Raises: JailUnavailable if this is a code worker and no jail can be had; RedisError if the store does not answer.
    """
    if settings.redis_url is None:
        raise ValueError("TOUCHSTONE_REDIS_URL is not set; `touchstone serve` starts an embedded store instead")
    die_with_parent()
    connection = connect(settings, settings.redis_url.get_secret_value(), patience=5, wait_s=TAKE_S)
    connection.ping()
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    structlog.contextvars.bind_contextvars(worker=name, queue=queue)
    with contextlib.ExitStack() as exits:
        info: dict[str, Any] = {"version": version.GRADER}
        if queue == "judge":
            if not settings.judges:
                raise ValueError("no judge is configured: see docs/judges.md")
            info |= {"judges": sorted(settings.judges)}
        runner = None
        if queue == "code":
            runner = open_sandbox(settings)
            exits.callback(runner.close)
            info |= {"isolation": runner.isolation, "languages": sorted(runner.languages)}
        # A process of its own kind of death: nothing is flushed, nothing is handed back, the lease just runs out.
        desk = exits.enter_context(
            WorkerDesk(settings, connection, queue, name, info, on_stuck=lambda: os._exit(STUCK_EXIT))
        )
        if queue == "judge":
            from app.judging import Hall  # Only a process that asks judges needs an HTTP client.

            jobs.lay_out(exits.enter_context(Hall(settings.judges, desk)))
        else:
            remember = settings.cache_bytes_max > 0
            registry = exits.enter_context(Registry(runner, default_limits(settings), remember=remember))
            seconds_max = settings.math_item_seconds_max if queue == "math" else settings.code_item_seconds_max
            jobs.lay_out(jobs.Bench(registry, desk, seconds_max, costly=queue == "code"))
        settle()
        keys = Keys(settings.key_prefix)
        worker = QuietWorker(
            [rq_queue(keys, lane, connection) for lane in lanes_of(queue)],  # In this order: requests before jobs.
            connection=connection,
            name=name,
            serializer=JSONSerializer,
        )
        _log.info("worker_ready", **info)
        worker.work(with_scheduler=False, logging_level="WARNING")
    _log.info("worker_stopped")


def default_limits(settings: Settings) -> Limits:
    """Limits of a test whose task names none."""
    return Limits(
        cpu_s=settings.test_time_s,
        memory_bytes=settings.test_memory_bytes,
        output_bytes=settings.test_output_bytes,
        processes=settings.test_processes,
    )


def open_sandbox(settings: Settings) -> Runner:
    """The runner of a process that grades code.

    Raises: JailUnavailable, with what is missing and how to mend it.
    """
    from sandbox.pool import open_runner, sweep  # Only a process that grades code needs an engine's client.

    run_dir = settings.data_dir / "sandbox"
    if swept := sweep(run_dir):
        _log.warning("swept_what_a_crash_left", things=swept)
    return open_runner(
        settings.sandbox,
        jails=2,  # Trusted asserts run in a jail of their own beside the candidate's.
        image=settings.sandbox_image,
        run_dir=run_dir,
        runtime=settings.sandbox_runtime,
    )
