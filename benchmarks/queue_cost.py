"""The queue and the jobs: what they cost beside the bare grader, in one run on the same cores.

    python benchmarks/queue_cost.py [--job-items 100000]

Starts `touchstone serve` with a math worker for each core. The items are easy (a fraction, boxed), so that what is
measured is the way there and back. Goals, of which the ratios hold on any machine and the others on two quiet cores:

    1,024 items in one request      at least 0.75 of the grader's rate in as many processes, and at most 0.4 s
    512 requests of one, 64 at once p99 at most five times p50, at least 400 items/s
    a batch that is repeated        at least ten times as fast, from the cache; beside it, its items in another order
    a job of 100,000 items          at least 1,500 items/s from the first byte to the last result; memory flat

No two rounds send equal items, but where that is the point. The load average says how quiet the machine was.
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
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from graders.math.grade import MathGrader
from graders.task import MathTask

Item = dict[str, Any]
ROUNDS = 5
CORES = os.cpu_count() or 1


def items(count: int, first: int) -> Iterator[Item]:
    """Items of which two in three are right."""
    for n in range(first, first + count):
        answer = f"\\frac{{{n + (n % 3 == 0)}}}{{7}}"
        yield {"completion": f"so \\boxed{{\\frac{{{n}}}{{7}}}}", "task": {"kind": "math", "answer": answer}}


def fresh(count: int, seen: list[int] = [10_000_000]) -> list[Item]:  # noqa: B006  The counter is meant to stay.
    """Items that were never sent."""
    first, seen[0] = seen[0], seen[0] + count
    return list(items(count, first))


class Connection:
    """One HTTP/1.1 connection and nothing more: on few cores a comfortable client would be half of what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**26))

    async def post(self, body: bytes) -> tuple[float, bytes]:
        """POST /v1/grade. Returns: seconds and the answer's body, which must be a 200."""
        head = b"POST /v1/grade HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        started = time.perf_counter()
        self._writer.write(head % len(body) + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        size = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        text = await self._reader.readexactly(size)
        assert answer.startswith(b"HTTP/1.1 200 "), answer + text[:300]
        return time.perf_counter() - started, text

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def body_of(batch: list[Item]) -> bytes:
    """A request."""
    return json.dumps({"items": batch}).encode()


async def one_batch(port: int, batch: list[Item]) -> float:
    """Seconds that a batch takes, every item of which must be graded right."""
    connection = await Connection.open(port)
    seconds, text = await connection.post(body_of(batch))
    connection.close()
    summary = json.loads(text)["summary"]
    assert summary["graded"] == summary["items"] == len(batch), summary
    return seconds


async def singles(port: int, batch: list[Item], concurrency: int) -> tuple[float, list[float]]:
    """Requests of one item. Returns: seconds of all, and of each, sorted."""
    todo, times = iter([body_of([item]) for item in batch]), []

    async def work() -> None:
        connection = await Connection.open(port)
        for body in todo:
            seconds, text = await connection.post(body)
            assert b'"status":"graded"' in text, text
            times.append(seconds)
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return time.perf_counter() - started, sorted(times)


_grader: list[MathGrader] = []


def open_grader() -> None:
    """In each process of the pool."""
    _grader[:] = [MathGrader().__enter__()]


def grade_here(batch: list[Item]) -> int:
    """Grade without a queue."""
    for item in batch:
        _grader[0].grade(MathTask(answer=item["task"]["answer"]), item["completion"])
    return len(batch)


def in_process(count: int) -> float:
    """Seconds of the same work in as many processes as there are cores, once they are warm."""
    with ProcessPoolExecutor(CORES, initializer=open_grader) as pool:
        seconds = []
        for _ in range(ROUNDS):
            batch = fresh(count)
            parts = [batch[start : start + 64] for start in range(0, count, 64)]
            started = time.perf_counter()
            assert sum(pool.map(grade_here, parts)) == count
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def resident(pids: dict[str, list[int]]) -> dict[str, float]:
    """MiB in memory of each kind of process, the largest of its kind, and of this one."""

    def mib(pid: int) -> float:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    return {kind: max(map(mib, found)) for kind, found in {**pids, "client": [os.getpid()]}.items() if found}


def processes(folder: str) -> dict[str, list[int]]:
    """The service's processes by kind."""
    found: dict[str, list[int]] = {"api": [], "worker": [], "store": []}
    ends = {"app api": "api", "--queue math": "worker"}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if folder not in words and folder.encode() not in (entry / "environ").read_bytes():
                continue
        except OSError:
            continue
        kind = "store" if "valkey-server" in words else next((k for end, k in ends.items() if words.endswith(end)), "")
        if kind:
            found[kind].append(int(entry.name))
    return found


def job(url: str, count: int, watch: Callable[[], None]) -> tuple[float, float]:
    """Send a job of so many items as a stream and read all results. Returns: seconds until accepted, and in all."""
    first = fresh(1)[0]["completion"]
    start = int(first.split("frac{")[1].split("}")[0])

    def lines() -> Iterator[bytes]:
        piece = bytearray()
        for item in items(count, start * 10):
            piece += json.dumps(item).encode() + b"\n"
            if len(piece) > 65536:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece)

    with httpx.Client(base_url=url, timeout=600) as client:
        started = time.perf_counter()
        response = client.post("/v1/jobs", content=lines(), headers={"Content-Type": "application/jsonl"})
        assert response.status_code == 202, response.text
        accepted = time.perf_counter() - started
        watch()
        done = 0
        with client.stream("GET", f"/v1/jobs/{response.json()['id']}/results") as stream:
            for piece in stream.iter_bytes():
                before, done = done, done + piece.count(b"\n")
                if before // 5000 != done // 5000:
                    watch()
        assert done == count, done
        return accepted, time.perf_counter() - started


def measure(port: int, folder: str, job_items: int) -> None:
    """Everything, one after the other."""
    asyncio.run(one_batch(port, fresh(1024)))

    over_http = [asyncio.run(one_batch(port, fresh(1024))) for _ in range(ROUNDS)]
    seconds, bare = statistics.median(over_http), in_process(1024)
    print(
        f"1,024 items in one request: {seconds:.3f} s (goal 0.4), {1024 / seconds:,.0f} items/s; "
        f"in {CORES} processes without a queue {1024 / bare:,.0f}; x{bare / seconds:.2f} (goal 0.75)"
    )

    asyncio.run(singles(port, fresh(128), 64))
    for _ in range(3):
        total, times = asyncio.run(singles(port, fresh(512), 64))
        middle, late = statistics.median(times), times[int(len(times) * 0.99) - 1]
        print(
            f"512 requests of one item, 64 at once: {512 / total:,.0f} items/s (goal 400), p50 {middle * 1000:.1f} ms, "
            f"p99 {late * 1000:.1f} ms; p99/p50 {late / middle:.1f} (goal at most 5)"
        )

    repeated, reordered = [], []
    for _ in range(ROUNDS):
        batch = fresh(1024)
        first = asyncio.run(one_batch(port, batch))
        repeated.append(first / asyncio.run(one_batch(port, batch)))
        reordered.append(first / asyncio.run(one_batch(port, batch[::-1])))
    print(
        f"a batch of 1,024 repeated: x{statistics.median(repeated):.1f} as fast (goal 10); "
        f"its items in another order: x{statistics.median(reordered):.1f}"
    )

    pids = processes(folder)
    for count in (job_items // 10, job_items):
        before, peak = resident(pids), resident(pids)

        def watch(peak: dict[str, float] = peak) -> None:
            for kind, mib in resident(pids).items():
                peak[kind] = max(peak[kind], mib)

        accepted, total = job(f"http://127.0.0.1:{port}", count, watch)
        memory = ", ".join(f"{kind} {before[kind]:.0f} to {peak[kind]:.0f} MiB" for kind in peak)
        print(
            f"a job of {count:,} items: accepted after {accepted:.1f} s, all results after {total:.1f} s, "
            f"{count / total:,.0f} items/s (goal 1,500); {memory}"
        )


def main() -> None:
    """Start a service, measure it, stop it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job-items", type=int, default=100_000)
    given = parser.parse_args()
    port = 18_433
    print(f"{CORES} cores, load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder:
        environment = {
            **os.environ,
            "TOUCHSTONE_DATA_DIR": folder,
            "TOUCHSTONE_PORT": str(port),
            "TOUCHSTONE_LOG_LEVEL": "warning",
            "TOUCHSTONE_CODE_WORKERS": "0",
        }
        command = [sys.executable, "-m", "app", "serve"]
        service = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_ready(f"http://127.0.0.1:{port}")
            measure(port, folder, given.job_items)
        finally:
            service.terminate()
            service.wait(60)
    print(f"load average {os.getloadavg()[0]:.1f}")


def wait_ready(url: str) -> None:
    """Wait until the math workers are there."""
    for _ in range(600):
        try:
            if httpx.get(url + "/readyz", timeout=5).json()["checks"]["math_workers"]["workers"] >= CORES:
                return
        except (httpx.HTTPError, KeyError, ValueError):
            pass
        time.sleep(0.1)
    raise SystemExit("the service did not become ready")


if __name__ == "__main__":
    main()
