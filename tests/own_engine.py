"""A second Docker Engine of a test's own, to be stopped, killed and started again, and a small image of a jail for it.

Needs root, as every engine does. It lives in a network namespace of its own: an engine told to have no bridge removes
the one of that name, which is another engine's.
"""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sandbox.docker_jail import GROUP
from sandbox.staging import default_cache, stage_agent

IMAGE = "touchstone-small-jail:latest"
PREFIX = "ts-engine-"
"""Of the folders of these engines, which are mounts as well while one runs."""
_ANSWER_S = 40.0
_PYTHON = "/usr/bin/python3"
_LEFT_OUT = ("/test", "/dist-packages", "/site-packages", "/idlelib", "/lib2to3", "/config-3", "/ensurepip")


def reason_to_skip() -> str:
    """Why there can be none here; "" when there can."""
    if os.getuid() != 0:
        return "only root can start an engine"
    missing = [program for program in ("dockerd", "docker", "unshare") if shutil.which(program) is None]
    return f"{' and '.join(missing)} not installed" if missing else ""


class OwnEngine:
    """A dockerd in a folder of its own."""

    def __init__(self, *options: str) -> None:
        """Args: options: more of dockerd's."""
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))  # A socket's path must be short.
        self.url = f"unix://{self.folder}/docker.sock"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        # What a killed engine leaves: process ids that mean nothing any more.
        for name in ("docker.pid", "exec/containerd/containerd.pid"):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("unshare", "--net", "--", "dockerd"),
                    *("--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"),
                    *("--pidfile", f"{self.folder}/docker.pid", "--host", self.url),
                    *("--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"),
                    *self._options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _ANSWER_S
        while subprocess.run(self._docker("version"), capture_output=True, check=False).returncode != 0:
            log_tail = (self.folder / "log").read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, log_tail
            assert time.monotonic() < until, log_tail
            time.sleep(0.05)

    def end(self, number: int) -> None:
        """Send it a signal and wait for its end."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(30)

    def docker(self, *arguments: str, given: bytes = b"") -> list[str]:
        """Lines that the engine's client answers."""
        done = subprocess.run(self._docker(*arguments), input=given, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().splitlines()

    def close(self) -> None:
        """End it, its containers and its folder."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(AssertionError):
                if left := self.docker("ps", "--all", "--quiet"):
                    self.docker("rm", "--force", *left)
            self.end(signal.SIGTERM)
        self._end_orphans()
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if (place := line.split()[1]).startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", place], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_orphans(self) -> None:
        """A killed engine now and then forgets a container: its keeper, which names this folder, and what it keeps."""
        mark = f"{self.folder}/".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark not in (entry / "cmdline").read_bytes():
                    continue
                kept = [int(pid) for task in entry.glob("task/*/children") for pid in task.read_text().split()]
                for pid in (*kept, int(entry.name)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def _docker(self, *arguments: str) -> list[str]:
        return ["docker", "--host", self.url, *arguments]


def refusing_runtime(folder: Path) -> str:
    """An OCI runtime that is the host's but for one thing: no container may make a namespace of users.

    It stands for engines that ignore a caller's seccomp profile and kernels that forbid the call.

    Returns: the option that makes it an engine's default.
    """
    program = folder / "refusing-runtime"
    program.write_text(_REFUSING_RUNTIME)
    program.chmod(0o755)
    return f"--add-runtime=refusing={program}"


_REFUSING_RUNTIME = """#!/usr/bin/python3 -I
import json, os, sys
if "create" in sys.argv:
    path = os.path.join(sys.argv[sys.argv.index("--bundle") + 1], "config.json")
    with open(path) as file:
        config = json.load(file)
    rules = config["linux"]["seccomp"]["syscalls"]
    for rule in rules:
        rule["names"] = [name for name in rule["names"] if name not in ("clone", "unshare", "setns")]
    rules[:] = [rule for rule in rules if rule["names"]]
    no_new_user = {"index": 0, "value": 0x10000000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    rules.append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [no_new_user]})
    with open(path, "w") as file:
        json.dump(config, file)
os.execvp("runc", ["runc", *sys.argv[1:]])
"""


@contextlib.contextmanager
def own_engine(*options: str) -> Iterator[OwnEngine]:
    """A running engine that has IMAGE, gone at the end."""
    engine = OwnEngine(*options)
    try:
        engine.start()
        engine.docker("import", *_image_options(), "-", IMAGE, given=_small_image())
        yield engine
    finally:
        engine.close()


def _image_options() -> list[str]:
    start = "import sys; sys.path.insert(0, '/touchstone'); from sandbox.agent.agent import main; main()"
    words = ", ".join(f'"{word}"' for word in (_PYTHON, "-I", "-S", "-c", start))
    changes = [f"ENTRYPOINT [{words}]", f"USER {GROUP}:{GROUP}", "ENV PATH=/usr/bin:/bin LANG=C.UTF-8 HOME=/box"]
    return [word for change in changes for word in ("--change", change)]


def _small_image() -> bytes:
    """The host's own Python and our agent as an image's file system: what image/Dockerfile makes, only smaller."""
    agent = stage_agent(default_cache())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as tar:
        for name in ("box", "jail", "tmp", "dev", "proc", "sys", "etc"):
            _add_folder(tar, name, 0o755, 0)
        passwd = b"root:x:0:0:root:/box:/usr/sbin/nologin\n"
        facts = tarfile.TarInfo("etc/passwd")
        facts.size, facts.mode = len(passwd), 0o644
        tar.addfile(facts, io.BytesIO(passwd))
        for path in _python_files():
            tar.add(path, arcname=path.lstrip("/"), filter=lambda member: None if _is_left_out(member.name) else member)
        tar.add(agent, arcname="touchstone", filter=_ours)
    return buffer.getvalue()


def _python_files() -> list[str]:
    """The interpreter, its library and the shared libraries that it needs."""
    standard = subprocess.run(
        [_PYTHON, "-I", "-c", "import os; print(os.path.dirname(os.__file__))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    found = {_PYTHON, standard}
    for program in (_PYTHON, *map(str, Path(standard, "lib-dynload").glob("*.so"))):
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        found |= {word for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    return sorted(found)


def _is_left_out(name: str) -> bool:
    return any(part in f"/{name}" for part in _LEFT_OUT)


def _ours(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """As the Dockerfile does: for the agent's user, and no candidate's."""
    member.uid, member.gid = 0, GROUP
    member.mode &= 0o750
    return member


def _add_folder(tar: tarfile.TarFile, name: str, mode: int, gid: int) -> None:
    facts = tarfile.TarInfo(name)
    facts.type, facts.mode, facts.gid = tarfile.DIRTYPE, mode, gid
    tar.addfile(facts)
