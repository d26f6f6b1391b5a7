"""Format styles: the shape is judged, the content never."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.format import STYLES, score

GOOD = "<think>some steps</think>\n<answer>42</answer>"

THINK_ANSWER = [
    (GOOD, 1),
    (f"\n {GOOD} \n", 1),
    ("<think>a\nb\n</think><answer>\n\\boxed{1}\n</answer>", 1),
    ("<think>x < y and a > b</think><answer>1</answer>", 1),
    ("", 0),
    ("42", 0),
    ("<think>a</think>42", 0),
    ("<answer>42</answer>", 0),
    ("<answer>42</answer><think>a</think>", 0),
    (f"Sure! {GOOD}", 0),
    (f"{GOOD} I hope this helps", 0),
    (f"{GOOD}{GOOD}", 0),
    ("<think>a<think>b</think><answer>1</answer>", 0),
    ("<think>a</think>b</think><answer>1</answer>", 0),
    ("<think>a</think> hm <answer>1</answer>", 0),
    ("<think>a</think><answer>1</answer><answer>2</answer>", 0),
    ("<think>a<answer>1</answer></think>", 0),
    ("<think></think><answer>1</answer>", 0),
    ("<think>a</think><answer> </answer>", 0),
    ("<think>a</think><answer>1", 0),
    ("<THINK>a</THINK><answer>1</answer>", 0),
]


@pytest.mark.parametrize(("text", "expected"), THINK_ANSWER)
def test_think_answer_takes_the_whole_text_or_nothing(text: str, expected: int) -> None:
    """Both parts once, in order, not blank, and nothing beside them."""
    assert score(text) == expected


@pytest.mark.parametrize(("text", "expected"), THINK_ANSWER)
def test_a_prefilled_opening_tag_must_not_stand_again(text: str, expected: int) -> None:
    """With the tag in the prompt, the completion without it is what the whole was with it."""
    if text.lstrip().startswith("<think>"):
        assert score(text.lstrip().removeprefix("<think>"), prefilled_think=True) == expected
    assert score(text, prefilled_think=True) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>a</think>b", 1),
        ("<think>a</think>", 0),
        ("b", 0),
        ("<think>a</think>b</think>", 0),
        ("x<think>a</think>b", 0),
    ],
)
def test_think_wants_a_thought_and_then_something(text: str, expected: int) -> None:
    """The answer's own shape is free."""
    assert score(text, "think") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so \\boxed{4}", 1),
        ("so \\boxed{\\frac{1}{2}}.", 1),
        ("\\boxed{}", 0),
        ("\\boxed{ }", 0),
        ("\\boxed{1", 0),
        ("\\boxed{1} and \\boxed{", 0),
        ("4", 0),
        ("<think>\\boxed{4}</think> four", 0),
        ("<think>hm</think> \\boxed{4}", 1),
    ],
)
def test_boxed_wants_a_closed_box_after_the_thought(text: str, expected: int) -> None:
    """A box in the chain of thought is not the answer's."""
    assert score(text, "boxed") == expected


@given(st.text(), st.sampled_from(STYLES), st.booleans())
def test_any_text_scores_zero_or_one(text: str, style: str, prefilled: bool) -> None:
    """Never an exception, never another number."""
    assert score(text, style, prefilled_think=prefilled) in (0.0, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("piece", ["<think>", "</think>", "<answer>", "\\boxed{", "{", " ", "<think></think><answer>"])
def test_a_megabyte_is_scored_in_linear_time(style: str, piece: str) -> None:
    """The scan is linear: a quadratic one would take minutes here."""
    text = piece * (1_000_000 // len(piece))
    started = time.monotonic()
    score(text, style)  # type: ignore[arg-type]
    assert time.monotonic() - started < 5
