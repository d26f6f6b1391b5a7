"""Asks the configured judges: time-outs, retries, a bound on what is under way, a circuit breaker, for each judge.

Theory of operation. One judgement is one or several requests (graders.preference.dialects.calls), sent together; all
must be answered, or the item ends as an `error`. Time has one owner here, the event loop: `timeout_s` a request,
`budget_s` a judgement with all its waits. Who waits for a retry or for the breaker holds no place among the
`concurrency` under way.

    a reply in the dialect's shape       its number; the breaker hears of a success
    429, 5xx, 408, 424, no connection,   tried again, after Retry-After where the server names one; the breaker hears
    too slow, cut off                    of a failure, but for 429: a server that says it is busy is well
    a reply of another shape             tried again (a chat judge may do better); no failure of the server
    any other status, a redirect         not tried again: it would be answered the same. 400, 413 and 422 are about this
                                         item, the others (a key, a name, a path) about all

Only the configured address is called: no redirect is followed, and neither a proxy nor a password is taken from the
environment. Nothing of a reply, a key or a text is logged or echoed.
"""

import asyncio
import email.utils
import os
import secrets
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from app.breaker import Breaker, Refused
from app.errors import BadJson
from app.json_edge import check_json
from app.judge_settings import JudgeSettings
from graders.errors import JudgeFault
from graders.preference import dialects
from graders.preference.chat import Exchange, Unreadable
from graders.preference.grade import choose, conclude, prepare
from graders.task import PreferenceTask
from graders.verdict import Verdict

_log = structlog.get_logger()

REPLY_BYTES_MAX = 8 * 1024 * 1024
"""Size of a reply; a longer one is not read to its end."""

CLIENT_PLACES = 4
"""Connections of one client: a pool looks at all its connections for each of them, at every request."""

CALL_RESULTS = ("ok", "timeout", "connection", "status", "unreadable", "refused", "given_up")
"""The closed list of what became of a request; the label of touchstone_judge_requests_total."""

_AGAIN = frozenset({408, 424, 429, 500, 502, 503, 504})
_ABOUT_THE_ITEM = frozenset({400, 413, 422})
_backoff = wait_exponential_jitter(multiplier=0.2, max=10, jitter=0.2)


class _Again(JudgeFault):
    """A failure that another try may mend, perhaps only after so many seconds."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Record:
    """What the requests of one judgement were like; travels up inside the result.

    Args:
        calls: (one of CALL_RESULTS, seconds) of each request.
        keep: the verdict may be cached.
    """

    calls: list[tuple[str, float]] = field(default_factory=list)
    keep: bool = False

    def as_json(self) -> dict[str, Any]:
        """For app.chunk.ItemResult."""
        return {"calls": [[result, round(seconds, 6)] for result, seconds in self.calls], "keep": self.keep}


@dataclass(slots=True)
class _Seat:
    """A judge with what reaching it takes."""

    name: str
    settings: JudgeSettings
    breaker: Breaker
    places: "asyncio.LifoQueue[httpx.AsyncClient]"  # As many as requests may be under way; the last used is warm.


class Panel:
    """Every configured judge. An async context manager; to be used from the loop it was entered in.

    Args: judges: as the settings have them, the default one first.

    Raises: ValueError if a judge's key or certificate authority cannot be had.
    """

    def __init__(self, judges: Mapping[str, JudgeSettings]) -> None:
        self._judges = dict(judges)
        self._keys = {name: _key(name, judge) for name, judge in judges.items()}
        self._trust = {name: _trust(name, judge) for name, judge in judges.items()}
        self._seats: dict[str, _Seat] = {}
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for name, judge in self._judges.items():
            key = self._keys[name]
            headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
            if key:
                headers["Authorization"] = f"Bearer {key}"
            places: asyncio.LifoQueue[httpx.AsyncClient] = asyncio.LifoQueue()
            for first in range(0, judge.concurrency, CLIENT_PLACES):
                count = min(CLIENT_PLACES, judge.concurrency - first)
                client = httpx.AsyncClient(
                    headers=headers,
                    timeout=None,  # noqa: S113  asyncio.timeout bounds each request as a whole, slow drips included.
                    limits=httpx.Limits(max_connections=count, max_keepalive_connections=count),
                    follow_redirects=False,
                    trust_env=False,
                    verify=self._trust[name],
                )
                await self._exits.enter_async_context(client)
                for _ in range(count):
                    places.put_nowait(client)
            breaker = Breaker(judge.breaker_failures, judge.breaker_open_s, time.monotonic)
            self._seats[name] = _Seat(name, judge, breaker, places)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._exits.aclose()

    async def grade(
        self,
        task: PreferenceTask,
        completion: str,
        prompt: str = "",
        turns: Sequence[tuple[str, str]] = (),
        *,
        record: Record,
    ) -> Verdict:
        """Judge one completion.

        Args:
            turns: (role, content) of a prompt given as messages.
            record: gets an entry for each request, whatever becomes of the judgement.

        Raises:
            TaskInvalid: there is no such judge, or it lacks the reference it needs.
            JudgeFault: the judge did not give a number.
        """
        name, judge = choose(task, self._judges)
        record.keep = judge.deterministic
        exchange = prepare(task, judge, completion, prompt, turns)
        if isinstance(exchange, Verdict):
            record.keep = True  # Nobody was asked.
            return exchange
        seat = self._seats[name]
        try:
            async with asyncio.timeout(judge.budget_s):
                answers = await _together([self._ask(seat, exchange, call, record) for call in dialects.calls(judge)])
        except TimeoutError:
            raise JudgeFault("the judge did not answer in time") from None
        said = [text for _, text in answers if text is not None]
        return conclude(name, judge, task, [number for number, _ in answers], said)

    async def _ask(
        self, seat: _Seat, exchange: Exchange, call: dialects.Call, record: Record
    ) -> tuple[float, str | None]:
        """One question to its number, and what was said, with retries."""
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(seat.settings.tries),
            wait=_wait,
            retry=retry_if_exception_type(_Again),
            reraise=True,
        ):
            with attempt:
                return await self._try(seat, exchange, call, record)
        raise AssertionError("tenacity ends in a result or an exception")

    async def _try(
        self, seat: _Seat, exchange: Exchange, call: dialects.Call, record: Record
    ) -> tuple[float, str | None]:
        while True:
            # The breaker is asked by who has a place: it may have opened while others were waited for.
            client = await seat.places.get()
            try:
                try:
                    wait = seat.breaker.ask()
                except Refused:
                    record.calls.append(("refused", 0.0))
                    raise JudgeFault("the judge keeps failing and is left alone for a while") from None
                if wait is None:
                    return await self._call(seat, client, exchange, call, record)
            finally:
                seat.places.put_nowait(client)
            await asyncio.sleep(wait.seconds)

    async def _call(
        self, seat: _Seat, client: httpx.AsyncClient, exchange: Exchange, call: dialects.Call, record: Record
    ) -> tuple[float, str | None]:
        """One request and its reply. Tells the breaker and the record what became of it, whatever it is."""
        judge, breaker = seat.settings, seat.breaker
        code = secrets.token_hex(8)
        body = dialects.write(judge, exchange, call, code)
        started, result, tell = time.perf_counter(), "given_up", breaker.given_up
        try:
            async with asyncio.timeout(judge.timeout_s):
                reply = await _post(client, judge.url, body)
            result, tell = "unreadable", breaker.succeeded  # It answered in full; what it said is another matter.
            number, said = dialects.read(judge, call, reply, code), dialects.said(judge, reply)
            result = "ok"
            return number, said
        except TimeoutError:
            result, tell = "timeout", breaker.failed
            raise _Again("the judge did not answer in time") from None
        except httpx.HTTPError as error:
            result, tell = "connection", breaker.failed
            _log.warning("judge_unreachable", judge=seat.name, error=type(error).__name__)
            raise _Again("the judge cannot be reached") from None
        except _Status as answer:
            well = answer.status == 429 or answer.status in _ABOUT_THE_ITEM
            result, tell = "status", breaker.succeeded if well else breaker.failed
            _log.warning("judge_status", judge=seat.name, status=answer.status)
            raise _refusal(answer, judge.budget_s) from None
        except (Unreadable, BadJson) as error:
            result, tell = "unreadable", breaker.succeeded
            _log.warning("judge_unreadable", judge=seat.name, error=str(error))
            raise _Again("the judge's reply could not be read") from None
        finally:
            tell()
            record.calls.append((result, time.perf_counter() - started))


async def _together(questions: list[Any]) -> list[tuple[float, str | None]]:
    """The answers to all, in order; the first failure ends the others."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Status(Exception):
    """The server answered with a status that is not 200."""

    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(str(status))
        self.status = status
        self.retry_after = retry_after


async def _post(client: httpx.AsyncClient, url: str, body: Mapping[str, Any]) -> Any:
    """The reply's JSON.

    Raises: _Status, BadJson, httpx.HTTPError.
    """
    async with client.stream("POST", url, json=body) as response:
        if response.status_code != 200:
            raise _Status(response.status_code, response.headers.get("retry-after"))
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > REPLY_BYTES_MAX:
                raise BadJson("the reply is too long")
            parts.append(part)
    return check_json(b"".join(parts))


def _refusal(answer: _Status, budget_s: float) -> JudgeFault:
    """What a status means for the item."""
    message, retry_after_s = f"the judge answered {answer.status}", _retry_after_s(answer.retry_after)
    if answer.status not in _AGAIN:
        return JudgeFault(message, retryable=False)
    if retry_after_s is not None and retry_after_s >= budget_s:
        return JudgeFault(message)
    return _Again(message, retry_after_s)


def _retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which may be a number or a date; None where it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal() and len(value) < 10:
        return float(value)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(at.timestamp() - time.time(), 0.0)


def _wait(state: RetryCallState) -> float:
    """Seconds before the next try: what the server asked for, else ever longer. `budget_s` bounds both."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after_s if isinstance(error, _Again) else None
    return _backoff(state) if asked is None else asked + _backoff(state) / 10


def _key(name: str, judge: JudgeSettings) -> str | None:
    """A judge's key.

    Raises: ValueError if its variable is not set or holds what no header can.
    """
    if judge.api_key_env is None:
        return None
    key = os.environ.get(judge.api_key_env, "").strip()
    if not key:
        raise ValueError(f"judge {name}: the environment variable {judge.api_key_env} (its api_key_env) is not set")
    if not key.isascii() or not key.isprintable():
        raise ValueError(f"judge {name}: the key in {judge.api_key_env} has characters that no header can hold")
    return key


def _trust(name: str, judge: JudgeSettings) -> ssl.SSLContext:
    """Whose certificates a judge's server may show.

    Raises: ValueError if its `ca_file` cannot be read.
    """
    if judge.ca_file is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=judge.ca_file)
    except OSError as error:  # ssl.SSLError is one.
        raise ValueError(f"judge {name}: its ca_file cannot be used ({error.strerror or error})") from None
