"""Walls that wait for a program: used once, made again, of the size that is asked for, and no loss when they die."""

import contextlib
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sandbox.limits import MIB, Limits
from sandbox.pool import PooledRunner, open_runner
from sandbox.run import Ended, Program, Run

LIMITS = Limits(cpu_s=5.0)


def test_a_run_finds_only_its_own_files_streams_and_words(runner: PooledRunner) -> None:
    """Each of the runs has a spare that was made before it was known: none has anything of another's."""
    look = (
        b"import os, sys\nseen = sorted(os.listdir('.')) + os.listdir('/tmp')\nopen('/tmp/trace', 'w').close()\n"
        b"fds = sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1]\n"
        b"print(sys.argv[1:], sys.stdin.read(), seen, fds)"
    )
    runs = [Run(stdin=b"in %d" % n, files={f"own{n}": b""}, args=(f"word{n}",)) for n in range(6)]
    with runner.open(Program("python", {"main.py": look})) as candidate:
        outcomes = list(candidate.run(runs, LIMITS))
    assert [outcome.stdout.decode() for outcome in outcomes] == [
        f"['word{n}'] in {n} ['main.py', 'own{n}'] [0, 1, 2]\n" for n in range(6)
    ]


def test_limits_are_those_of_the_run_and_not_of_the_one_before(runner: PooledRunner) -> None:
    """The spare was made while another run went on, with other limits: files, open files' size, output."""
    fill = b"for n in range(40):\n  open(f'/tmp/{n}', 'wb').write(b'x' * 100_000)\nprint('whole')"
    with runner.open(Program("python", {"main.py": fill})) as candidate:
        for allowed in (16 * MIB, MIB, 16 * MIB, MIB):
            limits = Limits(cpu_s=5.0, file_bytes=allowed)
            (outcome,) = candidate.run([Run()], limits)
            # Without namespaces the sum is bounded by the jail's own places, which is more than either.
            if "users" not in runner.isolation:
                assert (outcome.stdout == b"whole\n") == (allowed == 16 * MIB), outcome
            assert outcome.ended is Ended.EXITED


def test_the_kernel_is_told_to_take_the_program_first(runner: PooledRunner) -> None:
    """Should memory run out it is the candidate that dies, not its warden or the agent."""
    source = b"print(open('/proc/self/oom_score_adj').read().strip())"
    with runner.open(Program("python", {"main.py": source})) as candidate:
        (outcome,) = candidate.run([Run()], LIMITS)
    assert outcome.stdout == b"1000\n"


def _children() -> set[str]:
    return {child for task in Path("/proc/self/task").glob("*/children") for child in task.read_text().split()}


def _wardens_below(pid: int) -> list[int]:
    """Wardens among a process's descendants."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # Those of runs before are on their way out.
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, task.read_text().split()):
                if Path(f"/proc/{child}/comm").read_text() == "warden\n":
                    found.append(child)
                found += _wardens_below(child)
    return found


@pytest.mark.skipif(os.getuid() != 0, reason="only root sees the processes of a jail, which has a user of its own")
def test_a_spare_that_dies_while_it_waits_costs_nothing(tmp_path: Path) -> None:
    """Its warden killed from outside, as the kernel might for lack of memory: the run takes another in that jail."""
    runner = open_runner("bubblewrap", jails=1, run_dir=tmp_path)
    try:
        jails = _children()
        for number in range(3):
            until = time.monotonic() + 10
            while not (wardens := _wardens_below(os.getpid())):  # It is made while its predecessor's run goes on.
                assert time.monotonic() < until, "no spare waits"
                time.sleep(0.01)
            for warden in wardens:  # Waited for: one that dies with the request in its hands costs the jail.
                with contextlib.suppress(ProcessLookupError):
                    handle = os.pidfd_open(warden)
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    assert select.select([handle], [], [], 10)[0]
                    os.close(handle)
            with runner.open(Program("python", {"main.py": b"print(2 * int(input()))"})) as candidate:
                outcomes = list(candidate.run([Run(stdin=b"%d\n" % number)] * 3, LIMITS))
            assert [outcome.stdout for outcome in outcomes] == [b"%d\n" % (2 * number)] * 3
        assert _children() == jails
        (fact,) = runner.facts()
        assert fact["strangers"] == 0
    finally:
        runner.close()


def _zygotes_below(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                if b"zygote.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(child)
                found += _zygotes_below(child)
    return found


def _allow_processes(pid: int, allowed: int) -> None:
    """As its own user, since root need not have the right."""
    user = int(Path(f"/proc/{pid}/status").read_text().partition("Uid:")[2].split()[0])
    code = f"import resource as r; r.prlimit({pid}, r.RLIMIT_NPROC, ({allowed}, r.prlimit({pid}, r.RLIMIT_NPROC)[1]))"
    subprocess.run(["/usr/bin/python3", "-c", code], user=user, group=user, extra_groups=[], cwd="/", check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become the user of a jail")
def test_a_spare_that_could_not_be_made_costs_nothing(tmp_path: Path) -> None:
    """No process was to be had while a run went on; there is one for the next, in that jail."""
    runner = open_runner("bubblewrap", jails=1, run_dir=tmp_path)
    try:
        jails = _children()
        program = Program("python", {"main.py": b"input()\nprint('whole')"})
        with runner.open(program) as candidate:
            # The first takes the spare that is there, and has the next one refused.
            for allowed in (1, 4096):
                for zygote in _zygotes_below(os.getpid()):
                    _allow_processes(zygote, allowed)
                (outcome,) = candidate.run([Run(stdin=b"x")], LIMITS)
                assert outcome.stdout == b"whole\n"
        assert _children() == jails
    finally:
        runner.close()
