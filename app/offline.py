"""`touchstone grade IN OUT`: a file of items to a file of results, resumable, in process or through a service.

Each line of OUT is one result with its line number in IN as `index`; results stand in the order of IN. A run that was
killed is gone on with by counting the whole lines of OUT, so nothing is graded twice and nothing is left out. In
process, items go to one worker process per core over the same functions as the service's workers.
"""

import atexit
import contextlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from pydantic_core import to_json
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from app import jobs, log
from app.batch import chunk_item, report
from app.chunk import Chunk, ItemResult
from app.errors import BadJson, ServiceFault
from app.json_edge import check_json
from app.processes import die_with_parent
from app.profiles import queue_of, recipes_of
from app.schemas import parse_batch
from app.settings import Settings
from app.worker import default_limits, open_sandbox
from graders.registry import Registry
from sandbox.errors import SandboxFault


class GradeError(Exception):
    """The file cannot be graded; the message says what to do. OUT keeps what was finished."""


Send = Callable[[bytes], list[dict[str, Any]]]
"""A batch's body to its results."""


def grade_file(
    source: Path,
    target: Path,
    *,
    settings: Settings,
    profile: str | None,
    url: str | None,
    batch_items: int,
    explain: bool,
) -> str:
    """Grade what of `source` is not in `target` yet.

    Returns: a sentence of counts for people.
    Raises: GradeError for a bad line (with its number), a service that refuses, or an OUT that is not ours.
    """
    total, done = _count_lines(source), _finished(target)
    if done > total:
        raise GradeError(f"{target} has {done} results, but {source} only {total} items: is it another run's?")
    counts: dict[str, int] = {"graded": 0, "invalid": 0, "error": 0, "correct": 0}
    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with contextlib.ExitStack() as exits:
        lines = exits.enter_context(source.open("rb"))
        out = exits.enter_context(target.open("ab"))
        send = exits.enter_context(_remote(url, settings) if url else _local(settings))
        progress = exits.enter_context(Progress(*columns, console=Console(stderr=True)))
        bar = progress.add_task("", total=total, completed=done)
        at = done
        for batch in _batches(islice(_items(lines), done, None), batch_items, settings.body_bytes_max // 2):
            head = to_json({"explain": explain} | ({"profile": profile} if profile is not None else {}))
            body = head[:-1] + b',"items":[' + b",".join(batch) + b"]}"
            try:
                results = send(body)
            except ServiceFault as fault:
                where = "; ".join(f"{error['path']}: {error['message']}" for error in fault.errors)
                raise GradeError(f"item {at + 1} and following: {fault.message} {where}".strip()) from None
            for result in results:
                result["index"] += at
                out.write(to_json(result) + b"\n")
                counts[result["status"]] += 1
                counts["correct"] += result.get("verdict", {}).get("outcome") == "correct"
            out.flush()
            os.fsync(out.fileno())
            at += len(results)
            progress.update(bar, completed=at)
    words = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"{total} items, {done} done before; now {words}"


def _items(lines: Any) -> Iterator[bytes]:
    """The items of a JSONL file as they stand there; blank lines do not count."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = check_json(line)
        except BadJson as error:
            raise GradeError(f"line {number}: {error.message}") from None
        if not isinstance(item, dict):
            raise GradeError(f"line {number} is not a JSON object")
        yield line.strip()


def _count_lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def _finished(target: Path) -> int:
    """Whole results in OUT; a last line cut short by a kill is taken away."""
    if not target.exists():
        return 0
    count = whole = 0
    with target.open("rb+") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                index = json.loads(line)["index"]
            except (ValueError, KeyError, TypeError):
                raise GradeError(f"{target} holds a line that is not a result of ours; choose another OUT") from None
            if index != count:
                raise GradeError(f"{target} is not a run of this file: result {count} has index {index}")
            count, whole = count + 1, whole + len(line)
        file.truncate(whole)
    return count


def _batches(items: Iterator[bytes], items_max: int, bytes_max: int) -> Iterator[list[bytes]]:
    """Items together, as many as fit; one that is larger than bytes_max goes alone."""
    batch: list[bytes] = []
    size = 0
    for item in items:
        if batch and (len(batch) == items_max or size + len(item) > bytes_max):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item)
    if batch:
        yield batch


@contextlib.contextmanager
def _remote(url: str, settings: Settings) -> Iterator[Send]:
    """Send to a running service, waiting where it says Retry-After."""
    key = next(iter(settings.api_keys), None)
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key.get_secret_value()}"
    # The service answers within the default deadline; a little more is for the way there and back.
    timeout = httpx.Timeout(10, read=settings.deadline_default_s + 30)
    with httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout) as client:
        try:
            client.get("/livez")  # A wrong address is said at once; only a service that was there is waited for.
        except httpx.HTTPError as error:
            raise GradeError(f"{url} cannot be reached: {error}") from None

        @retry(
            retry=retry_if_exception(_may_help),
            wait=wait_exponential_jitter(multiplier=0.5, max=30),
            stop=stop_after_attempt(10),
            reraise=True,
        )
        def post(body: bytes) -> httpx.Response:
            response = client.post("/v1/grade", content=body)
            response.raise_for_status()
            return response

        def send(body: bytes) -> list[dict[str, Any]]:
            try:
                answer: list[dict[str, Any]] = post(body).json()["results"]
            except httpx.HTTPStatusError as error:
                raise GradeError(f"the service answered {error.response.status_code}: {error.response.text}") from None
            except httpx.HTTPError as error:
                raise GradeError(f"{url} cannot be reached: {error}") from None
            return answer

        yield send


def _may_help(error: BaseException) -> bool:
    """Full, restarting or unreachable for the moment; anything else would be answered the same again."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in {429, 502, 503, 504}
    return isinstance(error, httpx.TransportError)


@contextlib.contextmanager
def _local(settings: Settings) -> Iterator[Send]:
    """Grade here, on all cores."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, initializer=_open_process, initargs=(settings,)) as pool:

        def send(body: bytes) -> list[dict[str, Any]]:
            batch = parse_batch(body, settings)
            recipes = recipes_of(batch)
            texts = [
                (
                    queue_of(item, recipe),
                    Chunk("0", (chunk_item(item, recipe, deadline_ms=None, explain=batch.explain),)).to_text(),
                )
                for item, recipe in zip(batch.items, recipes, strict=True)
            ]
            answers = pool.map(_grade_text, texts, chunksize=1 if any(name == "code" for name, _ in texts) else 16)
            return [
                report(index, item.id, item.metadata, recipe, ItemResult.from_text(answer))
                for index, (item, recipe, answer) in enumerate(zip(batch.items, recipes, answers, strict=True))
            ]

        yield send


class _Process:
    """What one worker process of the pool grades with; the sandbox is opened when the first program comes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._exits = contextlib.ExitStack()
        self._plain = self._exits.enter_context(Registry(None, default_limits(settings)))
        self._code: Registry | None = None
        atexit.register(self._exits.close)

    def registry(self, queue: str) -> Registry:
        """The registry for a queue's items."""
        if queue != "code":
            return self._plain
        if self._code is None:
            runner = open_sandbox(self._settings)
            self._exits.callback(runner.close)
            self._code = self._exits.enter_context(Registry(runner, default_limits(self._settings)))
        return self._code


_process: list[_Process] = []


def _open_process(settings: Settings) -> None:
    log.configure("warning")
    die_with_parent(os.getppid())
    _process[:] = [_Process(settings)]


def _grade_text(work: tuple[str, str]) -> str:
    queue, text = work
    try:
        registry = _process[0].registry(queue)
    except SandboxFault as fault:
        return ItemResult.failed("sandbox", f"no sandbox: {fault}").to_text()
    return jobs.grade_in_place(registry, text, 0)
