"""Preference through the whole service: real processes, a real store, a judge behind real HTTP."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from app import doctor
from app.check_tasks import check_tasks
from app.settings import Settings
from tests.judge_server import Fault, JudgeServer
from tests.processes import Service, running


def judges_of(server: JudgeServer, **more: Any) -> str:
    """The setting: a reward model, a pairwise judge, and one that repeats itself."""
    model = {"dialect": "vllm-classify", "url": server.url("/vllm/classify"), "scale": {"min": -4, "max": 4}}
    model |= {"timeout_s": 20, "tries": 3, "breaker_open_s": 0.2, **more}
    pair = {"dialect": "chat-pairwise", "url": server.url("/v1/chat/completions"), "model": "m"}
    return json.dumps({"rm": model, "pair": pair, "same": model | {"deterministic": True}})


def items(count: int, judge: str = "rm") -> list[dict[str, Any]]:
    """Items of which every second one is good."""
    return [
        {
            "id": f"i{n}",
            "prompt": "What now?",
            "completion": f"<think>{n}</think> {'good' if n % 2 else 'poor'} {n}",
            "task": {"kind": "preference", "judge": judge, "reference": "so so"},
        }
        for n in range(count)
    ]


def expected(count: int) -> list[float]:
    """Their rewards by the reward model: -1.25 and 3.5 of -4 to 4."""
    return [(3.5 + 4) / 8 if n % 2 else (-1.25 + 4) / 8 for n in range(count)]


@pytest.fixture(scope="module")
def server() -> Iterator[JudgeServer]:
    """The judges' server."""
    with JudgeServer() as server:
        yield server


@pytest.fixture(scope="module")
def service(server: JudgeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with judges; it has to survive all of the module."""
    settings = {"judges": judges_of(server), "judge_workers": 2, "math_workers": 1, "lease_s": 3}
    with running(tmp_path_factory.mktemp("judging"), **settings) as service:
        until = time.monotonic() + 60
        while httpx.get(service.url + "/readyz", timeout=5).json()["checks"]["judge_workers"]["workers"] < 2:
            assert time.monotonic() < until, service.log[-4000:]
            time.sleep(0.05)
        yield service


@pytest.fixture(autouse=True)
def _well(server: JudgeServer) -> None:
    """Each test begins with a judge that is well."""
    server.script.clear()
    server.always, server.delay_s, server.delays_s = None, 0.0, {}


def test_a_batch_of_preference_is_graded_beside_maths(service: Service) -> None:
    """In one batch, each item by its own kind of worker, in the order asked."""
    maths = {"completion": "\\boxed{42}", "task": {"kind": "math", "answer": "42"}}
    rows = service.grade([*items(20), maths, *items(1, "pair")])
    assert [row["reward"] for row in rows] == [*expected(20), 1.0, 0.5]
    verdict = rows[0]["verdict"]
    assert (verdict["outcome"], verdict["reason"], verdict["method"]) == ("partial", "judged", "vllm-classify")
    assert verdict["expected"] is None and "explain" not in verdict


def test_the_last_stage_of_r1_adds_preference_format_and_language(service: Service) -> None:
    """The profile r1-general: the judge's score, one for the format, one for thinking in the prompt's language."""
    completion = "<think>The user wants something good, so I will write that.</think><answer>good</answer>"
    item = {"prompt": "Please write something nice.", "completion": completion, "task": {"kind": "preference"}}
    (row,) = service.grade([item], profile="r1-general")
    assert {name: part["score"] for name, part in row["components"].items()} == {
        "preference": (3.5 + 4) / 8,
        "format": 1.0,
        "language": 1.0,
    }
    assert row["reward"] == pytest.approx(2 + (3.5 + 4) / 8)


def test_one_recipe_pays_questions_with_a_rule_and_without(service: Service) -> None:
    """R1's last stage in one batch: verdicts where there is a rule, the judge's score where there is none."""
    recipe = {
        "components": [{"name": "accuracy"}, {"name": "format"}],
        "kinds": {"preference": [{"name": "preference"}, {"name": "format"}]},
    }
    shape = "<think>so</think><answer>{}</answer>"
    maths = {"completion": shape.format("\\boxed{42}"), "task": {"kind": "math", "answer": "42"}}
    open_one = {"prompt": "Hi", "completion": shape.format("good"), "task": {"kind": "preference", "judge": "rm"}}
    ruled, judged = service.grade([maths, open_one], rewards=recipe)
    assert list(ruled["components"]) == list(judged["components"]) == ["accuracy", "format", "preference"]
    assert ruled["reward"] == 2.0
    assert ruled["components"]["preference"] == {"score": None, "weight": 0.0}
    assert judged["reward"] == pytest.approx(1 + (3.5 + 4) / 8)
    assert judged["components"]["accuracy"] == {"score": None, "weight": 0.0}


def test_what_a_judge_said_is_explained_only_when_asked(service: Service) -> None:
    """With its numbers and the reference; without `explain` nothing of either."""
    (row,) = service.grade(items(1, "pair"), explain=True)
    assert row["verdict"]["expected"] == "so so"
    assert row["verdict"]["explain"]["numbers"] == [0.0, 0.0]
    assert "VERDICT" in row["verdict"]["explain"]["said"][0]


def test_many_items_are_judged_at_once(service: Service, server: JudgeServer) -> None:
    """Judging is waiting: sixty-four answers of a judge that takes half a second are there within a few."""
    server.delay_s, server.at_once_max = 0.5, 0
    started = time.monotonic()
    rows = service.grade(items(64))
    assert [row["reward"] for row in rows] == expected(64)
    assert server.at_once_max > 16
    assert time.monotonic() - started < 64 * 0.5 / 4


@pytest.mark.alone
def test_a_slow_judge_holds_no_maths_up(service: Service, server: JudgeServer) -> None:
    """Maths sent while a hundred judgements are under way is back long before them."""
    server.delay_s = 3
    waiting = threading.Thread(target=service.grade, args=(items(100),))
    waiting.start()
    time.sleep(0.5)
    started = time.monotonic()
    service.grade([{"completion": "\\boxed{41}", "task": {"kind": "math", "answer": "42"}}])
    assert time.monotonic() - started < 2.5
    assert waiting.is_alive()
    waiting.join(60)


@pytest.mark.alone
def test_a_slow_judge_holds_no_other_judge_up(service: Service, server: JudgeServer) -> None:
    """A thousand items of a judge that takes its time, more than fit: another judge's are back long before them."""
    server.delays_s = {"/v1/chat/completions": 2}
    waiting = threading.Thread(target=service.grade, args=(items(1000, "pair"),), kwargs={"deadline_s": 15})
    waiting.start()
    time.sleep(2)
    started = time.monotonic()
    rows = service.grade(items(40))
    assert [row["reward"] for row in rows] == expected(40)
    assert time.monotonic() - started < 5
    assert waiting.is_alive()
    waiting.join(60)


def test_a_judge_that_fails_is_an_error_and_never_a_number(service: Service, server: JudgeServer) -> None:
    """With a code of its own, counted, and retryable."""
    server.always = Fault("body", body=b'{"data": [{"index": 0, "label": null, "probs": [NaN], "num_classes": 1}]}')
    rows = service.grade(items(3))
    assert {row["status"] for row in rows} == {"error"}
    assert {row["reward"] for row in rows} == {None}
    assert rows[0]["fault"] == {
        "code": "judge",
        "message": "the judge's reply could not be read",
        "retryable": True,
    }
    server.always = None
    assert [row["reward"] for row in service.grade(items(3))] == expected(3)
    metrics = httpx.get(service.url + "/metrics", timeout=5).text
    assert 'touchstone_faults_total{code="judge"} 3.0' in metrics
    assert 'touchstone_judge_requests_total{result="unreadable"} 9.0' in metrics
    assert 'touchstone_judge_requests_total{result="ok"}' in metrics
    assert "touchstone_judge_seconds_count" in metrics


def test_tasks_that_cannot_be_judged_are_invalid(service: Service) -> None:
    """An unknown judge, and a missing reference where one is compared with."""
    unknown, lacking = items(1, "nobody")[0], items(1, "pair")[0]
    del lacking["task"]["reference"]
    codes = [row["invalid"]["code"] for row in service.grade([unknown, lacking])]
    assert codes == ["unknown_judge", "no_reference"]


def test_only_a_judge_that_repeats_itself_is_cached(service: Service, server: JudgeServer) -> None:
    """Others are asked again; a judgement of nothing at all is known without asking."""
    for judge, cached in (("rm", False), ("same", True)):
        service.grade(items(2, judge))
        before = len(server.seen)
        rows = service.grade(items(2, judge))
        assert [row["cached"] for row in rows] == [cached, cached]
        assert len(server.seen) - before == (0 if cached else 2)


def test_a_deadline_ends_the_waiting(service: Service, server: JudgeServer) -> None:
    """What is finished is kept, and what is not is `deadline`, not `judge`."""
    server.script += [None, Fault("slow", seconds=30)]
    started = time.monotonic()
    rows = service.grade(items(2), deadline_s=2)
    assert sorted(row["status"] for row in rows) == ["error", "graded"]
    assert {row["fault"]["code"] for row in rows if row["status"] == "error"} == {"deadline"}
    assert time.monotonic() - started < 10


def test_nobody_waiting_means_nobody_asking(service: Service, server: JudgeServer) -> None:
    """A client that goes away: what is under way is broken off, so that the judge's time goes to others."""
    server.delay_s = 1
    before = len(server.seen)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(service.url + "/v1/grade", json={"items": items(1000)}, timeout=0.5)
    time.sleep(6)
    asked = len(server.seen)
    assert asked - before < 900
    time.sleep(2)
    assert len(server.seen) == asked


def test_a_killed_judge_worker_costs_no_item(service: Service, server: JudgeServer) -> None:
    """kill -9 of both workers with a batch under way: its leases run out and the items are judged all the same."""
    server.delay_s = 0.2
    answer: list[list[dict[str, Any]]] = []
    request = threading.Thread(target=lambda: answer.append(service.grade(items(600))))
    before = len(server.seen)
    request.start()
    until = time.monotonic() + 20
    while len(server.seen) - before < 50:
        assert time.monotonic() < until
        time.sleep(0.01)
    for pid in service.workers("judge"):
        os.kill(pid, signal.SIGKILL)
    request.join(100)
    (rows,) = answer
    assert [row["id"] for row in rows] == [f"i{n}" for n in range(600)]
    assert [row["reward"] for row in rows] == expected(600)


def test_a_job_of_preference_ends_in_one_result_an_item(service: Service, server: JudgeServer) -> None:
    """The same workers serve jobs."""
    lines = "\n".join(json.dumps(item) for item in items(200))
    headers = {"Content-Type": "application/jsonl"}
    job = httpx.post(service.url + "/v1/jobs", content=lines, headers=headers, timeout=20).json()["id"]
    view = httpx.get(f"{service.url}/v1/jobs/{job}?wait_s=60", timeout=70).json()
    assert (view["state"], view["counts"]["graded"]) == ("finished", 200)
    results = httpx.get(f"{service.url}/v1/jobs/{job}/results", timeout=20).text
    rows = [json.loads(line) for line in results.splitlines()]
    assert [row["reward"] for row in sorted(rows, key=lambda row: int(row["index"]))] == expected(200)


def test_a_stopped_service_finishes_its_judgements(server: JudgeServer, tmp_path: Path) -> None:
    """SIGINT with judgements under way: the batch is answered in full, and no process stays."""
    server.delay_s = 1
    with running(tmp_path, judges=judges_of(server), math_workers=1) as service:
        until = time.monotonic() + 60
        while not service.workers("judge"):
            assert time.monotonic() < until
            time.sleep(0.05)
        answer: list[list[dict[str, Any]]] = []
        request = threading.Thread(target=lambda: answer.append(service.grade(items(40))))
        before = len(server.seen)
        request.start()
        while len(server.seen) == before:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert service.stop() == 0
        request.join(30)
        assert [row["reward"] for row in answer[0]] == expected(40)
        assert service.members() == {}


def test_without_a_judge_the_task_is_invalid_and_says_how_to_mend_it(tmp_path: Path) -> None:
    """At once, not by its deadline, and the service is ready without judge workers."""
    with running(tmp_path, math_workers=1) as service:
        assert service.workers("judge") == []
        assert "judge_workers" not in httpx.get(service.url + "/readyz", timeout=5).json()["checks"]
        (row,) = service.grade(items(1))
        assert row["invalid"]["code"] == "no_judge"
        assert "[judges.NAME]" in row["invalid"]["message"]


def test_a_file_is_graded_in_process_by_the_same_judges(
    server: JudgeServer, tmp_path: Path, with_variable: Any
) -> None:
    """`touchstone grade` without a service: many at once, results in order."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(json.dumps(item) for item in items(70)))
    with_variable("TOUCHSTONE_JUDGES", judges_of(server))
    command = [sys.executable, "-m", "app", "grade", str(source), str(target)]
    subprocess.run(command, check=True, timeout=100, capture_output=True)
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["reward"] for row in rows] == expected(70)


def test_doctor_asks_each_judge(server: JudgeServer) -> None:
    """One that answers is ok with its number; one that does not is broken, and says where to look."""
    judges = json.loads(judges_of(server))
    judges["gone"] = judges["rm"] | {"url": server.url("/nowhere"), "tries": 1}
    settings = Settings(judges=judges)
    found = {finding.name: finding for finding in doctor.judges(settings)}
    assert found["rm"].state == "ok"
    assert "vllm-classify says -1.25" in found["rm"].detail
    assert found["pair"].state == "ok"
    assert (found["gone"].state, "404" in found["gone"].detail) == ("broken", True)


def test_check_sees_whether_a_task_can_be_judged_without_asking(server: JudgeServer, tmp_path: Path) -> None:
    """An unknown judge and a missing reference are broken tasks; nobody is asked."""
    source, before = tmp_path / "tasks.jsonl", len(server.seen)
    source.write_text("\n".join(json.dumps(item["task"]) for item in (*items(1), *items(1, "nobody"))))
    settings = Settings(judges=json.loads(judges_of(server)), data_dir=tmp_path)
    console = Console(file=io.StringIO(), width=200)
    assert check_tasks(source, settings, console, mutants=0) == 1
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "line 2" in said and "no judge of that name" in said and "1 fit" in said
    assert len(server.seen) == before


def test_a_missing_key_is_said_at_the_start(server: JudgeServer, tmp_path: Path) -> None:
    """In a sentence, instead of a worker that starts again and again."""
    service = Service(tmp_path, judges=judges_of(server, api_key_env="JUDGE_TEST_UNSET"))
    with pytest.raises(AssertionError, match="JUDGE_TEST_UNSET"):
        service.start()
