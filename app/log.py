"""JSON log lines on standard error, one per event; never a prompt, a completion, a reference or a key."""

import contextlib
import logging
import sys

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _Lines:
    """Writes each event as a line to whatever is standard error by then; a line that cannot be written is lost."""

    def debug(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # No request fails for a full disk or a pipe nobody reads.
            sys.stderr.write(line + "\n")  # In one call, so that the lines of several threads do not mix.

    info = warning = error = critical = debug


def configure(level: str) -> None:
    """Set up logging for this process, the standard library's loggers included.

    Our own lines are written straight to standard error: by way of the standard library's handlers a line takes five
    times as long, and every request writes one.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, *rendered],
        logger_factory=lambda *args: _Lines(),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for noisy in ("rq.worker", "httpx", "docker", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel(max(_LEVELS[level], logging.WARNING))
    for theirs in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(theirs)
        logger.handlers[:] = []
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
