"""Piston (engineer-man/piston): POST /api/v2/execute, GET /api/v2/runtimes.

A program's own doing is 200 with a status as the original's isolate gives it: RE, SG, TO, OL, EL. A request that does
not fit is 400 with a `message`, in the original's words. Overload and passing faults of ours are 503.

What differs: a language has one version here and any range asked for is met by it; output may be as large as the
service's limit, not 1,024 bytes; `output` is stdout and then stderr, not as they were interleaved; packages cannot be
installed, and there is no /connect.
Source: api/src/api/v2.js (get_job), api/src/job.js.
"""

import base64
import signal
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.chunk import ItemResult
from app.compat.body import read_json
from app.compat.rows import answer
from app.compat.runs import run
from app.compat.sandbox_fusion import COMPILE_SLACK_S, SLACK_S
from app.errors import BadJson, QueueFull, StoreUnavailable, UnsupportedMedia
from app.routes import PROBLEMS, services
from app.settings import MIB, Settings
from graders.code.language import aliases, canonical
from graders.task import CodeLimits
from graders.work import RunTask
from sandbox.languages import read_languages

router = APIRouter(prefix="/api/v2")

VERSION = "1.0.0"
"""Of every language: which release a jail has is the image's affair, and a version is needed to ask for one."""

THEIRS = {"cpp": "c++", "r": "rscript", "sql": "sqlite3"}
"""Piston's names of languages, where they are not ours."""

OURS = {theirs: ours for ours, theirs in THEIRS.items()}

RUN_S = 3.0
COMPILE_S = 10.0
"""The original's limits where a request names none."""

ANSWER_S = 30.0
"""Seconds past both limits in which a run has its turn, or the request is 503."""

ARGS_MAX = 256

EXAMPLE = {"language": "python", "version": "*", "files": [{"content": "print(2 * int(input()))"}], "stdin": "21"}


class _Unfit(Exception):
    """A request the original would refuse; `message` is what it says."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@router.post(
    "/execute",
    summary="Piston: run a program",
    responses=PROBLEMS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object", "examples": [EXAMPLE]}}},
        }
    },
)
async def execute(request: Request) -> Response:
    """Compile and run a program as it is: `{language, version, run, compile}`."""
    settings = services(request).settings
    try:
        asked = await read_json(request)
        task, source, seconds = _task(asked, settings)
        result = await run(request, task, source, seconds + ANSWER_S)
    except UnsupportedMedia:
        return _refusal(415, "requests must be of type application/json")
    except BadJson as error:
        return _refusal(400, error.message)
    except _Unfit as unfit:
        return _refusal(400, unfit.message)
    except (QueueFull, StoreUnavailable) as fault:
        return _refusal(503, fault.message, fault.retry_after_s or 1.0)
    if result.invalid is not None:
        unknown = result.invalid["code"] == "unsupported_language"
        return _refusal(400, _unknown(asked) if unknown else result.invalid["message"])
    if result.fault is not None and result.fault.retryable:
        return _refusal(503, result.fault.message, 1.0)
    return answer(_response(result, task))


@router.get("/runtimes", summary="Piston: languages")
async def runtimes(request: Request) -> list[dict[str, Any]]:
    """The languages that at least one worker has."""
    states = await services(request).queue.state()
    return [
        {
            "language": THEIRS.get(name, name),
            "version": VERSION,
            "aliases": [*([name] if name in THEIRS else []), *(a for a in aliases(name) if a != THEIRS.get(name))],
            "runtime": None,
        }
        for name in states["code"].languages
        if canonical(name) == name  # The others are newer standards of one, which it falls back on by itself.
    ]


def _task(asked: Any, settings: Settings) -> tuple[RunTask, str, float]:
    """The task, the main file's text, and the seconds that compiling and running may take.

    Raises: _Unfit.
    """
    if not isinstance(asked, dict):
        raise _Unfit("language is required as a string")
    language, files = asked.get("language"), asked.get("files")
    for name, value in (("language", language), ("version", asked.get("version"))):
        if not isinstance(value, str) or not value:
            raise _Unfit(f"{name} is required as a string")
    if not isinstance(files, list) or not files:
        raise _Unfit("files is required as an array")
    for index, file in enumerate(files):
        if not isinstance(file, dict) or not isinstance(file.get("content"), str):
            raise _Unfit(f"files[{index}].content is required as a string")
    if _ours(str(language)) not in read_languages():
        raise _Unfit(_unknown(asked))
    if all(file.get("encoding") in ("base64", "hex") for file in files):
        raise _Unfit("files must include at least one utf8 encoded file")
    run_s = _seconds(asked, "run", RUN_S, settings)
    compile_s = _seconds(asked, "compile", COMPILE_S, settings)
    memory = _memory(asked, settings)
    contents = [(str(file.get("name") or f"file{index}.code"), _bytes(file)) for index, file in enumerate(files)]
    main = next(index for index, file in enumerate(files) if file.get("encoding") not in ("base64", "hex"))
    rest = {name: base64.b64encode(data).decode() for at, (name, data) in enumerate(contents) if at != main}
    stdin = asked.get("stdin") or ""
    arguments = asked.get("args") or []
    if not isinstance(stdin, str) or not isinstance(arguments, list) or len(arguments) > ARGS_MAX:
        raise _Unfit(f"stdin must be a string and args an array of at most {ARGS_MAX} strings")
    if not all(isinstance(one, str) and "\0" not in one for one in arguments):
        raise _Unfit("args must be strings without NUL")
    task = RunTask(
        language=_ours(str(language)),
        name=contents[main][0][:200],
        files=rest,
        stdin=stdin if stdin.endswith("\n") else stdin + "\n",
        args=tuple(arguments),
        limits=CodeLimits(time_s=min(run_s), memory_bytes=memory),
        wall_s=run_s[0] + SLACK_S,
        compile_s=compile_s[0] + COMPILE_SLACK_S if asked.get("compile_timeout") else None,
    )
    return task, contents[main][1].decode("utf-8"), run_s[0] + compile_s[0]


def _ours(language: str) -> str:
    return OURS.get(language, canonical(language))


def _unknown(asked: Mapping[str, Any]) -> str:
    return f"{str(asked['language'])[:64]}-{str(asked['version'])[:64]} runtime is unknown"


def _constraint(asked: Mapping[str, Any], name: str, largest: float) -> float | None:
    """A limit the request names; 0 and null name none."""
    value = asked.get(name)
    if not value:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Unfit(f"If specified, {name} must be a number")
    if value > largest:
        raise _Unfit(f"{name} cannot exceed the configured limit of {largest:g}")
    if value < 0:
        raise _Unfit(f"{name} must be non-negative")
    return float(value)


def _seconds(asked: Mapping[str, Any], stage: str, usual_s: float, settings: Settings) -> tuple[float, float]:
    """Elapsed and processor seconds of a stage."""
    largest = settings.run_seconds_max * 1000
    elapsed = _constraint(asked, f"{stage}_timeout", largest)
    processor = _constraint(asked, f"{stage}_cpu_time", largest)
    wall_s = min(usual_s, settings.run_seconds_max) if elapsed is None else elapsed / 1000
    return wall_s, wall_s if processor is None else processor / 1000


def _memory(asked: Mapping[str, Any], settings: Settings) -> int | None:
    """The run's memory; the compiler's own is the service's affair. -1, the original's "no limit", takes the usual."""
    for name in ("compile_memory_limit", "run_memory_limit"):
        if asked.get(name) != -1:
            _constraint(asked, name, settings.run_memory_bytes_max)
    given = asked.get("run_memory_limit")
    return None if not given or given < 0 else max(int(given), 16 * MIB)


def _bytes(file: Mapping[str, Any]) -> bytes:
    encoding, content = file.get("encoding"), file["content"]
    try:
        if encoding == "base64":
            return base64.b64decode(content, validate=True)
        if encoding == "hex":
            return bytes.fromhex(content)
    except ValueError:
        raise _Unfit(f"a file's content is not {encoding}") from None
    return str(content).encode()


def _refusal(status: int, message: str, retry_after_s: float | None = None) -> JSONResponse:
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    return JSONResponse({"message": message}, status, headers)


def _response(result: ItemResult, task: RunTask) -> dict[str, Any]:
    response: dict[str, Any] = {
        "language": THEIRS.get(task.language, task.language),
        "version": VERSION,
    }
    if result.run is None:  # The program ends each worker that runs it.
        message = result.fault.message if result.fault else ""
        return response | {"run": _stage(None) | {"status": "XX", "message": message}}
    compiled, ran = result.run["compiled"], result.run["ran"]
    response["run"] = _stage(ran if ran is not None else compiled)
    if compiled is not None:
        response["compile"] = _stage(compiled)
    return response


def _stage(stage: Mapping[str, Any] | None) -> dict[str, Any]:
    """One stage's end in the words of isolate."""
    if stage is None:
        stage = {"ended": "exited", "exit_code": None, "stdout": "", "stderr": ""}
    status = message = name = None
    ended, code = stage["ended"], stage["exit_code"]
    if ended == "time_limit":
        status, message, name = "TO", "Time limit exceeded", "SIGKILL"
    elif ended == "output_limit":
        status, message, name = "OL", "stdout length exceeded", "SIGKILL"
        if len(stage["stderr"]) > len(stage["stdout"]):
            status, message = "EL", "stderr length exceeded"
    elif ended in ("signalled", "memory_limit"):
        number = stage["signal"] or signal.SIGKILL
        status, message, name = "SG", f"Caught fatal signal {int(number)}", _signal(int(number))
    elif code:
        status, message = "RE", f"Exited with error status {code}"
    return {
        "stdout": stage["stdout"],
        "stderr": stage["stderr"],
        "output": stage["stdout"] + stage["stderr"],
        "code": code,
        "signal": name,
        "message": message,
        "status": status,
        "cpu_time": round(stage.get("cpu_s", 0.0) * 1000, 3),
        "wall_time": round(stage.get("wall_s", 0.0) * 1000, 3),
        "memory": stage.get("memory_bytes", 0),
    }


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
