"""Laws of the kinds whose answers are words: never an exception, a score in its range, an answer equal to itself."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graders import instructions, structured
from graders.errors import TaskInvalid
from graders.instructions import INSTRUCTIONS
from graders.task import InstructionsTask, JsonTask, TextTask
from graders.text import f1, grade, normalized
from graders.verdict import Outcome, Verdict

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_SCRAPS = [
    "Paris", "the", "a", "x", "1", "3.5", ".", ",", "?", "!", " ", "\n", "<think>", "</think>", "<answer>", "</answer>",
    "\\boxed{", "}", "####", "The answer is ", "```json\n", "```", "{", "[", "]", '"', ":", "東京", "é", "\x00", "💥",
    "*", "**", "***",
    "-", "P.S.", "SECTION 1", "<<", ">>", "<|im_end|>",
]  # fmt: skip
scraps = st.one_of(st.lists(st.sampled_from(_SCRAPS), max_size=40).map("".join), st.text(max_size=60))
matches = st.sampled_from(["exact", "normalized", "f1", "regex", "contains"])


def lawful(verdict: Verdict) -> None:
    """A score in [0, 1] that says what the outcome says."""
    assert 0.0 <= verdict.score <= 1.0
    assert (verdict.outcome is Outcome.CORRECT) == (verdict.score == 1.0)
    assert (verdict.outcome is Outcome.PARTIAL) == (0.0 < verdict.score < 1.0)


@SETTINGS
@given(scraps, scraps, matches, st.sampled_from(["auto", "boxed", "answer_tag", "last_line", "full"]))
def test_any_text_gets_a_verdict_or_a_broken_task(reference: str, completion: str, match: str, where: str) -> None:
    """Nothing else may come of it, however odd the two are."""
    try:
        verdict = grade(TextTask(answer=reference, match=match, extract=where), completion, reference)
    except TaskInvalid:
        return
    lawful(verdict)


@SETTINGS
@given(st.text(min_size=1, max_size=40), st.sampled_from(["exact", "normalized", "f1", "contains"]))
def test_a_reference_is_its_own_answer(text: str, match: str) -> None:
    """Put in the tag, whatever characters it has."""
    if "<" in text or "\\" in text:
        return  # Marks of their own would be read as such.
    try:
        verdict = grade(TextTask(answer=text, match=match, extract="answer_tag"), f"<answer>{text}</answer>")
    except TaskInvalid:
        return
    assert verdict.outcome is Outcome.CORRECT, verdict


@SETTINGS
@given(scraps, scraps)
def test_shared_words_are_symmetric(left: str, right: str) -> None:
    """Which of two texts is the reference does not change the figure; case and white space never do."""
    assert f1(left, right) == pytest.approx(f1(right, left))
    assert normalized(f"  {left}\t") == normalized(left)


numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


@SETTINGS
@given(scraps)
def test_any_text_is_json_or_is_not(completion: str) -> None:
    """Whatever was found, a verdict comes of it."""
    for task in (JsonTask(schema=True), JsonTask(answer=[]), JsonTask(answer={"a": 1}, match="subset")):
        lawful(structured.grade(task, completion))


@SETTINGS
@given(values, st.sampled_from(["{}", "```json\n{}\n```", "<answer>{}</answer>", "<think>[1]</think>{}"]))
def test_a_value_is_its_own_answer(value: object, around: str) -> None:
    """However it is written and wherever it stands; each value contains itself."""
    for written in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)):
        if value is None or "<" in written:
            return  # Null stands for no reference, and a mark of its own would be read as such.
        completion = around.replace("{}", written)
        assert structured.grade(JsonTask(answer=value), completion).outcome is Outcome.CORRECT, completion
    assert structured.contained(value, value)


@SETTINGS
@given(values, values)
def test_equality_of_values_is_symmetric_and_stronger_than_containment(left: object, right: object) -> None:
    """What is equal contains each other."""
    assert structured.equal(left, right) == structured.equal(right, left)
    if structured.equal(left, right):
        assert structured.contained(left, right)
        assert structured.contained(right, left)


_ARGUMENTS = [
    "language", "relation", "keywords", "keyword", "num_words", "frequency", "letter", "num_paragraphs", "first_word",
]  # fmt: skip
arguments = st.dictionaries(
    st.sampled_from(_ARGUMENTS),
    st.one_of(st.none(), st.integers(-2, 5), st.sampled_from(["en", "at least", "less than", "x", ""]), st.just(["x"])),
)


@SETTINGS
@given(scraps, st.sampled_from(sorted(INSTRUCTIONS)), arguments, st.sampled_from(["strict", "loose"]))
def test_any_response_follows_an_instruction_or_does_not(completion: str, name: str, args: dict, mode: str) -> None:
    """Or the task is broken; and what is followed strictly is followed loosely."""
    try:
        verdict = instructions.grade(InstructionsTask(instruction_ids=(name,), kwargs=(args,), mode=mode), completion)
    except TaskInvalid:
        return
    lawful(verdict)
    if mode == "strict" and verdict.score == 1.0:
        loose = InstructionsTask(instruction_ids=(name,), kwargs=(args,), mode="loose")
        assert instructions.grade(loose, completion).score == 1.0
