"""Descriptors kept on their way in messages that nobody reads: the kernel counts them by user."""

import threading
from pathlib import Path

import pytest

from sandbox.limits import Limits
from sandbox.run import Ended, Program, Run, RunOutcome
from tests.jails import DOCKER, open_kind

HOARD = b"""
import os, socket, time
for _ in range(30):
    if os.fork() == 0: break
end, pairs = time.time() + 3, []
while time.time() < end:
    try:
        pairs.append(socket.socketpair())
        while True: socket.send_fds(pairs[-1][0], [b'x'], [0] * 253)
    except OSError:
        time.sleep(0.001)
"""


@pytest.mark.parametrize("kind", ["bubblewrap", DOCKER])
def test_descriptors_on_their_way_keep_no_other_jail_from_its_runs(kind: str, tmp_path: Path) -> None:
    """Seen 2026-11-27: the kernel told an agent "too many references". While thirty processes hoard, others run."""
    hoarding: list[RunOutcome] = []
    first, second = open_kind(kind, tmp_path / "first"), open_kind(kind, tmp_path / "second")

    def hoard() -> None:
        with first.open(Program("python", {"main.py": HOARD})) as candidate:
            hoarding.extend(candidate.run([Run()], Limits(cpu_s=20.0)))

    try:
        thread = threading.Thread(target=hoard)
        thread.start()
        served = 0
        while thread.is_alive():
            with second.open(Program("python", {"main.py": b"print(input())"})) as candidate:
                outcomes = list(candidate.run([Run(stdin=b"x")] * 4, Limits(cpu_s=5.0)))
            assert [outcome.stdout for outcome in outcomes] == [b"x\n"] * 4
            served += 1
        thread.join()
        assert served >= 5
        assert hoarding[0].ended is Ended.EXITED
    finally:
        first.close()
        second.close()
