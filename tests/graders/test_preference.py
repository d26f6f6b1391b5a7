"""Preference, its plain part: what a judge is shown, what counts as a control token, how numbers become a verdict."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graders.preference.chat import Unreadable
from graders.preference.dialects import Call, read
from graders.preference.grade import conclude, shown
from graders.preference.judge import Dialect, Judge, Linear, Raw, Scale, Sigmoid
from graders.preference.quote import COMMON, neutralise
from graders.task import PreferenceTask
from graders.verdict import Outcome

LINEAR = Linear(min=0, max=10)

PIECES = st.sampled_from(
    [
        *COMMON,
        "<|im_start|>",
        "<|im_end|>",
        "<｜User｜>",
        "<",
        ">",
        "|",
        "｜",
        "<|",
        "|>",
        "a",
        " ",
        "\n",
        "[",
        "]",
        "é",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join))
@settings(max_examples=500, deadline=None)
def test_no_control_token_is_left_and_nothing_else_is_lost(text: str) -> None:
    """Whatever is put together: only spaces are added, and a second time adds none."""
    safe = neutralise(text)
    assert safe.replace(" ", "") == text.replace(" ", "")
    assert not any(token in safe for token in COMMON)
    assert "<|im_start|>" not in safe and "<｜User｜>" not in safe
    assert neutralise(safe) == safe


@pytest.mark.parametrize("text", ["<|x", "<|a|>", "<s>", "<" * 3, "<|" + "a" * 64, "[INST", "aa"])
def test_neutralising_is_linear(text: str) -> None:
    """Sixteen times the text takes about sixteen times the time, on every shape that could backtrack."""

    def seconds(count: int) -> float:
        long = text * (count // len(text))
        best = 9.0
        for _ in range(3):
            started = time.process_time()
            neutralise(long, ["aa", "<x>"])
            best = min(best, time.process_time() - started)
        return best

    assert seconds(16 * 32_768) < 16 * 4 * max(seconds(32_768), 0.001)


def test_tokens_that_overlap_are_all_broken_up() -> None:
    """A judge's own control tokens, too."""
    assert neutralise("aaa <x>", ["aa", "<x>"]) == "a a a < x>"


def test_ordinary_text_is_not_touched() -> None:
    """Pipes, comparisons, lists of lists, HTML that is no control token."""
    text = "a |> f <| b; x<y|z>w; [[1]]; <b>bold</b>; {prompt}; <think>; A > B | C"
    assert neutralise(text) == text


@pytest.mark.parametrize(
    ("completion", "answer", "full"),
    [
        ("plain", "plain", "plain"),
        ("<think>a</think> b ", "b", "<think>a</think> b"),
        ("a</think>b", "b", "a</think>b"),
        ("<think>a</think>b</think>c", "c", "<think>a</think>b</think>c"),
        ("<think>a", None, "<think>a"),
        ("<think>a</think>b<think>c", None, "<think>a</think>b<think>c"),
        ("<think>a</think>", None, "<think>a</think>"),
        (" ", None, None),
    ],
)
def test_a_judge_is_shown_the_answer_or_everything(completion: str, answer: str | None, full: str | None) -> None:
    """DeepSeek-R1's helpfulness on the final summary only, its safety on the whole."""
    assert shown(completion, "answer") == answer
    assert shown(completion, "full") == full


@pytest.mark.parametrize(
    ("scale", "number", "score", "outcome"),
    [
        (LINEAR, 5, 0.5, Outcome.PARTIAL),
        (LINEAR, 10, 1.0, Outcome.CORRECT),
        (LINEAR, 99, 1.0, Outcome.CORRECT),
        (LINEAR, -3, 0.0, Outcome.WRONG),
        (Linear(min=1, max=0), 0.25, 0.75, Outcome.PARTIAL),
        (Sigmoid(kind="sigmoid"), 0, 0.5, Outcome.PARTIAL),
        (Sigmoid(kind="sigmoid", center=2, width=0.5), 2, 0.5, Outcome.PARTIAL),
        (Raw(kind="raw", floor=-5), 1.0, 1.0, Outcome.PARTIAL),
        (Raw(kind="raw", floor=-5), 7.5, 7.5, Outcome.PARTIAL),
        (Raw(kind="raw", floor=-5), -9, -5, Outcome.PARTIAL),
    ],
)
def test_a_number_becomes_a_score(scale: Scale, number: float, score: float, outcome: Outcome) -> None:
    """1 exactly when correct and 0 when wrong, but on a raw scale, whose numbers mean nothing by themselves."""
    judge = Judge(dialect="vllm-classify", scale=scale)
    verdict = conclude("j", judge, PreferenceTask(), [number])
    assert (verdict.score, verdict.outcome) == (score, outcome)


@example(numbers=[1.7976931348623157e308] * 3, scale=LINEAR, threshold=None)
@example(numbers=[-1.7976931348623157e308, 1.0], scale=Sigmoid(kind="sigmoid", width=1e-3), threshold=0.5)
@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8),
    scale=st.sampled_from([LINEAR, Linear(min=3, max=-3), Sigmoid(kind="sigmoid", center=-1, width=1e-3)]),
    threshold=st.none() | st.floats(-1, 2),
)
@settings(max_examples=300, deadline=None)
def test_a_verdict_keeps_its_law(numbers: list[float], scale: Scale, threshold: float | None) -> None:
    """In [0, 1], 1 exactly when correct, 0 when wrong, for all finite numbers."""
    judge = Judge(dialect="vllm-classify", scale=scale, threshold=threshold)
    verdict = conclude("j", judge, PreferenceTask(), numbers)
    assert 0 <= verdict.score <= 1
    assert (verdict.outcome is Outcome.CORRECT) == (verdict.score == 1)
    assert (verdict.outcome is Outcome.WRONG) == (verdict.score == 0)
    if threshold is not None:
        assert verdict.outcome is not Outcome.PARTIAL


NUMBERS = [float("nan"), float("inf"), -float("inf"), 10**400, True, None, "1", [1.0], {}]


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_what_is_not_a_finite_number_is_never_read_as_one(number: object) -> None:
    """In any dialect, also when it comes by another way than strict JSON."""
    text = "{prompt}{completion}"
    replies: dict[Dialect, object] = {
        "vllm-classify": {"data": [{"probs": [number]}]},
        "vllm-score": {"data": [{"score": number}]},
        "vllm-pooling": {"data": [{"data": [[0.5], [number]]}]},
        "sglang-classify": [{"embedding": [number]}],
        "sglang-embeddings": {"data": [{"embedding": [number]}]},
        "tei-predict": [[{"score": number, "label": "a"}]],
    }
    for dialect, reply in replies.items():
        judge = Judge(dialect=dialect, scale=LINEAR, template=None if dialect == "vllm-score" else text)
        with pytest.raises(Unreadable):
            read(judge, Call(), reply, "")
