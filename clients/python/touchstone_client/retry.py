"""When to send again, and how long to wait before: one flow for the blocking and the asynchronous client.

The flow is a generator that yields what is to be done (send this, wait so long) and is told what came of it. It knows
no sockets and no clock but the one it is given, so both clients and the tests drive the same lines.

A request is sent again when the connection failed, or on 408, 409, 425, 429 and 5xx, for as long as the patience lasts.
Retry-After is a lower bound. Grading changes nothing at the service and jobs carry an idempotency key, so that sending
again is always safe.
"""

import email.utils
import logging
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from touchstone_client.errors import BadAnswer, Refused, Unavailable

_log = logging.getLogger("touchstone_client")

QUIET_TRIES = 2
"""Failed tries that are nobody's business yet; from the next one on a warning says what is being waited for."""

RETRYABLE = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which the same request may succeed; 409 is a job whose first sending still goes on."""

RETRY_AFTER_MAX_S = 300.0
"""A longer Retry-After than this is not believed."""


@dataclass(frozen=True)
class Patience:
    """How long to go on trying.

    Args:
        total_s: seconds from the first try after which Unavailable is raised; 0 tries once.
        first_s, longest_s: pauses double from the first to the longest, each shortened by chance up to a half.
    """

    total_s: float = 600.0
    first_s: float = 0.5
    longest_s: float = 30.0

    def pause(self, tries: int, retry_after_s: float | None, chance: float) -> float:
        """Seconds before the next try.

        Args:
            tries: how many there were, at least 1.
            retry_after_s: what the service asked for, or None.
            chance: in [0, 1).
        """
        if retry_after_s is not None:
            # A little later than asked, so that those who were refused together do not come back together.
            return retry_after_s * (1 + chance / 4)
        grown = min(self.longest_s, self.first_s * 2.0 ** min(tries - 1, 30))
        return float(grown * (1 - chance / 2))


@dataclass(frozen=True)
class Send:
    """One request. `content` is called for the body of each try."""

    method: str
    path: str
    content: Callable[[], Any] | None = None
    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    read_s: float | None = None


@dataclass(frozen=True)
class Wait:
    """Seconds to do nothing."""

    seconds: float


Step = Send | Wait
Reply = httpx.Response | httpx.TransportError | None
Flow = Generator[Step, Reply, httpx.Response]


def insist(
    request: Send,
    patience: Patience,
    now: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
) -> Flow:
    """Send until there is an answer that sending again would not change.

    Returns: a response with a status below 400.
    Raises: Refused for any other that is not worth another try, Unavailable when the patience is over.
    """
    started = now()
    tries = 0
    while True:
        reply = yield request
        tries += 1
        if isinstance(reply, httpx.Response) and reply.status_code < 400:
            return reply
        wait_s = None
        if isinstance(reply, httpx.Response):
            if reply.status_code < 500 and reply.status_code not in RETRYABLE:
                raise refusal(reply)
            wait_s = retry_after(reply.headers.get("retry-after"))
            failed = str(refusal(reply))
        elif isinstance(reply, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
            raise reply  # Our own mistake (a key that is no header, say), which trying again would repeat.
        else:
            failed = f"{type(reply).__name__}: {reply}"
        pause = patience.pause(tries, wait_s, chance())
        if now() - started + pause > patience.total_s:
            raise Unavailable(f"{request.method} {request.path}, {tries} tries in {now() - started:.1f} s: {failed}")
        level = logging.INFO if tries <= QUIET_TRIES else logging.WARNING
        spent = now() - started
        _log.log(
            level,
            "%s %s, try %d, %.0f s: %s; again in %.1f s",
            request.method,
            request.path,
            tries,
            spent,
            failed,
            pause,
        )
        yield Wait(pause)


def refusal(response: httpx.Response) -> Refused:
    """A 4xx or 5xx as an exception, with what the problem document says."""
    try:
        document = response.json()
    except ValueError:
        document = None
    request_id = response.headers.get("x-request-id", "")
    if not isinstance(document, dict):
        return Refused(response.status_code, response.reason_phrase, (), request_id)
    errors = document.get("errors")
    return Refused(
        response.status_code,
        str(document.get("detail") or document.get("title") or response.reason_phrase),
        [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else [],
        str(document.get("request_id") or request_id),
    )


def retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds that a Retry-After header asks for, written as a number or as a date; None without a usable one."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now()
        except (TypeError, ValueError):
            return None
    return seconds if 0 <= seconds <= RETRY_AFTER_MAX_S else (0.0 if seconds < 0 else None)


def json_of(response: httpx.Response) -> Any:
    """The answer's JSON.

    Raises: BadAnswer.
    """
    try:
        return response.json()
    except ValueError:
        kind = response.headers.get("content-type", "")
        raise BadAnswer(f"{response.request.url.path} answered {response.status_code} with {kind!r}, no JSON") from None
