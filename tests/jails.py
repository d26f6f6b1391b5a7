"""Every kind of jail there is, opened for a test; docker's are skipped where no engine answers or has the image."""

import os
from pathlib import Path

import pytest

from sandbox.admission import Admission
from sandbox.bubblewrap_jail import BubblewrapJail, find_bubblewrap, find_toolchains
from sandbox.docker_jail import DockerJail, Walls, ask_engine
from sandbox.jail import Jail
from sandbox.lease import Lease
from sandbox.limits import MIB
from sandbox.pool import JailPool, PooledRunner, open_runner
from sandbox.staging import default_cache, stage_agent

IMAGE = os.environ.get("TOUCHSTONE_SANDBOX_IMAGE", "touchstone-sandbox:latest")
DOCKER = pytest.param("docker", marks=pytest.mark.docker)
DOCKER_USERS = pytest.param("docker-users", marks=pytest.mark.docker)
KINDS = ["bubblewrap", "pylauncher", DOCKER, DOCKER_USERS]


def open_kind(kind: str, run_dir: Path, candidates_per_jail: int = 200) -> PooledRunner:
    """One warm jail of the kind, which bears that many programs one after the other.

    Args: kind: "bubblewrap"; "pylauncher", which is bubblewrap as on a host that cannot build the launcher; "docker";
        or "docker-users", whose runs are kept apart by user ids and whose jails a service would not use twice.
    """
    if kind.startswith("docker"):
        facts = ask_engine(IMAGE)
        if not (facts.answers and facts.has_image):
            pytest.skip(facts.complaint)
    if kind == "pylauncher":
        return _open_without_compiler(run_dir)
    if kind == "docker-users":
        return _open_without_namespaces(run_dir, candidates_per_jail)
    return open_runner(
        "docker" if kind == "docker" else "bubblewrap",
        jails=1,
        image=IMAGE,
        run_dir=run_dir,
        candidates_per_jail=candidates_per_jail,
    )


def _open_without_compiler(run_dir: Path) -> PooledRunner:
    program = find_bubblewrap()
    assert program is not None
    agent = stage_agent(default_cache(), compiler="")
    assert not (agent / "launcher").exists()
    toolchains = find_toolchains(os.environ)
    return PooledRunner(
        JailPool(lambda: BubblewrapJail(program, agent, run_dir / "users", None, toolchains), 1, 200),
        Admission(run_dir / "slots", 2),
    )


def _open_without_namespaces(run_dir: Path, candidates_per_jail: int) -> PooledRunner:
    lease = Lease(run_dir / "leases")
    facts = ask_engine(IMAGE)

    def make() -> Jail:
        return DockerJail(IMAGE, 4608 * MIB, lease, facts, None, set(), run_dir / "users", Walls.USERS)

    pool = JailPool(make, 1, candidates_per_jail)
    return PooledRunner(pool, Admission(run_dir / "slots", 2), after_close=lease.release)


def open_counted(kind: str, run_dir: Path, born: list[str], memory_bytes: int = 1024 * MIB) -> PooledRunner:
    """One warm jail of so much memory: "bubblewrap" or "docker". `born` is told of each that is made."""
    facts = ask_engine(IMAGE) if kind.startswith("docker") else None
    if facts is not None and not (facts.answers and facts.has_image):
        pytest.skip(facts.complaint)
    lease = Lease(run_dir / "leases")

    def make() -> Jail:
        jail: Jail
        if facts is not None:
            jail = DockerJail(IMAGE, memory_bytes, lease, facts, None, set(), run_dir / "users")
        else:
            program = find_bubblewrap()
            assert program is not None
            agent = stage_agent(default_cache())
            jail = BubblewrapJail(program, agent, run_dir / "users", memory_bytes=memory_bytes)
        born.append(jail.name)
        return jail

    return PooledRunner(JailPool(make, 1, 10**6), Admission(run_dir / "slots", 2), after_close=lease.release)
