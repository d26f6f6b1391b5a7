"""A server that ends: whoever it let in is answered, and everybody else is refused at once."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

# The application keeps the event loop to itself, as a large body does, so that callers wait at the door.
SERVER = """
import sys, time, uvicorn
from app.door import serve

async def busy(scope, receive, send):
    time.sleep(0.01)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})

config = uvicorn.Config(busy, port=int(sys.argv[1]), log_config=None, lifespan="off", timeout_graceful_shutdown=20)
if sys.argv[2] == "ours":
    serve(config)
else:
    uvicorn.Server(config).run()
"""


def call(port: int) -> str:
    """How one request on a connection of its own ends."""
    with contextlib.closing(socket.socket()) as mine:
        mine.settimeout(20)
        try:
            mine.connect(("127.0.0.1", port))
        except (ConnectionRefusedError, ConnectionResetError):
            return "refused"
        try:
            mine.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := mine.recv(4096):
                answer += piece
        except OSError as error:
            return repr(error)
        return "answered" if answer.endswith(b"ok") else f"cut off: {answer!r}"


def stopped_under_load(whose: str) -> Counter[str]:
    """How requests end that eight callers make while a server serves and stops."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(port), whose])
    while call(port) != "answered":
        time.sleep(0.05)
    ends: Counter[str] = Counter()

    def keep_calling() -> None:
        while (end := call(port)) != "refused":
            ends[end] += 1

    callers = [threading.Thread(target=keep_calling) for _ in range(8)]
    for caller in callers:
        caller.start()
    while ends["answered"] < 20:
        time.sleep(0.01)
    server.send_signal(signal.SIGTERM)
    for caller in callers:
        caller.join()
    server.wait(30)
    return ends


def test_a_server_that_stops_answers_whoever_it_let_in() -> None:
    """Those at the door, and those who had not said anything yet, as well."""
    for _ in range(5):
        assert set(stopped_under_load("ours")) == {"answered"}
