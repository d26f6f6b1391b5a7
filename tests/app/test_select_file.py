"""`touchstone select IN OUT`: training examples out of samples, whatever their order, or nothing at all."""

import asyncio
import contextlib
import json
import multiprocessing
import subprocess
import sys
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn

from app import jobs, select_file
from app.chunk import Chunk, ChunkItem
from app.errors import GradeError
from app.lifetime import services_over
from app.main import create_app
from app.memory_queue import MemoryQueue
from app.settings import Settings
from graders.registry import Registry
from tests.app.conftest import math_item
from tests.app.test_offline import rows, write


def select(source: Path, target: Path, method: str, url: str | None = None, **options: Any) -> str:
    """Select as the command line does."""
    dropped = target.with_name(target.name + ".dropped.jsonl")
    chosen = {"method": method, **options}
    return select_file.select_file(source, target, dropped, settings=Settings(), options=chosen, url=url)


def sampled(prompts: int, samples: int) -> list[dict[str, Any]]:
    """All first samples, then all second ones; of prompt p sample s is right when p + s is even."""
    return [
        math_item(f"\\boxed{{{p + (p + s) % 2}}}", str(p), prompt=f"What is {p}?", id=f"{p}.{s}")
        for s in range(samples)
        for p in range(prompts)
    ]


def test_samples_become_training_examples_group_by_group(tmp_path: Path) -> None:
    """In the order of the prompts' first samples; each item is in exactly one of the two files."""
    items = sampled(150, 4)
    source, target = write(tmp_path / "in.jsonl", items), tmp_path / "out.jsonl"
    told = select(source, target, "reject")
    kept, dropped = rows(target), rows(tmp_path / "out.jsonl.dropped.jsonl")
    assert [row["id"] for row in kept] == [f"{p}.{s}" for p in range(150) for s in range(4) if (p + s) % 2 == 0]
    assert {row["reason"] for row in dropped} == {"wrong"}
    assert sorted(row["index"] for row in kept + dropped) == list(range(600))
    assert all(items[row["index"]]["id"] == row["id"] for row in kept + dropped)
    assert kept[0]["messages"] == [
        {"role": "user", "content": "What is 0?"},
        {"role": "assistant", "content": "\\boxed{0}"},
    ]
    assert told == "300 of 600 items in 150 groups selected; dropped: 300 wrong"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".draft"] == []


def test_chats_stay_chats_and_metadata_comes_along(tmp_path: Path) -> None:
    """A system turn belongs to the example; filters, `keep` and votes work as in a request."""
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "6 times 7?"}]
    said = [{"role": "assistant", "content": "\\boxed{42}"}]
    fenced = "<think>\n```\n6*7\n```\n</think>\\boxed{42}"
    items = [
        {"prompt": chat, "completion": said, "metadata": {"step": 7}, "group": "q"},
        {"prompt": chat, "completion": "\\boxed{41}", "group": "q"},
        {"prompt": chat, "completion": fenced, "group": "q"},
        {"prompt": chat, "completion": "\\boxed{42.0}", "group": "q"},
        {"prompt": chat, "completion": "\\boxed{42}", "group": "q"},
    ]
    source, target = write(tmp_path / "in.jsonl", items), tmp_path / "out.jsonl"
    select(source, target, "vote", filters=[{"name": "code_block"}], keep=2)
    first, second = rows(target)
    assert first["messages"] == chat + said
    assert (first["metadata"], first["votes"], first["answer"], first["group"]) == ({"step": 7}, 3, "42", "q")
    assert second["messages"][-1] == {"role": "assistant", "content": "\\boxed{42.0}"}
    dropped = {row["index"]: row["reason"] for row in rows(tmp_path / "out.jsonl.dropped.jsonl")}
    assert dropped == {1: "outvoted", 2: "code_block", 4: "surplus"}


BAD = {
    "not JSON": (b"{oops\n", "line 2"),
    "no prompt": (json.dumps(math_item("x")).encode(), "line 2 has no prompt"),
    "an unknown field": (json.dumps(math_item("x", prompt="p", wight=1)).encode(), "line 2: wight"),
    "no task": (json.dumps({"prompt": "p", "completion": "x"}).encode(), r"item 2\.task"),
}


@pytest.mark.parametrize(("line", "told"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named_and_no_file_appears(tmp_path: Path, line: bytes, told: str) -> None:
    """A half selection would look like a whole one."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(json.dumps(math_item("\\boxed{42}", prompt="a")).encode() + b"\n" + line)
    with pytest.raises(GradeError, match=told):
        select(source, target, "reject")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """Neither of the two."""
    source, target = write(tmp_path / "in.jsonl", sampled(1, 1)), tmp_path / "out.jsonl"
    (tmp_path / "out.jsonl.dropped.jsonl").write_text("mine")
    with pytest.raises(GradeError, match="there already"):
        select(source, target, "reject")
    assert not target.exists()


def test_a_group_larger_than_a_request_is_refused(tmp_path: Path) -> None:
    """Before anything is graded."""
    source = write(tmp_path / "in.jsonl", sampled(1, 3))
    settings = Settings(items_max=2)
    with pytest.raises(GradeError, match="line 3: its group has more than 2 items"):
        select_file.select_file(
            source, tmp_path / "o", tmp_path / "d", settings=settings, options={"method": "reject"}, url=None
        )


def test_groups_are_never_cut_apart(tmp_path: Path) -> None:
    """Whole groups are sent together, as many as fit; one larger than that goes alone."""
    items = [{"completion": f"\\boxed{{{n % 3}}}", "prompt": f"p{n % 7}"} for n in range(2000)]
    items += [{"completion": "\\boxed{5}", "prompt": "large"} for _ in range(700)]
    source, target = write(tmp_path / "in.jsonl", items), tmp_path / "out.jsonl"
    select(source, target, "vote")
    kept = rows(target)
    assert {row["votes"] for row in kept if row["messages"][0]["content"] == "large"} == {700}
    votes = {row["messages"][0]["content"]: row["votes"] for row in kept}
    assert all(95 <= votes[f"p{n}"] <= 96 for n in range(7))


def test_the_command_selects_and_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    """One sentence and status 1; a wrong method is the usual help."""
    source, target = write(tmp_path / "in.jsonl", sampled(2, 2)), tmp_path / "out.jsonl"
    options = ["--method", "best", "--filter", "repetition"]
    command = [sys.executable, "-m", "app", "select", str(source), str(target), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 of 4 items in 2 groups selected; dropped: 2 surplus" in done.stdout
    again = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    told = " ".join(again.stderr.split())  # A terminal of 80 columns breaks the line.
    assert (again.returncode, "there already" in told, "Traceback" in told) == (1, True, False)


def test_a_process_that_dies_costs_its_items_a_verdict_and_nothing_else(tmp_path: Path) -> None:
    """They are dropped as `error`, which says that trying again may help."""
    task = {"kind": "math", "answer": "42"}
    chunk = Chunk("one", (ChunkItem("\\boxed{42}", task=task),))
    with contextlib.closing(select_file.PoolQueue(Settings())) as queue:

        async def graded(killed: bool = False) -> str:
            found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            if killed:
                for child in multiprocessing.active_children():
                    child.kill()
            await queue.submit("math", chunk, lambda index, result: found.set_result(result.status))
            return await found

        async def run() -> list[str]:
            return [await graded(), await graded(killed=True), await graded()]

        assert asyncio.run(run()) == ["graded", "error", "graded"]


def test_through_a_service_the_same_comes_out(tmp_path: Path) -> None:
    """A real server on a real socket; where nobody listens it is said so at once."""
    settings = Settings()
    with Registry() as registry:
        services = services_over(MemoryQueue(partial(jobs.grade_in_place, registry)), settings)
        server = uvicorn.Server(uvicorn.Config(create_app(settings, services), port=0, log_level="error"))
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        source = write(tmp_path / "in.jsonl", sampled(40, 3))
        try:
            told = select(source, tmp_path / "remote.jsonl", "reject", url=f"http://127.0.0.1:{port}")
            with pytest.raises(GradeError, match="422"):
                select(source, tmp_path / "bad.jsonl", "reject", url=f"http://127.0.0.1:{port}", profile="none")
        finally:
            server.should_exit = True
            thread.join(20)
    assert told == select(source, tmp_path / "local.jsonl", "reject")
    assert rows(tmp_path / "remote.jsonl") == rows(tmp_path / "local.jsonl")
    with pytest.raises(GradeError, match="cannot be reached"):
        select(source, tmp_path / "none.jsonl", "reject", url="http://127.0.0.1:9")
