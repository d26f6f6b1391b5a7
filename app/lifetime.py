"""What lives as long as an API process: opened, pinged and closed in one context manager."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.batch import Rooms
from app.cache import ANSWERS_PART, AnswerCache
from app.dispatch import Dispatcher
from app.ledger import Ledger
from app.metrics import Metrics
from app.patience import Patience
from app.processes import settle
from app.queue import JobQueue
from app.rq_queue import RqQueue
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Services(Rooms):
    """What the routes work with."""

    ledger: Ledger | None
    patience: Patience
    answers: AnswerCache


def services_over(
    queue: JobQueue, settings: Settings, metrics: Metrics | None = None, ledger: Ledger | None = None
) -> Services:
    """The services on top of a queue, and a ledger of jobs, that somebody else opened and closes."""
    metrics = metrics or Metrics()
    dispatcher = Dispatcher(queue, settings, metrics.observe_cache)
    patience = Patience(settings.compat_wait_s, settings.compat_waiting_max)
    answers = AnswerCache(settings.cache_bytes_max // ANSWERS_PART, settings.cache_ttl_s)
    return Services(settings, queue, dispatcher, metrics, ledger, patience, answers)


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open everything an API process needs, and close it again.

    Raises: ValueError without a redis_url: only `touchstone serve` brings a store of its own.
    """
    if settings.redis_url is None:
        raise ValueError("TOUCHSTONE_REDIS_URL is not set; `touchstone serve` starts an embedded store instead")
    url, metrics = settings.redis_url.get_secret_value(), Metrics()
    async with RqQueue(settings, url) as queue, Ledger(settings, url, metrics) as ledger:
        settle()
        yield services_over(queue, settings, metrics, ledger)
