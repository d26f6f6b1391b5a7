"""Around every request: its id, its key, its metrics, and problem+json for whatever goes wrong.

Pure ASGI, since it must also see what the framework itself refuses. One of the two places that catch everything (the
other is jobs.py). Outside of all the framework's layers: those cost more than a small request's grading, and whom they
serve nothing need not wait for them (`direct`).
"""

import asyncio
import hmac
import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import unquote, unquote_plus

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import (
    STATUS,
    BadJson,
    BodyTimeout,
    Forbidden,
    Problem,
    ServiceFault,
    TooLarge,
    Unauthorized,
    Unprocessable,
)
from app.metrics import Metrics
from app.settings import Settings

_log = structlog.get_logger()

OPEN_ROUTES = frozenset({"/", "/livez", "/readyz", "/version", "/docs", "/openapi.json", "/v1/ping", "/health"})
OPEN_FOLDER = "/static-offline-docs/"
"""Answered without a key: probes and browsers have none, and nothing there is this installation's own."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}\Z")
_PART = re.compile(rb"/(key|profile|with)/([^/]{1,512})(?=/)")
_PARTS_MAX = 3
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


Handler = Callable[[Request], Awaitable[Response]]


class Edge:
    """The outermost layer.

    Args:
        app: the framework's application.
        settings: keys.
        metrics: called for the registry to record in, once services are open.
        direct: by method and path the handlers that need nothing of the framework's layers; they are called here.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        metrics: Callable[[], Metrics | None],
        direct: Mapping[tuple[str, str], Handler],
    ) -> None:
        self._app = app
        self._direct = direct
        self._keys = [key.get_secret_value().encode() for key in settings.api_keys]
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        keys = take_from_address(scope)
        request = Request(scope, receive, send)
        path: str = scope["path"]
        direct = self._direct.get((scope["method"], path))
        started = time.monotonic()
        given = request.headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
        scope["state"].update(request_id=request_id, arrived=started)
        trace = _TRACEPARENT.match(request.headers.get("traceparent", ""))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, **({"trace_id": trace[1]} if trace else {}))
        status = 500
        begun = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            self._check_key(request, path, keys)
            if direct is None:
                await self._app(scope, receive, send_with_id)
            else:
                response = await direct(request)
                await response(scope, receive, send_with_id)
        except ClientDisconnect:
            status = 499  # Nobody is there to read an answer; the number is only for the metrics.
        except Exception as error:  # The edge: a bug answers 500 and is logged, and the process goes on.
            if begun:
                raise
            await problem_response(request, error)(scope, receive, send_with_id)
        finally:
            if metrics := self._metrics():
                route = getattr(scope.get("route"), "path", "other") if direct is None else path
                metrics.observe_http(route, status, time.monotonic() - started)

    def _check_key(self, request: Request, path: str, in_address: list[str]) -> None:
        if not self._keys or path in OPEN_ROUTES or path.startswith(OPEN_FOLDER):
            return
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        in_header = bearer.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        given = [key for key in (in_header, *in_address) if key]
        if not given:
            raise Unauthorized("a key is needed: Authorization: Bearer KEY, X-API-Key, /key/KEY/... or ?key=KEY")
        # Every key is compared, in constant time each, so that the answer's delay tells nothing.
        if not sum(hmac.compare_digest(one.encode(), key) for one in given for key in self._keys):
            raise Forbidden("this key is not one of the configured ones")


def take_from_address(scope: Scope) -> list[str]:
    """Take the key, and a profile, out of a request's address, for callers that can send no headers.

    /key/KEY/profile/NAME/verify becomes /verify, and `key` leaves the query; so nothing behind here, no log line and
    no metric either, ever sees a key. The profile is left in the scope's state. /with/A=1&B=2/verify becomes
    /verify?A=1&B=2, for callers that put a path of their own behind the address they are given.

    Returns: the keys found, at most five.
    """
    keys: list[str] = []
    raw = scope.get("raw_path") or scope["path"].encode()
    for _ in range(_PARTS_MAX):
        found = _PART.match(raw)
        if found is None:
            break
        raw = raw[found.end() :]
        if found[1] == b"key":
            keys.append(unquote(found[2].decode("latin-1")))
        elif found[1] == b"profile":
            scope["state"]["profile"] = unquote(found[2].decode("latin-1"))
        else:  # In front of the query, so that a parameter there wins.
            scope["query_string"] = b"&".join(filter(None, (found[2], scope.get("query_string", b""))))
        scope["raw_path"], scope["path"] = raw, unquote(raw.decode("latin-1"))
    query = scope.get("query_string", b"")
    if b"key=" in query:
        parts = query.split(b"&")
        keys += [unquote_plus(part[4:].decode("latin-1")) for part in parts if part.startswith(b"key=")][:2]
        scope["query_string"] = b"&".join(part for part in parts if not part.startswith(b"key="))
    return keys


def problem_response(request: Request, error: Exception) -> Response:
    """An exception as problem+json; one that is nobody's is logged and answers 500."""
    request_id = request.scope.get("state", {}).get("request_id", "")
    headers: dict[str, str] = {}
    errors: Sequence[dict[str, str]] = ()
    if isinstance(error, RequestValidationError):
        rows = [{"path": str(entry["loc"][-1]), "message": entry["msg"]} for entry in error.errors()]
        error = Unprocessable("a parameter of the path or the query does not fit", errors=rows)
    if isinstance(error, ServiceFault):
        status, detail, errors = STATUS[type(error)], error.message, error.errors
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
        if status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, TooLarge | BodyTimeout):
            headers["Connection"] = "close"  # The rest of the body was not read.
    elif isinstance(error, HTTPException):
        status, detail = error.status_code, str(error.detail)
        headers.update(error.headers or {})
    else:
        _log.error("bug", path=request.url.path, exc_info=error)
        status, detail = 500, "a fault of the service; it was logged with this request's id"
    document = Problem(status, HTTPStatus(status).phrase, detail, request_id, list(errors))
    return Response(json.dumps(document.as_json()), status, headers, media_type="application/problem+json")


def refuse_declared(request: Request, limit: int) -> None:
    """Refuse a body whose declared length is over the limit, before reading any of it.

    Raises: TooLarge.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"the body is over {limit} bytes")


async def read_body(request: Request, settings: Settings) -> bytes:
    """The whole body, within its bounds of size and time.

    Raises: TooLarge, BodyTimeout; BadJson if it is empty.
    """
    limit = settings.body_bytes_max
    refuse_declared(request, limit)
    body = bytearray()

    try:
        async with asyncio.timeout(settings.body_seconds_max):
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise TooLarge(f"the body is over {limit} bytes")
    except TimeoutError:
        raise BodyTimeout(f"the body did not arrive within {settings.body_seconds_max:g} s") from None
    if not body:
        raise BadJson("the body is empty")
    return bytes(body)
