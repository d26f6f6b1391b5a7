"""What grading code costs: tests a second for each kind of test, and what a hanging program does to its neighbours.

    python benchmarks/code_grader.py [--sandbox docker|bubblewrap|auto] [--workers N]

Each of N workers is a process with a runner of its own, as in the service, but without HTTP and Redis. It grades the
same made-up submissions, all of them right, so any other verdict than "passed" is an error of ours and is counted.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from graders.code.grade import CodeGrader
from graders.task import AssertTests, CodeTask, FunctionCase, FunctionTests, StdioCase, StdioTests
from sandbox.limits import Limits
from sandbox.pool import open_runner

SUBMISSIONS, TESTS = 40, 15
STDIO = "```python\nn = int(input())\nprint(sum(i for i in range(n) if i % 3 == 0 or i % 5 == 0))  # {}\n```"
FUNCTION = "```python\ndef f(n):\n    return sum(i for i in range(n) if i % 3 == 0 or i % 5 == 0)  # {}\n```"
CPP = (
    "```cpp\n#include <bits/stdc++.h>\nint main() {{ long n, s = 0; std::cin >> n;\n"
    "for (long i = 0; i < n; i++) if (i % 3 == 0 || i % 5 == 0) s += i; std::cout << s; }} // {}\n```"
)


def expected(n: int) -> int:
    """The answer to a made-up problem."""
    return sum(i for i in range(n) if i % 3 == 0 or i % 5 == 0)


def stdio_task(language: str) -> CodeTask:
    """Inputs that all differ, since equal ones are run once."""
    cases = tuple(StdioCase(input=f"{n}\n", output=f"{expected(n)}\n") for n in range(100, 100 + TESTS))
    return CodeTask(language=language, tests=StdioTests(cases=cases))


def function_task() -> CodeTask:
    """The same by value."""
    cases = tuple(FunctionCase(args=(n,), expected=expected(n)) for n in range(100, 100 + TESTS))
    return CodeTask(tests=FunctionTests(entry_point="f", cases=cases))


def assert_task() -> CodeTask:
    """The same by trusted asserts."""
    lines = "\n".join(f"assert f({n}) == {expected(n)}" for n in range(100, 100 + TESTS))
    return CodeTask(tests=AssertTests(source=lines))


KINDS: dict[str, tuple[Callable[[], CodeTask], str]] = {
    "stdio, python": (lambda: stdio_task("python"), STDIO),
    "function, python": (function_task, FUNCTION),
    "asserts, python": (assert_task, FUNCTION),
    "stdio, c++": (lambda: stdio_task("cpp"), CPP),
}


def work(kind: str, sandbox: str, run_dir: str, share: list[int], results: "multiprocessing.Queue[object]") -> None:
    """Grade a share of the submissions, when all workers are warm."""
    make, completion = KINDS[kind]
    task = make()
    runner = open_runner(sandbox, jails=2, run_dir=Path(run_dir))  # type: ignore[arg-type]
    grader = CodeGrader(runner, Limits())
    grader.grade(task, completion.format("warm"))
    results.put("ready")
    started = time.perf_counter()
    reasons = Counter(str(grader.grade(task, completion.format(number)).reason) for number in share)
    results.put((started, time.perf_counter(), reasons))
    runner.close()


def measure(kind: str, sandbox: str, workers: int) -> tuple[float, Counter[str]]:
    """Seconds for all submissions together, and the verdicts."""
    results: multiprocessing.Queue[object] = multiprocessing.Queue()
    with tempfile.TemporaryDirectory() as run_dir:
        shares = [list(range(SUBMISSIONS))[index::workers] for index in range(workers)]
        processes = [
            multiprocessing.Process(target=work, args=(kind, sandbox, run_dir, share, results)) for share in shares
        ]
        for process in processes:
            process.start()
        spans = [span for span in (results.get(timeout=600) for _ in range(2 * workers)) if isinstance(span, tuple)]
        for process in processes:
            process.join(timeout=60)
    reasons: Counter[str] = Counter()
    for _, _, some in spans:
        reasons.update(some)
    return max(end for _, end, _ in spans) - min(start for start, _, _ in spans), reasons


def main() -> int:
    """Print a row for each kind; the status says whether every verdict was right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sandbox", default="auto", choices=("auto", "docker", "bubblewrap"))
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    wrong = 0
    print(f"{SUBMISSIONS} submissions of {TESTS} tests, {options.workers} workers, {options.sandbox}")
    for kind in KINDS:
        seconds, reasons = measure(kind, options.sandbox, options.workers)
        wrong += SUBMISSIONS - reasons["passed"]
        rates = f"{SUBMISSIONS * TESTS / seconds:8.0f} tests/s {SUBMISSIONS / seconds:7.1f} submissions/s"
        print(f"{kind:20} {rates}  {dict(reasons)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
