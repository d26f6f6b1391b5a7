"""Log lines: one JSON object each, whoever logs, and never a reason for a request to fail."""

import json
import subprocess
import sys

SCRIPT = """
import logging, structlog
from app import log
log.configure("info")
structlog.get_logger().info("ours", text="\\ud800 \\u00e9", value=object())
structlog.get_logger().debug("too little")
try:
    raise KeyError("k")
except KeyError as error:
    structlog.get_logger().error("bug", exc_info=error)
logging.getLogger("uvicorn").warning("theirs %s", 3)
print("done")
"""


def test_every_line_is_json_whoever_logs() -> None:
    """Ours and a library's, with what went wrong, of the level asked for."""
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("ours", "info"),
        ("bug", "error"),
        ("theirs 3", "warning"),
    ]
    assert "KeyError" in lines[1]["exception"]
    assert all("timestamp" in line for line in lines)


def test_a_line_that_cannot_be_written_stops_nothing() -> None:
    """A full disk behind standard error loses lines, and no more."""
    with open("/dev/full", "w") as full:
        ran = subprocess.run([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=full, text=True)
    assert ran.stdout == "done\n"
