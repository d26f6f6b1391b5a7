"""Every limit ends a run under its own name, and an honest program within its limits is left alone."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from sandbox.limits import MIB, Limits
from sandbox.pool import PooledRunner
from sandbox.protocol import STARVED_FACTOR
from sandbox.run import Ended, Program, Run, RunOutcome

RunPython = Callable[..., RunOutcome]


def test_processor_time_ends_a_loop(run_python: RunPython) -> None:
    """A busy loop ends as TIME_LIMIT close to its processor limit, not at the far wall limit."""
    outcome = run_python("while True: pass", limits=Limits(cpu_s=0.5, wall_s=20))
    assert outcome.ended is Ended.TIME_LIMIT
    assert 0.4 < outcome.cpu_s < 1.5
    assert not outcome.retried


def test_processor_time_of_children_counts(run_python: RunPython) -> None:
    """Work moved to children, even to ones that are reaped by nobody, is the program's work."""
    source = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    if os.fork() == 0:
        end = time.process_time() + 0.2
        while time.process_time() < end: pass
        os._exit(0)
    try: os.wait()
    except ChildProcessError: pass
"""
    outcome = run_python(source, limits=Limits(cpu_s=1.0, wall_s=15))
    assert outcome.ended is Ended.TIME_LIMIT
    assert outcome.wall_s < 8


@pytest.mark.alone
def test_a_sleeper_meets_the_wall_limit_and_is_not_run_again(run_python: RunPython) -> None:
    """Sleeping uses no processor time, so the wall limit ends it; it was not starved, so once is enough."""
    started = time.monotonic()
    outcome = run_python("import time; time.sleep(60)", limits=Limits(cpu_s=0.5, wall_s=0.7))
    assert outcome.ended is Ended.TIME_LIMIT
    assert outcome.cpu_s < 0.4
    assert not outcome.retried
    assert time.monotonic() - started < 3


def test_a_stopped_process_meets_the_wall_limit(run_python: RunPython) -> None:
    """SIGSTOP to oneself does not outlast the limit."""
    outcome = run_python(
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", limits=Limits(cpu_s=0.5, wall_s=0.7)
    )
    assert outcome.ended is Ended.TIME_LIMIT


def test_memory_is_told_apart_from_a_crash(run_python: RunPython) -> None:
    """Growing past the limit is MEMORY_LIMIT; a segmentation fault within it is SIGNALLED."""
    grown = run_python("x = []\nwhile True: x.append(bytearray(1 << 22))", limits=Limits(memory_bytes=128 * MIB))
    assert grown.ended is Ended.MEMORY_LIMIT
    crashed = run_python("import ctypes; ctypes.string_at(0)", limits=Limits(memory_bytes=128 * MIB))
    assert (crashed.ended, crashed.signal) == (Ended.SIGNALLED, 11)


def test_memory_of_the_whole_tree_counts(run_python: RunPython) -> None:
    """Four processes of 60 MiB each exceed 160 MiB together, though none does alone."""
    source = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        x = bytearray(os.urandom(1 << 20) * 60)
        time.sleep(20)
time.sleep(20)
"""
    outcome = run_python(source, limits=Limits(cpu_s=5, wall_s=10, memory_bytes=160 * MIB))
    assert outcome.ended is Ended.MEMORY_LIMIT


def test_shared_memory_counts(run_python: RunPython) -> None:
    """Pages of an anonymous shared mapping are memory like any other."""
    source = "import mmap\nm = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096): m[i] = 1"
    assert run_python(source, limits=Limits(memory_bytes=128 * MIB)).ended is Ended.MEMORY_LIMIT


def test_memory_that_grows_just_past_the_limit_at_the_end_counts(runner: PooledRunner) -> None:
    """A program that has touched its whole limit and a little more when it exits was over it, however briefly."""
    source = b"""
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    volatile char *a = malloc(260 << 20);
    for (long i = 0; i < 260 << 20; i += 512) a[i] = a[i / 2] + 1;
    puts("done");
    return 0;
}
"""
    with runner.open(Program("c", {"main.c": source})) as candidate:
        (over,) = candidate.run([Run()], Limits(memory_bytes=256 * MIB))
        (within,) = candidate.run([Run()], Limits(memory_bytes=280 * MIB))
    assert over.ended is Ended.MEMORY_LIMIT, over
    assert within.exited_zero, within


def test_memory_within_the_limit_is_reported(run_python: RunPython) -> None:
    """A program that uses 100 MiB of 256 ends by itself, and the peak is near what it used."""
    outcome = run_python("x = bytearray(b'x') * (100 << 20); print(len(x))", limits=Limits(memory_bytes=256 * MIB))
    assert outcome.exited_zero
    assert 100 * MIB < outcome.memory_bytes < 200 * MIB


@pytest.mark.alone
@pytest.mark.parametrize("stream", [1, 2])
def test_output_past_the_cap_ends_the_run(run_python: RunPython, stream: int) -> None:
    """Either stream past its cap is OUTPUT_LIMIT, soon, and exactly the cap is kept."""
    started = time.monotonic()
    outcome = run_python(
        f"import os\nwhile True: os.write({stream}, b'y' * 65536)", limits=Limits(cpu_s=10, output_bytes=100_000)
    )
    assert outcome.ended is Ended.OUTPUT_LIMIT
    assert len(outcome.stdout if stream == 1 else outcome.stderr) == 100_000
    assert time.monotonic() - started < 3


def test_output_of_exactly_the_cap_is_no_offence(run_python: RunPython) -> None:
    """The cap is what may be written, not what may not."""
    outcome = run_python("import sys; sys.stdout.write('y' * 300_000)", limits=Limits(output_bytes=300_000))
    assert outcome.exited_zero
    assert len(outcome.stdout) == 300_000


def test_large_output_on_both_streams_arrives_whole(run_python: RunPython) -> None:
    """Both pipes are drained while the program runs: 3 MB on each, alternating, no deadlock, no loss."""
    source = "import os\nfor i in range(300): os.write(1, b'a' * 10000); os.write(2, b'b' * 10000)"
    outcome = run_python(source, limits=Limits(output_bytes=4 * MIB))
    assert outcome.exited_zero
    assert (len(outcome.stdout), len(outcome.stderr)) == (3_000_000, 3_000_000)


def test_processes_are_bounded_and_fork_fails_inside(run_python: RunPython) -> None:
    """At the limit fork fails with EAGAIN; the program may catch that and end well."""
    source = """
import os, time
n = 0
try:
    while n < 1000:
        if os.fork() == 0: time.sleep(30)
        n += 1
except BlockingIOError: pass
print(n)
"""
    outcome = run_python(source, limits=Limits(processes=20, wall_s=10))
    assert outcome.exited_zero
    assert int(outcome.stdout) == 19


def test_a_file_is_bounded(run_python: RunPython) -> None:
    """Writing past file_bytes fails inside; the folder as a whole is bounded too."""
    source = """
import os
try:
    with open("big", "wb") as f:
        while True: f.write(bytes(1 << 20))
except OSError as e: print(e.errno)
n = 0
try:
    while n < 100:
        with open(f"f{n}", "wb") as f: f.write(bytes(4 << 20))
        n += 1
except OSError as e: print(e.errno)
"""
    outcome = run_python(source, limits=Limits(file_bytes=16 * MIB))
    assert outcome.exited_zero, outcome.stderr
    assert outcome.stdout.split()[-1] == b"28"  # ENOSPC: the folder is full.


def test_a_program_larger_than_its_own_allowance_still_runs(runner: PooledRunner) -> None:
    """What the compiler made takes nothing from what the program may write: else a big binary would be our fault."""
    source = b"char a[20 << 20] = {1};\nint main(void) { return a[0] + a[100] + 6; }"
    with runner.open(Program("c", {"main.c": source})) as candidate:
        (outcome,) = candidate.run([Run()], Limits(file_bytes=8 * MIB))
    assert (outcome.ended, outcome.exit_code) == (Ended.EXITED, 7), outcome


def test_deep_recursion_has_a_stack_as_large_as_the_memory(runner: PooledRunner) -> None:
    """A C program that recurses through 200 MB of stack ends well where 8 MB would crash."""
    source = b"""
#include <stdio.h>
int f(int n) { volatile char a[1000]; a[0] = n; return n == 0 ? 0 : 1 + f(n - 1) + a[1] * 0; }
int main(void) { printf("%d\\n", f(190000)); return 0; }
"""
    with runner.open(Program("c", {"main.c": source})) as candidate:
        (outcome,) = candidate.run([Run()], Limits(memory_bytes=512 * MIB))
    assert (outcome.stdout, outcome.ended) == (b"190000\n", Ended.EXITED), outcome


def test_a_compiler_bomb_is_bounded(runner: PooledRunner) -> None:
    """Templates that would take for ever end at the compile limit, and the next program finds a sound jail."""
    source = b"template<int n> struct F { static const int v = F<n-1>::v + F<n-2>::v; };\n" + (
        b"template<class T> class L { L<T*> operator->(); }; L<int> i = i->"
    )
    started = time.monotonic()
    with runner.open(Program("cpp", {"main.cpp": source}), Limits(cpu_s=2, memory_bytes=512 * MIB)) as candidate:
        assert candidate.compiled is not None
        assert not candidate.compiled.exited_zero
    assert time.monotonic() - started < 10
    with runner.open(Program("cpp", {"main.cpp": b"int main() { return 7; }"})) as candidate:
        assert [outcome.exit_code for outcome in candidate.run([Run()], Limits())] == [7]


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Two processes for each processor that never rest."""
    hogs = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * len(os.sched_getaffinity(0)))
    ]
    yield
    for hog in hogs:
        hog.kill()
        hog.wait()


@pytest.mark.alone
@pytest.mark.usefixtures("busy_machine")
def test_waiting_for_a_processor_is_not_held_against_a_program(run_python: RunPython) -> None:
    """A modest program on a busy machine ends well, beyond its wall limit if need be, or gets all of the credit."""
    limits = Limits(cpu_s=5, wall_s=0.4)
    outcome = run_python(
        "import os, time\nos.nice(5)\nwhile time.process_time() < 0.3: pass\nprint('done')", limits=limits
    )
    assert outcome.stdout == b"done\n" or outcome.wall_s > 0.9 * STARVED_FACTOR * 0.4, outcome


@pytest.mark.alone
@pytest.mark.usefixtures("busy_machine")
def test_sleeping_on_a_busy_machine_buys_nothing(run_python: RunPython) -> None:
    """A sleeper waits for no processor."""
    outcome = run_python("import time; time.sleep(30)", limits=Limits(cpu_s=5, wall_s=0.4))
    assert outcome.ended is Ended.TIME_LIMIT
    assert outcome.wall_s < 0.9 * STARVED_FACTOR * 0.4


def test_a_run_that_is_stopped_at_any_moment_reports(runner: PooledRunner) -> None:
    """Also in the moments in which it is still being set up: the jail is sound afterwards, and nothing waits long."""
    source = b"x = []\nwhile True: x.append(bytearray(1 << 20))"
    started = time.monotonic()
    with runner.open(Program("python", {"main.py": source})) as candidate:
        for moment in range(60):
            with candidate.talk(Run(), Limits(memory_bytes=256 * MIB)) as conversation:
                time.sleep(0.0005 * (moment % 30))
                outcome = conversation.finish(kill=True)
            assert outcome.ended in (Ended.SIGNALLED, Ended.MEMORY_LIMIT), outcome
    assert time.monotonic() - started < 60
