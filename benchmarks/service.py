"""The whole service over HTTP: starts `touchstone serve` on a free port, loads it, prints rates beside the bare work.

    python benchmarks/service.py [--data ../shared/data]

Maths: whole completions as batches, against the same grader in this process without queue or HTTP. Code: 40 programs
of 15 tests, one endless loop in a batch, and 64 programs of half a second at once. Single items: one per request at
concurrency 1 and 64. Every figure is a median of three rounds; caches are off, and no two rounds send equal items.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from graders.math.grade import MathGrader
from graders.task import MathTask

Item = dict[str, Any]
ROUNDS = 3


def completions(folder: Path, salt: int) -> list[Item]:
    """Whole completions, made unlike those of other rounds by white space that changes no verdict."""
    with (folder / "math_completions.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        {"completion": row["completion"] + " " * salt, "task": {"kind": "math", "answer": row["gold"]}} for row in rows
    ]


def program(source: str, tests: int, limit_s: float = 10.0) -> Item:
    """A program that doubles numbers."""
    cases = [{"input": f"{n}\n", "output": f"{2 * n}\n"} for n in range(tests)]
    task = {"kind": "code", "tests": {"kind": "stdio", "cases": cases}, "limits": {"time_s": limit_s}}
    return {"completion": f"```python\n{source}\n```", "task": task}


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    """Seconds of one piece of work."""
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


class Load:
    """Requests to one service."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def grade(self, items: list[Item]) -> list[Item]:
        """One batch, all of it graded."""
        response = await self._client.post("/v1/grade", json={"items": items})
        response.raise_for_status()
        results: list[Item] = response.json()["results"]
        assert all(row["status"] != "error" for row in results), results[0]
        return results

    async def singles(self, items: list[Item], concurrency: int) -> list[float]:
        """One request an item; the seconds each took, sorted."""
        gate = asyncio.Semaphore(concurrency)

        async def one(item: Item) -> float:
            async with gate:
                return await timed(lambda: self.grade([item]))

        return sorted(await asyncio.gather(*(one(item) for item in items)))


def in_process(rows: list[Item]) -> float:
    """The same maths in this process, on one core."""
    started = time.perf_counter()
    with MathGrader() as grader:
        for row in rows:
            grader.grade(MathTask(answer=row["task"]["answer"]), row["completion"])
    return time.perf_counter() - started


async def measure(url: str, data: Path) -> None:
    """Everything, one after the other."""
    limits = httpx.Limits(max_connections=128)
    async with httpx.AsyncClient(base_url=url, timeout=300, limits=limits) as client:
        load = Load(client)
        if (data / "math_completions.jsonl").is_file():
            await measure_maths(load, data)
        await measure_code(load)


async def measure_maths(load: Load, data: Path) -> None:
    """Batches and single items of whole completions."""
    await load.grade(completions(data, 9))
    over_http, bare = [], []
    for salt in range(ROUNDS):
        rows = completions(data, salt)
        over_http.append(len(rows) / await timed(lambda rows=rows: load.grade(rows)))
        bare.append(len(rows) / in_process(rows))
    rate, alone = statistics.median(over_http), statistics.median(bare)
    print(
        f"maths, batches of 650 over HTTP: {rate:,.0f} items/s; in process, one core: {alone:,.0f}; x{rate / alone:.2f}"
    )
    for concurrency in (1, 64):
        times = await load.singles(completions(data, 20 + concurrency)[:400], concurrency)
        middle, late = statistics.median(times), times[int(len(times) * 0.99) - 1]
        print(f"maths, one item a request at {concurrency}: p50 {middle * 1000:.1f} ms, p99 {late * 1000:.1f} ms")


async def measure_code(load: Load) -> None:
    """Programs and their tests."""
    await load.grade([program("print(2 * int(input()))", 2)] * 2)
    rates = []
    for turn in range(ROUNDS):
        items = [program(f"# {turn} {n}\nprint(2 * int(input()))", 15) for n in range(40)]
        rates.append(600 / await timed(lambda items=items: load.grade(items)))
    print(f"code, 40 programs of 15 tests: {statistics.median(rates):,.0f} tests/s (goal 240)")
    times = await load.singles([program(f"# {n}\nprint(2 * int(input()))", 1) for n in range(60)], 1)
    print(f"code, one program of one test a request: p50 {statistics.median(times) * 1000:.1f} ms")
    endless = program("while True: pass", 1, limit_s=2)
    others = [program(f"# e{n}\nprint(2 * int(input()))", 15) for n in range(10)]
    seconds = await timed(lambda: load.grade([endless, *others]))
    print(f"code, an endless loop (limit 2 s) among ten: {seconds:.2f} s")
    spin = (
        "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\nprint(2 * int(input()))"
    )
    slow = [program(f"# s{n}\n{spin}", 1) for n in range(64)]
    results = await asyncio.gather(*(load.grade([item]) for item in slow))
    late = sum(row["verdict"]["outcome"] != "correct" for (row,) in results)
    print(f"code, 64 right programs of 0.5 s at once, limit 10 s: {late} false verdicts (goal 0)")


def main() -> None:
    """Start a service, measure it, stop it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder:
        port = 18_431
        environment = {
            **os.environ,
            "TOUCHSTONE_DATA_DIR": folder,
            "TOUCHSTONE_PORT": str(port),
            "TOUCHSTONE_CACHE_BYTES_MAX": "0",
            "TOUCHSTONE_LOG_LEVEL": "warning",
        }
        command = [sys.executable, "-m", "app", "serve"]
        service = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
        url = f"http://127.0.0.1:{port}"
        try:
            wait_ready(url)
            print(f"{os.cpu_count()} cores, {httpx.get(url + '/version').json()['grader_version']}")
            asyncio.run(measure(url, given.data))
        finally:
            service.terminate()
            service.wait(60)


def wait_ready(url: str) -> None:
    """Wait until every queue has a worker."""
    for _ in range(600):
        try:
            if httpx.get(url + "/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit("the service did not become ready")


if __name__ == "__main__":
    main()
