"""A seeded storm: random components are killed while items with known verdicts are graded; then the history is checked.

    python -m tests.storm [--seconds 300] [--items 20000] [--seed N] [--sandbox bubblewrap]

Half of the items go as jobs, half as requests that are sent again when the service was away. What must hold at the
end: every accepted item has exactly one result, no result is false, none is invented. An `error` is allowed (a storm
may kill an item's worker each time it is tried), is counted, and is never a number.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.processes import Service, running

BATCH = 100


def item(n: int) -> dict[str, Any]:
    """An item whose verdict its number tells; one in twenty is a program."""
    wrong = n % 3 == 0
    if n % 20 == 7:
        source = f"print({n} + int(input()) + {int(wrong)})"
        tests = {"kind": "stdio", "cases": [{"input": "1\n", "output": f"{n + 1}\n"}]}
        return {"id": str(n), "completion": f"```python\n{source}\n```", "task": {"kind": "code", "tests": tests}}
    answer = f"\\frac{{{n + wrong}}}{{7}}"
    return {"id": str(n), "completion": f"\\boxed{{{n}/7}}", "task": {"kind": "math", "answer": answer}}


class History:
    """What was answered for each item."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[int, list[float | None]] = {}
        self.faults: Counter[str] = Counter()
        self.retries = 0

    def record(self, results: list[dict[str, Any]]) -> None:
        """Results as they came back."""
        with self._lock:
            for row in results:
                self._answers.setdefault(int(row["id"]), []).append(row["reward"])
                if row["status"] != "graded":
                    self.faults[(row.get("fault") or row.get("invalid"))["code"]] += 1

    def complaints(self, total: int) -> list[str]:
        """Whatever must not be."""
        found = []
        for n in range(total):
            answers = self._answers.pop(n, [])
            if len(answers) != 1:
                found.append(f"item {n} has {len(answers)} results")
            elif answers[0] not in (None, float(n % 3 != 0)):
                found.append(f"item {n} is {answers[0]}, which is false")
        return found + [f"item {n} was never sent" for n in self._answers]


def in_time(starts: range, seconds: float) -> Iterator[int]:
    """Each start when it is due, so that what is sent lasts as long as the storm, however fast the service is."""
    began = time.monotonic()
    for place, start in enumerate(starts):
        time.sleep(max(began + seconds * place / len(starts) - time.monotonic(), 0))
        yield start


def send_requests(service: Service, numbers: list[int], history: History, seconds: float) -> None:
    """Batches that are sent again, with the same content, until they are answered."""
    for start in in_time(range(0, len(numbers), BATCH), seconds):
        items = [item(n) for n in numbers[start : start + BATCH]]
        while True:
            with contextlib.suppress(httpx.HTTPError, ValueError):
                response = httpx.post(service.url + "/v1/grade", json={"items": items}, timeout=120)
                if response.status_code == 200:
                    history.record(response.json()["results"])
                    break
            history.retries += 1
            time.sleep(0.3)


def send_jobs(service: Service, numbers: list[int], history: History, seconds: float) -> None:
    """Jobs with an idempotency key each, read with a cursor through whatever happens."""
    size = 5 * BATCH
    for start in in_time(range(0, len(numbers), size), seconds):
        body = b"".join(json.dumps(item(n)).encode() + b"\n" for n in numbers[start : start + size])
        headers = {"Content-Type": "application/jsonl", "Idempotency-Key": f"storm-{os.getpid()}-{numbers[start]}"}
        job = ""
        while not job:
            with contextlib.suppress(httpx.HTTPError, ValueError):
                response = httpx.post(service.url + "/v1/jobs", content=body, headers=headers, timeout=120)
                if response.status_code == 202:
                    job = response.json()["id"]
                    break
            history.retries += 1
            time.sleep(0.3)
        read_job(service, job, len(numbers[start : start + size]), history)


def read_job(service: Service, job: str, count: int, history: History) -> None:
    """Every line once, whatever becomes of the connection."""
    seen = 0
    while seen < count:
        with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
            url = f"{service.url}/v1/jobs/{job}/results"
            with httpx.stream("GET", url, params={"after": seen}, timeout=60) as response:
                if response.status_code == 200:
                    for line in response.iter_lines():
                        row = json.loads(line)
                        assert row["seq"] == seen + 1
                        seen = row["seq"]
                        history.record([row])
        if seen < count:
            history.retries += 1
            time.sleep(0.3)


def strike(service: Service, chance: random.Random) -> str:
    """Kill or freeze one component."""
    members = service.members()
    kinds = {
        "math worker": [pid for pid, words in members.items() if words.endswith("--queue math")],
        "code worker": [pid for pid, words in members.items() if words.endswith("--queue code")],
        "api": [pid for pid, words in members.items() if words.endswith("app api")],
        "store": [pid for pid, words in members.items() if "valkey-server" in words],
        "jail": service.bubbles(),
    }
    kind = chance.choices(list(kinds), weights=[4, 3, 1, 1, 2])[0]
    if not kinds[kind]:
        return f"no {kind}"
    victim = chance.choice(sorted(kinds[kind]))
    with contextlib.suppress(ProcessLookupError):
        if kind.endswith("worker") and chance.random() < 0.25:
            os.kill(victim, signal.SIGSTOP)
            threading.Timer(chance.uniform(2, 8), _thaw, (victim,)).start()
            return f"froze {kind}"
        os.kill(victim, signal.SIGKILL)
    return f"killed {kind}"


def _thaw(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def main() -> int:
    """Storm, calm, check. The exit status is 0 when nothing is to complain of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--sandbox", default="bubblewrap")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    chance = random.Random(given.seed)
    history, strikes = History(), Counter[str]()
    with (
        tempfile.TemporaryDirectory(prefix="touchstone-storm-") as folder,
        running(
            Path(folder), math_workers=2, code_workers=2, sandbox=given.sandbox, lease_s=3, log_level="error"
        ) as up,
    ):
        numbers = list(range(given.items))
        half = given.items // 2
        senders = [
            threading.Thread(target=send_requests, args=(up, numbers[:half:2], history, given.seconds)),
            threading.Thread(target=send_requests, args=(up, numbers[1:half:2], history, given.seconds)),
            threading.Thread(target=send_jobs, args=(up, numbers[half:], history, given.seconds)),
        ]
        started = time.monotonic()
        for sender in senders:
            sender.start()
        while time.monotonic() - started < given.seconds and any(sender.is_alive() for sender in senders):
            time.sleep(chance.uniform(1, 4))
            strikes[strike(up, chance)] += 1
        for sender in senders:
            sender.join(600)
        stuck = sum(sender.is_alive() for sender in senders)
        seconds = time.monotonic() - started
    complaints = history.complaints(given.items) + [f"{stuck} senders are stuck"] * bool(stuck)
    if history.faults.total() > given.items // 50:
        complaints.append(f"{history.faults.total()} items ended without a verdict")
    print(f"{given.items} items in {seconds:.0f} s, sent again {history.retries} times")
    print(f"strikes: {dict(strikes)}")
    print(f"errors: {dict(history.faults)}")
    for complaint in complaints[:20]:
        print("COMPLAINT:", complaint)
    print("nothing to complain of" if not complaints else f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
