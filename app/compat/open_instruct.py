"""open-instruct's code server: `--code_api_url URL/test_program`; /test_program_stdio beside it, /health.

Each test is 1 or 0, with the seconds it took or -1.0. Its client waits ten times the time of a test, at least 30 s
and at most 300 s, and makes a reward of 0 of every other answer than 200; so what cannot be judged is refused aloud
(422) and a passing fault of ours is a 503.

What differs from the original: the program shares no process with the tests, so it cannot pass by reading them; the
words it uses are not looked at ("import os" is not a failure); the compressed form of tests must hold JSON, since a
pickle is code that would run in the server.
Source: open_instruct/code_utils/api.py, open_instruct/code_utils/code_utils.py (decode_tests),
open_instruct/ground_truth_utils.py (CodeVerifier).
"""

import ast
import asyncio
import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from app.chunk import ItemResult
from app.compat.body import LENIENT, Misfit, read_model, refusal
from app.compat.rows import answer
from app.compat.runs import judge, judge_many
from app.errors import BadJson, QueueFull, TooLarge, Unprocessable
from app.json_edge import check_json
from app.routes import PROBLEMS, services
from app.settings import Settings
from graders.task import AssertTests, CodeLimits, CodeTask, FloatRule, StdioCase, StdioTests
from graders.work import ProgramTask

router = APIRouter()

TESTS_MAX = 10_000
PARSED_MAX = 100_000
"""Characters of tests that are looked into here."""


class Program(BaseModel):
    """The body of both routes."""

    model_config = LENIENT

    program: str
    tests: Any
    """A list, the JSON of one, or base64 of zlib of the JSON of one."""
    max_execution_time: Annotated[float, Field(gt=0)] = 1.0


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": Program.model_json_schema()}}}}


@router.get("/health", summary="open-instruct: the service answers")
async def health() -> dict[str, str]:
    """As its own server says it."""
    return {"status": "healthy"}


@router.post("/test_program", summary="open-instruct: asserts", responses=PROBLEMS, openapi_extra=_BODY)
async def test_program(request: Request) -> Response:
    """Run Python asserts on a program: `{results: [0 or 1], runtimes: [seconds or -1.0]}`, one a test."""
    try:
        asked, tests = await _read(request)
    except Misfit as misfit:
        return refusal(misfit)
    if not tests:
        return answer({"results": [], "runtimes": []})
    if not all(isinstance(test, str) for test in tests):
        raise _refuse("tests", "a list of texts, each a Python assert")
    limits = _limits(asked, services(request).settings)
    if await asyncio.to_thread(_are_single_asserts, tests):
        task = _asserts("\n".join(tests), limits)
        return _respond(tests, [await judge(request, task, asked.program, _wait_s(asked), explain=False)])
    tasks = [_asserts(test, limits) for test in tests]
    return _respond(tests, await judge_many(request, tasks, asked.program, _wait_s(asked)))


@router.post("/test_program_stdio", summary="open-instruct: input and output", responses=PROBLEMS, openapi_extra=_BODY)
async def test_program_stdio(request: Request) -> Response:
    """Run a Python program on inputs and compare what it prints: the same answer as /test_program."""
    try:
        asked, tests = await _read(request)
    except Misfit as misfit:
        return refusal(misfit)
    if not tests:
        return answer({"results": [], "runtimes": []})
    cases = []
    for index, test in enumerate(tests):
        if not isinstance(test, dict) or not all(isinstance(test.get(name), str) for name in ("input", "output")):
            raise _refuse(f"tests.{index}", "an object with the texts input and output")
        cases.append(StdioCase(input=test["input"], output=test["output"]))
    task = CodeTask(
        language="python",
        tests=StdioTests(cases=tuple(cases), checker=FloatRule()),
        limits=_limits(asked, services(request).settings),
        score="fraction",
        stop_on_first_failure=False,
    )
    result = await judge(request, ProgramTask(task=task), asked.program, _wait_s(asked), explain=False)
    return _respond(tests, [result])


async def _read(request: Request) -> tuple[Program, list[Any]]:
    asked = await read_model(request, Program)
    tests = await asyncio.to_thread(decode_tests, asked.tests, services(request).settings.task_bytes_max)
    if len(tests) > TESTS_MAX:
        raise TooLarge(f"more than {TESTS_MAX} tests")
    return asked, tests


def decode_tests(tests: Any, bytes_max: int) -> list[Any]:
    """Tests in any of the forms that are data.

    Args: bytes_max: size of the decompressed form at most.
    Raises: Unprocessable; TooLarge.
    """
    if not tests:
        return []
    if isinstance(tests, list):
        return tests
    if not isinstance(tests, str):
        raise _refuse("tests", "a list, the JSON of one, or base64 of zlib of the JSON of one")
    try:
        value = json.loads(tests)
    except (ValueError, RecursionError):
        value = _decompressed(tests, bytes_max)
    if not isinstance(value, list):
        raise _refuse("tests", "the JSON of a list")
    return value


def _decompressed(text: str, bytes_max: int) -> Any:
    try:
        engine = zlib.decompressobj()
        data = engine.decompress(base64.b64decode(text, validate=True), bytes_max + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise _refuse("tests", "neither JSON nor base64 of zlib") from None
    if len(data) > bytes_max:
        raise TooLarge(f"the tests are over {bytes_max} bytes")
    if data[:1] == b"\x80":
        raise _refuse("tests", "a pickle, which is code and is not opened here: compress the JSON of the list instead")
    try:
        return check_json(data)
    except BadJson as error:
        raise _refuse("tests", f"compressed, but not JSON: {error.message}") from None


def _are_single_asserts(tests: Sequence[str]) -> bool:
    """Whether each test is one assert statement and nothing else, so that all can stand in one source.

    Long ones are not looked into: they go each by itself, and whether they are Python shows there.
    Raises: Unprocessable when one is no Python.
    """
    if sum(map(len, tests)) > PARSED_MAX:
        return False
    single = True
    for index, test in enumerate(tests):
        try:
            tree = ast.parse(test)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise _refuse(f"tests.{index}", "not Python") from None
        single = single and len(tree.body) == 1 and isinstance(tree.body[0], ast.Assert) and not test[:1].isspace()
    return single


def _asserts(source: str, limits: CodeLimits) -> ProgramTask:
    tests = AssertTests(source=source)
    return ProgramTask(
        task=CodeTask(language="python", tests=tests, limits=limits, score="fraction", stop_on_first_failure=False)
    )


def _limits(asked: Program, settings: Settings) -> CodeLimits:
    return CodeLimits(time_s=min(asked.max_execution_time, settings.run_seconds_max))


def _wait_s(asked: Program) -> float:
    """As long as its client waits, less a little."""
    return max(30.0, min(300.0, asked.max_execution_time * 10)) - 5.0


def _refuse(path: str, message: str) -> Unprocessable:
    return Unprocessable(f"the tests cannot be used: {message}", errors=[{"path": path, "message": message}])


def _respond(tests: Sequence[Any], found: Sequence[ItemResult]) -> Response:
    """One result for all tests, or one for each.

    Raises: QueueFull for a fault of ours; Unprocessable when the tests cannot be used.
    """
    for result in found:
        if result.fault is not None:
            raise QueueFull(result.fault.message, retry_after_s=1.0)
        if result.invalid is not None:
            raise _refuse("tests", result.invalid["message"])
    rows: list[tuple[bool, float]] = []
    for result in found:
        verdict = result.verdict or {}
        reports = verdict.get("tests", {}).get("results", ())
        if len(found) == len(tests) != len(reports):  # A test of its own, of as many statements as it likes.
            rows.append((verdict.get("outcome") == "correct", sum(test["time_s"] for test in reports)))
        else:
            rows += [(test["outcome"] == "accepted", test["time_s"]) for test in reports]
    rows += [(False, 0.0)] * (len(tests) - len(rows))  # It does not compile, or has nothing to call.
    return answer(
        {
            "results": [int(passed) for passed, _ in rows],
            "runtimes": [seconds if passed else -1.0 for passed, seconds in rows],
        }
    )
