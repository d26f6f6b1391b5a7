"""The maths grader's speed and agreement, beside math-verify's on the same rows in the same run, on one core.

    python benchmarks/math_grader.py [--data DIR] [--peer PYTHON] [--runs N] [--json FILE]

DIR holds math_pairs.jsonl, math_generated_pairs.jsonl, math_hard_pairs.jsonl and math_completions.jsonl (default: the
development data beside the repository). PYTHON is an interpreter that has math-verify; without one, and where this one
has none, its columns are left out and the script says so.

Every run starts with empty caches: nothing is decided twice within a run except what the data repeats. Rates are rows
per second of processor time of this process (a busy machine does not change them much); percentiles are wall clock.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SETS = (
    ("math_pairs.jsonl", "pred", "expected"),
    ("math_generated_pairs.jsonl", "pred", "expected"),
    ("math_hard_pairs.jsonl", "pred", "label"),
    ("math_completions.jsonl", "completion", "label"),
)
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def figures(
    rows: list[dict[str, Any]], label: str, found: list[bool], seconds: list[float], cpu_s: float
) -> dict[str, float]:
    """What is reported of one run over one set."""
    ordered = sorted(seconds)
    return {
        "rows": len(rows),
        "agreement": sum(bool(row[label]) == correct for row, correct in zip(rows, found, strict=True)) / len(rows),
        "refused": sum(bool(row[label]) and not correct for row, correct in zip(rows, found, strict=True)),
        "accepted": sum(not row[label] and correct for row, correct in zip(rows, found, strict=True)),
        "rate": len(rows) / cpu_s,
        "p50_ms": ordered[len(ordered) // 2] * 1e3,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1e3,
        "max_ms": ordered[-1] * 1e3,
    }


def ours(rows: list[dict[str, Any]], answer: str, label: str) -> dict[str, float]:
    """One run of the maths grader with empty caches."""
    from graders.errors import TaskInvalid
    from graders.math.grade import MathGrader
    from graders.task import MathTask

    found: list[bool] = []
    seconds: list[float] = []
    with MathGrader() as grader:
        started = time.process_time()
        for row in rows:
            at = time.perf_counter()
            try:
                correct = grader.grade(MathTask(answer=row["gold"]), row[answer]).score == 1.0
            except TaskInvalid:
                correct = False
            seconds.append(time.perf_counter() - at)
            found.append(correct)
        cpu_s = time.process_time() - started
    return figures(rows, label, found, seconds, cpu_s)


def theirs(rows: list[dict[str, Any]], answer: str, label: str) -> dict[str, float]:
    """One run of math-verify, used as its README says: both sides in LaTeX, its own time-outs on."""
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify  # type: ignore[import-not-found]

    config = [LatexExtractionConfig(), ExprExtractionConfig()]
    found: list[bool] = []
    seconds: list[float] = []
    started = time.process_time()
    for row in rows:
        at = time.perf_counter()
        gold = row["gold"] if "$" in row["gold"] or "boxed" in row["gold"] else f"\\boxed{{{row['gold']}}}"
        given = row[answer]
        if row.get("form") == "bare" or (answer == "pred" and "form" not in row):
            given = f"\\boxed{{{given}}}"
        try:
            correct = bool(verify(parse(gold, config), parse(given, config)))
        except Exception:  # noqa: BLE001  (whatever it raises, it did not accept)
            correct = False
        seconds.append(time.perf_counter() - at)
        found.append(correct)
    return figures(rows, label, found, seconds, time.process_time() - started)


def import_seconds() -> float:
    """How long a fresh interpreter takes to import the grader, the best of five.

    With bytecode in a directory of its own, as an installed package has it: where the environment forbids writing any,
    this would measure the compiler.
    """
    program = "import time; at = time.perf_counter(); import graders.math.grade; print(time.perf_counter() - at)"
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        times = [
            float(
                subprocess.run(
                    [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
                ).stdout
            )
            for _ in range(5)
        ]
    return min(times)


def cached_rate(rows: list[dict[str, Any]]) -> float:
    """Rows per second where every pair was decided before, as in a group whose completions agree."""
    from graders.errors import TaskInvalid
    from graders.math.grade import MathGrader
    from graders.task import MathTask

    with MathGrader() as grader:
        for turn in range(2):
            started = time.process_time()
            for row in rows:
                try:
                    grader.grade(MathTask(answer=row["gold"]), row["pred"])
                except TaskInvalid:
                    continue
            if turn == 1:
                return len(rows) / (time.process_time() - started)
    raise AssertionError("unreachable")


def show(name: str, who: str, runs: list[dict[str, float]]) -> None:
    """One line of the table: medians over the runs."""
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    print(
        f"{name:30s} {who:12s} {middle['rows']:5.0f} {middle['agreement']:9.4f} {middle['refused']:5.0f}"
        f" {middle['accepted']:5.0f} {middle['rate']:9.0f} {middle['p50_ms']:8.3f} {middle['p99_ms']:8.2f}"
        f" {middle['max_ms']:9.1f}"
    )


def peer_runs(python: str, data: Path, runs: int) -> dict[str, list[dict[str, float]]] | None:
    """The figures of math-verify, measured by this script under another interpreter."""
    command = [python, __file__, "--data", str(data), "--runs", str(runs), "--only-peer"]
    try:
        run = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    if run.returncode != 0:
        return None
    found: dict[str, list[dict[str, float]]] = json.loads(run.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Parse the command line, run, print a table, optionally write JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, default=DATA)
    arguments.add_argument("--peer", default=sys.executable)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--only-peer", action="store_true")
    options = arguments.parse_args()
    gc.set_threshold(20_000, 20, 20)  # As in a worker process (app/worker.py), and for the peer too.
    if not options.data.is_dir():
        sys.exit(f"no data at {options.data}; give --data")
    sets = [(name, rows_of(options.data / name), answer, label) for name, answer, label in SETS]
    if options.only_peer:
        try:
            print(json.dumps({name: [theirs(rows, answer, label)] for name, rows, answer, label in sets}))
        except ImportError:
            sys.exit(3)
        return
    print(f"{'set':30s} {'grader':12s} {'rows':>5s} {'agreement':>9s} {'FN':>5s} {'FP':>5s} {'rows/s':>9s}"
          f" {'p50 ms':>8s} {'p99 ms':>8s} {'max ms':>9s}")  # fmt: skip
    report: dict[str, Any] = {"runs": options.runs, "load": os.getloadavg()[0]}
    report["ours"] = {
        name: [ours(rows, answer, label) for _ in range(options.runs)] for name, rows, answer, label in sets
    }
    report["peer"] = peer_runs(options.peer, options.data, 1)
    for name, _, _, _ in sets:
        show(name, "touchstone", report["ours"][name])
        if report["peer"] is not None:
            show(name, "math-verify", report["peer"][name])
    if report["peer"] is None:
        print(
            "math-verify is not installed for",
            options.peer,
            "- its rows are left out (pip install math-verify, then --peer)",
        )
    pairs = [row for name, rows, answer, _ in sets if answer == "pred" for row in rows]
    together = [ours(pairs, "pred", "pred") for _ in range(options.runs)]
    report["pairs_rate"] = statistics.median(run["rate"] for run in together)
    report["cached_rate"] = cached_rate(pairs)
    report["import_s"] = import_seconds()
    print(
        f"all pair files: {report['pairs_rate']:.0f} pairs/s with empty caches,"
        f" {report['cached_rate']:.0f} pairs/s decided before"
    )
    if report["peer"] is not None:
        spent = sum(
            run["rows"] / run["rate"] for name, _, answer, _ in sets if answer == "pred" for run in report["peer"][name]
        )
        completions = statistics.median(run["rate"] for run in report["ours"]["math_completions.jsonl"])
        peer_completions = report["peer"]["math_completions.jsonl"][0]["rate"]
        print(
            f"against math-verify: {report['pairs_rate'] * spent / len(pairs):.0f} times on pairs,"
            f" {completions / peer_completions:.0f} times on completions"
        )
    print(f"import of the grader: {report['import_s'] * 1e3:.0f} ms")
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
