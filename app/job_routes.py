"""The routes of jobs: input streamed in, results streamed out, both in bounded memory."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic_core import to_json

from app.batch import items_of_lines
from app.edge import read_body, refuse_declared
from app.errors import BadJson, BodyTimeout, NotFound, TooLarge, Unprocessable, UnsupportedMedia
from app.ledger import ENDED, Intake, JobView, Ledger, Replay
from app.profiles import recipes_of
from app.routes import PROBLEMS, check_media, services
from app.schemas import BATCH_SCHEMA, Batch, parse_batch
from app.settings import Settings

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

LINES = frozenset({"application/jsonl", "application/x-ndjson", "application/x-jsonlines", "application/jsonlines"})
"""Content types of one item a line."""

ITEMS_TOGETHER = 256
"""Lines validated and written together."""

BYTES_TOGETHER = 8 * 1024 * 1024

EVENT_EVERY_S = 0.5
"""The shortest time between two progress events."""

KEY_MAX = 255
"""Characters of an Idempotency-Key."""

JOB_PROBLEMS: dict[int | str, dict[str, Any]] = {
    **PROBLEMS,
    404: {**PROBLEMS[400], "description": "No such job, or one that is no longer kept."},
    409: {**PROBLEMS[400], "description": "A request with this Idempotency-Key is under way."},
}


def ledger_of(request: Request) -> Ledger:
    """The ledger of this process.

    Raises: NotFound where there is none (grading in place, without a store).
    """
    ledger = services(request).ledger
    if ledger is None:
        raise NotFound("jobs need a store")
    return ledger


@router.post(
    "",
    status_code=202,
    summary="Accept a job",
    responses=JOB_PROBLEMS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": BATCH_SCHEMA},
                "application/jsonl": {"schema": {"type": "string"}},
            },
        }
    },
)
async def accept(
    request: Request,
    profile: str | None = None,
    explain: bool = False,
    deadline_s: Annotated[float | None, Query(gt=0, allow_inf_nan=False)] = None,
) -> Response:
    """Take a batch as JSON, or one item a line as application/jsonl with the rest in the query.

    202 means durable: the job survives the death of any process, and each of its items ends in exactly one result.
    With an Idempotency-Key the same request again answers with the same job.
    """
    settings, ledger = services(request).settings, ledger_of(request)
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= KEY_MAX:
        raise Unprocessable("the Idempotency-Key is empty or too long", errors=[])
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    unknown = set(request.query_params) - ({"profile", "explain", "deadline_s"} if kind in LINES else set())
    if unknown:
        errors = [{"path": name[:64], "message": "not a parameter of this request"} for name in sorted(unknown)]
        raise Unprocessable("a JSON body holds its own profile, explain and deadline_s", errors=errors)
    if deadline_s is not None and deadline_s > settings.deadline_max_s:
        raise Unprocessable(
            "a parameter is out of range",
            errors=[{"path": "deadline_s", "message": f"at most {settings.deadline_max_s:g} s"}],
        )
    if kind in LINES:
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMedia("send the body without a content encoding")
        refuse_declared(request, settings.job_bytes_max)
        begun = await ledger.begin(key=key, explain=explain, deadline_s=deadline_s)
        view = await _take_lines(request, begun, ledger, settings, profile)
    else:
        check_media(request.headers)
        body = await read_body(request, settings)
        batch = await asyncio.to_thread(parse_batch, body, settings)
        if batch.group:
            message = "a job has the completions of a prompt in pieces; ask POST /v1/grade, which has them together"
            raise Unprocessable("a field does not fit a job", errors=[{"path": "group", "message": message}])
        begun = await ledger.begin(key=key, explain=batch.explain, deadline_s=batch.deadline_s)
        view = await _take_batch(body, batch, begun, ledger)
    headers = {"Location": f"/v1/jobs/{view.id}"}
    if isinstance(begun, Replay):
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(view.as_json(), 202, headers)


async def _take_batch(body: bytes, batch: Batch, begun: Intake | Replay, ledger: Ledger) -> JobView:
    if isinstance(begun, Replay):
        begun.digest(body)
        begun.check()
        return await ledger.look(begun.id)
    try:
        begun.digest(body)
        await begun.add(batch.items, recipes_of(batch, ledger.settings))
        return await begun.accept()
    except BaseException:
        await asyncio.shield(begun.refuse())
        raise


async def _take_lines(
    request: Request, begun: Intake | Replay, ledger: Ledger, settings: Settings, profile: str | None
) -> JobView:
    alive = begun.kept_alive() if isinstance(begun, Intake) else contextlib.nullcontext()
    try:
        async with alive:
            return await _take_each_line(request, begun, ledger, settings, profile)
    except BaseException:
        if isinstance(begun, Intake):
            await asyncio.shield(begun.refuse())
        raise


async def _take_each_line(
    request: Request, begun: Intake | Replay, ledger: Ledger, settings: Settings, profile: str | None
) -> JobView:
    begun.digest(request.url.query.encode())
    count = 0
    async for lines in _lines(request, settings):
        for _, line in lines:
            begun.digest(line + b"\n")
        count += len(lines)
        if count > settings.job_items_max:
            raise TooLarge(f"more than {settings.job_items_max} items")
        if isinstance(begun, Intake):
            await begun.add(*await asyncio.to_thread(items_of_lines, lines, settings, profile))
    if not count:
        raise BadJson("the body has no item")
    if isinstance(begun, Replay):
        begun.check()
        return await ledger.look(begun.id)
    return await begun.accept()


async def _lines(request: Request, settings: Settings) -> AsyncIterator[list[tuple[int, bytes]]]:
    """The body's non-blank lines with their numbers, some together.

    Raises: TooLarge, BodyTimeout.
    """
    line_max = settings.completion_bytes_max + settings.task_bytes_max + 1024 * 1024
    until = time.monotonic() + settings.job_seconds_max
    rest, number, size, total = bytearray(), 0, 0, 0
    lines: list[tuple[int, bytes]] = []
    pieces = request.stream()
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces, None), max(until - time.monotonic(), 0.001))
        except TimeoutError:
            raise BodyTimeout(f"the body did not arrive within {settings.job_seconds_max:g} s") from None
        if piece is None:
            break
        total += len(piece)
        if total > settings.job_bytes_max:
            raise TooLarge(f"the body is over {settings.job_bytes_max} bytes")
        head, *whole = piece.split(b"\n")
        rest += head
        for after in whole:
            number += 1
            if line := bytes(rest.strip()):
                lines.append((number, line))
                size += len(line)
            rest = bytearray(after)
            if len(lines) >= ITEMS_TOGETHER or size >= BYTES_TOGETHER:
                yield lines
                lines, size = [], 0
        if len(rest) > line_max:
            raise TooLarge(f"line {number + 1} is over {line_max} bytes")
    if line := bytes(rest.strip()):
        lines.append((number + 1, line))
    if lines:
        yield lines


@router.get("/{job_id}", summary="A job's state", responses=JOB_PROBLEMS)
async def look(request: Request, job_id: str, wait_s: Annotated[float, Query(ge=0)] = 0.0) -> dict[str, Any]:
    """State and counts; with `wait_s`, as soon as the job has ended, or after that many seconds."""
    settings = services(request).settings
    view = await ledger_of(request).look(job_id, min(wait_s, settings.job_wait_max_s))
    return view.as_json()


@router.get("/{job_id}/results", summary="A job's results", responses=JOB_PROBLEMS, response_class=StreamingResponse)
async def results(request: Request, job_id: str, after: Annotated[int, Query(ge=0, lt=2**53)] = 0) -> Response:
    """One result a line, in the order they were found, until the job has ended.

    Each line has `seq`, its place in this order from 1; `after` goes on behind the last one seen.
    """
    ledger = ledger_of(request)
    await ledger.look(job_id)  # Before the answer begins, so that an unknown job is a 404.

    async def lines() -> AsyncIterator[bytes]:
        async for rows in ledger.results(job_id, after):
            yield b"".join(to_json(row) + b"\n" for row in rows)

    return StreamingResponse(lines(), media_type="application/jsonl")


@router.get("/{job_id}/events", summary="A job's progress", responses=JOB_PROBLEMS, response_class=StreamingResponse)
async def events(request: Request, job_id: str) -> Response:
    """Server-sent events named `progress`, at most one in half a second, the last one with an ended state."""
    ledger = ledger_of(request)
    await ledger.look(job_id)

    async def stream() -> AsyncIterator[bytes]:
        seen = None
        while True:
            view = await ledger.look(job_id)
            if view != seen:
                yield b"event: progress\ndata: " + to_json(view.as_json()) + b"\n\n"
                seen = view
            if view.state in ENDED:
                return
            await asyncio.sleep(EVENT_EVERY_S)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.delete("/{job_id}", summary="Cancel a job", responses=JOB_PROBLEMS)
async def cancel(request: Request, job_id: str) -> dict[str, Any]:
    """End it: what was found stays readable, what is under way is thrown away. An ended job stays as it is."""
    return (await ledger_of(request).cancel(job_id)).as_json()
