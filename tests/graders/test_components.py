"""The catalogue: each component's number is finite, in its documented range, and found in linear time."""

import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Unprocessable
from app.schemas import check_params
from graders.components import COMPONENTS, Item
from graders.errors import ParameterRefused
from graders.verdict import Outcome, Reason, Verdict

CORRECT = Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0)
PARTIAL = Verdict(Outcome.PARTIAL, Reason.WRONG_ANSWER, 0.25)
WRONG = Verdict(Outcome.WRONG, Reason.DIFFERENT, 0.0)
UNDECIDED = Verdict()

RANGES: dict[str, tuple[float, float]] = {
    "accuracy": (-1, 1),
    "preference": (-1, 1),
    "format": (0, 1),
    "tag_count": (0, 1),
    "language": (0, 1),
    "repetition": (-1, 0),
    "reasoning_steps": (0, 1),
    "length": (0, 1),
    "cosine_length": (-1, 1),
    "soft_overlong": (-1, 0),
    "no_mixed_language": (0, 1),
    "no_long_paragraph": (0, 1),
    "no_code_block": (0, 1),
    "no_repetition": (0, 1),
}
"""Of each component's default parameters; docs/rewards.md tells them."""

PER_ITEM = sorted(name for name, row in COMPONENTS.items() if row.score is not None)


def score(name: str, completion: str, verdict: Verdict | None = CORRECT, **more: Any) -> float | None:
    """A component's score with parameters given in `params`."""
    params = COMPONENTS[name].params(**more.pop("params", {}))
    function = COMPONENTS[name].score
    assert function is not None
    return function(Item(completion, verdict, **more), params)


texts = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(
            ["<think>", "</think>", "<answer>", "</answer>", "\n", "```python\n", "```", "{", "[1]", "\\boxed{", "}"]
        ),
        st.sampled_from(["the answer is ", "我们", "Step 1: ", "First,", "$x$", "- "]),
    ),
    max_size=30,
).map("".join)


@pytest.mark.parametrize("name", PER_ITEM)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(completion=texts, verdict=st.sampled_from([CORRECT, PARTIAL, WRONG, UNDECIDED]), tokens=st.integers(0, 10**9))
def test_every_score_is_finite_and_in_its_range(name: str, completion: str, verdict: Verdict, tokens: int) -> None:
    """Whatever the completion says."""
    found = score(name, completion, verdict, prompt="What is it?", tokens=tokens)
    assert found is not None
    low, high = RANGES[name]
    assert math.isfinite(found)
    assert low <= found <= high


@pytest.mark.parametrize("name", PER_ITEM)
@pytest.mark.parametrize("piece", ["a", "a b ", "<think>", "\n</answer>", "Step 1", "我", "``` \n", "{", "1."])
def test_a_megabyte_is_scored_in_linear_time(name: str, piece: str) -> None:
    """Ten times the text takes about ten times as long, so a megabyte is a matter of a second."""
    text = piece * (1_000_000 // len(piece.encode()))
    started = time.process_time()
    assert score(name, text, tokens=10) is not None
    assert time.process_time() - started < 6


def test_components_that_need_a_verdict_have_no_score_without_one() -> None:
    """And only those: the row says which."""
    for name in PER_ITEM:
        assert (score(name, "hello there", None, tokens=1) is None) == COMPONENTS[name].judges


@pytest.mark.parametrize(
    ("verdict", "unit", "binary", "signed"),
    [(CORRECT, 1.0, 1.0, 1.0), (PARTIAL, 0.25, 0.0, -0.5), (WRONG, 0.0, 0.0, -1.0), (UNDECIDED, 0.0, 0.0, -1.0)],
)
def test_accuracy_has_three_scales(verdict: Verdict, unit: float, binary: float, signed: float) -> None:
    """The share, all or nothing, or from -1 to 1."""
    for values, expected in (("unit", unit), ("binary", binary), ("signed", signed)):
        assert score("accuracy", "", verdict, params={"values": values}) == expected


def test_undecided_is_wrong_unless_the_parameters_say_otherwise() -> None:
    """A null would be a refuge for the policy, so it has to be asked for."""
    assert score("accuracy", "", UNDECIDED) == 0.0
    assert score("accuracy", "", UNDECIDED, params={"undecided": "null"}) is None


@pytest.mark.parametrize(
    ("length", "verdict", "expected"),
    [
        (0, CORRECT, 1.0),
        (50, CORRECT, 0.75),
        (100, CORRECT, 0.5),
        (100_000, CORRECT, 0.5),
        (0, WRONG, -1.0),
        (50, WRONG, -0.75),
        (100, WRONG, -0.5),
        (100, PARTIAL, -0.5),
    ],
)
def test_cosine_pays_short_right_answers_and_long_wrong_ones(length: int, verdict: Verdict, expected: float) -> None:
    """The bounds of TRL, at the ends and in the middle; beyond max_length nothing comes back up."""
    params = {"max_length": 100, "unit": "tokens"}
    assert score("cosine_length", "", verdict, tokens=length, params=params) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("tokens", "expected"), [(0, 0.0), (16_384, 0.0), (18_432, -0.5), (20_480, -1.0), (20_481, -1.0), (10**9, -1.0)]
)
def test_soft_overlong_has_dapos_lengths_by_default(tokens: int, expected: float) -> None:
    """0 up to 16,384 tokens, -1 from 20,480 on."""
    assert score("soft_overlong", "", tokens=tokens) == expected


def test_uncounted_tokens_are_no_penalty_only_where_bytes_prove_it() -> None:
    """A token has a byte at least; a longer text could be anything, and gets no number."""
    assert score("soft_overlong", "a" * 16_384) == 0.0
    assert score("soft_overlong", "a" * 16_385) is None
    assert score("soft_overlong", "é" * 10_000) is None
    assert score("cosine_length", "a", params={"unit": "tokens"}) is None


@pytest.mark.parametrize(
    ("length", "expected"), [(5, 0.5), (10, 1.0), (20, 1.0), (25, 0.5), (30, 0.0), (99, 0.0), (0, 0.0)]
)
def test_length_is_a_band_with_slopes(length: int, expected: float) -> None:
    """1 within, falling to 0 over the slack."""
    params = {"min_length": 10, "max_length": 20, "slack": 10}
    assert score("length", "a" * length, params=params) == pytest.approx(expected)


def test_lengths_are_of_a_part_in_a_unit() -> None:
    """Characters and words, of the thought, the answer, or both."""
    text = "<think>one two three</think>four five"
    for scope, unit, length in (
        ("think", "words", 3),
        ("answer", "words", 2),
        ("answer", "characters", 9),
        ("think", "characters", 13),
        ("full", "characters", len(text)),
    ):
        params = {"min_length": length, "max_length": length, "scope": scope, "unit": unit}
        assert score("length", text, params=params) == 1.0, (scope, unit)


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("a b c d e", {}, 0.0),
        ("a b c a b c", {}, -0.25),
        ("A b C a B c", {}, -0.25),
        ("a a a a a", {"ngram": 1}, -0.8),
        ("a a a a a", {"ngram": 1, "max_penalty": -10.0}, -8.0),
        ("你好你好你好", {"ngram": 2}, -0.6),
        ("你好你好你好", {"ngram": 2, "over": "words"}, 0.0),
        ("abab ab", {"ngram": 2, "over": "characters"}, -0.6),
        ("", {}, 0.0),
        ("a b", {}, 0.0),
    ],
)
def test_repetition_counts_n_grams_of_words_or_of_unspaced_characters(
    text: str, params: dict[str, Any], expected: float
) -> None:
    """Chinese has no spaces: there each character is a piece, so that a loop is seen."""
    assert score("repetition", text, params=params) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("Step 1: a\nStep 2: b\nStep 3: c", {}, 1.0),
        ("First, a. Second, b.", {}, 2 / 3),
        ("1. a\n2. b\n3. c", {}, 1 / 3),
        ("1. a\n2. b\n3. c", {"every_line": True}, 1.0),
        ("a\n- b\n* c", {"steps": 4}, 0.5),
        ("", {}, 0.0),
    ],
)
def test_reasoning_steps_are_marks_over_what_is_enough(text: str, params: dict[str, Any], expected: float) -> None:
    """open-r1 sees a number at the start of the text only; every_line sees each."""
    assert score("reasoning_steps", text, params=params) == pytest.approx(expected)


def test_language_takes_its_target_from_the_prompt() -> None:
    """Of the chain of thought alone; without words in the prompt, the thought's own main language."""
    text = "<think>Wir addieren die beiden Zahlen und teilen durch drei.</think>The answer is four, of course."
    german = "Wie groß ist der Mittelwert dieser beiden Zahlen?"
    assert score("language", text, prompt=german) == 1.0
    assert score("language", text, prompt="What is the mean of these two numbers?") == 0.0
    assert score("language", text, prompt="$1 + 1 = ?$") == 1.0
    assert score("language", text, params={"target": "de"}) == 1.0
    assert score("language", text, params={"target": "en", "scope": "answer"}) == 1.0
    assert 0.2 < (score("language", text, params={"target": "en", "scope": "full"}) or 0) < 0.8


def test_tag_count_pays_each_tag_that_stands_once() -> None:
    """A quarter each; a tag twice pays nothing; a template's own tag counts."""
    whole = "<think>\na\n</think>\n<answer>\nb\n</answer>"
    assert score("tag_count", whole) == 1.0
    assert score("tag_count", whole.removeprefix("<think>\n")) == 0.75
    assert score("tag_count", whole.removeprefix("<think>\n"), params={"prefilled_think": True}) == 1.0
    assert score("tag_count", whole + whole) == 0.0
    assert score("tag_count", "<a>b</a>", params={"tags": ("<a>", "</a>", "<c>")}) == pytest.approx(2 / 3)


BAD = [
    ("format", {"style": "regex"}, "pattern"),
    ("format", {"pattern": "a"}, "pattern"),
    ("format", {"style": "regex", "pattern": "(s3cret"}, "pattern"),
    ("format", {"style": "regex", "pattern": "(?=s3cret)"}, "pattern"),
    ("format", {"style": "regex", "pattern": "(s3cret)\\1"}, "pattern"),
    ("format", {"style": "regex", "pattern": "(?:(?:(?:a{900}){900}){900})"}, "pattern"),
    ("format", {"style": "regex", "pattern": "a" * 3000}, "pattern"),
    ("format", {"style": "think", "language": "python"}, "language"),
    ("language", {"target": "klingon"}, "target"),
    ("language", {"scope": "s3cret"}, "scope"),
    ("repetition", {"ngram": 0}, "ngram"),
    ("repetition", {"max_penalty": 1.0}, "max_penalty"),
    ("soft_overlong", {"max_length": 10, "cache": 11}, "cache"),
    ("soft_overlong", {"cache": 0, "clamp": False}, "cache"),
    ("soft_overlong", {"scope": "think"}, "scope"),
    ("cosine_length", {"max_length": 0}, "max_length"),
    ("cosine_length", {"unit": "tokens", "scope": "answer"}, "scope"),
    ("cosine_length", {"max_value_wrong": 1e300}, "max_value_wrong"),
    ("length", {"min_length": 10, "max_length": 5}, "min_length"),
    ("tag_count", {"tags": []}, "tags"),
    ("reasoning_steps", {"steps": 0}, "steps"),
    ("accuracy", {"values": "s3cret"}, "values"),
    ("preference", {"s3cret": 1}, "s3cret"),
]


@pytest.mark.parametrize(("name", "params", "field"), BAD)
def test_a_parameter_out_of_range_is_named_and_not_repeated(name: str, params: dict[str, Any], field: str) -> None:
    """422 with the path of the field; values never come back."""
    with pytest.raises(Unprocessable) as refused:
        check_params(name, params, "rewards.0")
    assert [error["path"] for error in refused.value.errors] == [f"rewards.0.params.{field}"]
    assert not any("s3cret" in error["message"] for error in refused.value.errors)


def test_an_unknown_component_is_named() -> None:
    """422 with its path."""
    with pytest.raises(Unprocessable) as refused:
        check_params("vibes", {}, "rewards.3")
    assert refused.value.errors[0]["path"] == "rewards.3.name"


def test_parameters_are_refused_where_they_are_made() -> None:
    """Without pydantic too: the dataclass checks what belongs together."""
    with pytest.raises(ParameterRefused):
        COMPONENTS["format"].params(style="regex", pattern="(")


def test_a_pattern_that_would_backtrack_is_linear() -> None:
    """RE2 runs any pattern in linear time; elsewhere this one would not end."""
    started = time.monotonic()
    assert score("format", "a" * 1_000_000, params={"style": "regex", "pattern": "^(a+)+$"}) == 1.0
    assert score("format", "a" * 1_000_000 + "b", params={"style": "regex", "pattern": "^(a|a)*$"}) == 0.0
    assert time.monotonic() - started < 5
