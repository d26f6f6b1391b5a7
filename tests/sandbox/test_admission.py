"""So many at once on the host and no more, whoever dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from sandbox.admission import Admission

HOLDER = """
import os, sys, time
from pathlib import Path
from sandbox.admission import Admission
admission = Admission(Path(sys.argv[1]), int(sys.argv[2]))
for _ in range(int(sys.argv[3])):
    with admission.slot():
        os.write(1, b"+\\n")
        time.sleep(float(sys.argv[4]))
        os.write(1, b"-\\n")
"""


def _holder(folder: Path, slots: int, times: int, seconds: float, stdout: int) -> "subprocess.Popen[bytes]":
    arguments = [sys.executable, "-c", HOLDER, str(folder), str(slots), str(times), str(seconds)]
    return subprocess.Popen(arguments, stdout=stdout)


def test_no_more_than_the_slots_at_once_over_processes(tmp_path: Path) -> None:
    """Six processes, two slots: at no time more than two inside, and all get their turns."""
    read, write = os.pipe()
    holders = [_holder(tmp_path, 2, 5, 0.01, write) for _ in range(6)]
    os.close(write)
    inside = most = turns = 0
    with os.fdopen(read) as lines:
        for line in lines:
            inside += 1 if line == "+\n" else -1
            turns += line == "+\n"
            most = max(most, inside)
    assert [holder.wait(30) for holder in holders] == [0] * 6
    assert (most, turns) == (2, 30)


def test_a_killed_holder_frees_its_slot(tmp_path: Path) -> None:
    """The kernel gives the slot back, and the waiter notices without delay."""
    holder = _holder(tmp_path, 1, 1, 60, subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"+\n"
    threading.Timer(0.2, lambda: os.kill(holder.pid, signal.SIGKILL)).start()
    started = time.monotonic()
    with Admission(tmp_path, 1).slot():
        waited = time.monotonic() - started
    assert 0.1 < waited < 2
    holder.wait(5)
    holder.stdout.close()


def test_a_thread_shares_the_slot_it_has(tmp_path: Path) -> None:
    """A grader that talks to two programs at once would otherwise wait for itself."""
    admission = Admission(tmp_path, 1)
    with admission.slot(), admission.slot(), admission.alone():
        pass
    with admission.slot():
        pass


def test_alone_waits_for_everyone_and_keeps_everyone_out(tmp_path: Path) -> None:
    """While one is alone no other thread gets a slot; afterwards they do."""
    admission = Admission(tmp_path, 3)
    got = threading.Event()

    def other() -> None:
        with admission.slot():
            got.set()

    with admission.alone():
        thread = threading.Thread(target=other)
        thread.start()
        assert not got.wait(0.2)
    assert got.wait(5)
    thread.join(5)
