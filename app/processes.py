"""Processes: children that end when their parent does and start again when they fall; and one that is ready to work."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

_log = structlog.get_logger()

_PR_SET_PDEATHSIG = 1
DIE_WITH_PARENT = "TOUCHSTONE_DIE_WITH_PARENT"

GC_THRESHOLD = 20_000
"""Objects made and not freed before the youngest are looked at; Python's 700 come together in a few answers."""


def die_with_parent(parent: int | None = None) -> None:
    """In a child: be told to stop (SIGTERM) when the parent is gone, however it went.

    Args: parent: its process id; None takes the one that Family wrote into the environment, and does nothing where
        there is none.
    """
    if parent is None:
        parent = int(os.environ.get(DIE_WITH_PARENT, 0))
    if not parent:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # It died before the line above.
        os.kill(os.getpid(), signal.SIGTERM)


def settle() -> None:
    """Called by a process that is ready to work: what it has loaded by now lives as long as it does.

    The collector need not look at that again and again, nor be woken by every few answers.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)


@dataclass(slots=True)
class _Child:
    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)
    falls: int = 0
    again_at: float | None = None  # When one that ended is started again.


class Family:
    """Named child processes, each started again when it ends by itself, ever more slowly while it keeps falling.

    Children get a session of their own, so that Ctrl-C reaches the parent alone, which stops them in order.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment, DIE_WITH_PARENT: str(os.getpid())}
        self._children: list[_Child] = []

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start `touchstone ARGUMENTS` as a child."""
        command = [sys.executable, "-m", "app", *arguments]
        self._children.append(_Child(name, command, self._spawn(command)))

    def _spawn(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(command, env=self._environment, stdin=subprocess.DEVNULL, start_new_session=True)

    def tend(self, asked_to_stop: Callable[[], bool], also: Callable[[], None]) -> None:
        """Until asked to stop: start again what fell, and call `also`; looks four times a second."""
        while not asked_to_stop():
            time.sleep(0.25)
            also()
            for child in self._children:
                self._tend(child)

    def _tend(self, child: _Child) -> None:
        now = time.monotonic()
        if child.again_at is None:
            status = child.process.poll()
            if status is None:
                return
            if now - child.started > 30:
                child.falls = 0
            child.falls += 1
            delay_s = min(0.1 * 2 ** (child.falls - 1), 10.0)
            child.again_at = now + delay_s
            _log.warning("child_ended", child=child.name, status=status, again_in_s=delay_s)
        if now >= child.again_at:
            child.process, child.started, child.again_at = self._spawn(child.command), now, None

    def stop(self, names: str, grace_s: float) -> None:
        """Ask the children whose name begins so to end, and kill what has not after the grace."""
        chosen = [child for child in self._children if child.name.startswith(names)]
        for child in chosen:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + grace_s
        for child in chosen:
            try:
                child.process.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                _log.warning("child_killed", child=child.name)
                child.process.kill()
                child.process.wait()
        self._children = [child for child in self._children if child not in chosen]
