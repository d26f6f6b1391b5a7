"""The journal of `touchstone grade`: what a run found so far, beside OUT as OUT.part, so that a killed run goes on.

    1st line   the run: its id, what is graded, with what options
    {"job":…}  part `part` of the items is the service's job `job` (only with --url)
    {"index":… one result, in the order they were found

A line is written with one system call before anything is done that depends on it; one cut short by a kill is taken
away. OUT itself is written from here at the end, in the order of IN, and appears whole or not at all.
"""

import fcntl
import json
import os
import uuid
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic_core import to_json

from app.errors import GradeError

FORMAT = 1
"""Raised whenever an older release would misread a journal."""


class Journal:
    """One run's journal, locked against a second one. A context manager: entering it reads what is there.

    Args:
        path: of the journal.
        total: number of items.
        options: of the run; one with other options must not go on with it.

    Raises: GradeError on entering, for another run's journal or one in use.
    """

    def __init__(self, path: Path, total: int, options: Mapping[str, Any]) -> None:
        self.path, self.total = path, total
        self._options = dict(options)
        self.run = uuid.uuid4().hex
        self.found = 0
        self.jobs: dict[int, tuple[str, int]] = {}  # Part to its job and its attempt.
        self._seen: dict[str, int] = {}  # Job to the `seq` of its last result here.
        self._offsets = array("q", [-1]) * total

    def __enter__(self) -> Self:
        # Neither buffered nor truncated: whatever write returned from is in the file, whenever we are killed.
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise GradeError(f"another run is writing {self.path}") from None
        try:
            self._end = self._read()
        except BaseException:
            os.close(self._file)
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._file)

    def has(self, index: int) -> bool:
        """Whether the item's result is here."""
        return self._offsets[index] >= 0

    def cursor(self, job: str) -> int:
        """How many of the job's results were taken from it."""
        return self._seen.get(job, 0)

    def accepted(self, part: int, job: str, attempt: int) -> None:
        """A part of the items has become a job of the service."""
        self._append([{"part": part, "job": job, "attempt": attempt}])
        os.fsync(self._file)
        self.jobs[part] = job, attempt

    def add(self, rows: Sequence[dict[str, Any]], job: str = "") -> list[dict[str, Any]]:
        """Write down results; one whose item has a result already is left out.

        Args:
            rows: in the contract's shape, `index` counting the items of IN; a job's in the order of its `seq`.
            job: where they come from.
        Returns: those that were new.
        """
        new = [row for row in rows if not self.has(row["index"])]
        offset = self._end
        for row, length in zip(new, self._append([{"from": job, **row} for row in new]), strict=True):
            self._offsets[row["index"]] = offset
            offset += length
        self.found += len(new)
        if job and rows:
            self._seen[job] = rows[-1]["seq"]
        return new

    def results(self) -> Iterator[dict[str, Any]]:
        """Every result, in the order of IN; for a run that has found all."""
        with self.path.open("rb") as file:
            for offset in self._offsets:
                file.seek(offset)
                row = json.loads(file.readline())
                yield {name: value for name, value in row.items() if name not in ("from", "seq")}

    def _append(self, rows: Sequence[dict[str, Any]]) -> list[int]:
        lines = [to_json(row) + b"\n" for row in rows]
        left = memoryview(b"".join(lines))
        self._end += len(left)
        while left:
            left = left[os.write(self._file, left) :]
        return [len(line) for line in lines]

    def _read(self) -> int:
        """What is there, up to the last whole line. Returns: the file's end."""
        end = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                try:
                    value = json.loads(line)
                    if number == 0:
                        self._check_run(value)
                    elif "part" in value:
                        self.jobs[value["part"]] = value["job"], value["attempt"]
                    else:
                        self._offsets[value["index"]] = end
                        self.found += 1
                        self._seen[value["from"]] = value.get("seq", 0)
                except (ValueError, KeyError, TypeError, IndexError):
                    raise GradeError(
                        f"{self.path} is not the journal of a run; remove it or choose another OUT"
                    ) from None
                end += len(line)
        os.ftruncate(self._file, end)
        self._end = end
        if not end:
            self._append([{"touchstone": FORMAT, "run": self.run, **self._options}])
            os.fsync(self._file)
        return self._end

    def _check_run(self, value: dict[str, Any]) -> None:
        if value["touchstone"] != FORMAT:
            raise GradeError(f"{self.path} was written by another release; finish it with that one, or remove it")
        self.run = value["run"]
        for name, wanted in self._options.items():
            if value.get(name) != wanted:
                raise GradeError(
                    f"{self.path} is another run: its {name} is {value.get(name)!r}, not {wanted!r}; "
                    "remove it to begin anew"
                )
