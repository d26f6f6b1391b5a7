"""The routes: each handler fits in a glance and leaves the work to the rooms below."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import to_json
from starlette.background import BackgroundTask
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from app import profiles, version
from app.batch import grade_batch
from app.cache import Answer, digest_of
from app.edge import read_body
from app.errors import StoreUnavailable, UnsupportedMedia
from app.lifetime import Services
from app.metrics import CONTENT_TYPE
from app.queue import QueueState
from app.schemas import (
    BATCH_SCHEMA,
    SELECTION_SCHEMA,
    BatchResponse,
    ProblemDocument,
    SelectionResponse,
    parse_batch,
    parse_selection,
)
from app.select import select_batch
from app.settings import Settings

_log = structlog.get_logger()

T = TypeVar("T")
P = ParamSpec("P")

LARGE_BODY = 256 * 1024
"""Bytes from which on a body is worked on in a thread."""

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
"""What the web page may do: run its own script and speak to this service."""

router = APIRouter()

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDocument, "description": text, "content": {"application/problem+json": {}}}
    for status, text in {
        400: "The body is not JSON as we take it.",
        401: "A key is needed.",
        403: "The key is not one of the configured ones.",
        408: "The body came too slowly.",
        413: "Over a limit of size.",
        415: "Not application/json.",
        422: "The body does not fit the schema; `errors` names each bad field.",
        500: "A fault of the service.",
        503: "Full, or the store is away; see Retry-After.",
    }.items()
}


def services(request: Request) -> Services:
    """What this process opened at start."""
    return cast("Services", request.app.state.services)


@router.post(
    "/v1/grade",
    summary="Grade a batch",
    response_model=BatchResponse,
    responses=PROBLEMS,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": BATCH_SCHEMA}}}},
)
async def grade(request: Request) -> Response:
    """Grade each item and answer when all are done or the deadline passed; one result per item, in order."""
    rooms, since = services(request), request.state.arrived
    body = await _body(request)
    digest = await _aside(len(body), digest_of, body)
    if known := rooms.answers.get(digest):
        rooms.metrics.observe_known(known.counts)
        _log.info("answered_again", items=known.summary["items"])
        text = known.to_text(request.state.request_id, time.monotonic() - since)
        return Response(text, media_type="application/json")
    batch = await _aside(len(body), parse_batch, body, rooms.settings)
    grading = grade_batch(
        batch,
        request.state.request_id,
        rooms,
        elapsed_s=time.monotonic() - since,
    )
    graded = await while_connected(request, grading)

    async def remember() -> None:
        rooms.answers.put(digest, await _aside(len(body), Answer.of, graded.response, graded.kinds))

    _log.info("graded", **graded.response["summary"])
    after = BackgroundTask(remember) if graded.lasting and rooms.settings.cache_bytes_max else None
    return Response(to_json(graded.response), media_type="application/json", background=after)


@router.post(
    "/v1/select",
    summary="Choose from the completions of each prompt",
    response_model=SelectionResponse,
    responses=PROBLEMS,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": SELECTION_SCHEMA}}}},
)
async def select(request: Request) -> Response:
    """Rejection sampling, best of n or a majority vote, for each group of completions."""
    rooms = services(request)
    body = await _body(request)
    selection = await _aside(len(body), parse_selection, body, rooms.settings)
    selecting = select_batch(
        selection,
        request.state.request_id,
        rooms,
        elapsed_s=time.monotonic() - request.state.arrived,
    )
    response = await while_connected(request, selecting)
    _log.info("selected", **response["summary"])
    return Response(to_json(response), media_type="application/json")


async def _body(request: Request) -> bytes:
    """The body of a request that says that it is JSON."""
    check_media(request.headers)
    return await read_body(request, services(request).settings)


async def _aside(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What work on a body of so many bytes returns; on a large one beside the event loop, where all requests wait."""
    return work(*args, **kwargs) if size < LARGE_BODY else await asyncio.to_thread(work, *args, **kwargs)


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; a client that goes away ends the work.

    Raises: ClientDisconnect, which nobody sees; else what the work raises.
    """
    working = asyncio.current_task()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        if working is not None:
            working.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        # Somebody else's cancellation, of a server that stops for example, is not ours to take.
        if working is None or not gone or working.uncancel():
            raise
        raise ClientDisconnect from None
    finally:
        watching.cancel()


def check_media(headers: Headers) -> None:
    """Refuse a body that does not say it is JSON; a browser on another site cannot say so.

    Raises: UnsupportedMedia.
    """
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].split(";")[0].strip().strip('"').lower()
    if kind.strip().lower() != "application/json" or charset not in {"", "utf-8", "utf8"}:
        raise UnsupportedMedia("send application/json in UTF-8")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMedia("send the body without a content encoding")


DIRECT = {("POST", "/v1/grade"): grade}
"""What is asked so often that it goes past the framework (app.edge); the routes above describe it."""


@router.get("/v1/rewards", summary="Components and their parameters", responses={401: PROBLEMS[401]})
async def rewards() -> dict[str, Any]:
    """Every component with the JSON Schema of its parameters."""
    return {"rewards": profiles.catalogue()}


@router.get("/v1/profiles", summary="Recipes", responses={401: PROBLEMS[401]})
async def list_profiles(request: Request) -> dict[str, Any]:
    """Every recipe, written as a request would write it inline."""
    return {"profiles": profiles.recipes(services(request).settings), "default": profiles.DEFAULT}


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The web page: the service's state, and a form to try it. It loads nothing from elsewhere."""
    return Response(_page(), media_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY})


@cache
def _page() -> str:
    return (Path(__file__).parent / "page.html").read_text(encoding="utf-8")


@router.get("/livez", summary="The process answers")
async def livez() -> dict[str, str]:
    """200 as long as this process can answer at all."""
    return {"status": "ok"}


@router.get("/readyz", summary="Requests can be served", responses={503: {"description": "Something is missing."}})
async def readyz(request: Request) -> Response:
    """200 when the store answers and each queue has a live worker; the code workers' sandbox is part of their life.

    A judge worker is missed only where a judge is configured.
    """
    checks: dict[str, Any] = {}
    try:
        states = await services(request).queue.state()
        checks["store"] = {"ok": True}
        for name, state in _in_use(states, services(request).settings).items():
            checks[f"{name}_workers"] = {"ok": state.workers > 0, "workers": state.workers}
            if state.isolation:
                checks[f"{name}_workers"]["isolation"] = state.isolation
    except StoreUnavailable as fault:
        checks["store"] = {"ok": False, "message": fault.message}
    ready = all(check["ok"] for check in checks.values())
    return JSONResponse({"status": "ok" if ready else "unready", "checks": checks}, 200 if ready else 503)


@router.get("/version", summary="Release and grader version")
async def get_version() -> dict[str, str]:
    """The release, and the grader version that results carry."""
    return {"version": version.SERVICE, "grader_version": version.GRADER}


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """The series of docs/metrics.md."""
    rooms = services(request)
    try:
        states = {
            name: replace(state, depth=state.depth + rooms.dispatcher.held(name))
            for name, state in _in_use(await rooms.queue.state(), rooms.settings).items()
        }
    except StoreUnavailable:
        states = {}  # What this process counted is still worth scraping.
    return Response(rooms.metrics.render(states), headers={"Content-Type": CONTENT_TYPE})


def _in_use(states: dict[str, QueueState], settings: Settings) -> dict[str, QueueState]:
    """The queues that somebody has to work on: without a judge nobody misses judge workers."""
    return {name: state for name, state in states.items() if name != "judge" or settings.judges}
