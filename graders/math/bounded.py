"""What no rung can tell, asked of sympy in a child process that can be killed: the sole owner of time for maths.

The child (residue.serve) is started when it is first needed, as a fresh interpreter: no fork of a process that may have
threads, no sympy in the worker. It answers one question at a time; each is computed in a fork of the child, bounded in
wall clock, processor time and memory. There is no SIGALRM, so any thread may call.

Who caused what: a question that reaches a bound is None, "cannot tell"; a child that cannot be started, or that dies or
falls silent by itself, is a GraderFault.
"""

import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graders.errors import GraderFault
from graders.math.tree import Node

if TYPE_CHECKING:
    import subprocess  # Loaded with the first child: most graders never need one.

_ROOT = str(Path(__file__).resolve().parent.parent.parent)
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from graders.math import residue; residue.serve()"
_LINE_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one question may cost.

    Args:
        wall_s: seconds until the fork is killed and the answer is "cannot tell".
        cpu_s: processor seconds, whole; the kernel kills the fork there.
        memory_bytes: address space of the fork, sympy included.
        start_s: seconds the child may take to load sympy.
    """

    wall_s: float = 1.7
    cpu_s: int = 1
    memory_bytes: int = 512 * 2**20
    start_s: float = 60.0


class Residue:
    """Decides the equality of two trees in a child process; nothing is started until it is first asked.

    Args:
        bounds: what one question may cost.
        command: the child's command line; another program in tests.
    """

    def __init__(self, bounds: Bounds | None = None, command: tuple[str, ...] | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._command = command or (sys.executable, "-I", "-c", _PROGRAM, _ROOT)
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._buffer = b""

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        return None if self._child is None else self._child.pid

    def equal(self, gold: Node, answer: Node) -> bool | None:
        """Whether two trees are equal.

        Returns: True or False where sympy can tell within the bounds, else None.

        Raises:
            GraderFault: the child cannot be started, or failed twice in a row by no fault of the question.
        """
        from graders.math.residue import encoded

        question = {
            "gold": encoded(gold),
            "answer": encoded(answer),
            "wall_s": self._bounds.wall_s,
            "cpu_s": self._bounds.cpu_s,
            "memory_bytes": self._bounds.memory_bytes,
        }
        line = json.dumps(question).encode() + b"\n"
        if len(line) > _LINE_BYTES_MAX:
            return None
        with self._lock:
            for attempt in (1, 2):
                try:
                    reply = self._ask(line)
                except (OSError, ValueError, _Silent) as fault:
                    self._kill()
                    if attempt == 2:
                        raise GraderFault("the child process for symbolic mathematics failed") from fault
                else:
                    found = reply.get("equal")
                    return found if isinstance(found, bool) else None
        return None

    def close(self) -> None:
        """End the child and everything it started."""
        with self._lock:
            self._kill()

    def _ask(self, line: bytes) -> dict[str, Any]:
        if self._child is not None and self._owner != os.getpid():
            # We were forked: the child belongs to our parent. Leave it alone and start our own.
            self._child = None
            self._buffer = b""
        if self._child is None:
            import subprocess

            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
                cwd="/",
            )
            self._owner = os.getpid()
            self._buffer = b""
            if not self._line(self._bounds.start_s).get("ready"):
                raise _Silent
        child = self._child
        assert child.stdin is not None  # noqa: S101  (PIPE was asked for)
        child.stdin.write(line)
        child.stdin.flush()
        # The child's own clock cuts the question off first; this one only notices a child that is no longer there.
        return self._line(self._bounds.wall_s + 5.0)

    def _line(self, patience_s: float) -> dict[str, Any]:
        child = self._child
        assert child is not None and child.stdout is not None  # noqa: S101  (_ask started it with a pipe)
        deadline = time.monotonic() + patience_s
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _Silent
            part = os.read(child.stdout.fileno(), 65536)
            if not part or len(self._buffer) > _LINE_BYTES_MAX:
                raise _Silent
            self._buffer += part
        first, _, self._buffer = self._buffer.partition(b"\n")
        reply = json.loads(first)
        if not isinstance(reply, dict):
            raise _Silent
        return reply

    def _kill(self) -> None:
        child, self._child = self._child, None
        self._buffer = b""
        if child is None or self._owner != os.getpid():
            return
        with contextlib.suppress(ProcessLookupError):  # It may be gone already.
            os.killpg(child.pid, signal.SIGKILL)
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # A broken pipe has nothing left to flush.
                    stream.close()
        child.wait()


class _Silent(Exception):
    """The child closed its output, said something else, or said nothing in time."""
