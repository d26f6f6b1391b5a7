"""`touchstone grade IN OUT`: a file of items to a file of results, resumable, in process or through a service.

What is found goes into a journal beside OUT at once, in whatever order; OUT is made of it at the end, one result an
item in the order of IN, and appears whole or not at all. Components that compare the completions of a prompt are scored
then, when all of these are known, wherever in the file they stand. A run that was killed at any moment goes on from its
journal: what is in there is not graded again. In process, items go to one worker process per core over the same
functions as the service's workers; through a service, app.remote makes jobs of them, which refuse such components.
"""

import contextlib
import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.batch import chunk_item, items_of_lines, report
from app.chunk import Chunk, ChunkItem, ItemResult
from app.errors import FAULT_CODES, GradeError, ServiceFault
from app.groups import Relatives
from app.journal import Journal
from app.pool import GradingPool
from app.profiles import Recipe, queue_of
from app.remote import Remote, parts_of
from app.schemas import Item
from app.settings import Settings
from app.tables import Numbered, Source, format_of, indices_of, result_file, source_of
from graders.components import COMPONENTS

JOB_ITEMS = 10_000
"""Items of a job, with a service: enough to keep it busy, few enough to hold two of them."""

_READ_TOGETHER = 256
"""Items validated together, in process."""

_SENT_TOGETHER = {"math": 16, "code": 1, "judge": 64}
"""Items handed to a process together."""

_KILLS_MAX = 2
"""Processes that an item may take along, alone in each, before it ends as `error`."""

Rows = Iterator[list[dict[str, Any]]]


def grade_file(
    source: Path,
    target: Path,
    *,
    settings: Settings,
    profile: str | None,
    url: str | None,
    explain: bool,
    job_items: int = JOB_ITEMS,
) -> str:
    """Grade what of `source` has no result yet.

    Args: job_items: items sent as one job, with `url`.
    Returns: a sentence of counts for people.
    Raises: GradeError for a bad item (with its place), a service that refuses, or an OUT that is not ours.
    """
    file = source_of(source)
    total = file.count()
    journal_path = target.with_name(target.name + ".part")
    if target.exists() and not journal_path.exists():
        _check_finished(target, source, total)
        return f"{total} items, {total} done before; now none"
    options = {
        "items": total,
        "sha256": _digest(source),
        "profile": profile,
        "explain": explain,
        "through": "service" if url else "process",
        "job_items": job_items if url else None,
    }
    with contextlib.ExitStack() as exits:
        journal = exits.enter_context(Journal(journal_path, total, options))
        before, counts = journal.found, Counter[str]()
        if target.exists() and before < total:
            raise GradeError(f"{target} appeared while {journal_path} was not finished; move one of them away")
        columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        progress = exits.enter_context(Progress(*columns, console=Console(stderr=True)))
        bar = progress.add_task("", total=total, completed=before)
        if before < total:
            for rows in _graded(file.word, file.items(), journal, settings, profile, url, explain, job_items):
                for row in rows:
                    counts[row["status"]] += 1
                    counts["correct"] += row.get("verdict", {}).get("outcome") == "correct"
                progress.update(bar, completed=journal.found)
        _write_out(journal, target, lambda: _whole_groups(file, journal, settings, profile))
    words = ", ".join(f"{counts[word]} {word}" for word in ("graded", "invalid", "error", "correct"))
    return f"{total} items, {before} done before; now {words}"


def _graded(
    word: str,
    items: Iterator[Numbered],
    journal: Journal,
    settings: Settings,
    profile: str | None,
    url: str | None,
    explain: bool,
    job_items: int,
) -> Rows:
    """Grade what the journal does not have, and write it there."""
    if url:
        with Remote(url, settings, profile=profile, explain=explain, word=word) as remote:
            yield from remote.grade(parts_of(items, job_items), journal)
        return
    todo = ((index, item) for index, item in enumerate(items) if not journal.has(index))
    with contextlib.closing(_Local(settings)) as local:
        for rows in local.grade(_work(word, todo, settings, profile, explain)):
            yield journal.add(rows)


def _check_finished(target: Path, source: Path, total: int) -> None:
    """Raises: GradeError if OUT is not the whole result of IN."""
    count = 0
    for count, index in enumerate(indices_of(target), 1):
        if index != count - 1:
            raise GradeError(f"{target} is not a run of this file: result {count} has index {index}")
    if count != total:
        raise GradeError(f"{target} has {count} results, but {source} {total} items: is it another run's?")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class _Adjusted:
    """What an item's result becomes once its whole group is known."""

    reward: float | None
    components: dict[str, Any]


def _whole_groups(file: Source, journal: Journal, settings: Settings, profile: str | None) -> dict[int, _Adjusted]:
    """What becomes of the items whose components compare the completions of a prompt, wherever these stand."""
    relatives = Relatives()
    for index, item, recipe, result in _again(file, journal, settings, profile):
        relatives.add(index, item, recipe, result)
    scores, adjusted = relatives.scores(), {}
    for index, item, recipe, result in _again(file, journal, settings, profile):
        if index in scores:
            whole = replace(result, scores={**result.scores, **scores[index]})
            row = report(index, item.id, None, recipe, whole, truncated=item.truncated)
            adjusted[index] = _Adjusted(row["reward"], row["components"])
    return adjusted


def _again(
    file: Source, journal: Journal, settings: Settings, profile: str | None
) -> Iterator[tuple[int, Item, Recipe, ItemResult]]:
    """Every item with its recipe and what was found of it."""
    rows = journal.results()
    numbered = enumerate(file.items())
    while block := list(islice(numbered, _READ_TOGETHER)):
        items, recipes = items_of_lines([line for _, line in block], settings, profile, word=file.word, whole=True)
        for (index, _), item, recipe in zip(block, items, recipes, strict=True):
            row = next(rows)
            scores = {name: entry["score"] for name, entry in row["components"].items()}
            yield index, item, recipe, ItemResult(row["status"], scores, row.get("verdict"))


def _write_out(journal: Journal, target: Path, whole_groups: Callable[[], Mapping[int, _Adjusted]]) -> None:
    """OUT, whole or not at all; then the journal has served."""
    draft = target.with_name(target.name + ".draft")
    if not _drafted(journal, draft, target, None):
        _drafted(journal, draft, target, whole_groups())
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(target)
    journal.path.unlink()


def _drafted(journal: Journal, draft: Path, target: Path, adjusted: Mapping[int, _Adjusted] | None) -> bool:
    """Write the results; False, with nothing of use written, at one that needs to be adjusted and is not."""
    with result_file(draft, format_of(target)) as write:
        for row in journal.results():
            if any(COMPONENTS[name].relative is not None for name in row["components"]):
                if adjusted is None:
                    return False
                if (whole := adjusted.get(row["index"])) is not None:
                    row |= {"reward": whole.reward, "components": whole.components}
            write(row)
    return True


# In process.


@dataclass(frozen=True, slots=True)
class _Work:
    """One item on its way to a process."""

    index: int
    item: Item
    recipe: Recipe
    queue: str
    sent: ChunkItem

    def row(self, result: ItemResult) -> dict[str, Any]:
        item = self.item
        return report(self.index, item.id, item.metadata, self.recipe, result, truncated=item.truncated)


def _work(
    word: str, todo: Iterator[tuple[int, Numbered]], settings: Settings, profile: str | None, explain: bool
) -> Iterator[list[_Work]]:
    """Items as work, together as they are handed to a process.

    Raises: GradeError with the place of what cannot be used, once everything before it was handed out.
    """
    while block := list(islice(todo, _READ_TOGETHER)):
        refused = None
        try:
            items, recipes = items_of_lines(
                [numbered for _, numbered in block], settings, profile, word=word, whole=True
            )
        except ServiceFault as fault:
            items, recipes, refused = _good_part(block, settings, profile, word)
            refused = refused or fault
        by_queue: dict[str, list[_Work]] = {}
        for (index, _), item, recipe in zip(block, items, recipes, strict=False):
            queue = queue_of(item, recipe, judges=bool(settings.judges))
            sent = chunk_item(item, recipe, deadline_ms=None, explain=explain)
            by_queue.setdefault(queue, []).append(_Work(index, item, recipe, queue, sent))
        for queue, members in by_queue.items():
            size = _SENT_TOGETHER[queue]
            yield from (members[start : start + size] for start in range(0, len(members), size))
        if refused is not None:
            where = "; ".join(f"{error['path']}: {error['message']}" for error in refused.errors)
            raise GradeError(f"{refused.message} {where}".strip())


def _good_part(
    block: list[tuple[int, Numbered]], settings: Settings, profile: str | None, word: str
) -> tuple[Sequence[Item], list[Recipe], ServiceFault | None]:
    """The items before the first that is refused, and its refusal."""
    items: list[Item] = []
    recipes: list[Recipe] = []
    for _, numbered in block:
        try:
            (item,), (recipe,) = items_of_lines([numbered], settings, profile, word=word, whole=True)
        except ServiceFault as fault:
            return items, recipes, fault
        items.append(item)
        recipes.append(recipe)
    return items, recipes, None


class _Local:
    """Grades in processes of this one, with a bounded number of items on their way."""

    def __init__(self, settings: Settings) -> None:
        self._pool = GradingPool(settings)

    def close(self) -> None:
        self._pool.close()

    def grade(self, work: Iterable[list[_Work]]) -> Rows:
        """Grade; what was handed out is finished even when there is something wrong with what comes after."""
        under_way: dict[Future[list[ItemResult]], list[_Work]] = {}
        suspects: deque[_Work] = deque()
        feed = iter(work)
        problem: GradeError | None = None
        more = True
        while more or under_way:
            while more and len(under_way) < 4 * self._pool.size:
                try:
                    group = next(feed, [])
                except GradeError as error:
                    problem, group = error, []
                if not group:
                    more = False
                    break
                try:
                    under_way[self._submit(group)] = group
                except BrokenProcessPool:
                    suspects.extend(group)
                    break
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                group = under_way.pop(future)
                try:
                    yield _rows(group, future.result())
                except BrokenProcessPool:
                    suspects.extend(group)
            if suspects:
                # One of those that were under way killed its process, and all of them ended with it. Each alone, so
                # that it is the one.
                suspects.extend(one for group in under_way.values() for one in group)
                under_way.clear()
                yield from self._one_by_one(suspects)
        if problem is not None:
            raise problem

    def _submit(self, group: list[_Work]) -> "Future[list[ItemResult]]":
        return self._pool.submit(group[0].queue, Chunk("0", tuple(one.sent for one in group)))

    def _one_by_one(self, suspects: deque[_Work]) -> Rows:
        self._pool.renew()
        while suspects:
            one = suspects.popleft()
            for _ in range(_KILLS_MAX):
                try:
                    yield _rows([one], self._submit([one]).result())
                    break
                except BrokenProcessPool:
                    self._pool.renew()
            else:
                yield [one.row(ItemResult.failed("poison", FAULT_CODES["poison"], retryable=False))]


def _rows(group: list[_Work], results: list[ItemResult]) -> list[dict[str, Any]]:
    return [one.row(result) for one, result in zip(group, results, strict=True)]
