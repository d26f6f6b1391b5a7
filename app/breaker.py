"""A circuit breaker: a server that keeps failing is left alone, but for one probe now and then.

    closed      everybody may call; failures_max failures in a row open it
    open        nobody may call for open_s; whoever asks waits, because a server that restarts is soon back
    half open   one caller, the probe, may call. It succeeds: closed. It fails: open again, and from now on *confirmed*:
                whoever asks is refused at once, until a probe succeeds, so that a dead server holds nobody up

A plain state machine on a clock that is handed in; it neither sleeps nor locks. It belongs to one event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where the breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now; ask again after so many seconds."""

    seconds: float


class Refused(Exception):
    """The server is known to be away."""


PROBE_WAIT_S = 0.05
"""Seconds after which those who wait for a probe's end ask again."""


class Breaker:
    """One server's breaker.

    Args:
        failures_max: failures in a row that open it.
        open_s: seconds from its opening to the probe.
        clock: seconds, never going back.
    """

    def __init__(self, failures_max: int, open_s: float, clock: Callable[[], float]) -> None:
        self._failures_max, self._open_s, self._clock = failures_max, open_s, clock
        self._state, self._failures, self._probe_at, self._confirmed = State.CLOSED, 0, 0.0, False

    @property
    def state(self) -> State:
        """Where it stands, as last told."""
        return self._state

    def ask(self) -> Wait | None:
        """May one call now?

        Returns: None for yes, and then one of `succeeded`, `failed` or `given_up` must follow; or how long to wait.
        Raises: Refused when an outage is confirmed.
        """
        if self._state is State.CLOSED:
            return None
        if self._state is State.OPEN and self._clock() >= self._probe_at:
            self._state = State.HALF_OPEN
            return None
        if self._confirmed:
            raise Refused
        return Wait(max(self._probe_at - self._clock(), PROBE_WAIT_S) if self._state is State.OPEN else PROBE_WAIT_S)

    def succeeded(self) -> None:
        """The server answered as a server should."""
        self._state, self._failures, self._confirmed = State.CLOSED, 0, False

    def failed(self) -> None:
        """It did not."""
        self._failures += 1
        if self._state is State.HALF_OPEN:
            self._confirmed = True
        elif self._failures < self._failures_max:
            return
        if self._state is not State.OPEN:  # Late failures of calls from before must not put the probe off.
            self._state, self._probe_at = State.OPEN, self._clock() + self._open_s

    def given_up(self) -> None:
        """The caller ended its call without learning anything: a deadline of its own, perhaps."""
        if self._state is State.HALF_OPEN:
            self._state, self._probe_at = State.OPEN, self._clock()
