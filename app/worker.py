"""The worker process: opens its graders (and, for code, its sandbox), starts rq, stops cleanly.

One process grades one chunk at a time, without forking: the sandbox's warm jails and the parsed references stay with
it. A crash costs the items it had not written; their lease runs out and another worker has them.
"""

import contextlib
import os
import socket
import uuid
from typing import Any

import structlog
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from app import jobs, version
from app.chunk import lanes_of
from app.processes import die_with_parent
from app.rq_queue import GradeJob, Keys, NoDeathPenalty, WorkerDesk, connect, rq_queue
from app.settings import Settings
from graders.registry import Registry
from sandbox.limits import Limits
from sandbox.runner import Runner

_log = structlog.get_logger()

STUCK_EXIT = 70
"""Exit status of a worker that an item held past its backstop (sysexits' EX_SOFTWARE)."""


class QuietWorker(SimpleWorker):
    """rq's worker without what we do ourselves: time limits, clean-up of dead workers, a process title per job."""

    death_penalty_class = NoDeathPenalty
    log_job_description = False

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """Never: app.rq_queue's reaper gives out again what a dead worker left."""
        return False

    def procline(self, message: str) -> None:
        """No process title: it would name jobs to everybody on the host."""


def run(settings: Settings, queue: str) -> None:
    """Work on one queue until SIGTERM or SIGINT; the chunk under way is finished first.

    Raises: JailUnavailable if this is a code worker and no jail can be had; RedisError if the store does not answer.
    """
    if settings.redis_url is None:
        raise ValueError("TOUCHSTONE_REDIS_URL is not set; `touchstone serve` starts an embedded store instead")
    die_with_parent()
    connection = connect(settings, settings.redis_url.get_secret_value(), patience=5)
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
            registry = exits.enter_context(Registry(runner, default_limits(settings)))
            seconds_max = settings.math_item_seconds_max if queue == "math" else settings.code_item_seconds_max
            jobs.lay_out(jobs.Bench(registry, desk, seconds_max, costly=queue == "code"))
        keys = Keys(settings.key_prefix)
        worker = QuietWorker(
            [rq_queue(keys, lane, connection) for lane in lanes_of(queue)],  # In this order: requests before jobs.
            connection=connection,
            name=name,
            job_class=GradeJob,
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
