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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so <answer>4</answer>", 1),
        ("<think>hm</think><answer>4</answer> done", 1),
        ("<answer></answer>", 0),
        ("<answer> </answer>", 0),
        ("<answer>4", 0),
        ("4</answer>", 0),
        ("</answer>4<answer>", 0),
        ("<answer>4</answer><answer>5</answer>", 0),
        ("<think><answer>4</answer></think>4", 0),
    ],
)
def test_answer_tag_wants_one_closed_tag_after_the_thought(text: str, expected: int) -> None:
    """What stands around it is free."""
    assert score(text, "answer-tag") == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("```python\nx\n```", "python", 1),
        ("```py\nx\n```", "python", 1),
        ("```C++\nx\n```", "cpp", 1),
        ("Here:\n  ```python\n  x\n  ```\nDone.", "python", 1),
        ("```python\nx```", "python", 1),
        ("````python\n```\n````", "python", 1),
        ("```rust\nx\n```\n```python\ny\n```", "python", 1),
        ("```\nx\n```", None, 1),
        ("```\nx\n```", "python", 0),
        ("```cpp\nx\n```", "python", 0),
        ("```python\n\n```", "python", 0),
        ("```python\nx\n", "python", 0),
        ("in line ```python x```", "python", 0),
        ("x", None, 0),
        ("<think>```python\nx\n```</think>x", "python", 0),
    ],
)
def test_code_fence_wants_a_closed_fence_of_the_language(text: str, language: str | None, expected: int) -> None:
    """By any of the language's names, after the thought."""
    assert score(text, "code-fence", language=language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', 1),
        ("[]", 1),
        ('```json\n{"a": [1, 2]}\n```', 1),
        ('```\n{"a": 1}\n```', 1),
        ('<think>{</think> {"a": 1}', 1),
        ("[" + "9" * 10_000 + "]", 1),
        ("42", 0),
        ('"a"', 0),
        ("{'a': 1}", 0),
        ('{"a": NaN}', 0),
        ('{"a": 1} and more', 0),
        ('Here: {"a": 1}', 0),
        ('```python\n{"a": 1}\n```', 0),
        ("[" * 100_000, 0),
        ("[" * 100_000 + "]" * 100_000, 0),
        ("", 0),
    ],
)
def test_json_wants_one_object_or_array_and_nothing_else(text: str, expected: int) -> None:
    """Fenced or not; too deep for a reader counts as no JSON."""
    assert score(text, "json") == expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("Answer: 42", r"Answer: \d+$", 1),
        ("Answer: ?", r"Answer: \d+$", 0),
        ("a\nb", r"(?s)\Aa.b\z", 1),
        ("é", "^.$", 1),
    ],
)
def test_regex_is_found_anywhere_unless_it_is_anchored(text: str, pattern: str, expected: int) -> None:
    """RE2 over code points."""
    assert score(text, "regex", pattern=pattern) == expected


OPEN_R1 = "<think>\na\n</think>\n<answer>\nb\n</answer>"


@pytest.mark.parametrize("style", ["open-r1", "trl-think", "swift"])
def test_a_prefilled_tag_is_as_if_the_completion_had_written_it(style: str) -> None:
    """For the trainers' own styles too."""
    assert score(OPEN_R1, style) == 1.0  # type: ignore[arg-type]
    assert score(OPEN_R1.removeprefix("<think>\n"), style) == 0.0  # type: ignore[arg-type]
    assert score(OPEN_R1.removeprefix("<think>\n"), style, prefilled_think=True) == 1.0  # type: ignore[arg-type]


def test_open_r1_code_wants_the_fence_in_the_answer() -> None:
    """Of its language, and python when none is named."""
    text = "<think>\na\n</think>\n<answer>\n```{}\nx\n```\n</answer>"
    assert score(text.format("python"), "open-r1-code") == 1.0
    assert score(text.format("cpp"), "open-r1-code") == 0.0
    assert score(text.format("cpp"), "open-r1-code", language="cpp") == 1.0
    assert score("```python\nx\n```", "open-r1-code") == 0.0


@given(st.text(), st.sampled_from(STYLES), st.booleans())
def test_any_text_scores_zero_or_one(text: str, style: str, prefilled: bool) -> None:
    """Never an exception, never another number."""
    assert score(text, style, prefilled_think=prefilled, pattern="a") in (0.0, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "piece",
    ["<think>", "</think>", "<answer>", "\\boxed{", "{", " ", "<think></think><answer>", "\n</answer>", "```", "```a\n",
     "x```", "\n```", "</think> ", "[", '{"a":', "1"],
)  # fmt: skip
def test_a_megabyte_is_scored_in_linear_time(style: str, piece: str) -> None:
    """The scan is linear: a quadratic one would take minutes here."""
    text = piece * (1_000_000 // len(piece))
    started = time.monotonic()
    score(text, style, pattern="(a+)+$")  # type: ignore[arg-type]
    score("<think>\n" + text, style, pattern="(.*)*x")  # type: ignore[arg-type]
    assert time.monotonic() - started < 5
