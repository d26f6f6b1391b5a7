"""`touchstone grade --url`: a file of items through a running service, by way of its jobs.

Theory of operation. The items are cut into parts by a rule that gives the same parts every time. Each part is sent as a
job whose Idempotency-Key is the run's id and the part's number, so that however often we die between sending and
noting the job's id, the service has one job for it. Its results are read with a cursor, which is what the journal
holds of that job, and written down before anything else is read. One part is sent ahead while another is read, so that
the workers do not wait for us. Memory: two parts, whatever the size of the file.

A service that is full, restarting or unreachable is waited for; one that refuses is not.
"""

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import RetryCallState, retry, retry_if_exception, sleep_using_event, stop_after_delay, stop_when_event_set
from tenacity.wait import wait_exponential_jitter

from app.errors import GradeError
from app.journal import Journal
from app.settings import Settings

PART_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of a part's items; one that is larger goes alone."""

PATIENCE_S = 600.0
"""Seconds for which a service that was there is waited for."""

SILENCE_S = 60.0
"""Seconds without a result after which the connection is made anew; a job may well be silent for longer."""

_PIECE = 64 * 1024

_BACKOFF = wait_exponential_jitter(multiplier=0.2, max=10)


@dataclass(frozen=True, slots=True)
class Part:
    """Items that become one job.

    Args:
        first: place of the first among all items, from 0.
        numbers: where each stands in its file.
        lines: each item's JSON.
    """

    number: int
    first: int
    numbers: list[int]
    lines: list[bytes]


def parts_of(items: Iterable[tuple[int, bytes]], items_max: int) -> Iterator[Part]:
    """Items cut into parts; the same items give the same parts."""
    number = first = size = 0
    numbers: list[int] = []
    lines: list[bytes] = []
    for place, line in items:
        if lines and (len(lines) == items_max or size + len(line) > PART_BYTES_MAX):
            yield Part(number, first, numbers, lines)
            number, first, size, numbers, lines = number + 1, first + len(lines), 0, [], []
        numbers.append(place)
        lines.append(line)
        size += len(line)
    if lines:
        yield Part(number, first, numbers, lines)


class _Gone(Exception):
    """The service no longer knows the job."""


class Remote:
    """A running service.

    Args:
        url: its address.
        settings: the first of `api_keys` is sent.
        word: what places in the file are called.
    """

    def __init__(self, url: str, settings: Settings, *, profile: str | None, explain: bool, word: str) -> None:
        self._url = url.rstrip("/")
        self._query = {"explain": "true"} if explain else {}
        if profile is not None:
            self._query["profile"] = profile
        self._word = word
        key = next(iter(settings.api_keys), None)
        headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
        self._client = httpx.Client(base_url=self._url, headers=headers, timeout=httpx.Timeout(10, read=SILENCE_S))
        self._stopping = threading.Event()
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="send")

    def __enter__(self) -> "Remote":
        try:
            self._client.get("/livez")  # A wrong address is said at once; only a service that was there is waited for.
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._client.close()
            raise GradeError(f"{self._url} cannot be reached: {error}") from None
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        self._sender.shutdown(cancel_futures=True)
        self._client.close()

    def grade(self, parts: Iterator[Part], journal: Journal) -> Iterator[list[dict[str, Any]]]:
        """Have every item graded that has no result in the journal yet, and write the results into it.

        Yields: results that were new, some at a time.
        Raises: GradeError when the service refuses, or is away for longer than we wait.
        """
        wanted = (part for part in parts if not all(journal.has(part.first + n) for n in range(len(part.lines))))
        under_way: list[tuple[Part, Future[str] | None]] = []
        while True:
            # One is read, one is sent ahead; both are held.
            while len(under_way) < 2 and (part := next(wanted, None)) is not None:
                known = part.number in journal.jobs
                under_way.append((part, None if known else self._sender.submit(self._send, part, journal.run, 0)))
            if not under_way:
                return
            part, sending = under_way[0]
            if sending is not None:
                journal.accepted(part.number, sending.result(), 0)
            try:
                yield from self._read(part, journal)
            except _Gone:
                # Kept for a week, and that is over, or the store was lost: what is missing is asked for again.
                attempt = journal.jobs[part.number][1] + 1
                journal.accepted(part.number, self._send(part, journal.run, attempt), attempt)
                continue
            under_way.pop(0)

    # Sending.

    def _send(self, part: Part, run: str, attempt: int) -> str:
        """Send a part. Returns: its job's id, the same one each time."""
        headers = {"Content-Type": "application/jsonl", "Idempotency-Key": f"touchstone-{run}-{part.number}-{attempt}"}

        def send() -> str:
            response = self._client.post("/v1/jobs", params=self._query, content=_pieces(part.lines), headers=headers)
            response.raise_for_status()
            return str(response.json()["id"])

        try:
            return str(self._patiently(send))
        except httpx.HTTPStatusError as error:
            raise GradeError(self._refusal(error.response, part)) from None
        except httpx.HTTPError as error:
            raise GradeError(f"{self._url} cannot be reached: {error!r}") from None

    def _patiently(self, work: Any) -> Any:
        return retry(
            retry=retry_if_exception(_may_help),
            wait=_wait_s,
            stop=stop_after_delay(PATIENCE_S) | stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            reraise=True,
        )(work)()

    def _refusal(self, response: httpx.Response, part: Part) -> str:
        """A refusal in words, with places in the file in place of those in the part."""
        try:
            problem = response.json()
            said = "; ".join(
                [str(problem["detail"]), *(f"{row['path']}: {row['message']}" for row in problem.get("errors", ()))]
            )
        except (ValueError, KeyError, TypeError):
            said = response.text[:500]

        def place(found: re.Match[str]) -> str:
            index = int(found[1]) - 1
            return f"{self._word} {part.numbers[index]}" if index < len(part.numbers) else found[0]

        return f"the service answered {response.status_code}: " + re.sub(r"\bline (\d{1,9})\b", place, said)

    # Reading.

    def _read(self, part: Part, journal: Journal) -> Iterator[list[dict[str, Any]]]:
        """A job's results from where the journal stands to the end, through whatever happens to the connection."""
        job = journal.jobs[part.number][0]
        lost_since: float | None = None
        tries = 0
        while journal.cursor(job) < len(part.lines):
            before = journal.cursor(job)
            problem: Exception | None = None
            try:
                yield from self._stream(job, part, journal)
                # The stream ends when the job has, or when the process that sent it stops.
                self._check_state(job, part, journal)
            except httpx.ReadTimeout:
                continue  # Nothing was ready; the service is there, or connecting will say that it is not.
            except (httpx.HTTPError, ValueError) as error:
                problem = error
                if not _may_help(error):
                    raise self._lost(error) from None
            if journal.cursor(job) > before:
                lost_since, tries = None, 0
            if problem is None:
                continue
            lost_since = lost_since or time.monotonic()
            if time.monotonic() - lost_since > PATIENCE_S:
                raise self._lost(problem) from None
            tries += 1
            self._stopping.wait(min(0.2 * 2 ** min(tries, 6), 10.0))

    def _lost(self, error: Exception) -> GradeError:
        if isinstance(error, httpx.HTTPStatusError):
            return GradeError(f"the service answered {error.response.status_code} to a look at its job")
        return GradeError(f"{self._url} cannot be reached: {error!r}")

    def _stream(self, job: str, part: Part, journal: Journal) -> Iterator[list[dict[str, Any]]]:
        with self._client.stream("GET", f"/v1/jobs/{job}/results", params={"after": journal.cursor(job)}) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                raise _Gone
            response.raise_for_status()
            rest = b""
            # Not by the client's own lines, which end at every character that Unicode calls a line's end.
            for piece in response.iter_bytes():
                *whole, rest = (rest + piece).split(b"\n")
                rows = [json.loads(line) for line in whole]
                for row in rows:
                    row["index"] += part.first
                if rows:
                    yield journal.add(rows, job)

    def _check_state(self, job: str, part: Part, journal: Journal) -> None:
        """After the stream ended: is there more to come?"""
        if journal.cursor(job) >= len(part.lines):
            return
        response = self._client.get(f"/v1/jobs/{job}")
        if response.status_code == httpx.codes.NOT_FOUND:
            raise _Gone
        response.raise_for_status()
        state = response.json()["state"]
        if state == "expired":
            raise _Gone
        if state == "cancelled":
            raise GradeError(f"job {job} was cancelled by somebody; remove the journal to begin anew")


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of a body in pieces that are neither tiny nor huge."""
    piece = bytearray()
    for line in lines:
        piece += line
        piece += b"\n"
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def _may_help(error: BaseException) -> bool:
    """Full, restarting, still busy with our last try, or unreachable: another try may help."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in {409, 429, 502, 503, 504}
    return isinstance(error, httpx.TransportError | ValueError)  # ValueError: an answer that was cut.


def _wait_s(state: RetryCallState) -> float:
    """What the service asks for, else ever longer."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, httpx.HTTPStatusError):
        with contextlib.suppress(ValueError):
            return min(max(float(error.response.headers.get("retry-after", "")), 0.1), 60.0)
    return _BACKOFF(state)
