"""Files of items and of results for `touchstone grade`: JSONL, CSV and Parquet, by a file's ending.

JSONL has one item a line, as in /v1/grade. In CSV and Parquet a row is an item and a column one of its fields; `task`,
`metadata` and `rewards` are JSON text (in Parquet also structs), or columns of their own such as `task.kind` and
`metadata.step`. Tables of results have the columns of `COLUMNS`; what is nested is JSON text there.

Not covered: what an item means, which app.batch says. Files are read row after row and never held whole.
"""

import contextlib
import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from app.errors import GradeError
from app.schemas import Item

LINE_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of one line or cell; what the service takes is far less."""

_JSON_FIELDS = ("task", "metadata", "rewards", "completion_tokens", "truncated")
_DOTTED_FIELDS = ("task", "metadata")
_TEXT_FIELDS = ("prompt", "completion")

COLUMNS = (
    "index", "id", "status", "reward", "outcome", "reason", "components", "verdict", "invalid", "fault",
    "queue_s", "grade_s", "cached", "metadata",
)  # fmt: skip
"""Columns of a table of results; components, verdict, invalid, fault and metadata hold JSON."""

_ROWS_TOGETHER = 1024

Numbered = tuple[int, bytes]
"""Where an item stands in its file, from 1, and its JSON."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of items.

    Args:
        word: what its places are called in messages.
        count: the number of items, without holding them.
        items: each with its place; may be called again.
    """

    word: str
    count: Callable[[], int]
    items: Callable[[], Iterator[Numbered]]


def source_of(path: Path) -> Source:
    """A file of items by its ending; whatever is neither CSV nor Parquet is JSONL.

    Raises: GradeError while reading, with the place, and where Parquet is wanted without pyarrow.
    """
    kind = format_of(path)
    if kind == "csv":
        return Source("row", lambda: sum(1 for _ in _csv_rows(path)), lambda: _numbered(_csv_items(path)))
    if kind == "parquet":
        return Source("row", lambda: _parquet_count(path), lambda: _numbered(_parquet_items(path)))
    return Source("line", lambda: sum(1 for _ in _jsonl(path)), lambda: _jsonl(path))


def format_of(path: Path) -> str:
    """ "csv", "parquet" or "jsonl"."""
    return {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}.get(path.suffix.lower(), "jsonl")


def _numbered(items: Iterator[bytes]) -> Iterator[Numbered]:
    return enumerate(items, 1)


def _jsonl(path: Path) -> Iterator[Numbered]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LINE_BYTES_MAX):
            number += 1
            if len(line) == LINE_BYTES_MAX:
                raise GradeError(f"line {number} is over {LINE_BYTES_MAX} bytes")
            if line := line.strip():
                yield number, line


# CSV.


def _csv_rows(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """The header with each row."""
    csv.field_size_limit(LINE_BYTES_MAX)
    # Python's own universal newlines would change line ends within cells.
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            header = next(rows, None)
            if header is None:
                raise GradeError(f"{path} is empty; its first row must name the columns")
            _check_columns(header)
            for number, row in enumerate(rows, 1):
                if not row:
                    continue
                if len(row) != len(header):
                    raise GradeError(f"row {number} has {len(row)} cells, the header {len(header)}")
                yield header, row
        except csv.Error as error:
            raise GradeError(f"line {rows.line_num}: {error}") from None
        except UnicodeDecodeError as error:
            raise GradeError(f"{path} is not UTF-8 ({error.reason})") from None


def _csv_items(path: Path) -> Iterator[bytes]:
    for number, (header, row) in enumerate(_csv_rows(path), 1):
        # An empty cell is a field that is not there; an empty completion is one that says nothing.
        cells = {name: cell for name, cell in zip(header, row, strict=True) if cell or name in _TEXT_FIELDS}
        yield _item(number, cells)


# Parquet.


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise GradeError("Parquet needs pyarrow: pip install 'touchstone[parquet]'") from None
    return pyarrow.parquet


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    parquet = _parquet()
    try:
        file = parquet.ParquetFile(path, memory_map=False)
    except ValueError as error:  # ArrowInvalid is one.
        raise GradeError(f"{path} is no Parquet file: {str(error)[:200]}") from None
    with file:
        yield file


def _parquet_count(path: Path) -> int:
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def _parquet_items(path: Path) -> Iterator[bytes]:
    with _opened(path) as file:
        _check_columns(list(file.schema_arrow.names))
        number = 0
        for batch in file.iter_batches(batch_size=_ROWS_TOGETHER):
            for row in range(batch.num_rows):  # Row by row: a whole batch of long texts as objects is large.
                number += 1
                cells = {
                    name: _without_nulls(column[row].as_py(maps_as_pydicts="strict"))
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
                yield _item(number, {name: cell for name, cell in cells.items() if cell is not None})


def _without_nulls(value: Any) -> Any:
    """A struct has every field of its type; those without a value were not in the row that was written."""
    if isinstance(value, dict):
        return {name: _without_nulls(entry) for name, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_without_nulls(entry) for entry in value]
    return value


# Rows as items.


def _check_columns(names: list[str]) -> None:
    """Refuse what would be dropped in silence: a misspelt field is a wrong reward."""
    for name in names:
        field, dot, rest = name.partition(".")
        if names.count(name) > 1:
            raise GradeError(f"two columns are named {name!r}")
        if dot and field in _DOTTED_FIELDS and rest:
            if field in names:
                raise GradeError(f"there is a column {field!r} as well as {name!r}; use one way")
        elif name not in Item.model_fields:
            raise GradeError(f"column {name!r} is no field of an item; name it 'metadata.{name}' to have it echoed")


def _item(number: int, cells: dict[str, Any]) -> bytes:
    item: dict[str, Any] = {}
    for name, cell in cells.items():
        value = cell
        if name in _JSON_FIELDS and isinstance(cell, str):
            try:
                value = json.loads(cell)
            except (ValueError, RecursionError):
                raise GradeError(f"row {number}: column {name!r} is not JSON") from None
        place, steps = item, name.split(".") if name.partition(".")[0] in _DOTTED_FIELDS else [name]
        for step in steps[:-1]:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise GradeError(f"row {number}: column {name!r} lies within another column's text")
        place[steps[-1]] = value
    try:
        return to_json(item, inf_nan_mode="constants")  # NaN is refused where the item is read, with its place.
    except (PydanticSerializationError, ValueError):
        raise GradeError(f"row {number} holds a value that is not JSON (bytes, perhaps)") from None


# Results.

Write = Callable[[dict[str, Any]], None]
"""Appends a result, in the contract's shape, to a file."""


@contextlib.contextmanager
def result_file(path: Path, kind: str) -> Iterator[Write]:
    """A new file of results, in the format that `format_of` calls `kind`; whole once the context is left."""
    opener = {"csv": _csv_file, "parquet": _parquet_file, "jsonl": _jsonl_file}[kind]
    with opener(path) as write:
        yield write


@contextlib.contextmanager
def _jsonl_file(path: Path) -> Iterator[Write]:
    with path.open("wb") as file:
        yield lambda row: (file.write(to_json(row) + b"\n"), None)[1]


@contextlib.contextmanager
def _csv_file(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        yield lambda row: (writer.writerow(_columns(row)), None)[1]


@contextlib.contextmanager
def _parquet_file(path: Path) -> Iterator[Write]:
    parquet = _parquet()
    import pyarrow

    kinds = {"index": pyarrow.int64(), "reward": pyarrow.float64(), "cached": pyarrow.bool_()}
    kinds |= {"queue_s": pyarrow.float64(), "grade_s": pyarrow.float64()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS])
    waiting: list[dict[str, Any]] = []

    def flush() -> None:
        writer.write_table(pyarrow.Table.from_pylist(waiting, schema=schema))
        waiting.clear()

    def write(row: dict[str, Any]) -> None:
        waiting.append(_columns(row))
        if len(waiting) >= _ROWS_TOGETHER:
            flush()

    with parquet.ParquetWriter(path, schema) as writer:
        yield write
        flush()


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    verdict = row.get("verdict") or {}
    nested = {name: row.get(name) for name in ("components", "verdict", "invalid", "fault", "metadata")}
    return {
        **{name: row.get(name) for name in ("index", "id", "status", "reward", "cached")},
        **{name: verdict.get(name) for name in ("outcome", "reason")},
        **{name: None if value is None else to_json(value).decode() for name, value in nested.items()},
        **row["timing"],
    }


def indices_of(path: Path) -> Iterator[int]:
    """The `index` of each result in a file of results.

    Raises: GradeError if it is no such file.
    """
    kind = format_of(path)
    try:
        if kind == "csv":
            csv.field_size_limit(LINE_BYTES_MAX)
            with path.open(encoding="utf-8", newline="") as file:
                yield from (int(row["index"]) for row in csv.DictReader(file))
        elif kind == "parquet":
            with _opened(path) as file:
                for batch in file.iter_batches(columns=["index"]):
                    yield from (int(index) for index in batch.column("index").to_pylist())
        else:
            yield from (json.loads(line)["index"] for _, line in _jsonl(path))
    except (ValueError, KeyError, TypeError, csv.Error):
        raise GradeError(f"{path} is not a file of our results") from None
