"""`touchstone grade IN OUT`: every item once, in order, through kills, bad lines and every kind of file."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow
import pyarrow.parquet
import pytest

from app.errors import GradeError
from app.journal import Journal
from app.offline import grade_file
from app.settings import Settings
from tests.app.conftest import math_item
from tests.processes import Service, running


def grade(source: Path, target: Path, **options: Any) -> str:
    """Grade in process with the defaults of the command line."""
    given = {"profile": None, "url": None, "explain": False} | options
    return grade_file(source, target, settings=Settings(), **given)


def write(path: Path, items: list[dict[str, Any]]) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    """A JSONL file read back."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def found(target: Path) -> int:
    """Results in the journal of a run that is not finished."""
    part = target.with_name(target.name + ".part")
    return part.read_bytes().count(b'\n{"from"') if part.exists() else 0


ITEMS = [math_item(f"\\boxed{{{n}}}", str(n - n % 2), id=f"i{n}") for n in range(30)]


def check(results: list[dict[str, Any]], count: int = 30) -> None:
    """Each item once, in order, with its own verdict."""
    assert [row["index"] for row in results] == list(range(count))
    assert [row["id"] for row in results] == [f"i{n}" for n in range(count)]
    assert [row["reward"] for row in results] == [1.0 - n % 2 for n in range(count)]


def test_a_file_is_graded_in_order(tmp_path: Path) -> None:
    """One result a line, indexed by line; nothing else is left behind."""
    source, target = write(tmp_path / "in.jsonl", ITEMS), tmp_path / "out.jsonl"
    sentence = grade(source, target)
    check(rows(target))
    assert "30 graded" in sentence
    assert "15 correct" in sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    """A second run does nothing, whatever the format of OUT."""
    source = write(tmp_path / "in.jsonl", ITEMS)
    for name in ("out.jsonl", "out.csv", "out.parquet"):
        grade(source, tmp_path / name)
        before = (tmp_path / name).read_bytes()
        assert "30 done before" in grade(source, tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


def test_a_killed_run_goes_on_from_its_journal(tmp_path: Path) -> None:
    """Whole lines of the journal are kept as they are, one cut short is graded again, nothing twice."""
    source, target = write(tmp_path / "in.jsonl", ITEMS), tmp_path / "out.jsonl"
    bad = [*ITEMS, {"oops": 1}]
    write(source, bad)
    with pytest.raises(GradeError, match="line 31"):
        grade(source, target)
    part = tmp_path / "out.jsonl.part"
    lines = part.read_bytes().splitlines(keepends=True)
    assert len(lines) == 31
    marked = lines[1].replace(b'"id":"i', b'"id":"kept-')
    part.write_bytes(lines[0] + marked + b"".join(lines[2:12]) + lines[12][:20])
    with pytest.raises(GradeError, match="line 31"):
        grade(source, target)
    results = [json.loads(line) for line in part.read_bytes().splitlines()[1:]]
    assert sorted(row["index"] for row in results) == list(range(30))
    assert [row["id"] for row in results if row["id"].startswith("kept")] == [results[0]["id"]]
    assert not target.exists()


def test_a_bad_line_is_named_and_what_was_done_stays(tmp_path: Path) -> None:
    """The message says which; everything before it is in the journal, and OUT is not there."""
    source, target = write(tmp_path / "in.jsonl", ITEMS), tmp_path / "out.jsonl"
    text = source.read_text().splitlines()
    text[20] = "{oops"
    source.write_text("\n".join(text) + "\n")
    with pytest.raises(GradeError, match="line 21"):
        grade(source, target)
    assert found(target) == 20
    assert not target.exists()


def test_a_journal_of_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    """Another file, or other options, under the same OUT would mix two runs."""
    source, target = write(tmp_path / "in.jsonl", [*ITEMS, {"completion": 3}]), tmp_path / "out.jsonl"
    with pytest.raises(GradeError, match=r"line 31\.completion"):
        grade(source, target)
    with pytest.raises(GradeError, match="another run: its profile"):
        grade(source, target, profile="r1-zero")
    write(source, ITEMS)
    with pytest.raises(GradeError, match="another run: its items"):
        grade(source, target)


def test_a_line_that_is_no_item_is_refused_with_its_field(tmp_path: Path) -> None:
    """The same words as the service's 422."""
    source = write(tmp_path / "in.jsonl", [math_item("x"), {"completion": 3}])
    with pytest.raises(GradeError, match=r"line 2\.completion"):
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


# Tables.


def write_csv(path: Path, header: list[str], lines: list[list[str]]) -> Path:
    """A CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path


def test_csv_in_and_out(tmp_path: Path) -> None:
    """Columns are fields, cells keep their line ends and quotes, nested results are JSON."""
    lines = [[f"i{n}", f'a "quoted"\r\n, text\n\\boxed{{{n}}}', "math", str(n - n % 2), f"s{n}"] for n in range(30)]
    header = ["id", "completion", "task.kind", "task.answer", "metadata.step"]
    source, target = write_csv(tmp_path / "in.csv", header, lines), tmp_path / "out.csv"
    grade(source, target)
    with target.open(encoding="utf-8", newline="") as file:
        results = list(csv.DictReader(file))
    assert [(row["index"], row["id"]) for row in results] == [(str(n), f"i{n}") for n in range(30)]
    assert [float(row["reward"]) for row in results] == [1.0 - n % 2 for n in range(30)]
    assert json.loads(results[3]["metadata"]) == {"step": "s3"}
    assert json.loads(results[3]["verdict"])["outcome"] == results[3]["outcome"] == "wrong"


def test_a_task_may_be_json_in_a_cell(tmp_path: Path) -> None:
    """With all that a task can say; an empty cell is a field that is not there."""
    task = json.dumps({"kind": "math", "answer": "3.14", "tolerance": {"abs": 0.01}})
    source = write_csv(tmp_path / "in.csv", ["completion", "task", "id"], [["\\boxed{3.141}", task, ""]])
    grade(source, tmp_path / "out.jsonl")
    (row,) = rows(tmp_path / "out.jsonl")
    assert (row["reward"], row["id"]) == (1.0, None)


@pytest.mark.parametrize(
    ("header", "line", "message"),
    [
        (["completion", "anwser"], ["x", "4"], "column 'anwser' is no field"),
        (["completion", "completion"], ["x", "4"], "two columns are named"),
        (["completion", "task", "task.kind"], ["x", "{}", "math"], "use one way"),
        (["completion", "task"], ["x"], "row 1 has 1 cells, the header 2"),
        (["completion", "task"], ["x", "{"], "row 1: column 'task' is not JSON"),
        (["completion", "task"], ["x", '{"kind":"math"}'], r"row 1\.task\.math\.answer|row 1\.task\.answer"),
        (["completion", "metadata"], ["x", '{"n":NaN}'], "row 1: NaN is not JSON"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_place(
    tmp_path: Path, header: list[str], line: list[str], message: str
) -> None:
    """Nothing is dropped in silence: a misspelt column would be a wrong reward."""
    with pytest.raises(GradeError, match=message):
        grade(write_csv(tmp_path / "in.csv", header, [line]), tmp_path / "out.csv")


def test_parquet_in_and_out(tmp_path: Path) -> None:
    """Structs, JSON text and messages; fields that a struct has without a value were never sent."""
    table = pyarrow.Table.from_pylist(
        [
            {
                "id": f"i{n}",
                "completion": [{"role": "assistant", "content": f"\\boxed{{{n}}}"}],
                "task": {"kind": "math", "answer": str(n - n % 2), "ordered": True if n == 0 else None},
                "metadata": json.dumps({"n": n}),
            }
            for n in range(30)
        ]
    )
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pyarrow.parquet.write_table(table, source)
    grade(source, target)
    results = pyarrow.parquet.read_table(target).to_pylist()
    check(results)
    assert [json.loads(row["metadata"]) for row in results] == [{"n": n} for n in range(30)]
    assert {row["status"] for row in results} == {"graded"}
    assert results[0]["fault"] is None


def test_bytes_that_are_no_table_are_said_so(tmp_path: Path) -> None:
    """And values that JSON does not have."""
    path = tmp_path / "in.parquet"
    path.write_bytes(b"not a table")
    with pytest.raises(GradeError, match="no Parquet file"):
        grade(path, tmp_path / "out.jsonl")
    pyarrow.parquet.write_table(pyarrow.table({"completion": [b"\xff\xfe"]}), path)
    with pytest.raises(GradeError, match="row 1 holds a value that is not JSON"):
        grade(path, tmp_path / "out.jsonl")


# Kills. The command runs as a process of its own and is killed at points spread over its life.


def command(source: Path, target: Path, *options: str) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "app", "grade", str(source), str(target), *options]


def kill_when(arguments: list[str], ready: Callable[[], bool], seconds: float = 60) -> bool:
    """Start the command and kill it -9 once something holds; False if it ended before."""
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None:
                return False
            assert time.monotonic() < until
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    return True


def finish(arguments: list[str]) -> str:
    """Run the command to its end."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_of_an_in_process_run_leave_one_result_an_item(tmp_path: Path) -> None:
    """kill -9 after the first results, again in the middle, and once more; the journal only grows."""
    items = [math_item(f"\\boxed{{\\frac{{{n}}}{{7}}}}", f"{n + n % 2}/7", id=f"i{n}") for n in range(3000)]
    source, target = write(tmp_path / "in.jsonl", items), tmp_path / "out.jsonl"
    kept: list[bytes] = []
    for stop_at in (1, 700, 1500):
        if not kill_when(command(source, target), lambda stop_at=stop_at: found(target) >= stop_at):
            break
        journal = (tmp_path / "out.jsonl.part").read_bytes()
        whole = journal[: journal.rindex(b"\n") + 1].splitlines()
        assert whole[: len(kept)] == kept
        kept = whole
    assert len(kept) > 1
    sentence = finish(command(source, target))
    assert f"{len(kept) - 1} done before" in sentence
    results = rows(target)
    check(results, 3000)
    taken = {row["index"]: row["timing"] for row in map(json.loads, kept[1:])}
    assert all(results[index]["timing"] == timing for index, timing in taken.items())  # Not graded again.


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One service for the module, without a cache: what is graded twice is counted twice."""
    with running(tmp_path_factory.mktemp("service"), lease_s=3, cache_bytes_max=0, log_level="warning") as service:
        yield service


def graded_by(service: Service) -> int:
    """Items that the service has graded for anybody since it started."""
    text = httpx.get(service.url + "/metrics", timeout=10).text
    return int(
        sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("touchstone_items_total{") and 'status="graded"' in line
        )
    )


def until_counted(service: Service, count: int) -> None:
    """The service's count settles at this number; it is taken a moment after the results."""
    until = time.monotonic() + 15
    while graded_by(service) < count and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(1.5)
    assert graded_by(service) == count


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_of_a_client_grade_nothing_twice(service: Service, tmp_path: Path) -> None:
    """kill -9 before, while and after a job is accepted, and while results come: each item is graded once."""
    before = graded_by(service)
    items = [math_item(f"\\boxed{{\\frac{{{n}}}{{7}}}}", f"{n + n % 2}/7", id=f"i{n}") for n in range(6000)]
    source, target = write(tmp_path / "in.jsonl", items), tmp_path / "out.jsonl"
    arguments = command(source, target, "--url", service.url, "--job-items", "1500")
    part = tmp_path / "out.jsonl.part"
    kill_when(arguments, part.exists)  # Nothing is sent yet, or a little of it.
    began = time.monotonic()
    kill_when(arguments, lambda: time.monotonic() - began > 1.0)  # While it sends, perhaps.
    for stop_at in (0, 1, 2000, 4000):
        kill_when(arguments, lambda stop_at=stop_at: part.exists() and found(target) >= stop_at)
    finish(arguments)
    check(rows(target), 6000)
    until_counted(service, before + 6000)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_service_that_dies_under_a_client_is_waited_for(service: Service, tmp_path: Path) -> None:
    """kill -9 of the API and of the store while results come: the client goes on, each item once."""
    items = [math_item(f"\\boxed{{\\frac{{{n}}}{{7}}}}", f"{n + n % 2}/7", id=f"i{n}") for n in range(6000)]
    source, target = write(tmp_path / "in.jsonl", items), tmp_path / "out.csv"
    arguments = command(source, target, "--url", service.url, "--job-items", "2000")
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for words in ("app api", "valkey-server"):
            at = found(target)
            until = time.monotonic() + 60
            while found(target) < at + 500 and process.poll() is None:
                assert time.monotonic() < until
                time.sleep(0.01)
            for pid in [pid for pid, line in service.members().items() if words in line]:
                os.kill(pid, signal.SIGKILL)
        assert process.wait(100) == 0, process.stderr.read() if process.stderr else ""
    with target.open(encoding="utf-8", newline="") as file:
        results = list(csv.DictReader(file))
    assert [row["id"] for row in results] == [f"i{n}" for n in range(6000)]
    assert [float(row["reward"]) for row in results] == [1.0 - n % 2 for n in range(6000)]


def test_a_refusal_of_the_service_names_the_place_in_the_file(service: Service, tmp_path: Path) -> None:
    """Also in a later job, behind blank lines, and in a table."""
    source = write(tmp_path / "in.jsonl", [*ITEMS, {"completion": 3}])
    source.write_text(source.read_text().replace("\n", "\n\n"))
    with pytest.raises(GradeError, match=r"422.*line 61\.completion"):
        grade(source, tmp_path / "out.jsonl", url=service.url, job_items=8)
    assert 8 <= found(tmp_path / "out.jsonl") <= 24
    lines = [["\\boxed{1}", '{"kind":"math","answer":"1"}'], ["x", '{"kind":"maths"}']]
    table = write_csv(tmp_path / "in.csv", ["completion", "task"], lines)
    with pytest.raises(GradeError, match=r"422.*row 2\.task"):
        grade(table, tmp_path / "out2.jsonl", url=service.url)


def test_profiles_and_explanations_go_with_a_job(service: Service, tmp_path: Path) -> None:
    """The results are those of the same run in process."""
    source = write(tmp_path / "in.jsonl", ITEMS)
    grade(source, tmp_path / "here.jsonl", profile="r1-zero", explain=True)
    grade(source, tmp_path / "there.jsonl", profile="r1-zero", explain=True, url=service.url)
    here, there = rows(tmp_path / "here.jsonl"), rows(tmp_path / "there.jsonl")
    for row in here + there:
        del row["timing"]
    assert here == there
    assert "format" in here[0]["components"]
    assert here[0]["verdict"]["expected"]


def test_the_command_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    """A missing file is one sentence and status 1."""
    done = subprocess.run(
        command(tmp_path / "none", tmp_path / "out"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_service_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """With --url, at once: only a service that was there is waited for."""
    source = write(tmp_path / "in.jsonl", ITEMS[:1])
    with pytest.raises(GradeError, match="cannot be reached"):
        grade(source, tmp_path / "out.jsonl", url="http://127.0.0.1:9/", profile="r1-zero")


def test_two_runs_do_not_write_one_journal(tmp_path: Path) -> None:
    """The second is refused as long as the first lives."""
    first, second = (Journal(tmp_path / "out.part", 1, {"items": 1}) for _ in range(2))
    with first, pytest.raises(GradeError, match="another run is writing"), second:
        pass
    with second:
        assert (second.run, second.found) == (first.run, 0)


def test_whole_groups_are_compared_wherever_in_the_file_they_stand(tmp_path: Path) -> None:
    """Kimi's length over a file: scattered groups, across the blocks that are read together; bounds hold."""
    rewards = {
        "components": [{"name": "accuracy"}, {"name": "kimi_length"}, {"name": "format", "params": {"style": "boxed"}}],
        "clip": [-1, 2.25],
    }
    scattered = [
        math_item(" " * length + "\\boxed{42}", id=f"{group}{length}", group=group, rewards=rewards)
        for length in (0, 100, 200)
        for group in ("a", "b", "c")
    ]
    filler = [math_item("\\boxed{41}", id=f"f{n}") for n in range(300)]
    items = scattered[:4] + filler + scattered[4:]
    source, target = write(tmp_path / "in.jsonl", items), tmp_path / "out.jsonl"
    grade(source, target)
    results = {row["id"]: row for row in rows(target)}
    assert [row["index"] for row in rows(target)] == list(range(309))
    for group in "abc":
        scores = [results[f"{group}{length}"]["components"]["kimi_length"]["score"] for length in (0, 100, 200)]
        assert scores == [0.5, 0.0, -0.5]
        assert [results[f"{group}{length}"]["reward"] for length in (0, 100, 200)] == [2.25, 2.0, 1.5]
    assert list(results["f0"]["components"]) == ["accuracy"]


def test_an_item_of_no_group_is_refused_with_its_line(tmp_path: Path) -> None:
    """As the service refuses it."""
    lonely = math_item("x", rewards=[{"name": "kimi_length"}])
    source = write(tmp_path / "in.jsonl", [math_item("x"), lonely])
    with pytest.raises(GradeError, match=r"line 2\.group"):
        grade(source, tmp_path / "out.jsonl")


def test_a_tables_counts_and_flags_are_read_as_such(tmp_path: Path) -> None:
    """`completion_tokens` and `truncated` of a CSV are a number and a truth value, though each cell is text."""
    rewards = json.dumps({"components": [{"name": "soft_overlong"}], "truncated": "null"})
    header = ["completion", "completion_tokens", "truncated", "rewards"]
    lines = [["a", "18432", "false", rewards], ["a", "18432", "true", rewards], ["a", "", "", rewards]]
    target = tmp_path / "out.jsonl"
    grade(write_csv(tmp_path / "in.csv", header, lines), target)
    assert [row["reward"] for row in rows(target)] == [-0.5, None, 0.0]
    with pytest.raises(GradeError, match="completion_tokens"):
        grade(write_csv(tmp_path / "bad.csv", header, [["a", "many", "", rewards]]), tmp_path / "bad.jsonl")
