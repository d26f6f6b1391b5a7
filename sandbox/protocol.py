"""The frames spoken between a runner and the agent in its jail.

A frame is a 12-byte prefix (length of the head, length of the body, sequence number; big-endian), a head in JSON, and
a body of raw bytes. Each side numbers its own frames from 0, so that a frame lost, repeated or forged shows at once.

The meaning of the heads is agent.agent's and pool's affair. Runs on both sides of the wall, so it imports nothing but
the standard library.
"""

import errno
import json
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

HEAD_BYTES_MAX = 4 * 2**20
BODY_BYTES_MAX = 512 * 2**20

# Time spent waiting for a processor is not held against a run: so many times its wall limit it may last in all.
STARVED_FACTOR = 4

# Tells an agent that its runs are kept apart by user ids and not by namespaces.
WALLS_VARIABLE = "TOUCHSTONE_WALLS"
WALLS_OF_USERS = "users"

# What a candidate's environment is built from; PATH is the jail's own.
CANDIDATE_ENVIRONMENT = {
    "HOME": "/box",
    "TMPDIR": "/tmp",  # noqa: S108 - inside the jail, each run's own.
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "USER": "candidate",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

_PREFIX = struct.Struct(">III")
_RECHECK_S = 0.002


class FrameError(Exception):
    """The other side spoke out of turn or out of bounds; nothing it says afterwards can be trusted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: what is meant, and the bytes it is about."""

    head: dict[str, Any]
    body: bytes = b""


@dataclass(slots=True)
class FrameWriter:
    """Numbers and encodes the frames of one side."""

    sequence: int = 0

    def encode(self, head: dict[str, Any], body: Iterable[bytes] = ()) -> bytes:
        """One frame as bytes.

        Args:
            head: JSON values, at most HEAD_BYTES_MAX when written.
            body: parts, joined; at most BODY_BYTES_MAX together.
        Raises: FrameError when a bound is passed.
        """
        text = json.dumps(head, separators=(",", ":")).encode()
        raw = b"".join(body)
        if len(text) > HEAD_BYTES_MAX or len(raw) > BODY_BYTES_MAX:
            raise FrameError(f"frame too large: head {len(text)}, body {len(raw)} bytes")
        prefix = _PREFIX.pack(len(text), len(raw), self.sequence & 0xFFFFFFFF)
        self.sequence += 1
        return prefix + text + raw


@dataclass(slots=True)
class FrameReader:
    """Puts the frames of the other side together from whatever pieces the stream delivers."""

    sequence: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take in some bytes and give out the frames that are complete.

        Raises: FrameError on a length out of bounds, a wrong number, or a head that is not a JSON object.
        """
        self._buffer += data
        while len(self._buffer) >= _PREFIX.size:
            head_bytes, body_bytes, number = _PREFIX.unpack_from(self._buffer)
            if head_bytes > HEAD_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
                raise FrameError("frame length out of bounds")
            if number != self.sequence & 0xFFFFFFFF:
                raise FrameError(f"frame {number} where {self.sequence} was due")
            end = _PREFIX.size + head_bytes + body_bytes
            if len(self._buffer) < end:
                return
            try:
                head = json.loads(self._buffer[_PREFIX.size : _PREFIX.size + head_bytes])
            except ValueError as error:
                raise FrameError("frame head is not JSON") from error
            if not isinstance(head, dict):
                raise FrameError("frame head is not an object")
            body = bytes(self._buffer[_PREFIX.size + head_bytes : end])
            del self._buffer[:end]
            self.sequence += 1
            yield Frame(head, body)


def send_descriptors(sock: socket.socket, data: bytes, fds: list[int], patience_s: float) -> None:
    """One message with descriptors.

    The kernel counts by user what is on its way, over all processes, and refuses whoever has a lower limit of open
    files than that: so a run that is ending can be in our way for a moment, and is waited for.

    Raises: OSError.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            socket.send_fds(sock, [data], fds)
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS or time.monotonic() >= deadline:
                raise
            time.sleep(_RECHECK_S)
        else:
            return
