"""SandboxFusion (bytedance/SandboxFusion): /run_code, /submit with inline data, /v1/ping.

Called by verl, ROLL and tinker-cookbook. A program's own doing is always 200: it ends with a status, is killed at its
time limit, does not compile. Of our failures verl tries only a 504 again, so everything that another try may help is
a 504 here; the rest is 200 with `SandboxError`, which its callers do not take for a wrong answer.

What differs from the original: time is processor time, so that a loaded host calls no program slow (one that sleeps
still ends, a second past its limit); a program over its memory or output ends with the signal the kernel would send;
names of files are relative; `fetch_files` and `custom_extract_logic` (a caller's Python in the server) are refused;
/submit compares words, numbers to five digits only where a test expects a fraction, and never "YES" with "yes".
Source: sandbox/server/sandbox_api.py, sandbox/datasets/common_oj.py, sandbox/utils/testing.py.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from app.chunk import ItemResult
from app.compat.body import LENIENT, Misfit, read_model, refusal
from app.compat.rows import answer
from app.compat.runs import judge, run
from app.errors import Overdue, QueueFull, StoreUnavailable, Unprocessable
from app.routes import PROBLEMS, services
from app.settings import MIB, Settings
from graders.code.extract import extract
from graders.code.language import canonical
from graders.task import CodeLimits, CodeTask, FloatRule, StdioCase, StdioTests
from graders.work import ProgramTask, RunTask
from sandbox.languages import read_languages

router = APIRouter()

NAMES = {
    name: canonical(name)
    for name in (
        "python", "cpp", "nodejs", "go", "java", "php", "csharp", "bash", "typescript", "sql", "rust", "lua", "R",
        "perl", "ruby", "scala",
    )
}  # fmt: skip
"""SandboxFusion's names of what we have, to ours."""

FOREIGN = frozenset(
    (
        "go_test", "cuda", "D_ut", "julia", "pytest", "junit", "kotlin_script", "jest", "verilog", "python_gpu", "lean",
        "swift", "racket",
    )
)  # fmt: skip
"""Names that the original knows and we do not."""

SLACK_S = 1.0
"""Elapsed seconds past a program's time, for one that sleeps; a busy one is bounded by its processor time."""

COMPILE_SLACK_S = 5.0
"""Elapsed seconds past a compiler's time, since a compiler that waits for a processor is not the program's doing. A
request that names no time has the language's own."""

ANSWER_S = 8.0
"""verl waits ten seconds longer than both limits together; in eight it has our answer, which may be to come again."""

SIGXFSZ = 25

Seconds = Annotated[float, Field(gt=0)]


class RunCode(BaseModel):
    """The body of /run_code."""

    model_config = LENIENT

    code: str
    language: str
    compile_timeout: Seconds = 10
    run_timeout: Seconds = 10
    memory_limit_MB: int = -1
    stdin: str | None = None
    files: dict[str, str | None] = Field(default_factory=dict)
    fetch_files: list[str] = Field(default_factory=list)


class SubmitConfig(BaseModel):
    """How a submission is judged."""

    model_config = LENIENT

    dataset_type: str | None = None
    language: str | None = None
    compile_timeout: Seconds | None = None
    run_timeout: Seconds | None = None
    custom_extract_logic: str | None = None
    provided_data: list[dict[str, Any]] | dict[str, Any] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)


class Submit(BaseModel):
    """The body of /submit."""

    model_config = LENIENT

    dataset: str
    id: int | str
    completion: str
    config: SubmitConfig


class Case(BaseModel):
    """One test of a CommonOJ row."""

    model_config = LENIENT

    input: dict[str, str]
    output: dict[str, str]


def _body(model: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


@router.post("/run_code", summary="SandboxFusion: run a program", responses=PROBLEMS, openapi_extra=_body(RunCode))
async def run_code(request: Request) -> Response:
    """Compile and run a program as it is. 200 whatever it does; 504 when we could not, and trying again may help."""
    settings = services(request).settings
    try:
        asked = await read_model(request, RunCode)
        language = _language(asked.language)
    except Misfit as misfit:
        return refusal(misfit)
    compile_s = min(asked.compile_timeout, settings.run_seconds_max)
    run_s = min(asked.run_timeout, settings.run_seconds_max)
    if language is None:
        return answer(_sandbox_error(f"{asked.language} is not offered here"))
    if asked.fetch_files:
        return answer(_sandbox_error("fetch_files is not offered here: print what is wanted"))
    code = asked.code
    if language == "php" and "<?php" not in code:
        code = "<?php\n" + code
    task = RunTask(
        language=language,
        files=_relative(asked.files),
        stdin=asked.stdin or "",
        limits=_limits(run_s, asked.memory_limit_MB, settings),
        wall_s=run_s + SLACK_S,
        compile_s=compile_s + COMPILE_SLACK_S if "compile_timeout" in asked.model_fields_set else None,
    )
    try:
        result = await run(request, task, code, compile_s + run_s + ANSWER_S)
    except (QueueFull, StoreUnavailable) as fault:
        raise Overdue(fault.message, retry_after_s=fault.retry_after_s) from fault
    if result.fault is not None and result.fault.retryable:
        raise Overdue(result.fault.message, retry_after_s=1.0)
    return answer(_run_response(result))


@router.get("/v1/ping", summary="SandboxFusion: the service answers")
async def ping() -> str:
    """ "pong"."""
    return "pong"


@router.post("/submit", summary="SandboxFusion: judge a completion", responses=PROBLEMS, openapi_extra=_body(Submit))
async def submit(request: Request) -> Response:
    """Judge a completion against a CommonOJ row that comes with it (`config.provided_data`)."""
    settings = services(request).settings
    try:
        asked = await read_model(request, Submit)
        config = asked.config
        cases = _cases(asked)
        language = _language(config.language or "")
    except Misfit as misfit:
        return refusal(misfit)
    except Unprocessable as unusable:
        return JSONResponse({"detail": unusable.message}, 400)
    if language is None:
        return JSONResponse({"detail": f"{config.language} is not offered here"}, 400)
    found = await asyncio.to_thread(extract, asked.completion[: settings.completion_bytes_max], "", language)
    code, kind = ("", "empty") if found is None else (found.code, _KINDS.get(found.how, "heuristic"))
    run_all = bool(config.extra.get("run_all_cases", False))
    tests = StdioTests(
        cases=tuple(StdioCase(input=case.input["stdin"], output=case.output["stdout"]) for case in cases),
        checker=FloatRule(rel=1e-5) if any(_has_fraction(case.output["stdout"]) for case in cases) else "tokens",
    )
    run_s = min(config.run_timeout or (10 if "compile" in _table(language) else 20), settings.run_seconds_max)
    task = CodeTask(
        language=language,
        tests=tests,
        limits=CodeLimits(time_s=run_s),
        score="fraction" if run_all else "all",
        stop_on_first_failure=not run_all,
    )
    result = await judge(request, ProgramTask(task=task), code, settings.deadline_default_s, explain=True)
    if result.fault is not None:
        raise QueueFull(result.fault.message, retry_after_s=1.0)
    if result.invalid is not None:
        return JSONResponse({"detail": result.invalid["message"]}, 400)
    return answer(_eval_result(asked, code, kind, cases, result))


_FRACTION = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)\Z")


def _has_fraction(output: str) -> bool:
    """Whether a word of an output is a number with a fraction, so that its last digits may differ."""
    return any(_FRACTION.match(word) for word in output.split())


_KINDS = {"fenced": "fenced", "joined": "fenced", "unterminated": "incomplete_fenced"}


def _table(language: str) -> frozenset[str]:
    return frozenset(("compile",)) if read_languages()[language].compile else frozenset()


def _language(name: str) -> str | None:
    """Our name of a language; None for one that only the original has.

    Raises: Misfit for a name that nobody knows, as the original's schema does.
    """
    if name in FOREIGN:
        return None
    known = NAMES.get(name) or canonical(name)
    if not name or known not in read_languages():
        names = ", ".join(f"'{one}'" for one in sorted({*NAMES, *FOREIGN}))
        raise Misfit([{"type": "literal_error", "loc": ["body", "language"], "msg": f"Input should be {names}"}])
    return known


def _relative(files: Mapping[str, str | None]) -> dict[str, str]:
    return {
        name.removeprefix("./"): content
        for name, content in files.items()
        if content is not None and "IGNORE_THIS_FILE" not in name
    }


def _limits(run_s: float, memory_mib: int, settings: Settings) -> CodeLimits:
    memory = None
    if memory_mib > 0:
        memory = max(min(memory_mib * MIB, settings.run_memory_bytes_max), 16 * MIB)
    return CodeLimits(time_s=run_s, memory_bytes=memory)


def _sandbox_error(message: str) -> dict[str, Any]:
    return {
        "status": "SandboxError",
        "message": message,
        "compile_result": None,
        "run_result": None,
        "executor_pod_name": None,
        "files": {},
    }


def _run_response(result: ItemResult) -> dict[str, Any]:
    if result.run is None:
        message = result.invalid["message"] if result.invalid else result.fault.message if result.fault else ""
        return _sandbox_error(message)
    compiled, ran = result.run["compiled"], result.run["ran"]
    stages = [stage for stage in (compiled, ran) if stage is not None]
    clean = ran is not None and all(stage["ended"] == "exited" and stage["exit_code"] == 0 for stage in stages)
    odd = next((stage["ended"] for stage in stages if stage["ended"] in ("memory_limit", "output_limit")), "")
    return {
        "status": "Success" if clean else "Failed",
        "message": odd.replace("_", " "),
        "compile_result": _command(compiled),
        "run_result": _command(ran),
        "executor_pod_name": None,
        "files": {},
    }


def _command(stage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """One command's result; a limit other than time ends it by the signal that the kernel would send."""
    if stage is None:
        return None
    late = stage["ended"] == "time_limit"
    code = {"memory_limit": -9, "output_limit": -SIGXFSZ, "time_limit": None}.get(stage["ended"], stage["exit_code"])
    if stage["ended"] == "signalled":
        code = -stage["signal"]
    return {
        "status": "TimeLimitExceeded" if late else "Finished",
        "execution_time": stage["wall_s"],
        "return_code": code,
        "stdout": stage["stdout"],
        "stderr": stage["stderr"],
    }


def _cases(asked: Submit) -> list[Case]:
    """The tests of the row that came along.

    Raises: Unprocessable, which is the original's 400; Misfit for a case that is none.
    """
    config = asked.config
    if config.custom_extract_logic is not None:
        raise Unprocessable("custom_extract_logic is not offered here: it is code to run in the server")
    if config.dataset_type not in (None, "CommonOJDataset"):
        raise Unprocessable(f"eval class {config.dataset_type[:64]} not found")
    if not config.language:
        raise Unprocessable("config.language field must exist for CommonOJDataset, got None")
    if config.provided_data is None:
        raise Unprocessable(f"no eval class found for dataset {asked.dataset[:64]}: send config.provided_data")
    if not isinstance(config.provided_data, dict):
        raise Unprocessable("request.config.provided_data should be a dict with str -> str | int")
    rows = config.provided_data.get("test")
    try:
        rows = json.loads(rows) if isinstance(rows, str) else rows
    except (ValueError, RecursionError):
        rows = None
    if not isinstance(rows, list) or not rows:
        raise Unprocessable("provided_data.test must be a list of cases, or its JSON")
    try:
        cases = [Case.model_validate(row) for row in rows]
    except ValueError:
        cases = []
    if not cases or any("stdin" not in case.input or "stdout" not in case.output for case in cases):
        raise Unprocessable("each case needs input.stdin and output.stdout")
    return cases


_STATUS: dict[str, Literal["Success", "Failed"]] = {"accepted": "Success", "wrong_answer": "Success"}


def _eval_result(asked: Submit, code: str, kind: str, cases: list[Case], result: ItemResult) -> dict[str, Any]:
    verdict = result.verdict or {}
    whole = bool(asked.config.extra.get("return_full_case", False))
    ran = [test for test in verdict.get("tests", {}).get("results", ()) if test["outcome"] != "skipped"]
    tests = []
    for test in ran:
        case = cases[test["index"]]
        outcome, notes = test["outcome"], test.get("explain", {})
        late = outcome == "time_limit"
        command = {
            "status": "TimeLimitExceeded" if late else "Finished",
            "execution_time": test["time_s"],
            "return_code": 0 if outcome in _STATUS else None if late else 1,
            "stdout": notes.get("got"),
            "stderr": notes.get("stderr"),
        }
        tests.append(
            {
                "passed": outcome == "accepted",
                "exec_info": _sandbox_error("") | {"status": _STATUS.get(outcome, "Failed"), "run_result": command},
                "test_info": {"input": _cut(case.input, whole), "output": _cut(case.output, whole)},
            }
        )
    if not tests:  # It does not compile, or there is no code: the original reports the first case.
        text = str(verdict.get("explain", {}).get("compiler", ""))
        command = {"status": "Finished", "execution_time": None, "return_code": 1, "stdout": None, "stderr": text}
        info = {"input": _cut(cases[0].input, whole), "output": _cut(cases[0].output, whole)}
        failed = _sandbox_error("") | {"status": "Failed", "compile_result": command}
        tests.append({"passed": False, "exec_info": failed, "test_info": info})
    return {
        "id": asked.id,
        "accepted": verdict.get("outcome") == "correct",
        "extracted_code": code,
        "full_code": None,
        "test_code": None,
        "tests": tests,
        "extracted_type": kind,
        "extra": None,
    }


_CUT = 1000


def _cut(streams: Mapping[str, str], whole: bool) -> dict[str, str]:
    return {name: text if whole or len(text) <= _CUT else text[:_CUT] + "..." for name, text in streams.items()}
