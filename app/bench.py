"""`touchstone bench`: how fast a running service is, seen from here: the network, the queue and the sandbox included.

Every item is made up, differs from every other, and has a known verdict, so that no cache helps (but in the one figure
that is about the cache) and a wrong verdict is noticed: it is counted, and the command ends with status 1. The figures
say what one deployment does; benchmarks/ compares with other programs and with the bare work.
"""

import asyncio
import itertools
import secrets
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from app.errors import GradeError
from app.settings import Settings

Item = dict[str, Any]

BATCH_ITEMS = 1024
PROGRAMS, TESTS = 40, 15
_ANSWER_S = 300.0


def maths_items(salt: int) -> Iterator[Item]:
    """Sums with their answers, each one met once."""
    for number in itertools.count():
        left, right = salt * 1_000_000 + number, number % 97 + 1
        yield {
            "completion": f"<think>{left} plus {right}, by columns.</think> So the sum is \\boxed{{{left + right}}}.",
            "task": {"kind": "math", "answer": str(left + right)},
        }


def code_items(salt: int) -> Iterator[Item]:
    """Programs that double a number, each one met once, with TESTS tests."""
    for number in itertools.count():
        cases = [{"input": f"{number + n}\n", "output": f"{2 * (number + n)}\n"} for n in range(TESTS)]
        yield {
            "completion": f"```python\nprint(2 * int(input()))  # {salt} {number}\n```",
            "task": {"kind": "code", "tests": {"kind": "stdio", "cases": cases}},
        }


@dataclass(slots=True)
class Figures:
    """What was measured: rows for people, and how many items did not come back right."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    bad: int = 0
    refusals: int = 0


class _Caller:
    """Requests of one run; a refusal with Retry-After is waited out and counted."""

    def __init__(self, client: httpx.AsyncClient, figures: Figures) -> None:
        self._client = client
        self._figures = figures

    async def grade(self, items: list[Item]) -> float:
        """Seconds that a request took, from the try that was accepted."""
        while True:
            started = time.perf_counter()
            response = await self._client.post("/v1/grade", json={"items": items})
            if response.status_code in (429, 503):
                self._figures.refusals += 1
                await asyncio.sleep(float(response.headers.get("Retry-After", "1")))
                continue
            if response.status_code != 200:
                raise GradeError(f"the service answered {response.status_code}: {response.text[:200]}")
            elapsed_s = time.perf_counter() - started
            rows = response.json()["results"]
            self._figures.bad += sum((row["verdict"] or {}).get("outcome") != "correct" for row in rows)
            return elapsed_s

    async def one_by_one(self, items: Iterator[Item], concurrency: int, seconds: float) -> list[float]:
        """Requests of one item each, so many at a time, for so long; the seconds each took, sorted."""
        times: list[float] = []
        until = time.perf_counter() + seconds

        async def ask() -> None:
            while time.perf_counter() < until:
                times.append(await self.grade([next(items)]))

        await asyncio.gather(*(ask() for _ in range(concurrency)))
        return sorted(times)


async def measure(client: httpx.AsyncClient, *, seconds: float, concurrency: int, code: bool) -> Figures:
    """Load a service and measure it.

    Args:
        client: bound to the service's address and key.
        seconds: how long single items are sent.
        concurrency: requests under way at once, of single items.
        code: whether the service grades code.

    Raises: GradeError when the service refuses for another reason than being busy; httpx.HTTPError.
    """
    figures = Figures()
    caller = _Caller(client, figures)
    salt = secrets.randbelow(10**9)
    maths = maths_items(salt)
    await caller.grade(list(itertools.islice(maths, 8)))

    batches = [list(itertools.islice(maths, BATCH_ITEMS)) for _ in range(3)]
    fresh_s = statistics.median([await caller.grade(batch) for batch in batches])
    again_s = statistics.median([await caller.grade(batches[0]) for _ in range(3)])
    figures.rows.append((f"maths, a batch of {BATCH_ITEMS}", f"{fresh_s:.2f} s, {BATCH_ITEMS / fresh_s:,.0f} items/s"))
    figures.rows.append(("the same batch again", f"{again_s:.2f} s, {fresh_s / again_s:.1f} times as fast"))

    for at_once in (1, concurrency):
        started = time.perf_counter()
        times = await caller.one_by_one(maths, at_once, seconds)
        rate = len(times) / (time.perf_counter() - started)
        figures.rows.append((f"maths, one item a request, {at_once} at once", f"{rate:,.0f} items/s, {_spread(times)}"))

    if code:
        programs = code_items(salt)
        await caller.grade(list(itertools.islice(programs, 2)))
        elapsed_s = await caller.grade(list(itertools.islice(programs, PROGRAMS)))
        rate = PROGRAMS * TESTS / elapsed_s
        figures.rows.append((f"code, {PROGRAMS} programs of {TESTS} tests", f"{elapsed_s:.2f} s, {rate:,.0f} tests/s"))
    return figures


def _spread(times: list[float]) -> str:
    return f"p50 {times[len(times) // 2] * 1e3:.1f} ms, p99 {times[int(len(times) * 0.99)] * 1e3:.1f} ms"


def bench(url: str | None, settings: Settings, console: Console, *, seconds: float, concurrency: int) -> int:
    """Measure the service at an address (None: where the settings say that it listens) and print what was found.

    Returns: the exit status: 1 when an item came back with another verdict than the true one, else 0.
    Raises: GradeError if the service cannot be reached or refuses.
    """
    address = (url or f"http://{settings.host}:{settings.port}").rstrip("/")
    key = next(iter(settings.api_keys), None)
    headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}

    async def run() -> Figures:
        limits = httpx.Limits(max_connections=concurrency + 4)
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=_ANSWER_S, limits=limits) as client:
            checks = (await client.get("/readyz")).json().get("checks", {})
            code = checks.get("code_workers", {}).get("workers", 0) > 0
            return await measure(client, seconds=seconds, concurrency=concurrency, code=code)

    try:
        figures = asyncio.run(run())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise GradeError(f"{address} cannot be measured: {error!r}") from None
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in figures.rows:
        table.add_row(*row)
    console.print(table)
    if figures.refusals:
        console.print(f"{figures.refusals} requests were told to come later, and did", highlight=False)
    if figures.bad:
        console.print(f"{figures.bad} items did not come back as correct, which they are", highlight=False)
    return 1 if figures.bad else 0
