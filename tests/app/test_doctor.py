"""`touchstone doctor`: what it says is what it tried."""

import os
import subprocess
import sys
from pathlib import Path


def doctor(folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with a data folder of its own."""
    given = {f"TOUCHSTONE_{name.upper()}": value for name, value in settings.items()}
    environment = {**os.environ, "TOUCHSTONE_DATA_DIR": str(folder), "COLUMNS": "200", **given}
    command = [sys.executable, "-m", "app", "doctor"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)


def test_a_machine_that_can_serve_is_well(tmp_path: Path) -> None:
    """Store and sandbox tried, status 0, nothing left in the data folder."""
    done = doctor(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "embedded Valkey starts and answers" in done.stdout
    assert "bubblewrap jail" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path) -> None:
    """A store that does not answer and an image that is not there: status 1, and what to do."""
    done = doctor(tmp_path, redis_url="redis://127.0.0.1:9/0", sandbox="docker", sandbox_image="no-such-image:none")
    assert done.returncode == 1
    assert "start Redis, or unset it" in done.stdout
    assert "mend one of the jails above" in done.stdout


def test_a_wrong_setting_is_named_without_a_traceback(tmp_path: Path) -> None:
    """Status 2, the variable, and what is wrong with it."""
    done = doctor(tmp_path, port="eighty")
    assert done.returncode == 2
    assert "TOUCHSTONE_PORT" in done.stderr
    assert "Traceback" not in done.stderr
