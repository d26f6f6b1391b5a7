"""`touchstone select IN OUT`: a file of completions to training examples, and another of what was dropped and why.

Two passes, so that the completions of a prompt need not stand together: samplers write all first samples, then all
second ones. The first pass copies the items to a scratch file beside OUT and remembers where each one and its group are
(24 bytes an item, a digest a group); the second takes group after group from there. Groups are sent together, as many
as fill a request; one that is larger than a request may be is refused.

OUT holds chat messages, one example a line, in the order of the groups' first items. Both files appear whole, at the
end, or not at all; nothing is resumed, since a selection is cheap beside the sampling.

Not covered: what is selected (app.select).
"""

import array
import asyncio
import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import IO, Any

import httpx
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from app.chunk import QUEUES, Chunk, ItemResult
from app.errors import FAULT_CODES, BadJson, GradeError, ServiceFault
from app.groups import group_key
from app.json_edge import check_json
from app.lifetime import services_over
from app.pool import GradingPool
from app.queue import OnResult, QueueState
from app.schemas import Item, field_errors, parse_selection
from app.select import select_batch
from app.settings import Settings
from app.tables import source_of

SENT_TOGETHER = 256
"""Items of whole groups that are sent together, if they fit a request."""

_ITEM: TypeAdapter[Item] = TypeAdapter(Item)

Choose = Callable[[bytes], Awaitable[list[dict[str, Any]]]]
"""A selection's body to its groups."""


def select_file(
    source: Path,
    target: Path,
    dropped: Path,
    *,
    settings: Settings,
    options: dict[str, Any],
    url: str | None,
) -> str:
    """Select from `source` into `target`, and write what was not into `dropped`.

    Args: options: the fields of a selection beside its items.
    Returns: a sentence of counts for people.
    Raises: GradeError for a bad item (with its place), an option or a service that refuses, or a file that is there.
    """
    for path in (target, dropped):
        if path.exists():
            raise GradeError(f"{path} is there already; choose another name, or move it away")
    with contextlib.ExitStack() as exits:
        scratch = exits.enter_context(tempfile.TemporaryFile(dir=target.parent))
        groups = _Groups.read(source, scratch, settings)
        drafts = [path.with_name(path.name + ".draft") for path in (target, dropped)]
        for draft in drafts:
            exits.callback(draft.unlink, missing_ok=True)
        files: list[IO[bytes]] = [exits.enter_context(draft.open("wb")) for draft in drafts]
        counts = asyncio.run(_select(groups, files, settings, options, url))
        for file in files:
            file.flush()
            os.fsync(file.fileno())
        for draft, path in zip(drafts, (target, dropped), strict=True):
            draft.replace(path)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()) if reason != "selected")
    kept = f"{counts['selected']} of {len(groups)} items in {groups.count} groups selected"
    return f"{kept}; dropped: {reasons}" if reasons else kept


class _Groups:
    """Where each item is in the scratch file, by group: linked lists in arrays, 24 MB for a million items."""

    def __init__(self, scratch: IO[bytes]) -> None:
        self._scratch = scratch
        self._offsets = array.array("q")  # Of each item's line.
        self._places = array.array("q")  # Where it stood in the source.
        self._next = array.array("q")  # The next item of its group, or -1.
        self._first = array.array("q")  # Of each group.
        self._last = array.array("q")
        self._sizes = array.array("q")

    @classmethod
    def read(cls, source: Path, scratch: IO[bytes], settings: Settings) -> "_Groups":
        """Take a file in.

        Raises: GradeError with the place of what is no item, has no prompt, or belongs to too large a group.
        """
        groups, file = cls(scratch), source_of(source)
        known: dict[bytes, int] = {}
        for place, line in file.items():
            where = f"{file.word} {place}"
            item = _item(line, where)
            if not item.prompt:
                raise GradeError(f"{where} has no prompt, and a training example needs one")
            key = group_key(item)
            digest = hashlib.sha256(key.encode() if isinstance(key, str) else b"\0" + key).digest()[:16]
            group = known.setdefault(digest, len(known))
            groups._add(group, place, line.replace(b"\n", b" "))
            if groups._sizes[group] > settings.items_max:
                raise GradeError(f"{where}: its group has more than {settings.items_max} items")
        return groups

    def _add(self, group: int, place: int, line: bytes) -> None:
        index = len(self._offsets)
        self._offsets.append(self._scratch.tell())
        self._places.append(place)
        self._next.append(-1)
        self._scratch.write(line + b"\n")
        if group == len(self._first):
            self._first.append(index)
            self._last.append(index)
            self._sizes.append(1)
        else:
            self._next[self._last[group]] = index
            self._last[group] = index
            self._sizes[group] += 1

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self._first)

    def place(self, index: int) -> int:
        """Where an item stood in the source, from 1."""
        return self._places[index]

    def batches(self, items_max: int, bytes_max: int) -> Iterator[tuple[list[int], list[bytes]]]:
        """Whole groups together: their items' indices and JSON."""
        indices: list[int] = []
        lines: list[bytes] = []
        size = 0
        for group in range(self.count):
            mine, said = self._members(group)
            weight = sum(map(len, said))
            if indices and (len(indices) + len(mine) > items_max or size + weight > bytes_max):
                yield indices, lines
                indices, lines, size = [], [], 0
            indices += mine
            lines += said
            size += weight
        if indices:
            yield indices, lines

    def _members(self, group: int) -> tuple[list[int], list[bytes]]:
        indices: list[int] = []
        lines: list[bytes] = []
        index = self._first[group]
        while index >= 0:
            self._scratch.seek(self._offsets[index])
            indices.append(index)
            lines.append(self._scratch.readline().rstrip(b"\n"))
            index = self._next[index]
        return indices, lines


def _item(line: bytes, where: str) -> Item:
    try:
        check_json(line)
        return _ITEM.validate_json(line)
    except BadJson as refused:
        raise GradeError(f"{where}: {refused.message}") from None
    except ValidationError as error:
        told = "; ".join(f"{entry['path']}: {entry['message']}" for entry in field_errors(error))
        raise GradeError(f"{where}: {told}") from None


async def _select(
    groups: _Groups, files: list[IO[bytes]], settings: Settings, options: dict[str, Any], url: str | None
) -> Counter[str]:
    counts: Counter[str] = Counter(selected=0)
    columns = (TextColumn("selecting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    head = to_json(options)[:-1] + (b"," if options else b"") + b'"items":['
    async with contextlib.AsyncExitStack() as exits:
        choose = await exits.enter_async_context(_remote(url, settings) if url else _local(settings))
        progress = exits.enter_context(Progress(*columns, console=Console(stderr=True)))
        bar = progress.add_task("", total=len(groups))
        items_max, bytes_max = min(SENT_TOGETHER, settings.items_max), settings.body_bytes_max // 2
        for indices, lines in groups.batches(items_max, bytes_max):
            try:
                chosen = await choose(head + b",".join(lines) + b"]}")
            except ServiceFault as fault:
                raise GradeError(_told(fault, groups, indices)) from None
            for group in chosen:
                for at in group["selected"]:
                    files[0].write(to_json(_example(lines[at], groups.place(indices[at]), group)) + b"\n")
                for entry in group["dropped"]:
                    at = entry["index"]
                    row = _identity(lines[at], groups.place(indices[at])) | {"reason": entry["reason"]}
                    files[1].write(to_json(row) + b"\n")
                    counts[entry["reason"]] += 1
                counts["selected"] += len(group["selected"])
            progress.update(bar, advance=len(indices))
    return counts


def _told(fault: ServiceFault, groups: _Groups, indices: list[int]) -> str:
    """A refusal with the places of the source in its paths."""
    told = []
    for error in fault.errors:
        steps = error["path"].split(".")
        if steps[0] == "items" and len(steps) > 1 and steps[1].isdigit():
            steps[:2] = [f"item {groups.place(indices[int(steps[1])])}"]
        told.append(f"{'.'.join(steps)}: {error['message']}")
    return f"{fault.message} {'; '.join(told)}".strip()


def _identity(line: bytes, place: int) -> dict[str, Any]:
    item = json.loads(line)
    return {"index": place - 1, "id": item.get("id"), "group": item.get("group")}


def _example(line: bytes, place: int, group: dict[str, Any]) -> dict[str, Any]:
    """A training example: the prompt's messages and the completion's, and where it is from."""
    item = json.loads(line)
    messages = _messages(item["prompt"], "user") + _messages(item["completion"], "assistant")
    more = {"answer": group["answer"], "votes": group["votes"], "metadata": item.get("metadata")}
    return {"messages": messages} | _identity(line, place) | more


def _messages(said: Any, role: str) -> list[dict[str, str]]:
    return [{"role": role, "content": said}] if isinstance(said, str) else list(said)


# Through a service, or here on all cores.


@contextlib.asynccontextmanager
async def _remote(url: str, settings: Settings) -> AsyncIterator[Choose]:
    key = next(iter(settings.api_keys), None)
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key.get_secret_value()}"
    # The service answers within the default deadline; a little more is for the way there and back.
    timeout = httpx.Timeout(10, read=settings.deadline_default_s + 30)
    async with httpx.AsyncClient(base_url=url.rstrip("/"), headers=headers, timeout=timeout) as client:
        try:
            await client.get("/livez")  # A wrong address is said at once; only a service that was there is waited for.
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GradeError(f"{url} cannot be reached: {error}") from None

        @retry(
            retry=retry_if_exception(_may_help),
            wait=wait_exponential_jitter(multiplier=0.5, max=30),
            stop=stop_after_attempt(10),
            reraise=True,
        )
        async def post(body: bytes) -> httpx.Response:
            response = await client.post("/v1/select", content=body)
            response.raise_for_status()
            return response

        async def choose(body: bytes) -> list[dict[str, Any]]:
            try:
                groups: list[dict[str, Any]] = (await post(body)).json()["groups"]
            except httpx.HTTPStatusError as error:
                told = f"the service answered {error.response.status_code}: {error.response.text}"
                raise GradeError(told) from None
            except httpx.HTTPError as error:
                raise GradeError(f"{url} cannot be reached: {error}") from None
            return groups

        yield choose


def _may_help(error: BaseException) -> bool:
    """Full, restarting or unreachable for the moment; anything else would be answered the same again."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in {429, 502, 503, 504}
    return isinstance(error, httpx.TransportError)


@contextlib.asynccontextmanager
async def _local(settings: Settings) -> AsyncIterator[Choose]:
    with contextlib.closing(PoolQueue(settings)) as queue:
        rooms = services_over(queue, settings)

        async def choose(body: bytes) -> list[dict[str, Any]]:
            selection = parse_selection(body, settings)
            # Nobody waits behind this one: it has as long as a request may ask for.
            patient = selection.model_copy(update={"deadline_s": settings.deadline_max_s})
            answer = await select_batch(
                patient,
                "select",
                rooms,
            )
            groups: list[dict[str, Any]] = answer["groups"]
            return groups

        yield choose


class PoolQueue:
    """A JobQueue over processes of this one, one per core; a chunk whose process dies ends as `error`."""

    def __init__(self, settings: Settings) -> None:
        self._pool = GradingPool(settings)
        self._wanted: dict[str, OnResult] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    async def submit(self, queue: str, chunk: Chunk, on_result: OnResult) -> None:
        """See JobQueue."""
        if queue not in QUEUES:
            raise ValueError(f"no queue {queue}")
        self._wanted[chunk.id] = on_result
        task = asyncio.create_task(self._run(queue, chunk))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, queue: str, chunk: Chunk) -> None:
        renewals = self._pool.renewals
        try:
            results = await asyncio.wrap_future(self._pool.submit(queue, chunk))
        except BrokenProcessPool:
            if self._pool.renewals == renewals:  # Else another chunk's end has seen to it.
                self._pool.renew()
            results = [ItemResult.failed("worker_lost", FAULT_CODES["worker_lost"])] * len(chunk.items)
        on_result = self._wanted.pop(chunk.id, None)
        for index, result in enumerate(results):
            if on_result is not None:
                on_result(index, result)

    def forget(self, chunk_id: str) -> None:
        """See JobQueue."""
        self._wanted.pop(chunk_id, None)

    async def clock_ms(self) -> int:
        """See JobQueue."""
        return int(time.time() * 1000)

    async def check(self) -> None:
        """See JobQueue."""

    async def state(self) -> dict[str, QueueState]:
        """See JobQueue."""
        return dict.fromkeys(QUEUES, QueueState(depth=0, oldest_s=0.0, workers=self._pool.size))

    def workers(self, queue: str) -> int:
        """See JobQueue."""
        return self._pool.size
