"""A jail that is lost at any moment costs time, never a verdict: the same outcomes, or a fault."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.admission import Admission
from sandbox.bubblewrap_jail import BubblewrapJail, find_bubblewrap
from sandbox.errors import JailLost, JailUnavailable, SandboxFault
from sandbox.jail import Jail
from sandbox.limits import Limits
from sandbox.pool import JailPool, PooledRunner
from sandbox.run import Program, Run
from sandbox.staging import default_cache, stage_agent

DOUBLE = Program("python", {"main.py": b"print(2 * int(input()))"})


class FailingJail:
    """A real jail whose n-th receive, counted over all jails of the test, fails as `fail` says."""

    def __init__(self, inner: Jail, calls: Iterator[int], fails_at: Callable[[int], bool], garble: bool) -> None:
        self._inner = inner
        self._calls = calls
        self._fails_at = fails_at
        self._garble = garble
        self.name = inner.name
        self.isolation = inner.isolation
        self.runtime = inner.runtime

    def send(self, data: bytes, timeout_s: float) -> None:
        """As the real one."""
        self._inner.send(data, timeout_s)

    def receive(self, timeout_s: float) -> bytes:
        """As the real one, until its time has come."""
        data = self._inner.receive(timeout_s)
        if self._fails_at(next(self._calls)):
            if self._garble:
                return bytes(byte ^ 0x5A for byte in data)
            raise JailLost("pulled the plug")
        return data

    def is_silent(self) -> bool:
        """As the real one."""
        return self._inner.is_silent()

    def complaints(self) -> str:
        """As the real one."""
        return self._inner.complaints()

    def close(self) -> None:
        """As the real one."""
        self._inner.close()


@contextmanager
def _opened(folder: Path, fails_at: Callable[[int], bool], garble: bool = False) -> Iterator[PooledRunner]:
    program = find_bubblewrap()
    assert program is not None
    agent = stage_agent(default_cache())
    calls = iter(range(10**9))

    def make() -> Jail:
        return FailingJail(BubblewrapJail(program, agent, folder / "users"), calls, fails_at, garble)

    runner = PooledRunner(JailPool(make, 1, 100), Admission(folder / "slots", 2))
    try:
        yield runner
    finally:
        runner.close()


@pytest.mark.parametrize("garble", [False, True], ids=["lost", "garbled"])
@pytest.mark.parametrize("nth", [0, 1, 2, 5, 8, 11, 12, 13, 14, 15])
def test_the_nth_answer_is_lost_and_no_outcome_is_wrong(tmp_path: Path, nth: int, garble: bool) -> None:
    """Wherever it strikes (birth, canary, open, run, close) the runs end as if nothing had been."""
    with _opened(tmp_path, lambda call: call == nth, garble) as runner:
        for _ in range(2):
            with runner.open(DOUBLE) as candidate:
                outcomes = list(candidate.run([Run(stdin=b"%d" % number) for number in range(5)], Limits()))
            assert [outcome.stdout for outcome in outcomes] == [b"%d\n" % (2 * number) for number in range(5)]


def test_jails_that_keep_failing_raise_a_fault_and_give_no_outcome(tmp_path: Path) -> None:
    """After a bounded number of tries the fault is the caller's to report; it never becomes an outcome."""
    broken = False
    with _opened(tmp_path, lambda _call: broken) as runner:
        with runner.open(DOUBLE) as candidate:
            broken = True
            with pytest.raises(SandboxFault):
                next(candidate.run([Run(stdin=b"1")], Limits()))
        broken = False
        with runner.open(DOUBLE) as candidate:  # And it recovers.
            assert [outcome.stdout for outcome in candidate.run([Run(stdin=b"4")], Limits())] == [b"8\n"]


def test_no_jail_at_all_is_said_when_the_runner_is_opened(tmp_path: Path) -> None:
    """Opening fails with JailUnavailable rather than giving a runner that cannot run."""
    with pytest.raises(JailUnavailable), _opened(tmp_path, lambda _call: True):
        pass


def test_a_lost_jail_in_a_conversation_is_a_fault_and_the_next_one_works(tmp_path: Path) -> None:
    """A conversation cannot be resumed, so its caller hears of it; the candidate itself finds another jail."""
    broken = False
    with _opened(tmp_path, lambda _call: broken) as runner, runner.open(DOUBLE) as candidate:
        with candidate.talk(Run(stdin=b"1"), Limits()) as conversation:
            broken = True
            with pytest.raises(SandboxFault):
                conversation.finish()
        broken = False
        assert [outcome.stdout for outcome in candidate.run([Run(stdin=b"5")], Limits())] == [b"10\n"]


def test_a_jail_is_retired_after_its_candidates(tmp_path: Path) -> None:
    """The next candidate gets another agent."""
    program = find_bubblewrap()
    assert program is not None
    agent = stage_agent(default_cache())
    born: list[str] = []

    def make() -> Jail:
        jail = BubblewrapJail(program, agent, tmp_path / "users")
        born.append(jail.name)
        return jail

    runner = PooledRunner(JailPool(make, 1, 3), Admission(tmp_path / "slots", 2))
    try:
        for _ in range(7):
            with runner.open(DOUBLE) as candidate:
                assert [outcome.stdout for outcome in candidate.run([Run(stdin=b"4")], Limits())] == [b"8\n"]
    finally:
        runner.close()
    assert len(born) == 3


def test_a_forked_child_may_not_use_the_runner(tmp_path: Path) -> None:
    """Two processes on one stream would read each other's answers; the child is told."""
    with _opened(tmp_path, lambda _call: False) as runner:
        pid = os.fork()
        if pid == 0:
            try:
                with runner.open(DOUBLE):
                    os._exit(1)
            except SandboxFault:
                os._exit(0)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
