"""NeMo-Gym's resources server: /seed_session, /verify, /close_session, /aggregate_metrics, /reverify_mode.

A NeMo-RL, verifiers or Axolotl run names this service as its resources server. A row's own fields say what to judge:
`task`, or `verifier_metadata.task`, is a task as in /v1/grade; else `verifier_metadata.unit_tests`; else
`instruction_id_list` with `kwargs`; else `options` with `expected_answer`; else `expected_answer`, `answer`,
`ground_truth` or `label`, read as `?label=` says. A profile is chosen by `?profile=`, /profile/NAME/..., or
`verifier_metadata.profile`.

The answer is the request with `reward`, and what could not be graded has `mask_sample` with a `failure_kind`, so that
it is left out of the loss and of the metrics; verifiers reads no mask and tries a refused rollout again, so for it a
fault of ours is a 503 (/with/errors=503/...). The server keeps no state: a session is opened and closed in name only.
Source: nemo_gym 0.7.0: base_resources_server.py, failure_kinds.py, judge.py (judge_failsafe), reward_profile.py;
resources_servers/{math_with_judge,code_gen,mcqa,instruction_following}/app.py.
"""

import asyncio
import base64
import binascii
import math
import statistics
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from app.compat.body import LENIENT, Misfit, fit, parse, read_json, read_model, refusal
from app.compat.label import paired_tests, task_of
from app.compat.rows import Row, answer, flags_of, grade_rows, how_of, number_of
from app.compat.text import content_text, prompt_text
from app.errors import BadJson, QueueFull
from app.routes import PROBLEMS, services
from graders.errors import TaskInvalid

router = APIRouter()

WAITS_S = 60.0
"""verifiers' time-out; Axolotl's is half of that (`?deadline_s=25` for it), NeMo-RL has none."""

TASK = "_ng_task_index"
ROLLOUT = "_ng_rollout_index"

KINDS = {"sandbox": "provider_unavailable"}
"""Our fault codes in NeMo-Gym's vocabulary; any other is its `verifier_error`."""

ANSWERS = ("expected_answer", "answer", "ground_truth", "label")


class Verify(BaseModel):
    """The body of /verify: these two, beside the dataset row's own fields."""

    model_config = ConfigDict(extra="allow", frozen=True)

    responses_create_params: dict[str, Any]
    response: dict[str, Any]


class CloseSession(BaseModel):
    """The body of /close_session."""

    model_config = LENIENT

    resources_session_id: str
    episode_id: Any


class Aggregate(BaseModel):
    """The body of /aggregate_metrics."""

    model_config = LENIENT

    verify_responses: list[dict[str, Any]] = Field(max_length=1_000_000)


def _body(model: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


@router.post("/seed_session", summary="NeMo-Gym: open a session", responses=PROBLEMS)
async def seed_session(request: Request) -> Response:
    """Nothing is kept; a session id that the caller assigns is echoed."""
    value = await read_json(request)
    if not isinstance(value, dict):
        return refusal(Misfit([{"type": "model_attributes_type", "loc": ["body"], "msg": "Input should be an object"}]))
    name = value.get("resources_session_id")
    return JSONResponse({"resources_session_id": name} if isinstance(name, str) and "episode_id" in value else {})


@router.post(
    "/close_session", summary="NeMo-Gym: close a session", responses=PROBLEMS, openapi_extra=_body(CloseSession)
)
async def close_session(request: Request) -> Response:
    """A session that was never opened, or is closed already, is closed."""
    try:
        asked = await read_model(request, CloseSession)
    except Misfit as misfit:
        return refusal(misfit)
    return JSONResponse({"resources_session_id": asked.resources_session_id})


@router.get("/reverify_mode", summary="NeMo-Gym: can stored rollouts be verified again")
async def reverify_mode() -> str:
    """ "stateless": verifying depends on the request alone."""
    return "stateless"


@router.post("/verify", summary="NeMo-Gym: verify a rollout", responses=PROBLEMS, openapi_extra=_body(Verify))
async def verify(request: Request) -> Response:
    """The request with `reward`, `mask_sample`, `failure_kind`, `failure_reason` and each component's score."""
    try:
        asked = await read_model(request, Verify)
    except Misfit as misfit:
        return refusal(misfit)
    row = dict(asked.model_extra or {})
    metadata = row.get("verifier_metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    named = metadata.get("profile")
    at_hand = request.scope["state"].get("profile") or request.query_params.get("profile")
    how = how_of(request, patience_s=WAITS_S, profile=None if at_hand else named if isinstance(named, str) else None)
    try:
        bytes_max = services(request).settings.task_bytes_max
        if "unit_tests" in metadata:  # They may travel compressed, and are then opened beside the event loop.
            label = await asyncio.to_thread(label_of, row, metadata, how.reading, bytes_max)
        else:
            label = label_of(row, metadata, how.reading, bytes_max)
    except TaskInvalid as invalid:
        label = invalid
    prompt = prompt_text(_as_messages(asked.responses_create_params.get("input")))
    usage = asked.response.get("usage")
    tokens = usage.get("output_tokens") if isinstance(usage, dict) else None
    judged = Row(
        output_text(asked.response),
        prompt,
        label,
        tokens=tokens if isinstance(tokens, int) and 0 <= tokens <= 10**9 else None,
        truncated=asked.response.get("status") == "incomplete",
    )
    (result,) = await grade_rows(request, [judged], how)
    fault = result.get("fault")
    if fault is not None and request.query_params.get("errors") == "503":
        raise QueueFull(fault["message"], retry_after_s=1.0)
    echo = row | {"responses_create_params": asked.responses_create_params, "response": asked.response}
    return answer(echo | _verdict(row, result, number_of(result, how), request))


def label_of(row: Mapping[str, Any], metadata: Mapping[str, Any], reading: str, bytes_max: int) -> Any:
    """What a row says to judge by, as a task where its layout is one we know.

    Args: bytes_max: of tests that travel compressed, when they no longer are.
    Raises: TaskInvalid.
    """
    for place in (row, metadata):
        if isinstance(place.get("task"), dict) and "kind" in place["task"]:
            return place["task"]
    tests = metadata.get("unit_tests", row.get("unit_tests"))
    if isinstance(tests, dict):
        tests = _unpacked(tests, bytes_max)
        function = tests.get("fn_name")
        value = {"kind": "code", "tests": paired_tests(tests.get("inputs"), tests.get("outputs"), function)}
        return value | ({"language": "python"} if function else {})
    listed = row.get("instruction_id_list")
    if isinstance(listed, list):
        return {"kind": "instructions", "instruction_ids": listed, "kwargs": row.get("kwargs")}
    answers = [place[name] for place in (row, metadata) for name in ANSWERS if place.get(name) is not None]
    options = row.get("options") or metadata.get("options")
    if answers and isinstance(options, (list, dict)) and options:
        return {"kind": "choice", "answer": answers[0], "options": _options(options)}
    return task_of(answers[0], reading) if answers else None


def _options(options: Any) -> dict[str, str]:
    """Options as a map from letter to text: NeMo-Gym has a list of one-letter maps."""
    maps = [options] if isinstance(options, dict) else [entry for entry in options if isinstance(entry, dict)]
    if not maps:
        return {chr(ord("A") + index): str(text) for index, text in enumerate(options[:26])}
    return {str(letter): str(text) for entry in maps for letter, text in entry.items()}


def _unpacked(tests: dict[str, Any], bytes_max: int) -> dict[str, Any]:
    """Tests that travel compressed, as base64 of zlib of JSON. Raises: TaskInvalid."""
    packed = tests.get("packed")
    if not isinstance(packed, str):
        return tests
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), bytes_max + 1)
        value = parse(data) if len(data) <= bytes_max else None
    except (binascii.Error, ValueError, zlib.error, BadJson):
        value = None
    if not isinstance(value, dict):
        raise TaskInvalid("bad_label", "packed tests that cannot be read")
    return value | {"fn_name": tests.get("fn_name") or value.get("fn_name")}


def output_text(response: Mapping[str, Any]) -> str:
    """The text of a Responses object: what its messages say, behind its reasoning in think tags where it has some.

    The server that made the response took the tags off the reasoning; with them a profile sees the text that the model
    wrote. Where the messages hold tags themselves nothing is added.
    """
    said: list[str] = []
    thought: list[str] = []
    output = response.get("output")
    for entry in output if isinstance(output, list) else []:
        if not isinstance(entry, dict):
            continue
        if entry.get("type") == "reasoning":
            thought += [content_text(entry.get(name)) for name in ("content", "summary")]
        elif entry.get("type", "message") == "message" and entry.get("role", "assistant") == "assistant":
            said.append(content_text(entry.get("content")))
    text, reasoning = "".join(said), "\n".join(part for part in thought if part)
    if not reasoning or "<think>" in text or "</think>" in text:
        return text
    return f"<think>{reasoning}</think>{text}"


def _as_messages(given: Any) -> Any:
    return [{"content": given}] if isinstance(given, str) else given


def _verdict(row: Mapping[str, Any], result: dict[str, Any], reward: float, request: Request) -> dict[str, Any]:
    kind = reason = None
    trouble = result.get("invalid") or result.get("fault")
    if result["status"] == "invalid":
        kind = "touchstone:invalid_task"
    elif result["status"] == "error":
        kind = KINDS.get(result["fault"]["code"], "verifier_error")
    elif result["reward"] is None:
        kind, trouble = "touchstone:no_score", {"code": "no_score", "message": "a component has no score"}
    if trouble is not None:
        reason = f"{trouble['code']}: {trouble['message']}"
    # A flag of a component must not hide a field of the row, nor one that means something here.
    reserved = {*row, "responses_create_params", "response", "reward", "mask_sample", "failure_kind", "failure_reason"}
    value: dict[str, Any] = {name: number for name, number in flags_of(result).items() if name not in reserved}
    value |= {"reward": reward, "mask_sample": kind is not None, "failure_kind": kind, "failure_reason": reason}
    if kind is not None:  # Where older consumers look for the mask.
        config = row.get("instance_config")
        value["instance_config"] = (config if isinstance(config, dict) else {}) | {"mask_sample": True}
    if request.query_params.get("reward_components") == "true":
        value["reward_components"] = _components(result, reward)
    return value


def _components(result: dict[str, Any], reward: float) -> dict[str, float]:
    """Each component's share of the reward; the shares add up to it, which NeMo-RL checks."""
    shares = {
        name: float(entry["score"] or 0.0) * float(entry["weight"]) for name, entry in result["components"].items()
    }
    if not math.isclose(sum(shares.values()), reward, rel_tol=1e-9, abs_tol=1e-9):  # A gate, a clip or a fallback.
        return {name: reward if index == 0 else 0.0 for index, name in enumerate(shares)}
    return shares


@router.post(
    "/aggregate_metrics", summary="NeMo-Gym: metrics of rollouts", responses=PROBLEMS, openapi_extra=_body(Aggregate)
)
async def aggregate_metrics(request: Request) -> Response:
    """Mean, largest, smallest, median and standard deviation of every number, by task and over all.

    Masked rollouts are left out and counted as coverage. Metrics that a benchmark has of its own are not known here.
    """
    try:
        asked = fit(await read_json(request), Aggregate)
    except Misfit as misfit:
        return refusal(misfit)
    return answer(await asyncio.to_thread(_aggregate, asked.verify_responses))


def _aggregate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    scored = [row for row in rows if not row.get("mask_sample")]
    masked = len(rows) - len(scored)
    tasks: dict[Any, list[dict[str, float]]] = defaultdict(list)
    for row in scored:
        tasks[_key(row.get(TASK, 0))].append(_numbers(row))
    groups = [{**_statistics(tasks[task]), TASK: task, "num_rollouts": len(tasks[task])} for task in _sorted(tasks)]
    overall = _statistics([numbers for task in _sorted(tasks) for numbers in tasks[task]])
    if masked:
        total = {_key(row.get(TASK, 0)) for row in rows}
        overall |= {
            "coverage/measured_rollouts": len(scored),
            "coverage/masked_rollouts": masked,
            "coverage/measured_tasks": len(tasks),
            "coverage/fully_masked_tasks": len(total - set(tasks)),
        }
    keys = overall if not scored else {name: value for name, value in overall.items() if name.startswith("mean/")}
    return {
        "group_level_metrics": groups,
        "agent_metrics": overall,
        "key_metrics": keys,
        "perf_summary": None,
        "repeat_level_metrics": [],
    }


def _key(task: Any) -> Any:
    return task if isinstance(task, (int, str)) else str(task)


def _sorted(tasks: Mapping[Any, Any]) -> list[Any]:
    return sorted(tasks, key=lambda task: (isinstance(task, str), task))


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """Every number of a rollout, its response's usage among them; a flag counts as 0 or 1."""
    response = row.get("response")
    usage = response.get("usage") if isinstance(response, dict) else None
    every = {**row, **(usage if isinstance(usage, dict) else {})}
    return {
        name: float(value)
        for name, value in every.items()
        if isinstance(value, (int, float)) and name not in (TASK, ROLLOUT, "mask_sample")
    }


def _statistics(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    columns: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, value in row.items():
            columns[name].append(value)
    found: dict[str, float] = {}
    for word, of in (("mean", statistics.fmean), ("max", max), ("min", min), ("median", statistics.median)):
        found |= {f"{word}/{name}": float(of(values)) for name, values in columns.items()}
    return found | {
        f"std/{name}": statistics.stdev(values) if len(values) > 1 else 0.0 for name, values in columns.items()
    }
