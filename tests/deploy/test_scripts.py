"""The scripts around the project: they lint, and the one that guards against silent skips does so."""

import subprocess
import sys
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
