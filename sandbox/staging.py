"""Prepares, on the host, what a bubblewrap jail shows to its agent: our own code, the launcher, a precompiled header.

Each is built once into a cache folder whose name is the hash of what it is made from, in a temporary folder that is
renamed into place, so that concurrent builders and crashed ones do no harm. The docker image does the same in its
Dockerfile.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache as remembered
from pathlib import Path

from sandbox.errors import JailUnavailable

_HERE = Path(__file__).parent
_AGENT_FILES = (
    "__init__.py",
    "protocol.py",
    "agent/__init__.py",
    "agent/agent.py",
    "agent/pylauncher.py",
    "agent/seccomp.py",
    "agent/zygote.py",
)
_LAUNCHER = _HERE / "agent" / "launcher.c"
_BUILD_S = 120.0

HEADER_STANDARDS = ("gnu++17", "gnu++20")
HEADER_FLAGS = ("-O2", "-pipe")


def default_cache() -> Path:
    """Where this user's builds are kept: the cache folder that the desktop standard names."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "touchstone"


@remembered
def agent_digest() -> str:
    """Names this version of what runs in a jail; agent.digest computes the same of what really runs there."""
    digest = hashlib.sha256()
    for name in sorted((*_AGENT_FILES, "agent/launcher.c")):
        content = (_HERE / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def stage_agent(cache: Path, compiler: str | None = None) -> Path:
    """A folder with the agent's code and the compiled launcher.

    Args: compiler: of C; "" means none, and that the slower launcher in Python serves; None looks for one.
    Raises: JailUnavailable when the compiler fails.
    """
    if compiler is None:
        compiler = shutil.which("gcc") or shutil.which("cc") or ""
    kind = "agent" if compiler else "agent-py"
    target = cache / f"{kind}-{os.uname().machine}-{agent_digest()[:24]}"
    return _build_once(target, lambda folder: _build_agent(folder, compiler))


def stage_header(cache: Path) -> Path | None:
    """A folder with bits/stdc++.h precompiled for each standard; None when the host has no g++ or it fails.

    Takes several seconds the first time. Without it C++ programs compile as well, only slower.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        return None
    try:
        version = subprocess.run([compiler, "-v"], capture_output=True, timeout=_BUILD_S, check=True).stderr
        key = hashlib.sha256(version + repr((HEADER_STANDARDS, HEADER_FLAGS)).encode()).hexdigest()[:24]
        return _build_once(cache / f"header-{key}", _build_header)
    except (OSError, subprocess.SubprocessError, JailUnavailable):
        return None


def _build_once(target: Path, build: Callable[[Path], None]) -> Path:
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as folder:
        fresh = Path(folder) / "it"
        fresh.mkdir(mode=0o755)
        build(fresh)
        # Someone else may have finished first; then theirs is as good.
        with contextlib.suppress(OSError):
            fresh.rename(target)
    if not target.is_dir():
        raise JailUnavailable(f"cannot write to the cache folder {target.parent}")
    return target


def _build_agent(folder: Path, compiler: str) -> None:
    for name in (*_AGENT_FILES, "agent/launcher.c"):
        to = folder / "sandbox" / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_HERE / name, to)
    if not compiler:  # agent/pylauncher.py takes the launcher's place.
        _make_readable(folder)
        return
    source = str(_LAUNCHER)
    program = [compiler, "-O2", "-DTOUCHSTONE_PROGRAM", "-o", str(folder / "launcher"), source]
    library = [compiler, "-O2", "-shared", "-fPIC", "-o", str(folder / "launcher.so"), source]
    # Linked statically it starts in a third of the time; a host without the static C library gets the other kind.
    if not _succeeds([*program, "-static"]) and not _succeeds(program):
        raise JailUnavailable("the sandbox's launcher does not compile: is libc6-dev installed?")
    if not _succeeds(library):
        raise JailUnavailable("the sandbox's launcher does not compile as a library")
    _make_readable(folder)


def _make_readable(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.name in ("launcher", "launcher.so") else 0o644)


def _build_header(folder: Path) -> None:
    source = folder / "source.h"
    source.write_text("#include <bits/stdc++.h>\n")

    def build(standard: str) -> bool:
        to = folder / standard / "bits"
        to.mkdir(parents=True)
        output = str(to / "stdc++.h.gch")
        return _succeeds(["g++", f"-std={standard}", *HEADER_FLAGS, "-x", "c++-header", "-o", output, str(source)])

    with ThreadPoolExecutor(len(HEADER_STANDARDS)) as threads:
        if not all(threads.map(build, HEADER_STANDARDS)):
            raise JailUnavailable("the C++ header does not precompile")


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=_BUILD_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
