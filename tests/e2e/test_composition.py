"""The composition as a user runs it: batches, cheats, killed workers, Prometheus, and what each container may do."""

import concurrent.futures
import json
import re
import time
from typing import Any

import httpx
import pytest

from tests.e2e import batches
from tests.e2e.conftest import Acceptance, Composition, disagreements, docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

AGREEMENT_MIN = 0.95
"""Share of the maths completions that must agree with their labels; some labels judge the reasoning, not the answer."""


def test_maths_and_choice_are_graded(composition: Composition) -> None:
    """A handful of answers, right and wrong, in one batch."""
    cases = batches.small_maths()
    assert disagreements(cases, composition.grade(cases)) == []


def test_every_language_of_the_image_is_graded(composition: Composition) -> None:
    """A right and a wrong program in each of the eight languages, in containers that the engine made."""
    cases = batches.every_language()
    assert disagreements(cases, composition.grade(cases)) == []


def test_cheats_are_not_paid_and_harm_no_neighbour(composition: Composition) -> None:
    """Nothing that a program reaches for pays, and the honest program after it is graded as if nothing had been."""
    cases = batches.cheating()
    assert disagreements(cases, composition.grade(cases)) == []


def test_attack_programs_are_paid_only_when_honest(composition: Composition, acceptance: Acceptance) -> None:
    """All the programs of the attack file in one batch, and the service still answers afterwards."""
    rows = acceptance.rows("attacks")
    results = composition.grade_items([row["item"] for row in rows])
    assert acceptance.disagreeing(rows, results, "honest") == []
    small = batches.small_maths()
    assert disagreements(small, composition.grade(small)) == []


def test_whole_completions_agree_with_their_labels(composition: Composition, acceptance: Acceptance) -> None:
    """All 650 completions as one batch: each comes back once, none as an error, and nearly all as labelled.

    A reference that cannot be read (two are "4:30p..") may be called invalid; it counts as a disagreement.
    """
    rows = acceptance.rows("completions")
    results = composition.grade_items([row["item"] for row in rows])
    assert len(rows) == 650
    assert {result["status"] for result in results} <= {"graded", "invalid"}
    wrong = acceptance.disagreeing(rows, results, "right")
    assert len(wrong) <= (1 - AGREEMENT_MIN) * len(rows), "\n".join(wrong)


def test_humaneval_generations_pass_their_asserts(composition: Composition, acceptance: Acceptance) -> None:
    """88 right function bodies, each completed from its prompt and judged by its problem's asserts."""
    rows = acceptance.rows("generations")
    assert len(rows) == 88
    results = composition.grade_items([row["item"] for row in rows])
    assert acceptance.disagreeing(rows, results, "right") == []


def test_judge_submissions_get_their_verdicts(composition: Composition, acceptance: Acceptance) -> None:
    """The contest submissions in the eight languages: accepted, partial or refused as their judges had it.

    Three are left out, whose verdict hangs on their judge: a loop that gcc removes together with its 512 MB, a program
    that is slow but accepted under a limit which the data does not tell, and one in Python 2.
    """
    rows = [
        row
        for row in acceptance.rows("submissions")
        if row["item"]["task"]["language"] in batches.PROGRAMS
        and not row["item"]["id"].endswith(("memory_limit.cc", "different_slow.py", "different_py2.py"))
    ]
    assert len(rows) >= 18
    results = composition.grade_items([row["item"] for row in rows])
    assert acceptance.disagreeing(rows, results, "as_expected") == []


def test_a_selection_keeps_the_right_ones_and_lets_equal_answers_vote_together(composition: Composition) -> None:
    """Rejection sampling by the math workers, with R1's filter for code blocks; then a vote without a reference."""
    said = [r"so \boxed{1/2}", r"hence \boxed{0.5}", r"thus \boxed{2}", "```python\nx\n```\n\\boxed{1/2}"]
    task = {"kind": "math", "answer": r"\frac12"}
    items: list[dict[str, Any]] = [{"prompt": "Half of one?", "completion": text, "task": task} for text in said]
    with composition.client() as client:
        body = {"items": items, "method": "reject", "filters": [{"name": "code_block"}]}
        kept = client.post("/v1/select", json=body)
        for item in items:
            del item["task"]
        voted = client.post("/v1/select", json={"items": items, "method": "vote"})
    assert kept.status_code == voted.status_code == 200, kept.text + voted.text
    (group,) = kept.json()["groups"]
    assert group["selected"] == [0, 1]
    assert [(row["index"], row["reason"]) for row in group["dropped"]] == [(2, "wrong"), (3, "code_block")]
    (group,) = voted.json()["groups"]
    assert (group["votes"], group["selected"]) == (3, [0, 1, 3])


def test_single_items_at_concurrency_64_come_back_once_each(composition: Composition) -> None:
    """A hundred requests of one item, as most trainers send them."""

    def post(number: int) -> tuple[int, dict[str, Any]]:
        case = batches.maths(str(number), rf"\boxed{{{number}}}", str(number - number % 2), "correct")
        answer = client.post("/v1/grade", json={"items": [case.item]})
        assert answer.status_code == 200
        return number, answer.json()["results"][0]

    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    headers = {"Authorization": f"Bearer {composition.key}"}
    with (
        httpx.Client(base_url=composition.url, headers=headers, limits=limits, timeout=60, trust_env=False) as client,
        concurrent.futures.ThreadPoolExecutor(64) as threads,
    ):
        results = dict(threads.map(post, range(100)))
    assert [results[number]["id"] for number in range(100)] == [str(number) for number in range(100)]
    assert [results[number]["reward"] for number in range(100)] == [1.0, 0.0] * 50


def slow_code(count: int, first: int) -> list[batches.Case]:
    """Programs that take half a second each. Other numbers make other programs, whose verdicts no cache has yet."""
    return [
        batches.stdio(
            f"slow {number}",
            f"import time\ntime.sleep(0.5)\nprint({number} + int(input()))",
            [("1\n", f"{number + 1}\n")],
            "correct",
        )
        for number in range(first, first + count)
    ]


MANY_MATHS = [
    batches.maths(
        str(number),
        rf"\boxed{{(x+{number})^2 + {number}}}",
        f"x^2 + {2 * number}x + {number**2 + number}",
        "correct",
    )
    for number in range(2, 4002)
]


@pytest.mark.parametrize(
    ("queue", "cases"), [("math", MANY_MATHS), ("code", slow_code(32, first=0))], ids=["math", "code"]
)
def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing(
    composition: Composition, queue: str, cases: list[batches.Case]
) -> None:
    """kill -9 of every process of one worker while items wait: each item still gets its true verdict, once."""
    workers = composition.containers(f"{queue}-worker")
    assert len(workers) == 2
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        batch = thread.submit(composition.grade, cases)
        wait_for_queue(composition, queue, batch)
        # From inside: the engine would take its own `docker kill` for a wish and not start the container again.
        docker("exec", workers[0], "sh", "-c", "kill -9 -1 || true")
        assert not batch.done(), "the batch ended before its worker was killed, so this proved nothing"
        results = batch.result(300)
    assert disagreements(cases, results) == []
    composition.ready()
    until = time.monotonic() + 30
    while len(composition.containers(f"{queue}-worker")) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    assert composition.containers(f"{queue}-worker") == workers


def wait_for_queue(composition: Composition, queue: str, batch: "concurrent.futures.Future[Any]") -> None:
    """Until items of the queue wait, which means that every worker of it is busy."""
    pattern = re.compile(rf'^touchstone_queue_depth{{queue="{queue}"}} (\S+)$', re.MULTILINE)
    until = time.monotonic() + 60
    with composition.client() as client:
        while not batch.done() and time.monotonic() < until:
            found = pattern.search(client.get("/metrics").text)
            if found is not None and float(found[1]) > 0:
                return
    pytest.fail(f"no item was seen waiting in the {queue} queue")


def test_an_accepted_job_survives_the_death_of_every_process(composition: Composition) -> None:
    """kill -9 of the store, the API and all workers in the middle of a job: started again, they finish it.

    What was answered with 202 ends in exactly one result per item, and the results are the true ones.
    """
    cases = [*slow_code(12, first=100), *batches.small_maths(), *slow_code(12, first=200)]
    with composition.client() as client:
        accepted = client.post("/v1/jobs", json={"items": [case.item for case in cases]})
        assert accepted.status_code == 202, accepted.text[:2000]
        place = accepted.headers["location"]
        done = 0
        until = time.monotonic() + 60
        while not len(batches.small_maths()) < done and time.monotonic() < until:
            done = client.get(place).json()["counts"]["done"]
    composition.compose("kill", "--signal", "KILL", "redis", "api", "math-worker", "code-worker")
    assert len(batches.small_maths()) < done < len(cases), "the processes did not die in the middle of the job"
    composition.compose("start")
    composition.ready()
    with composition.client() as client:
        ended = client.get(place, params={"wait_s": 120}).json()
        results = [json.loads(line) for line in client.get(f"{place}/results").text.splitlines()]
    assert ended["state"] == "finished"
    assert sorted(result["index"] for result in results) == list(range(len(cases)))
    assert disagreements(cases, sorted(results, key=lambda result: result["index"])) == []


def test_the_composition_serves_again_after_a_restart(composition: Composition) -> None:
    """Stopped in order and started again, each container within its grace."""
    composition.compose("restart", "--timeout", "45")
    composition.ready()
    cases = batches.small_maths()
    assert disagreements(cases, composition.grade(cases)) == []


def test_prometheus_in_the_composition_has_the_service_s_series(composition: Composition) -> None:
    """Scraped over the composition's own network with the key it was handed, and asked through its public port."""
    cases = batches.small_maths()
    composition.grade(cases)
    until = time.monotonic() + 60
    values: list[float] = []
    with httpx.Client(base_url=composition.prometheus_url, timeout=10, trust_env=False) as client:
        while not values and time.monotonic() < until:
            answer = client.get("/api/v1/query", params={"query": 'sum(touchstone_items_total{status="graded"})'})
            values = [float(sample["value"][1]) for sample in answer.json()["data"]["result"]]
            time.sleep(0.2)
    assert values and values[0] >= 1


def test_the_engine_finds_every_container_healthy(composition: Composition) -> None:
    """The image's own check runs where the image does, and a worker is not called ill for serving no HTTP."""
    names = [
        name for service in ("redis", "api", "math-worker", "code-worker") for name in composition.containers(service)
    ]
    until = time.monotonic() + 60
    health: list[str] = []
    while time.monotonic() < until and set(health) != {"healthy"}:
        health = docker("inspect", "--format", "{{.State.Health.Status}}", *names).split()
        time.sleep(0.2)
    assert health == ["healthy"] * len(names)


def test_a_request_without_a_key_is_refused(composition: Composition) -> None:
    """The composition's API listens beyond loopback, inside its networks, so it takes nobody without a key."""
    with httpx.Client(base_url=composition.url, timeout=10, trust_env=False) as client:
        answer = client.post("/v1/grade", json={"items": [batches.small_maths()[0].item]})
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize("service", ["api", "math-worker", "code-worker"])
def test_our_containers_run_without_root_on_a_read_only_file_system(composition: Composition, service: str) -> None:
    """Looked at from the inside, where it counts."""
    name = composition.containers(service)[0]
    script = (
        "id -u; grep -c ^CapEff:.0000000000000000 /proc/self/status; grep ^NoNewPrivs /proc/self/status; touch /x 2>&1"
    )
    said = docker("exec", name, "sh", "-c", f"{script}; true").split("\n")
    assert said[0] == "10001"
    assert said[1] == "1"
    assert said[2].split() == ["NoNewPrivs:", "1"]
    assert "Read-only file system" in said[3]


def test_only_the_code_worker_sees_the_engine(composition: Composition) -> None:
    """The socket is mounted there and nowhere else, and only there is the engine's group given."""
    for service in ("api", "math-worker", "code-worker", "redis", "prometheus"):
        name = composition.containers(service)[0]
        mounts = json.loads(docker("inspect", "--format", "{{json .Mounts}}", name))
        reaches = any("docker.sock" in mount["Source"] for mount in mounts)
        assert reaches == (service == "code-worker")


def test_the_store_cannot_be_reached_from_the_metrics_network(composition: Composition) -> None:
    """Prometheus, which publishes a port, has no route to Redis."""
    name = composition.containers("prometheus")[0]
    networks = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", name))
    redis = json.loads(
        docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", composition.containers("redis")[0])
    )
    assert set(networks).isdisjoint(redis)
