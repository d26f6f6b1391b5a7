"""A web server on loopback that plays a script: what a service does on a bad day, and what was asked of it."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Answer:
    """What to say: a status with JSON or text, or a connection that breaks off after so many bytes of it."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    break_after: int | None = None


Script = Callable[[Asked, int], Answer]
"""From a request and how many came before it to the answer."""


class Scripted:
    """The running server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """A server that plays the script, stopped at the end."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = b""
            if self.headers.get("transfer-encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
            asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            with lock:
                before = len(serving.asked)
                serving.asked.append(asked)
                answer = script(asked, before)
            sent = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            kind = "application/problem+json" if answer.status >= 400 else "application/json"
            for name, value in {"Content-Type": kind, "Content-Length": str(len(sent)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent[: answer.break_after])
            if answer.break_after is not None:
                self.wfile.flush()
                self.close_connection = True

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = Scripted(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield serving
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def graded(asked: Asked, **more: Any) -> Answer:
    """The answer of a service that finds everything correct; a reward is how many items came together."""
    count = len(asked.json["items"])
    results = [
        {
            "index": index,
            "id": item.get("id"),
            "status": "graded",
            "reward": float(count),
            "components": {"accuracy": {"score": 1.0, "weight": 1.0}},
            "verdict": {"outcome": "correct", "reason": "equal"},
            "timing": {"queue_s": 0.0, "grade_s": 0.0},
            "cached": False,
            "metadata": item.get("metadata"),
            **more,
        }
        for index, item in enumerate(asked.json["items"])
    ]
    return Answer(body={"request_id": "r", "grader_version": "g", "results": results, "summary": {}})


def refused(status: int, *paths: str, **headers: str) -> Answer:
    """A problem document."""
    errors = [{"path": path, "message": "bad"} for path in paths]
    body = {"type": "about:blank", "title": "no", "status": status, "detail": "no", "request_id": "r"}
    return Answer(status, {**body, **({"errors": errors} if errors else {})}, dict(headers))
