# ruff: noqa: E501 - an attack reads best on the line it was found on.
"""Attempts to use up the host (families F and G): each ends soon, under a limit's name or harmlessly."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.limits import MIB, Limits
from sandbox.pool import PooledRunner
from sandbox.protocol import STARVED_FACTOR
from sandbox.run import Ended, Program, Run, RunOutcome
from tests.jails import DOCKER, open_counted

Attack = Callable[..., RunOutcome]
LIMITS = Limits(cpu_s=0.5, wall_s=2.0, memory_bytes=192 * MIB, output_bytes=MIB, processes=32, file_bytes=16 * MIB)

TIME, MEMORY, OUTPUT = Ended.TIME_LIMIT, Ended.MEMORY_LIMIT, Ended.OUTPUT_LIMIT
EXITED, SIGNALLED = Ended.EXITED, Ended.SIGNALLED

ROWS: dict[str, tuple[str, set[Ended]]] = {
    "fork bomb": ("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass", {TIME, MEMORY}),
    "thread bomb": (
        "import threading, time\nwhile True:\n  try: threading.Thread(target=time.sleep, args=(99,)).start()\n"
        "  except RuntimeError: pass",
        {TIME, MEMORY},
    ),
    "alarms off and signals ignored": (
        "import signal\nsignal.alarm(0)\nfor s in range(1, 64):\n  try: signal.signal(s, signal.SIG_IGN)\n"
        "  except (OSError, ValueError): pass\nwhile True: pass",
        {TIME},
    ),
    "a catch around everything": ("while True:\n  try:\n    while True: pass\n  except BaseException: pass", {TIME}),
    "one long call": ("(10**9)**(10**8)", {TIME, MEMORY}),
    "stopping the whole group": ("import os, signal\nos.killpg(0, signal.SIGSTOP)", {TIME}),
    "waiting on a fifo": ("import os\nos.mkfifo('f'); open('f')", {TIME}),
    "memory, errors caught": (
        "x = []\nwhile True:\n  try: x.append(bytearray(1 << 22))\n  except MemoryError: pass",
        {MEMORY},
    ),
    "memory in children": (
        "import os, time\nfor _ in range(8):\n  if os.fork() == 0:\n    x = b'x' * (40 << 20); time.sleep(9)\ntime.sleep(9)",
        {MEMORY},
    ),
    "memory on /dev/shm": (
        "f = open('/dev/shm/x', 'wb')\nwhile True: f.write(b'a' * (1 << 20)); f.flush()",
        {EXITED, MEMORY, SIGNALLED},
    ),
    "memory mapped, dropped and kept": (
        "import mmap\nm = mmap.mmap(-1, 1 << 32)\nfor i in range(0, 1 << 32, 4096):\n  m[i] = 1\n"
        "  if i % (32 << 20) == 0: m.madvise(mmap.MADV_DONTNEED)",
        {MEMORY, TIME, SIGNALLED},
    ),
    "an exception of 200 MB": ("raise Exception('x' * (200 << 20))", {EXITED, MEMORY, OUTPUT}),
    "a decompression bomb": (
        "import zlib\nd = zlib.compress(bytes(1 << 27), 1)\nx = [zlib.decompress(d) for _ in range(9)]",
        {MEMORY, TIME},
    ),
    "open files": ("f = []\nwhile True: f.append(open('/dev/null'))", {EXITED}),
    "inodes": ("n = 0\nwhile True: open(str(n), 'w').close(); n += 1", {EXITED}),
    "folders 5,000 deep": (
        "import os\nfor _ in range(5000):\n  os.mkdir('d'); os.chdir('d')",
        {EXITED, TIME},
    ),
    "a sparse terabyte": ("f = open('f', 'wb'); f.truncate(1 << 40)", {EXITED, SIGNALLED}),
    "a core dump": ("import os\nos.abort()", {SIGNALLED}),
    "output on both streams": (
        "import os\nwhile True: os.write(1, b'a' * 4096); os.write(2, b'b' * 4096)",
        {OUTPUT},
    ),
    "output through children": (
        "import os\nfor _ in range(8): os.fork()\nwhile True: os.write(1, b'a' * 65536)",
        {OUTPUT, TIME, EXITED},
    ),
    "output after closing": ("import os\nos.close(1); os.close(2)\nwhile True: pass", {TIME}),
    "a pipe to nobody": ("import os\nr, w = os.pipe()\nwhile True: os.write(w, b'x' * 65536)", {TIME}),
    "recursion": ("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()", {EXITED, SIGNALLED, MEMORY, TIME}),
    "nested brackets": ("eval('(' * 10**6)", {EXITED, SIGNALLED, MEMORY}),
    "POSIX message queues": (
        "import ctypes\nl = ctypes.CDLL('librt.so.1')\nfor i in range(100): l.mq_open(b'/q%d' % i, 0o102, 0o600, None)",
        {EXITED},
    ),
    "locked memory": (
        "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nx = bytearray(1 << 20)\nprint(l.mlockall(3))",
        {EXITED},
    ),
    "a process that will not be waited for": (
        "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "while True:\n  if os.fork() == 0: time.sleep(0.001); os._exit(0)",
        {TIME, EXITED, MEMORY},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_it_ends_soon_and_harms_nobody(attack: Attack, name: str) -> None:
    """It ends within its wall limit and some slack, and the next program runs as ever."""
    source, expected = ROWS[name]
    started = time.monotonic()
    outcome = attack(source, limits=LIMITS)
    assert outcome.ended in expected, outcome
    # Longer than the wall limit only by the time that a busy machine let it wait for a processor; and perhaps repeated.
    assert outcome.wall_s < STARVED_FACTOR * LIMITS.wall_limit_s + 1
    assert time.monotonic() - started < 2 * STARVED_FACTOR * LIMITS.wall_limit_s + 4


def test_nobody_leaves_the_front_of_the_queue_when_memory_runs_out(attack: Attack, runner: PooledRunner) -> None:
    """A run that the kernel would spare could have its agent killed in its place, and get a fault for a verdict.

    Not covered: a container without namespaces on a kernel or engine without Landlock.
    """
    outcome = attack(
        "import os\nfor path in ('oom_score_adj', 'oom_adj', f'task/{os.getpid()}/oom_score_adj'):\n"
        "  try: open('/proc/self/' + path, 'w').write('0')\n  except OSError as error: pass\n"
        "if os.fork() == 0:\n  try: open('/proc/self/oom_score_adj', 'w').write('-1000')\n  except OSError: pass\n"
        "  print(open('/proc/self/oom_score_adj').read(), flush=True); os._exit(0)\n"
        "os.wait(); print(open('/proc/self/oom_score_adj').read())",
        limits=LIMITS,
    )
    held = outcome.stdout.split() == [b"1000", b"1000"]
    assert held or not ("namespaces" in runner.isolation or "landlock" in runner.isolation), outcome


SOCKETS = """
import os, socket, time
for path in ('/proc/self/oom_score_adj',):
  try: open(path, 'w').write('0')
  except OSError: pass
for _ in range(60):
  if os.fork() == 0:
    pairs = []
    try:
      while True:
        pairs.append(socket.socketpair()); pairs[-1][0].setblocking(False); pairs[-1][1].setblocking(False)
        for side in pairs[-1]:
          try:
            while True: side.send(b'x' * 60000)
          except BlockingIOError: pass
    except OSError: pass
    time.sleep(9)
    os._exit(0)
time.sleep(9)
"""


@pytest.mark.parametrize("kind", ["bubblewrap", DOCKER])
def test_memory_in_sockets_ends_the_run_and_not_its_jail(kind: str, tmp_path: Path) -> None:
    """What lies in sockets is in nobody's resident set; the control group's bound is met, and the run's processes die."""
    born: list[str] = []
    runner = open_counted(kind, tmp_path, born)
    try:
        with runner.open(Program("python", {"main.py": SOCKETS.encode()})) as hostile:
            (outcome,) = hostile.run([Run()], Limits(cpu_s=8, wall_s=8, memory_bytes=512 * MIB))
        with runner.open(Program("python", {"main.py": b"print(input())"})) as honest:
            (after,) = honest.run([Run(stdin=b"still here\n")], Limits())
    finally:
        runner.close()
    assert outcome.ended in {MEMORY, TIME, SIGNALLED, EXITED}
    assert after.stdout == b"still here\n"
    assert len(born) == 1


@pytest.mark.docker
def test_what_was_killed_in_one_run_is_not_held_against_the_next(tmp_path: Path) -> None:
    """The kernel took the first one's children for lack of memory, and the first ended well; the second kills itself."""
    hold = "import os\nif os.fork() == 0:\n  x = b'x' * (600 << 20); os._exit(0)\nos.wait()"
    die = "import os\nos.kill(os.getpid(), 9)"
    runner = open_counted("docker", tmp_path, [], memory_bytes=512 * MIB)
    try:
        found: list[RunOutcome] = []
        kills: list[int] = [runner.facts()[0]["oom_kills"]]
        for source in (hold, die):
            with runner.open(Program("python", {"main.py": source.encode()})) as candidate:
                found += candidate.run([Run()], Limits(cpu_s=8, memory_bytes=2048 * MIB))
            kills.append(runner.facts()[0]["oom_kills"])
    finally:
        runner.close()
    assert (found[0].ended, kills[1] > kills[0], kills[2]) == (EXITED, True, kills[1]), (found, kills)
    assert (found[1].ended, found[1].signal) == (SIGNALLED, 9)
