"""The scripts around the project: they lint, and the one that guards against silent skips does so."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT

SHELL_SCRIPTS = sorted(
    path
    for path in (ROOT / ".ci").iterdir()
    if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash\n")
)

PASSED = '<testcase classname="a" name="passes"/>'
SKIPPED = '<testcase classname="a" name="b"><skipped type="pytest.skip" message="no engine"/></testcase>'
XFAILED = '<testcase classname="a" name="c"><skipped type="pytest.xfail" message="known"/></testcase>'


def no_skips(*reports: Path) -> subprocess.CompletedProcess[str]:
    """Run .ci/no_skips.py."""
    return subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "no_skips.py"), *map(str, reports)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def report(folder: Path, *cases: str) -> Path:
    """A report as pytest writes it."""
    path = folder / "report.xml"
    path.write_text(f'<testsuites><testsuite name="pytest">{"".join(cases)}</testsuite></testsuites>')
    return path


def test_there_are_scripts_to_lint() -> None:
    """The list below is found, not written down; it must not become empty."""
    assert {path.name for path in SHELL_SCRIPTS} >= {"engine", "run", "stand-in", "build-secrets"}


@pytest.mark.parametrize("script", SHELL_SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing_to_say(program: Callable[[str], str], script: Path) -> None:
    """Shell is where a missing quote deletes the wrong folder."""
    checked = subprocess.run(
        [program("shellcheck"), str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_a_run_without_skips_passes(tmp_path: Path) -> None:
    """An expected failure ran, so it is no skip."""
    assert no_skips(report(tmp_path, PASSED, XFAILED)).returncode == 0


def test_a_skip_fails_the_run_and_is_named(tmp_path: Path) -> None:
    """A missing engine is a hole in CI's run."""
    ended = no_skips(report(tmp_path, PASSED, SKIPPED))
    assert (ended.returncode, "a::b: no engine" in ended.stdout) == (1, True)


def test_a_run_of_no_test_fails(tmp_path: Path) -> None:
    """A run that collected nothing proves nothing."""
    assert no_skips(report(tmp_path)).returncode == 1


def test_the_build_back_end_is_the_same_in_both_locks() -> None:
    """`make setup` installs requirements-build.lock and `make test` requirements-dev.lock into one environment."""
    build = (ROOT / "requirements-build.lock").read_text()
    assert build.startswith("setuptools==")
    assert build in (ROOT / "requirements-dev.lock").read_text()


def test_the_locks_name_no_package_index() -> None:
    """Where packages come from is this machine's business."""
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text()


def test_every_declared_dependency_is_locked() -> None:
    """A dependency that only happens to be installed here is missing on a fresh machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run_time = {canonical(line) for line in project["dependencies"]}
    development = {canonical(line) for line in project["optional-dependencies"]["dev"]}
    assert run_time - locked("requirements.lock") == set()
    assert (run_time | development) - locked("requirements-dev.lock") == set()


def test_the_locks_agree_with_each_other() -> None:
    """`make test` must not exchange what `make serve` runs with."""
    entries = {name: set(entry_lines(name)) for name in ("requirements.lock", "requirements-dev.lock")}
    assert entries["requirements.lock"] - entries["requirements-dev.lock"] == set()


def entry_lines(lock: str) -> list[str]:
    """The name==version of each entry."""
    return re.findall(r"^([A-Za-z0-9_.-]+==[^ ;]+)", (ROOT / lock).read_text(), re.MULTILINE)


def canonical(requirement: str) -> str:
    """A requirement's name as indexes compare it."""
    name = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def locked(lock: str) -> set[str]:
    """Canonical names of a lock's entries."""
    return {canonical(line) for line in entry_lines(lock)}


def build_secrets(folder: Path, **environment: str) -> tuple[str, str]:
    """What .ci/build-secrets prints, and the pip.conf it writes, on a machine with these variables."""
    authorities = folder / "authorities.pem"
    authorities.write_text("the authorities\n")
    made = subprocess.run(
        [str(ROOT / ".ci" / "build-secrets"), str(folder / "secrets")],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PIP_CERT": str(authorities)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return made.stdout, (folder / "secrets" / "pip.conf").read_text()


def test_a_build_gets_the_machine_s_way_to_packages_as_secrets(tmp_path: Path) -> None:
    """Index and authorities reach the build as files outside of every layer, readable by their owner alone."""
    arguments, pip_conf = build_secrets(tmp_path, PIP_INDEX_URL="https://mirror.example/simple", PIP_TIMEOUT="77")
    assert "id=ca,src=" in arguments and "id=pip_conf,src=" in arguments
    assert "index-url = https://mirror.example/simple" in pip_conf
    assert "timeout = 77" in pip_conf
    secrets = tmp_path / "secrets"
    assert (secrets / "ca.pem").read_text() == "the authorities\n"
    assert {path.stat().st_mode & 0o077 for path in secrets.iterdir()} == {0}


def test_folders_of_this_machine_do_not_reach_a_build(tmp_path: Path) -> None:
    """A folder of wheels that exists only here would make pip in the build complain, or fail."""
    _, pip_conf = build_secrets(
        tmp_path, PIP_FIND_LINKS="/some/wheels", PIP_EXTRA_INDEX_URL="file:///a/simple https://b.example/simple"
    )
    assert "/some/wheels" not in pip_conf and "file:" not in pip_conf
    assert "extra-index-url = https://b.example/simple" in pip_conf
