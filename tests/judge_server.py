"""A stand-in for the servers that judges run behind: real HTTP, real sockets, the shapes of the real ones.

It speaks vLLM, SGLang, Text Embeddings Inference and OpenAI's chat completions, each below a path of its own, checks
requests as they do, and fails in the ways they fail, as a script says. What it thinks is a function that the test hands
in. tests/contract/test_judge_server.py holds its replies to the shapes recorded in tests/golden/judges.
"""

import json
import re
import socket
import ssl
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

Think = Callable[[str], float]
"""From the text a reward model sees to its number."""

Reply = Callable[[str, str], str]
"""From a chat judge's system and user message to its reply."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One request that goes wrong.

    Args:
        kind: "status" (with `status`), "slow" (answers after `seconds`), "drip" (a byte now and then, for ever),
            "reset" (the connection breaks), "cut" (it closes in the middle of the body), "body" (200 with `body`),
            "redirect" (to `location`).
        headers: further ones.
    """

    kind: str
    status: int = 500
    seconds: float = 0.0
    body: bytes = b""
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: Any


class Malformed(Exception):
    """A request that the real server would refuse with 400 or 422."""


def good_or_bad(text: str) -> float:
    """A reward model of two opinions: 3.5 for a text that says "good", else -1.25."""
    return 3.5 if "good" in text else -1.25


def code_of(user: str) -> str:
    """The code that a chat judge's instructions name."""
    found = re.search(r"^The code of this message is ([0-9a-f]+)\.$", user, re.MULTILINE)
    assert found is not None, user
    return found[1]


def quotation(user: str, name: str) -> str:
    """What stands between the markers of a piece of material; the markers carry the message's code."""
    code = re.escape(code_of(user))
    found = re.search(rf"^<<<{name} {code}>>>\n(.*)\n<<<END {name} {code}>>>$", user, re.DOTALL | re.MULTILINE)
    assert found is not None, user
    return found[1]


def honest(system: str, user: str) -> str:
    """A chat judge that reads only the material, and prefers what says "good"."""
    code = code_of(user)
    if f"<<<ANSWER A {code}>>>" not in user:
        return f"I have read it.\nVERDICT {code}: {9 if 'good' in quotation(user, 'ANSWER') else 2}"
    worth = [good_or_bad(quotation(user, name)) for name in ("ANSWER A", "ANSWER B")]
    label = "[[A=B]]" if worth[0] == worth[1] else "[[A>>B]]" if worth[0] > worth[1] else "[[B>>A]]"
    return f"I have read both.\nVERDICT {code}: {label}"


class JudgeServer:
    """A running server. A context manager.

    Args:
        port: to listen on; 0 takes a free one.
        certificate: a PEM file with a key and its certificate, for https.
    """

    def __init__(self, port: int = 0, certificate: Path | None = None) -> None:
        self._certificate = certificate
        self.think: Think = good_or_bad
        self.reply: Reply = honest
        self.script: deque[Fault | None] = deque()
        """What becomes of the next requests, in order; None and an empty script: they are answered."""
        self.always: Fault | None = None
        """What becomes of every request while the script is empty."""
        self.delay_s = 0.0
        self.delays_s: dict[str, float] = {}
        """How long a reply takes, always or by path."""
        self.seen: list[Seen] = []
        self.at_once_max = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._port = port

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(_Handler):
            server_of_judges = stand_in

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 256

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that breaks its connection off is nothing to report here."""
                if not isinstance(sys.exc_info()[1], OSError):
                    super().handle_error(request, client_address)

        self._server = Server(("127.0.0.1", self._port), Handler)
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        """The address of a path below this server."""
        return f"http{'s' if self._certificate else ''}://127.0.0.1:{self.port}{path}"

    def next_fault(self) -> Fault | None:
        """What becomes of the request at hand."""
        with self._lock:
            return self.script.popleft() if self.script else self.always

    def begin(self, seen: Seen) -> None:
        """A request has arrived."""
        with self._lock:
            self.seen.append(seen)
            self._at_once += 1
            self.at_once_max = max(self.at_once_max, self._at_once)

    def end(self) -> None:
        """It has been answered."""
        with self._lock:
            self._at_once -= 1

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the server's end."""
        self._closing.wait(seconds)

    @property
    def closing(self) -> bool:
        """Whether the server is being ended."""
        return self._closing.is_set()

    # The dialects.

    def answer(self, path: str, body: Any) -> Any:
        """A request's reply, in the shape of the server whose path it is.

        Raises: Malformed; KeyError for a path that no server has.
        """
        return {
            "/vllm/classify": self._vllm_classify,
            "/vllm/score": self._vllm_score,
            "/vllm/pooling": self._vllm_pooling,
            "/sglang/classify": self._sglang_classify,
            "/sglang/v1/embeddings": self._sglang_embeddings,
            "/tei/predict": self._tei_predict,
            "/v1/chat/completions": self._chat,
        }[path](body)

    def _vllm_head(self, prefix: str, body: Any) -> dict[str, Any]:
        return {
            "id": f"{prefix}-9bf17f2847b046c7b2d5495f4b4f9682",
            "object": "list",
            "created": int(time.time()),
            "model": body.get("model") or "reward",
            "usage": {"prompt_tokens": 10, "total_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": None},
        }

    def _vllm_classify(self, body: Any) -> Any:
        data = [
            {"index": index, "label": "LABEL_0", "probs": [self.think(text)], "num_classes": 1}
            for index, text in enumerate(_vllm_texts(body))
        ]
        return self._vllm_head("classify", body) | {"data": data}

    def _vllm_pooling(self, body: Any) -> Any:
        data = [
            {"index": index, "object": "pooling", "data": [self.think(text)]}
            for index, text in enumerate(_vllm_texts(body))
        ]
        return self._vllm_head("pool", body) | {"data": data}

    def _vllm_score(self, body: Any) -> Any:
        queries, documents = body.get("text_1"), body.get("text_2")
        if not isinstance(queries, str) or not isinstance(documents, str | list):
            raise Malformed("text_1 and text_2 are required")
        texts = [documents] if isinstance(documents, str) else documents
        data = [
            {"index": index, "object": "score", "score": self.think(queries + "\n" + text)}
            for index, text in enumerate(texts)
        ]
        return self._vllm_head("score", body) | {"data": data}

    def _sglang_classify(self, body: Any) -> Any:
        texts = body.get("text")
        if not isinstance(texts, str | list):
            raise Malformed("text is required")
        replies = [
            {
                "embedding": [self.think(text)],
                "meta_info": {"id": "d1f4", "finish_reason": None, "prompt_tokens": 10, "weight_version": "default"},
            }
            for text in ([texts] if isinstance(texts, str) else texts)
        ]
        return replies[0] if isinstance(texts, str) else replies

    def _sglang_embeddings(self, body: Any) -> Any:
        text = body.get("input")
        if not isinstance(text, str):
            raise Malformed("input is required")
        return {
            "data": [{"embedding": [self.think(text)], "index": 0, "object": "embedding"}],
            "model": body.get("model", "default"),
            "object": "list",
            "usage": {"prompt_tokens": 10, "total_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": None},
        }

    def _tei_predict(self, body: Any) -> Any:
        inputs = body.get("inputs")
        if not isinstance(inputs, list) or not all(
            isinstance(entry, list) and 1 <= len(entry) <= 2 and all(isinstance(text, str) for text in entry)
            for entry in inputs
        ):
            raise Malformed("a batch of mixed strings and pairs was expected")
        return [[{"score": self.think("\n".join(entry)), "label": "LABEL_0"}] for entry in inputs]

    def _chat(self, body: Any) -> Any:
        messages = body.get("messages")
        if not isinstance(body.get("model"), str) or not isinstance(messages, list):
            raise Malformed("model and messages are required")
        if [message["role"] for message in messages] != ["system", "user"]:
            raise Malformed("a system and a user message were expected")
        return {
            "id": "chatcmpl-9bf17f2847b0",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": self.reply(*(one["content"] for one in messages)),
                        "reasoning_content": None,
                        "tool_calls": None,
                    },
                    "logprobs": None,
                    "finish_reason": "stop",
                    "matched_stop": None,
                }
            ],
            "usage": {"prompt_tokens": 10, "total_tokens": 20, "completion_tokens": 10, "prompt_tokens_details": None},
        }


def _vllm_texts(body: Any) -> list[str]:
    """The texts a vLLM pooling request is about: `input`, or `messages` as the chat template would join them."""
    if "messages" in body:
        return ["".join(f"<|{turn['role']}|>{turn['content']}" for turn in body["messages"])]
    if not isinstance(body.get("input"), str | list):
        raise Malformed("input or messages is required")
    return [body["input"]] if isinstance(body["input"], str) else body["input"]


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_of_judges: JudgeServer

    def do_POST(self) -> None:
        """Every dialect is posted to."""
        judges = self.server_of_judges
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        judges.begin(Seen(self.path, dict(self.headers), body))
        try:
            fault = judges.next_fault()
            if fault is not None:
                self._fail(fault)
                return
            judges.pause(judges.delays_s.get(self.path, judges.delay_s))
            self._send(200, json.dumps(judges.answer(self.path, body)).encode())
        except Malformed as error:
            self._send(400, json.dumps({"error": {"message": str(error), "type": "BadRequestError"}}).encode())
        except KeyError:
            self._send(404, b'{"detail":"Not Found"}')
        except OSError:
            self.close_connection = True  # The client has gone.
        finally:
            judges.end()

    def do_GET(self) -> None:
        """Nothing here is fetched; a followed redirect would be."""
        self.server_of_judges.begin(Seen(self.path, dict(self.headers), None))
        self.server_of_judges.end()
        self._send(200, b"{}")

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _fail(self, fault: Fault) -> None:
        judges = self.server_of_judges
        match fault.kind:
            case "status":
                self._send(fault.status, fault.body or b'{"error":"Model is overloaded"}', fault.headers)
            case "body":
                self._send(200, fault.body)
            case "redirect":
                self._send(307, b"", {"Location": fault.location})
            case "slow":
                judges.pause(fault.seconds)
                self._send(200, b"[]")
            case "drip":
                self.send_response(200)
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                while not judges.closing:
                    self.wfile.write(b" ")
                    judges.pause(0.05)
            case "cut":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b'{"data": [')
                self.close_connection = True
            case "reset":
                # A linger time of 0 makes the close a reset, as when a process is killed.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
