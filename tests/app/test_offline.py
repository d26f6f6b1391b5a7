"""`touchstone grade IN OUT`: every item once, in order, through kills and bad lines."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.offline import GradeError, grade_file
from app.settings import Settings
from tests.app.conftest import math_item


def grade(source: Path, target: Path, **options: Any) -> str:
    """Grade in process with the defaults of the command line."""
    given = {"profile": None, "url": None, "batch_items": 8, "explain": False} | options
    return grade_file(source, target, settings=Settings(), **given)


def write(path: Path, items: list[dict[str, Any]]) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    """A JSONL file read back."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


ITEMS = [math_item(f"\\boxed{{{n}}}", str(n - n % 2), id=f"i{n}") for n in range(30)]


def test_a_file_is_graded_in_order(tmp_path: Path) -> None:
    """One result a line, indexed by line."""
    source, target = write(tmp_path / "in.jsonl", ITEMS), tmp_path / "out.jsonl"
    sentence = grade(source, target)
    results = rows(target)
    assert [row["index"] for row in results] == list(range(30))
    assert [row["id"] for row in results] == [f"i{n}" for n in range(30)]
    assert [row["reward"] for row in results] == [1.0 - n % 2 for n in range(30)]
    assert "30 graded" in sentence
    assert "15 correct" in sentence


def test_a_second_run_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    """Whole lines are kept as they are, a line cut short is graded again, nothing twice."""
    source, target = write(tmp_path / "in.jsonl", ITEMS), tmp_path / "out.jsonl"
    grade(source, target)
    lines = target.read_bytes().splitlines(keepends=True)
    marked = lines[0].replace(b'"id":"i0"', b'"id":"kept"')
    target.write_bytes(marked + b"".join(lines[1:11]) + lines[11][:20])
    assert "11 done before" in grade(source, target)
    results = rows(target)
    assert [row["index"] for row in results] == list(range(30))
    assert results[0]["id"] == "kept"
    before = target.read_bytes()
    assert "30 done before" in grade(source, target)
    assert target.read_bytes() == before


def test_a_bad_line_is_named_and_what_was_done_stays(tmp_path: Path) -> None:
    """The message says which; mending the file and running again finishes it."""
    source, target = write(tmp_path / "in.jsonl", ITEMS), tmp_path / "out.jsonl"
    text = source.read_text().splitlines()
    text[20] = "{oops"
    source.write_text("\n".join(text) + "\n")
    with pytest.raises(GradeError, match="line 21"):
        grade(source, target)
    assert len(rows(target)) == 16
    write(source, ITEMS)
    grade(source, target)
    assert [row["index"] for row in rows(target)] == list(range(30))


def test_a_line_that_is_no_item_is_refused_with_its_field(tmp_path: Path) -> None:
    """The same words as the service's 422."""
    source = write(tmp_path / "in.jsonl", [math_item("x"), {"completion": 3}])
    with pytest.raises(GradeError, match=r"items\.1\.completion"):
        grade(source, tmp_path / "out.jsonl")


def test_an_out_file_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    """A wrong argument must not cost somebody's file."""
    source, target = write(tmp_path / "in.jsonl", ITEMS), tmp_path / "notes.txt"
    target.write_text("my notes\n")
    with pytest.raises(GradeError):
        grade(source, target)
    assert target.read_text() == "my notes\n"
    other = write(tmp_path / "short.jsonl", ITEMS[:3])
    grade(source, tmp_path / "out.jsonl")
    with pytest.raises(GradeError, match="another run"):
        grade(other, tmp_path / "out.jsonl")


def test_the_command_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    """A missing file is one sentence and status 1."""
    command = [sys.executable, "-m", "app", "grade", str(tmp_path / "none"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_service_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """With --url, at once: only a service that was there is waited for."""
    source = write(tmp_path / "in.jsonl", ITEMS[:1])
    with pytest.raises(GradeError, match="cannot be reached"):
        grade(source, tmp_path / "out.jsonl", url="http://127.0.0.1:9/", profile="r1-zero")
