"""A panel of judges over real HTTP: every dialect answered, every failure an error and never a number."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.judge_settings import JudgeSettings
from app.judges import CALL_RESULTS, Panel, Record
from graders.errors import JudgeFault, TaskInvalid
from graders.task import PreferenceTask
from graders.verdict import Outcome, Reason, Verdict
from tests.judge_server import Fault, JudgeServer, code_of

GOOD, BAD = "<think>Hm.</think>\nA good answer.", "A poor answer."
SIGMOID: dict[str, Any] = {"kind": "sigmoid"}
TEMPLATE = "<|user|>{prompt}<|assistant|>{completion}<|end|>"

REWARD_MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "vllm-classify": ("/vllm/classify", {"model": "rm", "activation": False}),
    "vllm-score": ("/vllm/score", {"model": "rm"}),
    "vllm-pooling": ("/vllm/pooling", {"model": "rm"}),
    "sglang-classify": ("/sglang/classify", {"template": TEMPLATE}),
    "sglang-embeddings": ("/sglang/v1/embeddings", {"model": "rm", "template": TEMPLATE}),
    "tei-predict": ("/tei/predict", {"activation": False}),
}
CHATS = {"chat-score": "/v1/chat/completions", "chat-pairwise": "/v1/chat/completions"}


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    """A running stand-in."""
    with JudgeServer() as server:
        yield server


def judge_of(server: JudgeServer, dialect: str = "vllm-classify", **more: Any) -> JudgeSettings:
    """A judge behind the stand-in, impatient so that tests are short."""
    if dialect in CHATS:
        path, table = CHATS[dialect], {"model": "judge"}
    else:
        path, table = REWARD_MODELS[dialect]
        table = {"scale": SIGMOID} | table
    values = {"dialect": dialect, "url": server.url(path), "timeout_s": 2, "budget_s": 10, "breaker_open_s": 0.1}
    return settings_of(values | table | more)


def settings_of(table: dict[str, Any]) -> JudgeSettings:
    """A table of the settings, as it is read."""
    from app.settings import Settings

    return Settings(judges={"j": table}).judges["j"]  # type: ignore[dict-item]


def ask(
    judges: JudgeSettings | dict[str, JudgeSettings],
    completion: str = GOOD,
    task: PreferenceTask | None = None,
    turns: tuple[tuple[str, str], ...] = (),
    record: Record | None = None,
) -> Verdict:
    """One judgement by a panel of its own."""

    async def scenario() -> Verdict:
        async with Panel(judges if isinstance(judges, dict) else {"j": judges}) as panel:
            chosen = task or PreferenceTask(reference="A poor answer.")
            return await panel.grade(chosen, completion, "What now?", turns, record=record or Record())

    return asyncio.run(scenario())


@pytest.mark.parametrize("dialect", REWARD_MODELS)
def test_every_reward_model_is_asked_in_its_dialect(server: JudgeServer, dialect: str) -> None:
    """The number comes back through the scale, and the model saw prompt and answer but no reasoning."""
    good, bad = (ask(judge_of(server, dialect), completion) for completion in (GOOD, BAD))
    assert (good.outcome, good.reason, good.method) == (Outcome.PARTIAL, Reason.JUDGED, dialect)
    assert good.score == pytest.approx(0.970688, abs=1e-6)  # 1 / (1 + exp(-3.5))
    assert bad.score == pytest.approx(0.222700, abs=1e-6)  # 1 / (1 + exp(1.25))
    seen = json.dumps(server.seen[0].body)
    assert "What now?" in seen and "A good answer." in seen
    assert "Hm." not in seen and "think>" not in seen
    assert server.seen[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("dialect", CHATS)
def test_every_chat_judge_is_asked_in_its_dialect(server: JudgeServer, dialect: str) -> None:
    """9 of 1 to 10, or better than the reference in both orders."""
    good, bad = (ask(judge_of(server, dialect), completion) for completion in (GOOD, BAD))
    assert good.score == (1.0 if dialect == "chat-pairwise" else pytest.approx(8 / 9))
    assert bad.score == (0.5 if dialect == "chat-pairwise" else pytest.approx(1 / 9))
    assert good.method == dialect
    assert good.explain["said"]


def test_a_prompt_of_messages_reaches_the_model_as_messages(server: JudgeServer) -> None:
    """With its system turn and its history, as the model's chat template wants them."""
    turns = (("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "What now?"))
    ask(judge_of(server), turns=turns)
    messages = server.seen[0].body["messages"]
    assert [(one["role"], one["content"]) for one in messages] == [*turns, ("assistant", "A good answer.")]


def test_the_whole_completion_is_judged_where_the_scope_says_so(server: JudgeServer) -> None:
    """DeepSeek-R1's safety reward looks at the reasoning as well."""
    ask(judge_of(server, scope="full"))
    assert server.seen[0].body["messages"][-1]["content"] == GOOD


def test_a_biased_judge_is_averaged_out(server: JudgeServer) -> None:
    """One that always prefers what stands first says nothing at all."""
    server.reply = lambda system, user: f"VERDICT {code_of(user)}: [[A>>B]]"
    verdict = ask(judge_of(server, "chat-pairwise"))
    assert (verdict.score, list(verdict.explain["numbers"])) == (0.5, [2.0, -2.0])  # type: ignore[arg-type]


def test_votes_are_averaged_and_a_narrow_margin_is_a_tie(server: JudgeServer) -> None:
    """As DeepSeek-R1 made its pairs: four judgements in both orders, and a gap that must be more than slight."""
    labels = iter(["[[A>B]]", "[[A=B]]"] * 100)
    server.reply = lambda system, user: f"VERDICT {code_of(user)}: {next(labels)}"
    judge = judge_of(server, "chat-pairwise", votes=2, margin=1, concurrency=1)
    verdict = ask(judge)
    assert len(server.seen) == 4
    assert verdict.score == 0.5
    assert verdict.outcome is Outcome.PARTIAL


def test_a_threshold_makes_it_yes_or_no(server: JudgeServer) -> None:
    """Correct and 1, or wrong and 0, whatever the score was."""
    judge = judge_of(server, threshold=0.5)
    assert [(v.outcome, v.score) for v in (ask(judge, GOOD), ask(judge, BAD))] == [
        (Outcome.CORRECT, 1.0),
        (Outcome.WRONG, 0.0),
    ]


@pytest.mark.parametrize("completion", ["", "  \n", "<think>and so on and on", "<think>done</think>\n  "])
def test_an_answer_that_is_not_there_gets_the_floor_and_no_call(server: JudgeServer, completion: str) -> None:
    """Nothing to judge is the completion's doing; a null, or a 0 above a bad answer's number, would be a refuge."""
    verdict = ask(judge_of(server, scale={"kind": "raw", "floor": -20}), completion)
    assert (verdict.outcome, verdict.reason, verdict.score) == (Outcome.WRONG, Reason.NO_ANSWER, -20)
    assert server.seen == []


def test_an_answer_that_is_too_long_gets_the_floor_and_no_call(server: JudgeServer) -> None:
    """An overflowing context would be an error, and that a refuge."""
    verdict = ask(judge_of(server, characters_max=100), "good " * 21)
    assert (verdict.outcome, verdict.reason, verdict.score) == (Outcome.WRONG, Reason.TOO_LONG, 0.0)
    assert server.seen == []


def test_a_raw_scale_passes_numbers_on_above_its_floor(server: JudgeServer) -> None:
    """Unbounded above, never below what no answer at all gets."""
    judge = judge_of(server, scale={"kind": "raw", "floor": -1})
    assert [ask(judge, GOOD).score, ask(judge, BAD).score] == [3.5, -1.0]


def test_the_default_judge_is_the_first_and_others_are_named(server: JudgeServer) -> None:
    """A name that nobody has, a missing reference, no judge at all: the task is at fault."""
    judges = {
        "first": judge_of(server),
        "second": judge_of(server, "chat-score"),
        "pair": judge_of(server, "chat-pairwise"),
    }
    assert ask(judges, task=PreferenceTask()).method == "vllm-classify"
    assert ask(judges, task=PreferenceTask(judge="second")).method == "chat-score"
    for task, given, code in (
        (PreferenceTask(judge="third"), judges, "unknown_judge"),
        (PreferenceTask(judge="pair"), judges, "no_reference"),
        (PreferenceTask(judge="pair", reference=" "), judges, "no_reference"),
        (PreferenceTask(), {}, "no_judge"),
    ):
        with pytest.raises(TaskInvalid) as refused:
            ask(given, task=task)
        assert refused.value.code == code


def probs(*numbers: float, index: int = 0) -> dict[str, Any]:
    """One result of vLLM's classify."""
    return {"index": index, "label": None, "probs": list(numbers), "num_classes": len(numbers)}


GARBAGE = {
    "nothing": b"",
    "HTML": b"<html>502</html>",
    "not UTF-8": b"\xff\xfe",
    "half": b'{"data": [{"index": 0, "probs"',
    "NaN": b'{"data": [{"index": 0, "label": null, "probs": [NaN], "num_classes": 1}]}',
    "Infinity": b'{"data": [{"index": 0, "label": null, "probs": [-Infinity], "num_classes": 1}]}',
    "an infinite literal": b'{"data": [{"index": 0, "label": null, "probs": [1e999], "num_classes": 1}]}',
    "null": b'{"data": [{"index": 0, "label": null, "probs": [null], "num_classes": 1}]}',
    "true": b'{"data": [{"index": 0, "label": null, "probs": [true], "num_classes": 1}]}',
    "text": b'{"data": [{"index": 0, "label": null, "probs": ["0.9"], "num_classes": 1}]}',
    "no class": b'{"data": [{"index": 0, "label": null, "probs": [], "num_classes": 0}]}',
    "another number of classes": b'{"data": [{"index": 0, "label": null, "probs": [0.9], "num_classes": 2}]}',
    "no result": b'{"data": []}',
    "two results": json.dumps({"data": [probs(0.9), probs(0.1, index=1)]}).encode(),
    "no data": b'{"object": "list"}',
    "an error in a 200": b'{"error": {"message": "out of memory"}}',
    "a bare number": b"0.9",
    "nested deeply": b"[" * 100_000,
    "a huge integer": b'{"data": [{"probs": [1' + b"0" * 400 + b"]}]}",
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_a_reply_of_another_shape_is_an_error_after_all_tries(server: JudgeServer, body: bytes) -> None:
    """Never a number, and the breaker stays closed: the server answers."""
    server.always = Fault("body", body=body)
    record = Record()
    with pytest.raises(JudgeFault, match="could not be read") as failed:
        ask(judge_of(server, tries=3), record=record)
    assert failed.value.retryable
    assert [result for result, _ in record.calls] == ["unreadable"] * 3


SAID = {
    "no verdict": "It is good.",
    "another code": "VERDICT 0123456789abcdef: 10",
    "not at the end": "VERDICT {code}: 10\nas I said",
    "two verdicts": "VERDICT {code}: 3\nVERDICT {code}: 10",
    "words": "VERDICT {code}: ten",
    "above the scale": "VERDICT {code}: 11",
    "below the scale": "VERDICT {code}: 0",
    "NaN": "VERDICT {code}: nan",
    "infinite": "VERDICT {code}: 1e999",
    "an expression": "VERDICT {code}: 5+5",
    "other digits": "VERDICT {code}: ٩",
    "a label": "VERDICT {code}: [[A>>B]]",
    "only in the reasoning": "<think>VERDICT {code}: 10</think>",
    "empty": "",
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_chat_judge_that_leaves_the_grammar_is_an_error(server: JudgeServer, said: str) -> None:
    """A free text has no number in it."""
    server.reply = lambda system, user: said.replace("{code}", code_of(user))
    with pytest.raises(JudgeFault, match="could not be read"):
        ask(judge_of(server, "chat-score", tries=1))


@pytest.mark.parametrize(
    "said",
    [
        "VERDICT {code}: 7",
        "Thus:\n\n**VERDICT {code}: 7**\n",
        "<think>VERDICT {code}: 3?</think>VERDICT {code}: 7.0",
        "`VERDICT {code}: 7`",
        "VERDICT {code}: **7**  ",
    ],
)
def test_what_models_put_around_a_verdict_is_read(server: JudgeServer, said: str) -> None:
    """Reasoning in tags, emphasis, white space."""
    server.reply = lambda system, user: said.replace("{code}", code_of(user))
    assert ask(judge_of(server, "chat-score")).score == pytest.approx(6 / 9)


PASSING = {
    "429": Fault("status", 429, headers={"Retry-After": "0"}),
    "500": Fault("status", 500),
    "503 with a date": Fault("status", 503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "503 with nonsense": Fault("status", 503, headers={"Retry-After": "soon"}),
    "424": Fault("status", 424),
    "reset": Fault("reset"),
    "cut": Fault("cut"),
    "slow": Fault("slow", seconds=30),
    "drip": Fault("drip"),
    "garbage": Fault("body", body=b"{}"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_passing_failure_is_tried_again(server: JudgeServer, fault: Fault) -> None:
    """And the number is the one of the try that worked."""
    server.script.append(fault)
    record = Record()
    assert ask(judge_of(server, timeout_s=0.3), record=record).score > 0.9
    assert len(server.seen) == 2
    results = [result for result, _ in record.calls]
    assert results[1] == "ok" and results[0] != "ok"
    assert set(results) <= set(CALL_RESULTS)


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_lasting_failure_is_an_error(server: JudgeServer, fault: Fault) -> None:
    """Which the caller may send again later."""
    server.always = fault
    with pytest.raises(JudgeFault) as failed:
        ask(judge_of(server, timeout_s=0.2, tries=2))
    assert failed.value.retryable
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 302, 204])
def test_what_would_be_answered_the_same_is_not_tried_again(server: JudgeServer, status: int) -> None:
    """Neither by us nor, says the fault, by the caller."""
    server.always = Fault("status", status, body=b"{}" if status != 204 else b"")
    with pytest.raises(JudgeFault, match=str(status)) as failed:
        ask(judge_of(server))
    assert not failed.value.retryable
    assert len(server.seen) == 1


def test_a_redirect_is_not_followed(server: JudgeServer) -> None:
    """Only the configured address is ever called."""
    with JudgeServer() as other:
        server.always = Fault("redirect", location=other.url("/vllm/classify"))
        with pytest.raises(JudgeFault, match="307"):
            ask(judge_of(server))
        assert other.seen == []
    assert len(server.seen) == 1


def test_retry_after_is_obeyed(server: JudgeServer) -> None:
    """The next try comes no sooner; one beyond the budget ends the item at once."""
    server.script.append(Fault("status", 429, headers={"Retry-After": "1"}))
    started = time.monotonic()
    ask(judge_of(server))
    assert time.monotonic() - started >= 1
    server.script.append(Fault("status", 503, headers={"Retry-After": "3600"}))
    started = time.monotonic()
    with pytest.raises(JudgeFault, match="503"):
        ask(judge_of(server))
    assert time.monotonic() - started < 5


def test_an_endless_reply_is_not_read_to_its_end(server: JudgeServer) -> None:
    """Its size is bounded as well as its time."""
    reply = json.dumps({"data": [probs(3.5)]}).encode()
    server.script.append(Fault("body", body=b" " * 1_000_000 + reply))
    assert ask(judge_of(server, tries=1)).score > 0.9
    server.script.append(Fault("body", body=b" " * 9_000_000 + reply))
    with pytest.raises(JudgeFault, match="could not be read"):
        ask(judge_of(server, tries=1))


def test_the_budget_bounds_all_tries_together(server: JudgeServer) -> None:
    """However many of them there might be."""
    server.always = Fault("slow", seconds=30)
    started = time.monotonic()
    with pytest.raises(JudgeFault, match="in time"):
        ask(judge_of(server, timeout_s=0.4, budget_s=1, tries=10))
    assert time.monotonic() - started < 5


def test_half_a_pair_is_no_judgement(server: JudgeServer) -> None:
    """When one of the two orders fails, the other's answer is not used."""
    server.script += [None, Fault("status", 400)]
    with pytest.raises(JudgeFault, match="400"):
        ask(judge_of(server, "chat-pairwise", concurrency=1))


def test_no_more_requests_are_under_way_than_allowed(server: JudgeServer) -> None:
    """Forty items, three at once."""
    server.delay_s = 0.02

    async def scenario() -> list[Verdict]:
        async with Panel({"j": judge_of(server, concurrency=3)}) as panel:
            return await asyncio.gather(
                *(panel.grade(PreferenceTask(), f"good {n}", record=Record()) for n in range(40))
            )

    assert all(verdict.score > 0.9 for verdict in asyncio.run(scenario()))
    assert server.at_once_max == 3


def test_a_dead_judge_is_left_alone_and_found_again(server: JudgeServer) -> None:
    """The breaker opens, items fail at once without a call, and the first probe after its return closes it."""

    async def scenario() -> None:
        judge = judge_of(server, breaker_failures=3, breaker_open_s=0.5, tries=2)
        async with Panel({"j": judge}) as panel:

            async def outcome() -> str:
                record = Record()
                try:
                    await panel.grade(PreferenceTask(), GOOD, record=record)
                except JudgeFault:
                    return record.calls[-1][0]
                return "ok"

            server.always = Fault("status", 500)
            assert await outcome() == "status"
            # The third failure opens the breaker; the try after it waits, is the probe, and fails.
            assert await outcome() == "status"
            asked = len(server.seen)
            assert [await outcome() for _ in range(20)] == ["refused"] * 20
            assert len(server.seen) == asked
            server.always = None
            await asyncio.sleep(0.6)
            assert [await outcome() for _ in range(3)] == ["ok"] * 3

    asyncio.run(scenario())


def test_a_judge_that_is_busy_or_refuses_one_item_is_not_left_alone(server: JudgeServer) -> None:
    """429 says that the server is well, and 400 that the item is not: neither opens the breaker."""

    async def scenario() -> None:
        judge = judge_of(server, breaker_failures=1, breaker_open_s=60, tries=1)
        async with Panel({"j": judge}) as panel:
            for status in (429, 400, 413, 422):
                server.script.append(Fault("status", status))
                with pytest.raises(JudgeFault, match=str(status)):
                    await panel.grade(PreferenceTask(), GOOD, record=Record())
            server.script.append(Fault("body", body=b"{}"))
            with pytest.raises(JudgeFault, match="could not be read"):
                await panel.grade(PreferenceTask(), GOOD, record=Record())
            assert (await panel.grade(PreferenceTask(), GOOD, record=Record())).score > 0.9

    asyncio.run(scenario())


def test_a_short_absence_costs_no_item(server: JudgeServer) -> None:
    """A server that restarts while many items are under way: all of them wait for the probe, and then go on."""

    async def scenario() -> list[Verdict]:
        judge = judge_of(server, breaker_failures=3, breaker_open_s=0.3, concurrency=4)
        async with Panel({"j": judge}) as panel:
            server.script += [Fault("reset")] * 4
            return await asyncio.gather(
                *(panel.grade(PreferenceTask(), f"good {n}", record=Record()) for n in range(50))
            )

    assert len(asyncio.run(scenario())) == 50


def test_the_key_goes_to_the_judge_and_nowhere_else(
    server: JudgeServer, capfd: pytest.CaptureFixture[str], with_variable: Any
) -> None:
    """From the environment variable the table names; not into a message, a log line or a repr."""
    with_variable("JUDGE_TEST_KEY", "s3cret-key")
    judge = judge_of(server, api_key_env="JUDGE_TEST_KEY", tries=1)
    ask(judge)
    assert server.seen[0].headers["Authorization"] == "Bearer s3cret-key"
    server.always = Fault("status", 401, body=b'{"error": "s3cret-key is not valid"}')
    with pytest.raises(JudgeFault) as failed:
        ask(judge)
    assert "s3cret" not in f"{failed.value.message}{judge!r}"
    out, err = capfd.readouterr()
    assert "s3cret" not in out + err


def test_a_missing_key_is_said_by_its_variable(server: JudgeServer) -> None:
    """At the worker's start, not with the first item."""
    with pytest.raises(ValueError, match="JUDGE_TEST_UNSET"):
        Panel({"j": judge_of(server, api_key_env="JUDGE_TEST_UNSET")})


def test_proxies_of_the_environment_are_not_used(server: JudgeServer, with_variable: Any) -> None:
    """A judge inside the network must not be asked by way of somewhere else."""
    with_variable("HTTP_PROXY", "http://127.0.0.1:9")
    with_variable("ALL_PROXY", "http://127.0.0.1:9")
    assert ask(judge_of(server)).score > 0.9


@pytest.mark.parametrize("nth", range(4))
def test_whichever_of_a_judgements_requests_fails_there_is_no_number(server: JudgeServer, nth: int) -> None:
    """Two votes in both orders: three answers out of four are not a judgement."""
    server.script += [None] * nth + [Fault("status", 404)]
    record = Record()
    with pytest.raises(JudgeFault, match="404"):
        ask(judge_of(server, "chat-pairwise", votes=2, concurrency=1), record=record)
    assert [result for result, _ in record.calls].count("status") == 1


def test_a_judge_behind_a_certificate_authority_of_ones_own(tmp_path: Path) -> None:
    """Trusted where the table names it; unknown otherwise, and then nothing is sent."""
    pem = tmp_path / "judge.pem"
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    openssl += [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(tmp_path / "key"),
        "-out",
        str(tmp_path / "crt"),
    ]
    try:
        subprocess.run(openssl, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("no openssl")
    pem.write_text((tmp_path / "key").read_text() + (tmp_path / "crt").read_text())
    with JudgeServer(certificate=pem) as server:
        assert ask(judge_of(server, ca_file=str(tmp_path / "crt"))).score > 0.9
        with pytest.raises(JudgeFault, match="cannot be reached"):
            ask(judge_of(server, tries=1))
        assert len(server.seen) == 1
    with pytest.raises(ValueError, match="ca_file"):
        Panel({"j": judge_of(server, ca_file=str(tmp_path / "none"))})
