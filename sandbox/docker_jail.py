"""A jail as a container: created, spoken to over its attached stream, killed and removed. The only user of the engine.

No call to the engine is made while a run is under way; creating and removing is the pool's keeper's affair. The
container has no network, no capabilities, a read-only root, a user that is not root and no other jail's, and a
system-call profile of our own (image/seccomp.json) that lets the launcher make namespaces. Its agent ends when the
attached stream does, and the engine removes it then, so that a killed worker leaves nothing; `sweep` is for what even
that misses. What could not be removed because the engine was away is removed when the next container is made.

Where engine or kernel refuse namespaces there is a second form (`Walls.USERS`, docs/decisions/0010): the engine's own
profile, an agent that is root with no capability but to become someone else, a user id of its own for each run, and
a container for each candidate.
"""

import contextlib
import json
import os
import select
import socket
import struct
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import docker
import docker.errors
import docker.types
import requests.exceptions

from sandbox.errors import JailLost, JailUnavailable, SeparationRefused
from sandbox.lease import Lease, is_held
from sandbox.limits import MIB
from sandbox.protocol import WALLS_OF_USERS, WALLS_VARIABLE
from sandbox.users import JailUser

GROUP = 61_183
"""The image's word for who may read the agent's code; see image/Dockerfile."""
LABEL = "touchstone.sandbox"
LABEL_LEASE = "touchstone.lease"

_PROFILE = Path(__file__).parent / "image" / "seccomp.json"
_HEADER = struct.Struct(">BxxxI")
_STDOUT = 1
_FILES_BYTES = 1024 * MIB
_RUN_FILES_BYTES = 256 * MIB
_RUN_INODES = 8192
_PROCESSES = 1024
_ENGINE_S = 30
_COMPLAINTS_BYTES = 4000
_ORPHAN_S = 600
_REMOVE_AGAIN_S = 0.5
_ENGINE_ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)


class Walls(Enum):
    """What keeps the runs of one container apart."""

    NAMESPACES = "namespaces"
    USERS = "users"


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the engine says of itself and of the image."""

    answers: bool
    has_image: bool
    version: str = ""
    apparmor: bool = False
    runtimes: tuple[str, ...] = ()
    cgroup_version: str = ""
    complaint: str = ""


def ask_engine(image: str) -> EngineFacts:
    """Whether an engine answers, and whether it has the image. Never raises."""
    try:
        client = docker.from_env(timeout=_ENGINE_S)
    except _ENGINE_ERRORS as error:
        return EngineFacts(False, False, complaint=f"no container engine answers: {error}"[:500])
    try:
        info = client.info()
        try:
            client.images.get(image)
            has_image, complaint = True, ""
        except docker.errors.ImageNotFound:
            has_image, complaint = False, f"the engine has no image {image}: run `make sandbox-image`"
        return EngineFacts(
            answers=True,
            has_image=has_image,
            version=str(info.get("ServerVersion", "")),
            apparmor=any("apparmor" in option for option in info.get("SecurityOptions") or ()),
            runtimes=tuple(sorted(info.get("Runtimes") or ())),
            cgroup_version=str(info.get("CgroupVersion", "")),
            complaint=complaint,
        )
    except _ENGINE_ERRORS as error:
        return EngineFacts(False, False, complaint=f"the container engine fails: {error}"[:500])
    finally:
        client.close()


class DockerJail:
    """See the module."""

    def __init__(
        self,
        image: str,
        memory_bytes: int,
        lease: Lease,
        facts: EngineFacts,
        runtime: str | None,
        left_behind: set[str],
        users: Path,
        walls: Walls = Walls.NAMESPACES,
    ) -> None:
        """Create, attach, start.

        Args:
            image: built from image/Dockerfile.
            memory_bytes: bound on all of the container's memory, swap included.
            lease: held by this process; tells sweepers that the container has an owner.
            facts: what ask_engine said.
            runtime: another OCI runtime; None means the engine's default.
            left_behind: containers that are still to be removed; all jails of a pool share it.
            users: folder of the leases of user ids.
            walls: what keeps its runs apart.
        Raises: JailUnavailable; SeparationRefused when the engine answers and will not have such a container.
        """
        self._walls = walls
        self.runtime = runtime
        self._left_behind = left_behind
        self._id = ""
        self._buffer = bytearray()
        self._stderr = bytearray()
        # Where users keep runs apart each run has one of its own, and the agent is root.
        self._user = JailUser(users) if walls is Walls.NAMESPACES else None
        agent = 0 if self._user is None else self._user.id
        try:
            self._client = docker.from_env(timeout=_ENGINE_S)
        except _ENGINE_ERRORS as error:
            self._release_user()
            raise JailUnavailable(f"no container engine answers: {error}") from error
        try:
            api = self._client.api
            self._remove_left_behind()
            created = api.create_container(
                image,
                host_config=_host_config(api, memory_bytes, facts, runtime, walls, agent),
                user=f"{agent}:{GROUP}" if walls is Walls.NAMESPACES else "0:0",
                environment={} if walls is Walls.NAMESPACES else {WALLS_VARIABLE: WALLS_OF_USERS},
                hostname="sandbox",
                network_disabled=True,
                stdin_open=True,
                stop_signal="SIGKILL",  # There is nothing to save, and an engine that stops would wait for it.
                labels={LABEL: "jail", LABEL_LEASE: lease.name},
            )
            self._id = created["Id"]
            # Attached before it starts, so that nothing the agent says is missed.
            stream = api.attach_socket(self._id, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self._stream = stream
            self._sock: socket.socket = getattr(stream, "_sock", stream)
            api.start(self._id)
        except docker.errors.APIError as error:
            self.close()
            raise SeparationRefused(f"the engine refuses the container: {error}"[:800]) from error
        except _ENGINE_ERRORS as error:
            self.close()
            raise JailUnavailable(f"a container cannot be started: {error}"[:800]) from error
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """For logs."""
        return f"container-{self._id[:12]}"

    @property
    def isolation(self) -> str:
        """What is in force."""
        return f"docker+{self._walls.value}+seccomp+cgroup" + (f"+{self.runtime}" if self.runtime else "")

    def send(self, data: bytes, timeout_s: float) -> None:
        """See jail.Jail."""
        try:
            self._sock.settimeout(timeout_s)
            self._sock.sendall(data)
        except OSError as error:
            raise JailLost(f"{self.name} takes nothing: {error}") from error

    def receive(self, timeout_s: float) -> bytes:
        """See jail.Jail. The engine wraps each piece in a header that says which stream it is of."""
        deadline = time.monotonic() + timeout_s
        while True:
            piece = self._take_piece()
            if piece:
                return piece
            try:
                self._sock.settimeout(max(deadline - time.monotonic(), 1e-3))
                data = self._sock.recv(1 << 20)
            except TimeoutError:
                raise
            except OSError as error:
                raise JailLost(f"{self.name}: {error}") from error
            if not data:
                raise JailLost(f"{self.name} ended: {self.complaints()}")
            self._buffer += data

    def is_silent(self) -> bool:
        """See jail.Jail."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not self._buffer and not poll.poll(0)

    def complaints(self) -> str:
        """See jail.Jail."""
        return self._stderr.decode(errors="replace").strip()[-2000:]

    def close(self) -> None:
        """See jail.Jail."""
        if hasattr(self, "_sock"):
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                self._sock.close()
            with contextlib.suppress(OSError):
                self._stream.close()
        if self._id:
            self._left_behind.add(self._id)
            with contextlib.suppress(*_ENGINE_ERRORS):
                try:
                    self._remove(self._id)
                except docker.errors.APIError:  # An engine that has just come back is not done with it yet.
                    time.sleep(_REMOVE_AGAIN_S)
                    self._remove(self._id)
        with contextlib.suppress(*_ENGINE_ERRORS):
            self._client.close()
        self._release_user()

    def _release_user(self) -> None:
        if self._user is not None:
            self._user.release()

    def _remove(self, container: str) -> None:
        # It may be gone already, or on its way: --rm and the end of its input see to that.
        with contextlib.suppress(docker.errors.NotFound):
            self._client.api.remove_container(container, force=True, v=True)
        self._left_behind.discard(container)

    def _remove_left_behind(self) -> None:
        for container in tuple(self._left_behind):
            with contextlib.suppress(docker.errors.APIError):  # Being removed by someone else at this moment.
                self._remove(container)

    def _take_piece(self) -> bytes:
        """What the buffer holds of standard output, up to the first gap; errors are put aside."""
        pieces: list[bytes] = []
        at = 0
        while len(self._buffer) - at >= _HEADER.size:
            kind, size = _HEADER.unpack_from(self._buffer, at)
            if len(self._buffer) - at - _HEADER.size < size:
                break
            piece = bytes(self._buffer[at + _HEADER.size : at + _HEADER.size + size])
            at += _HEADER.size + size
            if kind == _STDOUT:
                pieces.append(piece)
            else:
                self._stderr += piece
                del self._stderr[:-_COMPLAINTS_BYTES]
        del self._buffer[:at]
        return b"".join(pieces)


def _host_config(
    api: Any, memory_bytes: int, facts: EngineFacts, runtime: str | None, walls: Walls, agent: int
) -> dict[str, Any]:
    """Every wall of the container; docs/threat-model.md gives the reason for each."""
    security = ["no-new-privileges:true"]
    options: dict[str, Any] = {}
    group = GROUP if walls is Walls.NAMESPACES else 0
    folders = {"/jail": f"rw,nosuid,nodev,size={_FILES_BYTES},mode=0700,uid={agent},gid={group}"}
    if walls is Walls.NAMESPACES:
        security.append("seccomp=" + json.dumps(json.loads(_PROFILE.read_text())))
        if facts.apparmor:
            security.append("apparmor=unconfined")  # Docker's profile forbids mounts, also those within a namespace.
        options["shm_size"] = 64 * MIB
    else:
        options["cap_add"] = ["SETUID", "SETGID"]
        for place in ("/box", "/tmp", "/dev/shm"):  # noqa: S108 - inside the jail; swept after each run.
            folders[place] = f"rw,exec,nosuid,nodev,size={_RUN_FILES_BYTES},nr_inodes={_RUN_INODES},mode=1777"
    if runtime is not None:
        options["runtime"] = runtime
    config: dict[str, Any] = api.create_host_config(
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=security,
        pids_limit=_PROCESSES,
        mem_limit=memory_bytes,
        memswap_limit=memory_bytes,
        nano_cpus=len(os.sched_getaffinity(0)) * 10**9,
        # Open files: a candidate's are bounded by its launcher. The agent wants as many as the engine gives, since the
        # kernel compares with that number what its user has on the way through sockets.
        ulimits=[docker.types.Ulimit(name="core", soft=0, hard=0)],
        tmpfs=folders,
        ipc_mode="private",
        auto_remove=True,
        log_config=docker.types.LogConfig(type="none"),
        **options,
    )
    if walls is Walls.USERS:
        return config
    # A run mounts a /proc of its own, which the kernel allows only where the container's is not masked. The client has
    # no word for this, the engine has. What the masks hide is root's alone, and nothing in here is root.
    config["MaskedPaths"] = []
    config["ReadonlyPaths"] = []
    return config


def sweep_containers(lease_folder: Path) -> tuple[int, frozenset[str] | None]:
    """Remove containers whose owner is gone. Never raises.

    An owner is alive while it holds its lease's file. A lease unknown to this folder may be held on another machine
    or in another container: of those only what has been stopped for a while is removed.

    Returns: how many, and the leases of the containers that are still there; None where the engine does not answer.
    """
    removed, left = 0, set()
    try:
        client = docker.from_env(timeout=_ENGINE_S)
    except _ENGINE_ERRORS:
        return 0, None
    try:
        for row in client.api.containers(all=True, filters={"label": LABEL}):
            lease = row["Labels"].get(LABEL_LEASE, "")
            held = is_held(lease_folder, lease)
            stopped = row["State"] != "running" and time.time() - row["Created"] > _ORPHAN_S
            if held is False or (held is None and stopped):
                try:
                    client.api.remove_container(row["Id"], force=True, v=True)
                except docker.errors.APIError:  # On its way already, as a rule.
                    left.add(lease)
                else:
                    removed += 1
            else:
                left.add(lease)
    except _ENGINE_ERRORS:
        return removed, None
    finally:
        client.close()
    return removed, frozenset(left)
