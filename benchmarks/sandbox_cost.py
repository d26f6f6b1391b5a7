"""How much the sandbox costs, in both jails, beside a bare subprocess and `docker run`: medians of one run.

Not named sandbox.py: a script's own folder comes first on the path, and would hide the package of that name.

    python benchmarks/sandbox_cost.py                 every jail of this machine
    python benchmarks/sandbox_cost.py bubblewrap      one of them
    python benchmarks/sandbox_cost.py --load          also 128 programs of half a second each at concurrency 64

Figures are milliseconds unless they say otherwise. Ratios are against the bare subprocess of the same program.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.docker_jail import ask_engine
from sandbox.errors import JailUnavailable
from sandbox.limits import Limits
from sandbox.pool import PooledRunner, open_runner
from sandbox.run import Ended, Program, Run

IMAGE = os.environ.get("TOUCHSTONE_SANDBOX_IMAGE", "touchstone-sandbox:latest")
SUM = "a, b = map(int, input().split())\nprint(a + b)\n"
NUMPY = "import numpy\nprint(numpy.arange(3).sum())\n"
CPP = "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }\n"
BITS = "#include <bits/stdc++.h>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }\n// %d\n"
HALF_SECOND = "import time\nwhile time.process_time() < 0.5: pass\nprint('done')\n"
INPUT = b"3 4\n"

GOALS = {
    "python, one test": 8.0,
    "python, each of a batch of 50": 4.0,
    "python, runs a second": 250.0,
    "numpy, one test": 15.0,
    "c++, each of 50 tests once compiled": 4.0,
    "c++, compiling bits/stdc++.h": 600.0,
}


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Median wall time of the work, in milliseconds, after one round that does not count."""
    work()
    times: list[float] = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


@contextlib.contextmanager
def opened(kind: str, jails: int) -> Iterator[PooledRunner]:
    """A runner of the kind, closed at the end."""
    runner = open_runner("docker" if kind == "docker" else "bubblewrap", jails=jails, image=IMAGE)
    try:
        yield runner
    finally:
        runner.close()


def measure_bare(folder: Path) -> dict[str, float]:
    """The same programs without any sandbox."""
    (folder / "sum.py").write_text(SUM)
    (folder / "numpy_sum.py").write_text(NUMPY)
    (folder / "sum.cpp").write_text(CPP)
    (folder / "bits.cpp").write_text(BITS % 0)
    python = "/usr/bin/python3"

    def run(*command: str) -> None:
        subprocess.run(
            command, input=INPUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, check=False
        )

    run("g++", "-O2", "-o", "sum", "sum.cpp")
    figures = {
        "python, one test": median_ms(lambda: run(python, "-I", "sum.py"), 40),
        "c++, each of 50 tests once compiled": median_ms(lambda: run("./sum"), 40),
        "c++, compiling bits/stdc++.h": median_ms(lambda: run("g++", "-O2", "-o", "bits", "bits.cpp"), 3),
    }
    if subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode == 0:
        figures["numpy, one test"] = median_ms(lambda: run(python, "numpy_sum.py"), 10)
    figures["python, each of a batch of 50"] = figures["python, one test"]
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: run(python, "-I", "sum.py"), range(100)))
    figures["python, runs a second"] = 100 / (time.perf_counter() - started)
    return figures


def measure_docker_run() -> dict[str, float]:
    """A container per test, as hardened as it goes by flags."""
    flags = ["--rm", "-i", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "65534"]
    command = ["docker", "run", *flags, "--entrypoint", "python3", IMAGE, "-I", "-c", SUM]
    return {
        "python, one test": median_ms(
            lambda: subprocess.run(command, input=INPUT, stdout=subprocess.DEVNULL, check=True), 5
        )
    }


def measure_jail(kind: str) -> dict[str, float]:
    """The goals' figures in one kind of jail."""
    figures: dict[str, float] = {}
    limits = Limits()
    with opened(kind, 2) as runner:

        def run(source: str, count: int = 1) -> None:
            with runner.open(Program("python", {"main.py": source.encode()})) as candidate:
                outcomes = list(candidate.run([Run(stdin=INPUT)] * count, limits))
            assert all(outcome.exited_zero for outcome in outcomes), outcomes[0]

        figures["python, one test"] = median_ms(lambda: run(SUM), 60)
        figures["python, each of a batch of 50"] = median_ms(lambda: run(SUM, 50), 7) / 50
        figures["python, runs a second"] = runs_a_second(runner)
        with contextlib.suppress(AssertionError):  # Where the jail's interpreter has no numpy.
            figures["numpy, one test"] = median_ms(lambda: run(NUMPY), 20)
        with runner.open(Program("cpp", {"main.cpp": CPP.encode()})) as candidate:
            runs = [Run(stdin=INPUT)] * 50
            figures["c++, each of 50 tests once compiled"] = (
                median_ms(lambda: list(candidate.run(runs, limits)), 7) / 50
            )
        number = iter(range(100))

        def compile_bits() -> None:
            with runner.open(Program("cpp", {"main.cpp": (BITS % next(number)).encode()})) as candidate:
                assert candidate.compiled is not None
                assert candidate.compiled.exited_zero

        figures["c++, compiling bits/stdc++.h"] = median_ms(compile_bits, 5)
    return figures


def runs_a_second(runner: PooledRunner) -> float:
    """Two candidates at once, each with batches of 50 tests."""

    def work(_: int) -> None:
        with runner.open(Program("python", {"main.py": SUM.encode()})) as candidate:
            list(candidate.run([Run(stdin=INPUT)] * 50, Limits()))

    started = time.perf_counter()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, range(16)))
    return 16 * 50 / (time.perf_counter() - started)


def measure_load(kind: str) -> str:
    """128 right programs of half a second each, limit 10 s, 64 in flight: how many are called too slow."""
    with opened(kind, 4) as runner:
        waits: list[float] = []

        def work(_: int) -> Ended:
            started = time.perf_counter()
            with runner.open(Program("python", {"main.py": HALF_SECOND.encode()})) as candidate:
                (outcome,) = candidate.run([Run()], Limits(cpu_s=10.0))
            waits.append(time.perf_counter() - started)
            return outcome.ended

        started = time.perf_counter()
        with ThreadPoolExecutor(64) as threads:
            ends = list(threads.map(work, range(128)))
        elapsed = time.perf_counter() - started
    wrong = sum(ended is not Ended.EXITED for ended in ends)
    return f"{wrong} of 128 called too slow; {elapsed:.1f} s in all, the slowest waited {max(waits):.1f} s"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=["bubblewrap", "docker"])
    parser.add_argument("--load", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bare = measure_bare(Path(folder))
    columns: dict[str, dict[str, float]] = {"bare": bare}
    engine = ask_engine(IMAGE)
    if engine.answers and engine.has_image:
        columns["docker run"] = measure_docker_run()
    for kind in options.kinds:
        try:
            columns[kind] = measure_jail(kind)
        except JailUnavailable as error:
            print(f"{kind}: {error}", file=sys.stderr)
    print(f"{'':40}{'goal':>10}" + "".join(f"{name:>22}" for name in columns))
    missed = 0
    for name, goal in GOALS.items():
        line = f"{name:40}{goal:>10.1f}"
        for column, figures in columns.items():
            value = figures.get(name)
            if value is None:
                line += f"{'-':>22}"
                continue
            ratio = f" ({value / bare[name]:.2f}x)" if column != "bare" and name in bare else ""
            reached = value >= goal if name.endswith("a second") else value <= goal
            mark = "" if reached or column in ("bare", "docker run") else " !"
            missed += mark != ""
            line += f"{f'{value:.1f}{ratio}{mark}':>22}"
        print(line)
    print(f"{missed} goals missed (marked !)")
    if options.load:
        for kind in options.kinds:
            with contextlib.suppress(JailUnavailable):
                print(f"load, {kind}: {measure_load(kind)}")


if __name__ == "__main__":
    main()
