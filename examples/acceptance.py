"""Posts real material to a running service and says how its verdicts agree with the labels.

    python examples/acceptance.py [--url http://127.0.0.1:8000] [--data ../shared/data] [--attacks]

Whole completions as one batch, generated functions with their asserts, contest submissions in the languages the
service has, single-item requests at concurrency 64, and, if asked, programs that try to cheat. Every item must come
back exactly once; the exit status is 1 when one did not, or when a cheat was paid. Labels that disagree are listed, for
a person to look at.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

Item = dict[str, Any]

ALIASES = {"AC": "passed", "WA": "wrong_answer", "RTE": "runtime_error", "TLE": "time_limit", "MLE": "memory_limit"}
POINTS = {"subtask1": 1, "subtask2": 2}


def read(folder: Path, name: str) -> list[Item]:
    """The rows of a JSONL file."""
    with (folder / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def completions(folder: Path) -> list[Item]:
    """Whole model completions with their reference answers; `label` says whether they were called right."""
    return [
        {
            "label": row["label"],
            "item": {
                "id": row["id"],
                "prompt": row["problem"],
                "completion": row["completion"],
                "task": {"kind": "math", "answer": row["gold"]},
            },
        }
        for row in read(folder, "math_completions.jsonl")
    ]


def generations(folder: Path) -> list[Item]:
    """Function bodies that a model wrote for HumanEval, all right, with the problems' asserts."""
    tests = {row["id"].removeprefix("HumanEval/"): row for row in read(folder, "code_asserts_humaneval.jsonl")}
    found = []
    for row in read(folder, "code_generations_humaneval.jsonl"):
        problem = tests[row["id"].removeprefix("Python/")]
        task = {"kind": "asserts", "source": problem["test"], "entry_point": problem["entry_point"]}
        item = {
            "id": row["id"],
            "prompt": row["prompt"],
            "completion": row["completion"],
            "task": {"kind": "code", "language": "python", "tests": task},
        }
        found.append({"label": True, "item": item})
    return found


def submissions(folder: Path) -> list[Item]:
    """Contest submissions of three problems: plain, with a checker program, and scored by subtasks."""
    problems = {row["id"]: row for row in read(folder, "code_judge_problems.jsonl")}
    found = []
    for row in read(folder, "code_judge_submissions.jsonl"):
        problem = problems[row["problem"]]
        cases = [{"input": test["input"], "output": test["output"]} for test in problem["tests"]]
        tests: Item = {"kind": "stdio", "cases": cases}
        if problem["validator_files"]:
            tests["checker"] = {"kind": "program", "language": "cpp", "source": one_file(problem["validator_files"])}
        task: Item = {"kind": "code", "language": row["language"], "tests": tests}
        if problem["kind"] == "scoring":
            groups: dict[str, list[int]] = {}
            for index, test in enumerate(problem["tests"]):
                groups.setdefault(next((name for name in POINTS if name in test["name"]), ""), []).append(index)
            task["subtasks"] = [
                {"cases": cases, "points": POINTS[name]} for name, cases in sorted(groups.items()) if name
            ]
        source = one_file(row["files"])
        item = {"id": row["id"], "completion": f"```{row['language']}\n{source}\n```", "task": task}
        found.append({"label": row["expected"], "item": item})
    return found


def one_file(files: dict[str, Item]) -> str:
    """Several source files as one: local includes are put in place."""
    texts = {name.rsplit("/", 1)[-1]: content["text"] for name, content in files.items()}
    main = next((name for name in texts if not name.endswith((".h", "kattio.pl"))), next(iter(texts)))
    return re.sub(r'#include "([^"]+)"', lambda found: texts.get(found[1], found[0]), texts[main])


def attacks(folder: Path) -> list[Item]:
    """Programs that try to cheat, and honest ones beside them; `label` says honest."""
    # Of two problems for a mode the later one has more cases.
    problems = {row["mode"]: row for row in read(folder, "code_attack_problems.jsonl")}
    found = []
    for row in read(folder, "code_attacks.jsonl"):
        problem = problems[row["mode"]]
        if row["mode"] == "stdin":
            tests: Item = {"kind": "stdio", "cases": problem["tests"]}
        elif row["mode"] == "function":
            tests = {"kind": "function", "entry_point": problem["entry_point"], "cases": problem["tests"]}
        elif row["mode"] == "assert":
            tests = {"kind": "asserts", "source": problem["test"], "entry_point": problem["entry_point"]}
        else:
            tests = {"kind": "unittest", "source": problem["test_file"]}
        item = {
            "id": row["id"],
            "completion": f"```{row['language']}\n{row['code']}\n```",
            "task": {"kind": "code", "language": row["language"], "tests": tests, "limits": {"time_s": 2}},
        }
        found.append({"label": row["honest"], "item": item})
    return found


class Report:
    """What came back, and whether each item did exactly once."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.lost = 0
        self.paid_cheats = 0

    async def post(self, items: list[Item]) -> list[Item]:
        """One batch; a result per item, in order."""
        response = await self._client.post("/v1/grade", json={"items": items, "explain": True})
        response.raise_for_status()
        results: list[Item] = response.json()["results"]
        if [row["id"] for row in results] != [item["id"] for item in items]:
            self.lost += 1
            print("  LOST: the results are not the items, in order")
        return results

    async def batch(self, title: str, rows: list[Item], judge: Any, size: int = 4096) -> None:
        """Post rows in batches, compare with the labels, print the disagreements."""
        started = time.monotonic()
        results: list[Item] = []
        for start in range(0, len(rows), size):
            results += await self.post([row["item"] for row in rows[start : start + size]])
        seconds = time.monotonic() - started
        states = Counter(result["status"] for result in results)
        disagreeing = [(row, result) for row, result in zip(rows, results, strict=True) if not judge(row, result)]
        agreed = len(rows) - len(disagreeing)
        if judge is honest:
            self.paid_cheats += sum(not row["label"] for row, _ in disagreeing)
        print(f"{title}: {agreed} of {len(rows)} agree, {dict(states)}, {seconds:.2f} s, {len(rows) / seconds:.0f}/s")
        for row, result in disagreeing:
            verdict = result.get("verdict") or result.get("fault") or result.get("invalid")
            words = {name: verdict.get(name) for name in ("outcome", "reason", "answer", "code", "message")}
            print(f"  {row['item']['id']} label={row['label']}", {k: v for k, v in words.items() if v is not None})

    async def singles(self, rows: list[Item], concurrency: int) -> None:
        """One request an item, so many at once."""
        gate = asyncio.Semaphore(concurrency)
        times: list[float] = []

        async def one(row: Item) -> None:
            async with gate:
                started = time.monotonic()
                await self.post([row["item"]])
                times.append(time.monotonic() - started)

        started = time.monotonic()
        await asyncio.gather(*(one(row) for row in rows))
        times.sort()
        seconds = time.monotonic() - started
        middle, late = times[len(times) // 2], times[int(len(times) * 0.99) - 1]
        print(f"single items: {len(times)} in {seconds:.2f} s at {concurrency}, p50 {middle:.3f} s, p99 {late:.3f} s")


def right(row: Item, result: Item) -> bool:
    """The verdict is correct exactly where the label says so."""
    return result["status"] == "graded" and (result["verdict"]["outcome"] == "correct") == row["label"]


def as_expected(row: Item, result: Item) -> bool:
    """The reason is one of the expected ones; a scored problem that is only partly solved is `partial`."""
    if result["status"] != "graded":
        return False
    verdict = result["verdict"]
    if "PARTIAL" in row["label"]:
        return bool(verdict["outcome"] == "partial")
    return verdict["reason"] in {ALIASES[word] for word in row["label"]}


def honest(row: Item, result: Item) -> bool:
    """An honest program is correct; any other is anything but."""
    return ((result.get("verdict") or {}).get("outcome") == "correct") == row["label"]


async def main() -> int:
    """Post everything; the exit status says whether each item came back once and no cheat was paid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("TOUCHSTONE_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--key", default=os.environ.get("TOUCHSTONE_API_KEY"))
    parser.add_argument("--attacks", action="store_true", help="also the programs that try to cheat")
    given = parser.parse_args()
    headers = {"Authorization": f"Bearer {given.key}"} if given.key else {}
    limits = httpx.Limits(max_connections=128)
    async with httpx.AsyncClient(base_url=given.url, headers=headers, timeout=600, limits=limits) as client:
        report = Report(client)
        maths = completions(given.data)
        await report.batch("whole completions", maths, right)
        await report.batch("generated functions", generations(given.data), right)
        await report.batch("contest submissions", submissions(given.data), as_expected)
        await report.singles((maths[:60] + generations(given.data)[:40])[:100], 64)
        if given.attacks:
            rows = attacks(given.data)
            await report.batch("attacks and honest programs", rows, honest, size=16)
            answers = await report.post([rows[0]["item"], maths[0]["item"]])
            print("still answering:", [row["status"] for row in answers])
    return 1 if report.lost or report.paid_cheats else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
