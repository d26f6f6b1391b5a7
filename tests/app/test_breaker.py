"""The circuit breaker, by a clock that the test turns."""

import pytest

from app.breaker import PROBE_WAIT_S, Breaker, Refused, State, Wait


class Bench:
    """A breaker that opens after two failures, for ten seconds."""

    def __init__(self) -> None:
        self.now = 100.0
        self.breaker = Breaker(2, 10.0, lambda: self.now)

    def fail(self, times: int = 1) -> None:
        """Calls that are let through and fail."""
        for _ in range(times):
            assert self.breaker.ask() is None
            self.breaker.failed()


@pytest.fixture
def bench() -> Bench:
    """A breaker under test."""
    return Bench()


def test_it_stays_closed_while_failures_are_not_in_a_row(bench: Bench) -> None:
    """A success between them starts the count anew."""
    for _ in range(10):
        bench.fail()
        assert bench.breaker.ask() is None
        bench.breaker.succeeded()
    assert bench.breaker.state is State.CLOSED


def test_it_opens_after_failures_in_a_row_and_callers_wait(bench: Bench) -> None:
    """The first time an outage may be a restart: whoever asks is told how long to wait, and is not refused."""
    bench.fail(2)
    assert bench.breaker.state is State.OPEN
    bench.now += 4
    assert bench.breaker.ask() == Wait(6.0)


def test_one_probe_is_let_through_and_its_success_closes(bench: Bench) -> None:
    """Everybody else waits for how it ends."""
    bench.fail(2)
    bench.now += 10
    assert bench.breaker.ask() is None
    assert bench.breaker.state is State.HALF_OPEN
    assert [bench.breaker.ask() for _ in range(3)] == [Wait(PROBE_WAIT_S)] * 3
    bench.breaker.succeeded()
    assert [bench.breaker.ask() for _ in range(3)] == [None] * 3


def test_a_failed_probe_confirms_the_outage_and_callers_are_refused(bench: Bench) -> None:
    """At once, until a later probe succeeds."""
    bench.fail(2)
    bench.now += 10
    bench.fail()
    assert bench.breaker.state is State.OPEN
    for _ in range(3):
        with pytest.raises(Refused):
            bench.breaker.ask()
    bench.now += 10
    assert bench.breaker.ask() is None, "the next probe"
    with pytest.raises(Refused):
        bench.breaker.ask()
    bench.breaker.succeeded()
    bench.fail(2)
    assert bench.breaker.ask() == Wait(10.0), "a new outage is waited for again"


def test_late_failures_do_not_put_the_probe_off(bench: Bench) -> None:
    """Calls from before the opening end one by one; the probe comes when it was due."""
    for _ in range(5):
        assert bench.breaker.ask() is None
    for _ in range(5):
        bench.breaker.failed()
        bench.now += 2
    assert bench.breaker.ask() == Wait(2.0)
    bench.now += 2
    assert bench.breaker.ask() is None


def test_a_probe_that_was_given_up_is_followed_by_another(bench: Bench) -> None:
    """Its caller's deadline said nothing about the server."""
    bench.fail(2)
    bench.now += 10
    assert bench.breaker.ask() is None
    bench.breaker.given_up()
    assert bench.breaker.ask() is None
    bench.breaker.succeeded()
    assert bench.breaker.state is State.CLOSED


def test_giving_up_changes_nothing_while_closed(bench: Bench) -> None:
    """Neither a success nor a failure."""
    bench.fail()
    assert bench.breaker.ask() is None
    bench.breaker.given_up()
    bench.fail()
    assert bench.breaker.state is State.OPEN
