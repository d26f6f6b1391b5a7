"""`touchstone bench` against a whole running service."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import free_port, running


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "app", "bench", *words], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
def test_a_service_is_measured(tmp_path: Path) -> None:
    """Each figure of a service with math and code workers, with every verdict true."""
    with running(tmp_path, code_workers=1, sandbox="bubblewrap") as service:
        service.wait_ready()
        done = bench("--url", service.url, "--seconds", "0.5", "--concurrency", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    for figure in (r"a batch of 1024 .*items/s", r"times as fast", r"1 at once .*p99", r"8 at once .*p99", r"tests/s"):
        assert re.search(figure, done.stdout), done.stdout


def test_an_address_where_nobody_listens_is_said() -> None:
    """Status 2 and the address, not a trace."""
    url = f"http://127.0.0.1:{free_port()}"
    done = bench("--url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert url in done.stderr
    assert "Traceback" not in done.stderr
