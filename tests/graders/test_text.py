"""Answers in words: what counts as the same, where the answer is looked for, and which references are none."""

import pytest

from graders.errors import TaskInvalid
from graders.task import TextTask
from graders.text import f1, grade, normalized, tokens
from graders.verdict import Outcome, Reason

# (text, what is left of it), the first nine computed with the SQuAD 1.1 evaluation script's normalize_answer.
NORMAL_FORMS = [
    ("The Eiffel Tower", "eiffel tower"),
    ("  the   a  an   apple ", "apple"),
    ("U.S.A.", "usa"),
    ("well-known", "wellknown"),
    ("Don't stop!", "dont stop"),
    ("1,000,000 people", "1000000 people"),
    ('"Hamlet" (play)', "hamlet play"),
    ("theatre another", "theatre another"),
    ("$5 & 10%", "5 10"),
    ("The", "the"),
    ("Straße", "strasse"),
    ("ﬁnal １２３", "final 123"),
    ("«Guerre et Paix»…", "guerre et paix"),
    ("東京、日本。", "東京日本"),
    ("3.5", "3.5"),
    ("-5 degrees", "-5 degrees"),
    ("−5", "-5"),
    ("1/2", "1/2"),
    ("10:30", "10:30"),
    ("C++", "c++"),
    ("C#", "c#"),
    ("a+b", "ab"),
    ("E\u0301cole", "école"),
]


@pytest.mark.parametrize(("text", "left"), NORMAL_FORMS)
def test_normal_forms(text: str, left: str) -> None:
    """SQuAD's, for Unicode, without making one of two numbers or names."""
    assert normalized(text) == left


# (reference, answer, figure of the SQuAD 1.1 evaluation script's f1_score)
F1_FIGURES = [
    ("Paris", "Paris", 1.0),
    ("the Eiffel Tower", "Eiffel Tower in Paris", 0.6666666666666666),
    ("Denver Broncos", "The Broncos", 0.6666666666666666),
    ("a b c", "c b a", 1.0),
    ("Paris", "London", 0.0),
    ("red red blue", "red blue blue", 0.6666666666666666),
    ("in 1492", "1492", 0.6666666666666666),
]


@pytest.mark.parametrize(("reference", "answer", "figure"), F1_FIGURES)
def test_shared_words_score_as_squad_scores_them(reference: str, answer: str, figure: float) -> None:
    """To the last digit."""
    assert f1(reference, answer) == pytest.approx(figure, abs=1e-12)


def test_scripts_without_spaces_are_compared_by_character() -> None:
    """Else a sentence of Chinese would be one word, and one wrong character a score of nothing."""
    assert tokens("東京 Tower へ") == ["東", "京", "tower", "へ"]
    assert f1("東京都", "東京") == pytest.approx(0.8)


CORRECT = [
    ("exact", "Paris", "<answer>Paris</answer>"),
    ("exact", "Paris", "The answer is **Paris**."),
    ("exact", "roses are red\nviolets are blue", "<think>hm</think>\nroses are red\nviolets are blue"),
    ("normalized", "Paris", "<think>London?</think>The answer is: Paris"),
    ("normalized", "the Eiffel Tower", "Final answer: Eiffel tower!"),
    ("normalized", "Paris", "I thought about it.\nThen about Rome.\n\nParis"),
    ("normalized", "Paris", "Paris\n\nI hope this helps!"),
    ("normalized", "J. K. Rowling", "The answer is J. K. Rowling. She wrote it in 1997."),
    ("normalized", "42", "#### 42"),
    ("exact", "Paris", "**Final Answer**: *Paris*."),
    ("exact", "Paris", "<answer>The answer is Paris.</answer>"),
    ("exact", "Paris", "Some thoughts.\nThe capital of France is **Paris**."),
    ("exact", "not guilty", "<answer>The verdict is **not guilty**</answer>"),
    ("exact", "The answer is 42", "<answer>The answer is 42</answer>"),
    ("normalized", "Paris", "\\boxed{\\text{x}} no: \\boxed{Paris}"),
    ("normalized", "パリ", "答案是パリ。以上です。"),
    ("f1", "Denver Broncos", "Broncos Denver"),
    ("regex", "(?i)par(is|ys)", "PARIS"),
    ("regex", r"\d{4}-\d{2}-\d{2}", "<answer>2024-01-31</answer>"),
    ("contains", "Paris", "The capital of France is Paris."),
    ("contains", "Paris", "It is Paris, the capital and largest city of France."),
    ("contains", "not guilty", "The jury found him not guilty."),
]


@pytest.mark.parametrize(("match", "reference", "completion"), CORRECT)
def test_honest_answers_are_correct(match: str, reference: str, completion: str) -> None:
    """Wherever they stand, by the written rule."""
    verdict = grade(TextTask(answer=reference, match=match), completion)
    assert (verdict.outcome, verdict.score) == (Outcome.CORRECT, 1.0), verdict


WRONG = [
    ("exact", "Paris", "paris", Reason.DIFFERENT),
    ("normalized", "3.5", "35", Reason.DIFFERENT),
    ("normalized", "C", "C++", Reason.DIFFERENT),
    ("normalized", "Paris", "<think>Paris</think>", Reason.NO_ANSWER),
    ("normalized", "Paris", "<think>It is Paris", Reason.NO_ANSWER),
    ("normalized", "Paris", "", Reason.NO_ANSWER),
    ("normalized", "Paris", "<answer></answer>", Reason.NO_ANSWER),
    ("f1", "Paris", "London", Reason.DIFFERENT),
    ("regex", "42", "142", Reason.DIFFERENT),
    ("contains", "art", "A cart.", Reason.DIFFERENT),
]


@pytest.mark.parametrize(("match", "reference", "completion", "reason"), WRONG)
def test_other_answers_are_wrong_with_a_reason(match: str, reference: str, completion: str, reason: Reason) -> None:
    """Never a number for what is not there."""
    verdict = grade(TextTask(answer=reference, match=match), completion)
    assert (verdict.outcome, verdict.score, verdict.reason) == (Outcome.WRONG, 0.0, reason)


def test_shared_words_give_part_of_a_point() -> None:
    """The one match with scores between 0 and 1."""
    verdict = grade(TextTask(answer="the Eiffel Tower", match="f1"), "Eiffel Tower in Paris")
    assert (verdict.outcome, verdict.reason) == (Outcome.PARTIAL, Reason.OVERLAP)
    assert verdict.score == pytest.approx(2 / 3)


def test_of_several_references_the_best_counts() -> None:
    """Any one will do."""
    task = TextTask(answer=("New York City", "NYC", "Big Apple"), match="f1")
    assert grade(task, "NYC").score == 1.0
    assert grade(task, "the Apple").score == pytest.approx(2 / 3)


def test_a_place_that_is_asked_for_is_the_only_one() -> None:
    """An answer elsewhere is none."""
    assert grade(TextTask(answer="Paris", extract="answer_tag"), "Paris").reason is Reason.NO_ANSWER
    assert grade(TextTask(answer="Paris", extract="last_line"), "<answer>Rome</answer>\nParis").score == 1.0
    full = TextTask(answer="rome paris", extract="full")
    assert grade(full, "<think>x</think>Rome\nParis").score == 1.0


INVALID = [
    ("normalized", " ", "empty_reference"),
    ("normalized", "...", "empty_reference"),
    ("f1", "?!", "empty_reference"),
    ("contains", "—", "empty_reference"),
    ("exact", "\n", "empty_reference"),
    ("regex", ".*", "empty_reference"),
    ("regex", "(?=a)", "unreadable_pattern"),
    ("regex", "(", "unreadable_pattern"),
    ("regex", "((a{1,1000}){1,1000}){1,1000}", "unreadable_pattern"),
    ("exact", "x" * 70_000, "reference_too_long"),
]


@pytest.mark.parametrize(("match", "reference", "code"), INVALID)
def test_references_that_would_accept_anything_or_nothing_are_the_tasks_fault(
    match: str, reference: str, code: str
) -> None:
    """Also when another reference of the list could be met: the task is broken all the same."""
    for answer in (reference, ("Paris", reference)):
        with pytest.raises(TaskInvalid) as refused:
            grade(TextTask(answer=answer, match=match), "Paris")
        assert refused.value.code == code
