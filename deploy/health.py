#!/opt/touchstone/bin/python -IS
"""The container's health check: does the API of this container answer /livez? Standard library only, and quick.

It does not ask whether requests can be served (/readyz does), and has nothing to say of a worker: that serves no HTTP,
and the service itself watches its heartbeats.
"""

import http.client
import os
import sys
from pathlib import Path

TIMEOUT_S = 4


def main() -> int:
    """Exit status 0 for healthy, 1 for not."""
    # Process 1 is the command itself, or an init that was given it.
    if b"worker" in Path("/proc/1/cmdline").read_bytes().split(b"\0"):
        return 0
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("TOUCHSTONE_PORT", "8000")), TIMEOUT_S)
    try:
        connection.request("GET", "/livez")
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
