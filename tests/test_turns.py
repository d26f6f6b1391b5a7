"""Whose turn it is when tests run in several workers: together, or alone."""

import threading
import time
from pathlib import Path

from tests.conftest import turn

WAIT_S = 10


def test_two_tests_run_at_once(tmp_path: Path) -> None:
    """Both are inside at the same time."""
    both = threading.Barrier(2, timeout=WAIT_S)

    def one() -> None:
        with turn(tmp_path, alone=False):
            both.wait()

    other = threading.Thread(target=one)
    other.start()
    one()
    other.join(WAIT_S)
    assert not other.is_alive()


def test_one_that_is_alone_has_no_neighbour(tmp_path: Path) -> None:
    """It gets its turn among four workers without a pause between their tests, and while it runs they wait."""
    stop, inside, begun = threading.Event(), [0], threading.Barrier(5, timeout=WAIT_S)
    counting = threading.Lock()

    def worker() -> None:
        begun.wait()
        while not stop.is_set():
            with turn(tmp_path, alone=False):
                with counting:
                    inside[0] += 1
                time.sleep(0.01)
                with counting:
                    inside[0] -= 1

    workers = [threading.Thread(target=worker) for _ in range(4)]
    for one in workers:
        one.start()
    begun.wait()
    try:
        for _ in range(10):
            with turn(tmp_path, alone=True):
                assert inside == [0]
                time.sleep(0.005)
                assert inside == [0]
    finally:
        stop.set()
        for one in workers:
            one.join(WAIT_S)
