"""A short storm with a fixed seed; `make storm` is the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_short_storm_leaves_nothing_to_complain_of() -> None:
    """Every accepted item exactly one result, none false, none invented."""
    command = [sys.executable, "-m", "tests.storm", "--seconds", "20", "--items", "4000", "--seed", "7"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=115, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to complain of" in done.stdout
