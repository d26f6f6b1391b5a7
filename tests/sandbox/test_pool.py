"""Jails are lent in turn, to threads as to one, and nobody waits for himself or for another's second."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.errors import JailUnavailable, SandboxFault
from sandbox.limits import MIB, Limits
from sandbox.pool import open_runner
from sandbox.run import Ended, Program, Run

ECHO = Program("python", {"main.py": b"print(input())"})


def test_threads_share_the_jails_in_turn(tmp_path: Path) -> None:
    """Twelve threads over two jails, each several times: all get right answers, and none waits for all the others."""
    runner = open_runner("bubblewrap", jails=2, run_dir=tmp_path)
    served: list[int] = []

    def work(number: int) -> None:
        for _ in range(4):
            with runner.open(ECHO) as candidate:
                (outcome,) = candidate.run([Run(stdin=b"%d" % number)], Limits())
            assert outcome.stdout == b"%d\n" % number
            served.append(number)

    try:
        with ThreadPoolExecutor(12) as threads:
            list(threads.map(work, range(12)))
    finally:
        runner.close()
    assert sorted(served) == sorted(list(range(12)) * 4)
    # In turn: everybody has been served once before anyone is served for the last time.
    assert max(served.index(number) for number in range(12)) < len(served) - 12


def test_threads_that_each_need_two_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Three threads over one jail, each holding one candidate while it opens another."""
    runner = open_runner("bubblewrap", jails=1, run_dir=tmp_path)

    def work(number: int) -> bytes:
        with runner.open(ECHO) as first:
            time.sleep(0.02)
            with runner.open(ECHO) as second:
                (outcome,) = second.run([Run(stdin=b"%d" % number)], Limits())
            (again,) = first.run([Run(stdin=outcome.stdout)], Limits())
        return again.stdout

    try:
        with ThreadPoolExecutor(3) as threads:
            results = [threads.submit(work, number) for number in range(6)]
            assert [result.result(60) for result in results] == [b"%d\n" % number for number in range(6)]
    finally:
        runner.close()


def test_a_task_that_wants_more_memory_than_there_is_is_a_fault_not_a_verdict(tmp_path: Path) -> None:
    """Ending at the jail's bound, below the task's own, would blame the program for our size."""
    runner = open_runner("bubblewrap", jails=1, run_dir=tmp_path, memory_bytes=128 * MIB)
    greedy = Program("python", {"main.py": b"x = bytearray(b'x') * (160 << 20)"})
    try:
        with runner.open(greedy) as candidate:
            assert [o.ended for o in candidate.run([Run()], Limits(memory_bytes=96 * MIB))] == [Ended.MEMORY_LIMIT]
            with pytest.raises(SandboxFault, match="memory"):
                list(candidate.run([Run()], Limits(memory_bytes=1024 * MIB)))
        with runner.open(ECHO) as candidate:
            assert [o.stdout for o in candidate.run([Run(stdin=b"1")], Limits(memory_bytes=1024 * MIB))] == [b"1\n"]
    finally:
        runner.close()


def _children() -> set[str]:
    """Of every thread of this process: a jail's parent is the thread that keeps the pool."""
    return set().union(*(task.read_text().split() for task in Path("/proc/self/task").glob("*/children")))


def test_closing_ends_waiters_and_is_done_once(tmp_path: Path) -> None:
    """A thread that waits for a jail when the runner is closed hears of it."""
    others = _children()  # Of runners that other tests keep open.
    runner = open_runner("bubblewrap", jails=1, run_dir=tmp_path)
    heard: list[BaseException] = []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        try:
            with runner.open(ECHO):
                pass
        except SandboxFault as fault:
            heard.append(fault)

    with runner.open(ECHO):
        mine = _children() - others
        assert mine
        thread = threading.Thread(target=wait)
        thread.start()
        waiting.wait(5)
        time.sleep(0.1)
        runner.close()
        thread.join(10)
    runner.close()
    assert len(heard) == 1
    assert not _children() & mine, "a lent jail outlives the runner"


def test_a_compilation_is_remembered_by_its_jail(tmp_path: Path) -> None:
    """The same source again costs no compiler; other flags or another byte do."""
    runner = open_runner("bubblewrap", jails=1, run_dir=tmp_path)
    times: list[float] = []
    try:
        for text in (b"int main() { return 5; }", b"int main() { return 5; }", b"int main() { return 6; }"):
            started = time.monotonic()
            with runner.open(Program("cpp", {"main.cpp": b"#include <bits/stdc++.h>\n" + text})) as candidate:
                times.append(time.monotonic() - started)
                (outcome,) = candidate.run([Run()], Limits())
            assert outcome.exit_code == (6 if b"6" in text else 5)
    finally:
        runner.close()
    assert times[1] < times[0] / 3
    assert times[1] < times[2] / 3


def test_a_named_runtime_has_no_substitute(tmp_path: Path) -> None:
    """Whoever asks for a kernel of its own gets that or a refusal, though bubblewrap would serve here."""
    image = "touchstone-no-such-image:latest"
    open_runner("auto", image=image, run_dir=tmp_path).close()
    with pytest.raises(JailUnavailable):
        open_runner("auto", image=image, run_dir=tmp_path, runtime="runsc")
