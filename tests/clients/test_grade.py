"""Batches through the Python client: against the running service, and against a server on a bad day."""

import asyncio
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from touchstone_client import AsyncClient, BadAnswer, Choice, Client, Patience, Refused, Settings, Unavailable
from touchstone_client.retry import retry_after
from touchstone_client.wire import to_json

from tests.app.conftest import math_item
from tests.clients.conftest import Grade
from tests.clients.scripted import Answer, Asked, graded, refused, scripted
from tests.processes import Service


def test_each_item_has_its_result_in_order(service: Service, grade: Grade) -> None:
    """Rewards, components, verdicts and echoes, typed; right, wrong and invalid beside one another."""
    items = [
        math_item("\\boxed{42}", id="a", metadata={"step": 7}),
        math_item("\\boxed{41}"),
        math_item("\\boxed{42}", ""),
        {"completion": "<think>t</think>\n<answer>\\boxed{42}</answer>", "task": {"kind": "math", "answer": "42"}},
    ]
    answer = grade(service.url, items, profile="r1-zero")
    assert [result.index for result in answer.results] == [0, 1, 2, 3]
    assert answer.rewards == [1.0, 0.0, None, 2.0]
    first, wrong, invalid, _ = answer.results
    assert (first.id, first.metadata, first.correct, first.graded) == ("a", {"step": 7}, True, True)
    assert {name: part.score for name, part in first.components.items()} == {"accuracy": 1.0, "format": 0.0}
    assert (wrong.reason, wrong.correct) == ("different", False)
    assert invalid.status == "invalid" and invalid.invalid is not None and not invalid.graded
    assert (answer.summary.items, answer.summary.graded, answer.summary.invalid) == (4, 3, 1)
    assert answer.grader_version


def test_programs_are_graded(service: Service, grade: Grade) -> None:
    """The tests of a code task come back counted."""
    tests = {"kind": "stdio", "cases": [{"input": "3\n", "output": "6\n"}, {"input": "1\n", "output": "2\n"}]}
    task = {"kind": "code", "language": "python", "tests": tests}
    answer = grade(service.url, [{"completion": "```python\nprint(2*int(input()))\n```", "task": task}])
    verdict = answer.results[0].verdict
    assert answer.rewards == [1.0]
    assert verdict is not None and (verdict.tests_passed, verdict.tests_total) == (2, 2)


def test_a_batch_of_any_size_comes_back_whole(service: Service, grade: Grade) -> None:
    """In as many requests as the limits ask for, with the results where they belong."""
    items = [math_item(f"\\boxed{{{n}}}", str(n if n % 3 else n + 1), id=str(n)) for n in range(50)]
    for limits in ({"items_per_request": 7}, {"bytes_per_request": 300}):
        answer = grade(service.url, items, limits)
        assert [result.id for result in answer.results] == [str(n) for n in range(50)]
        assert answer.rewards == [1.0 if n % 3 else 0.0 for n in range(50)]


def test_no_items_are_no_request(grade: Grade) -> None:
    """An empty batch is answered here."""
    with scripted(lambda asked, _: graded(asked)) as server:
        assert grade(server.url, []).results == []
        assert server.asked == []


def test_a_group_travels_in_one_request(grade: Grade) -> None:
    """Wherever its items stand, and though the limit would be kept by cutting it: rewards may be relative to it."""
    items = [{"completion": str(n), "group": f"g{n % 3}"} for n in range(12)]
    items += [{"completion": str(n), "prompt": "p", "task": {"kind": "math", "answer": "1"}} for n in range(5)]
    with scripted(lambda asked, _: graded(asked)) as server:
        answer = grade(server.url, items, {"items_per_request": 4})
        together = [[item.get("group") for item in asked.json["items"]] for asked in server.asked]
    assert sorted(together, key=str) == [["g0"] * 4, ["g1"] * 4, ["g2"] * 4, [None] * 5]
    assert answer.rewards == [4.0] * 12 + [5.0] * 5


def test_one_bad_item_does_not_fail_its_neighbours(service: Service, grade: Grade) -> None:
    """It is an invalid result that says which field; the others are graded."""
    items = [math_item("\\boxed{42}"), {"completion": 7, "id": "b"}, math_item("\\boxed{42}"), {"completion": "x"}]
    answer = grade(service.url, items, on_refused="invalid")
    assert answer.rewards == [1.0, None, 1.0, None]
    bad = answer.results[1]
    assert (bad.index, bad.id, bad.status, bad.reason) == (1, "b", "invalid", "refused")
    assert bad.invalid is not None and bad.invalid.message.startswith("completion")


def test_a_refused_item_is_named_by_its_place_in_the_batch(service: Service, grade: Grade) -> None:
    """Not by its place in the request that it happened to be in."""
    items = [math_item(f"\\boxed{{{n}}}") for n in range(9)]
    items[7] = {"completion": "x", "task": {"kind": "nonsense"}}
    with pytest.raises(Refused) as caught:
        grade(service.url, items, {"items_per_request": 5})
    assert caught.value.status == 422
    assert [error["path"].split(".")[:2] for error in caught.value.errors] == [["items", "7"]]


def test_an_item_that_is_too_large_is_found_by_halving(grade: Grade) -> None:
    """A 413 names no item, and may come from a proxy; the large item is set apart, its group is then sent whole."""

    def limited(asked: Asked, _: int) -> Answer:
        return refused(413) if len(asked.body) > 2000 else graded(asked)

    items = [{"completion": "x" * (3000 if n == 2 else 10), "group": "g"} for n in range(8)]
    with scripted(limited) as server:
        answer = grade(server.url, items, on_refused="invalid")
        assert [result.reason for result in answer.results] == ["equal", "equal", "refused", *["equal"] * 5]
        assert answer.rewards == [7.0, 7.0, None, 7.0, 7.0, 7.0, 7.0, 7.0]
        with pytest.raises(Refused, match="413"):
            grade(server.url, items)


def test_a_group_that_no_request_can_hold_is_still_graded(grade: Grade) -> None:
    """In parts, since there is no other way, and without end of trying."""
    items = [{"completion": "x" * 300, "group": "g"} for _ in range(16)]
    with scripted(lambda asked, _: refused(413) if len(asked.body) > 2000 else graded(asked)) as server:
        answer = grade(server.url, items)
        assert None not in answer.rewards
        assert len(server.asked) < 40


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_overload_is_waited_out(grade: Grade, status: int) -> None:
    """Two refusals, then the answer; nothing of it is seen by the caller."""
    with scripted(lambda asked, n: refused(status) if n < 2 else graded(asked)) as server:
        assert grade(server.url, [{"completion": "x"}]).rewards == [1.0]
        assert len(server.asked) == 3


def test_a_caller_that_waits_is_told_why(grade: Grade, caplog: pytest.LogCaptureFixture) -> None:
    """A hiccup is nobody's business; from the third failure on a warning says what is waited for, without the key."""
    with scripted(lambda asked, n: refused(503) if n < 4 else graded(asked)) as server:
        grade(server.url, [{"completion": "x"}], {"key": "s3cret"})
    said = [record.getMessage() for record in caplog.records if record.name == "touchstone_client"]
    assert len(said) == 2
    assert said[0].startswith("POST /v1/grade, try 3, 0 s: 503: no [r]; again in 0.")
    assert "s3cret" not in caplog.text


def test_retry_after_is_waited_for(grade: Grade) -> None:
    """At least as long as the service asks, though the client's own pauses are shorter."""
    with scripted(lambda asked, n: refused(503, **{"Retry-After": "1"}) if n == 0 else graded(asked)) as server:
        started = time.monotonic()
        grade(server.url, [{"completion": "x"}])
        assert time.monotonic() - started >= 1.0


def test_a_connection_that_breaks_off_is_taken_up_again(grade: Grade) -> None:
    """In the middle of an answer, too: half an answer is none."""

    def broken(asked: Asked, n: int) -> Answer:
        answer = graded(asked)
        answer.break_after = 40 if n < 2 else None
        return answer

    with scripted(broken) as server:
        assert grade(server.url, [{"completion": "x"}]).rewards == [1.0]
        assert len(server.asked) == 3


def test_patience_ends(grade: Grade) -> None:
    """With an exception that says what was tried, not with numbers."""
    patience = Patience(total_s=0.3, first_s=0.05, longest_s=0.1)
    with (
        scripted(lambda *_: refused(503)) as server,
        pytest.raises(Unavailable, match=r"POST /v1/grade, \d+ tries in .* 503"),
    ):
        grade(server.url, [{"completion": "x"}], {"patience": patience})
    with pytest.raises(Unavailable, match="ConnectError"):
        grade("http://127.0.0.1:9", [{"completion": "x"}], {"patience": patience})


@pytest.mark.parametrize("status", [401, 403, 404, 415, 422])
def test_what_trying_again_would_not_change_is_raised_at_once(grade: Grade, status: int) -> None:
    """A wrong key or profile is found in the first step of a run, not after ten minutes."""
    with scripted(lambda *_: refused(status, "profile")) as server:
        with pytest.raises(Refused) as caught:
            grade(server.url, [{"completion": "x"}], on_refused="invalid")
        assert caught.value.status == status
        assert len(server.asked) == 1


def test_a_fault_that_may_pass_is_sent_again_with_its_group(grade: Grade) -> None:
    """Only so often; what is still an error then stays one, without a number."""
    fault = {"code": "worker_lost", "message": "gone", "retryable": True}

    def faulty(asked: Asked, n: int) -> Answer:
        answer = graded(asked)
        for row, item in zip(answer.body["results"], asked.json["items"], strict=True):
            if item["completion"] == "always" or (item["completion"] == "once" and n == 0):
                row |= {"status": "error", "reward": None, "verdict": None, "fault": fault}
        return answer

    items = [{"completion": text, "group": group} for text, group in [("once", "a"), ("x", "a"), ("x", "b")]]
    with scripted(faulty) as server:
        assert grade(server.url, items).rewards == [2.0, 2.0, 3.0]
        assert [len(asked.json["items"]) for asked in server.asked] == [3, 2]
    with scripted(faulty) as server:
        answer = grade(server.url, [{"completion": "always"}])
        assert (answer.rewards, answer.summary.error, len(server.asked)) == ([None], 1, 3)
        assert answer.results[0].reason == "worker_lost"


def test_what_is_no_answer_of_the_service_is_an_error(grade: Grade) -> None:
    """A web page, too few results, another order, a NaN: never taken for rewards."""
    item = {"completion": "x"}
    for answer in (
        Answer(body=b"<html>"),
        Answer(body=[]),
        Answer(body={"results": []}),
        Answer(body={"results": [{"index": 1, "status": "graded", "reward": 1.0}]}),
        Answer(body={"results": [{"index": 0, "status": "graded", "reward": True}]}),
        Answer(body={"results": [{"index": 0, "status": "graded"}]}),
    ):
        with scripted(lambda *_, answer=answer: answer) as server, pytest.raises(BadAnswer):
            grade(server.url, [item])


def test_requests_of_one_batch_are_under_way_together() -> None:
    """As many as `concurrency` says; one that fails ends the others."""
    items = [math_item(str(n), id=str(n)) for n in range(40)]
    with scripted(lambda asked, n: graded(asked) if n < 5 else refused(422, "profile")) as server:

        async def run() -> None:
            settings = Settings(server.url, items_per_request=1, concurrency=3)
            async with AsyncClient(settings=settings) as client:
                await client.grade([{**item, "group": item["id"]} for item in items])

        with pytest.raises(Refused):
            asyncio.run(run())
        assert len(server.asked) <= 8


def test_the_key_is_sent_and_never_shown(grade: Grade) -> None:
    """Not in a repr, where logs and tracebacks pick it up."""
    settings = Settings("http://127.0.0.1:1", key="s3cret")
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(Client(settings=settings).settings)
    with scripted(lambda asked, _: graded(asked)) as server:
        grade(server.url, [{"completion": "x"}], {"key": "s3cret"})
        assert server.asked[0].headers["x-api-key"] == "s3cret"


def test_the_environment_says_where_the_service_is() -> None:
    """TOUCHSTONE_URL and TOUCHSTONE_API_KEY, where the caller says nothing."""
    program = "from touchstone_client import Settings; s = Settings(); print(s.url, s.key)"
    environment = {"TOUCHSTONE_URL": "https://grader:1/", "TOUCHSTONE_API_KEY": "k"}
    said = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True, timeout=60)
    assert said == "https://grader:1 k\n"


def test_an_address_without_a_scheme_is_refused_at_once() -> None:
    """Instead of being tried for ten minutes."""
    with pytest.raises(ValueError, match="http://"):
        Settings("localhost:8000")


def test_exceptions_travel_between_processes() -> None:
    """Trainers run reward functions in process pools, whose exceptions come back pickled."""
    error = pickle.loads(pickle.dumps(Refused(422, "no", [{"path": "a", "message": "b"}], "r")))
    assert (error.status, error.errors, str(error)) == (422, [{"path": "a", "message": "b"}], "422: no (a: b) [r]")


class Array:
    """What numpy's arrays and numbers have in common."""

    def tolist(self) -> list[int]:
        return [1, 2]


def test_json_is_what_the_edge_takes() -> None:
    """UTF-8 whatever the text; NaN is the caller's mistake and is said so."""
    assert to_json({"a": "é\ud800", "b": Array(), "c": (1,)}) == '{"a":"é\ufffd","b":[1,2],"c":[1]}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))
    with pytest.raises(TypeError, match="object has no JSON"):
        to_json({"a": object()})


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0), ("2.5", 2.5), ("-1", 0), ("nan", None), ("1e9", None), ("soon", None), (None, None)],
)
def test_retry_after_is_believed_within_reason(header: str | None, seconds: float | None) -> None:
    """Seconds or a date; nonsense and days count as no header."""
    assert retry_after(header) == seconds
    assert retry_after("Thu, 01 Jan 1970 00:01:40 GMT", lambda: 90.0) == 10.0


def chances() -> Iterator[float]:
    yield from (0.0, 0.5, 0.999)


def test_pauses_grow_to_a_bound_and_keep_to_retry_after() -> None:
    """Whatever chance says."""
    patience = Patience(first_s=0.5, longest_s=30)
    for chance in chances():
        pauses = [patience.pause(tries, None, chance) for tries in range(1, 60)]
        assert pauses == sorted(pauses) and 0.25 <= pauses[0] <= 0.5 and 15 <= pauses[-1] <= 30
        assert 7 <= patience.pause(1, 7.0, chance) < 9


def test_one_client_serves_many_calls_at_once(service: Service) -> None:
    """A trainer's single-sample calls share one client; each gets its own answer."""

    async def run() -> list[Any]:
        async with AsyncClient(service.url) as client:
            calls = [client.grade([math_item(f"\\boxed{{{n}}}", str(n), id=str(n))]) for n in range(100)]
            return [answer.results[0].id for answer in await asyncio.gather(*calls)]

    assert asyncio.run(run()) == [str(n) for n in range(100)]


def test_groups_have_their_statistics(service: Service, grade: Grade) -> None:
    """Of the whole group, though the batch went in several requests."""
    items = [math_item(f"\\boxed{{{42 + n % 2}}}", group=f"g{n // 4}") for n in range(12)]
    answer = grade(service.url, items, {"items_per_request": 5}, group=["mean", "advantage"])
    assert [result.group is not None and result.group["mean"] for result in answer.results] == [0.5] * 12
    assert [result.group is not None and result.group["advantage"] > 0 for result in answer.results] == [
        True,
        False,
    ] * 6


def test_choosing_keeps_places_over_several_requests(service: Service) -> None:
    """Both clients: each item stands once, groups in the order of their first items, majority without a reference."""
    said = ["1/2", "0.5", "3", "7", "8", "7", "x", "\\frac{1}{2}"]
    groups = ["a", "a", "b", "b", "a", "b", "a", "a"]
    items = [{"completion": f"\\boxed{{{s}}}", "group": g} for s, g in zip(said, groups, strict=True)]
    settings = Settings(service.url, items_per_request=2)

    async def awaited() -> list[Choice]:
        async with AsyncClient(settings=settings) as client:
            return await client.select(items, method="vote", by="math")

    with Client(settings=settings) as client:
        chosen = client.select(items, method="vote", by="math")
        best = client.select([{**item, "task": {"kind": "math", "answer": "7"}} for item in items], keep=1)
    assert asyncio.run(awaited()) == chosen
    assert [(choice.group, choice.selected, choice.votes) for choice in chosen] == [
        ("a", [0, 1, 7], 3),
        ("b", [3, 5], 2),
    ]
    assert chosen[0].dropped == {4: "outvoted", 6: "outvoted"}
    assert [(choice.selected, choice.dropped) for choice in best] == [
        ([], dict.fromkeys([0, 1, 4, 6, 7], "wrong")),
        ([3], {2: "wrong", 5: "surplus"}),
    ]
