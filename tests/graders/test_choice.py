"""Multiple choice: letters, hedges, option texts."""

import pytest

from graders import choice
from graders.errors import TaskInvalid
from graders.task import ChoiceTask
from graders.verdict import Outcome, Reason

OPTIONS = ("12", "15", "18", "21")


@pytest.mark.parametrize(
    "completion",
    [
        r"\boxed{B}",
        r"\boxed{\text{B}}",
        r"\boxed{(B)}",
        r"\boxed{\textbf{(B)}}",
        r"\boxed{\text{(B) } 15}",
        r"\boxed{B: 15}",
        r"\boxed{\mathrm{B}}",
        "<answer>B</answer>",
        "<answer>b</answer>",
        "<answer>B) 15</answer>",
        "The answer is B.",
        "The answer is (B).",
        "The correct option is B.",
        "Solution: Choice_B",
        "Solution: Choice B: 15",
        "work\n#### B",
        "B",
        "B.",
        "b",
        "(B)",
        "B. it can't be A or C",
        "thinking about it I think the correct answer is B",
        "It's not A because it doesn't make sense, therefore I think it's B",
        "The answer is for sure B, it can't be A or C",
        "réponse est B non A",
        "B。不是 A",
        "答案是 B",
        "<think>maybe A</think>\nThe answer is **B**",
        "Step 1: A is too small.\nStep 2: C is too large.\nTherefore the answer is B.",
    ],
)
def test_the_letter_is_read_in_every_common_form(completion):
    """Each form names B and nothing else."""
    verdict = choice.grade(ChoiceTask(answer="B", options=OPTIONS), completion)
    assert (verdict.outcome, verdict.reason) == (Outcome.CORRECT, Reason.EQUAL), verdict


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        (r"\boxed{A}", Reason.DIFFERENT),
        (r"\boxed{A or B}", Reason.HEDGED),
        (r"\boxed{A, B}", Reason.HEDGED),
        (r"\boxed{not B}", Reason.UNPARSABLE),
        ("A B C D", Reason.HEDGED),
        ("The answer is A, B, C, or D", Reason.HEDGED),
        ("The answer is either A or B.", Reason.HEDGED),
        ("The answer is B, which is wrong.", Reason.HEDGED),
        ("The answer is maybe B.", Reason.HEDGED),
        (r"\boxed{B is wrong}", Reason.UNPARSABLE),
        (r"\boxed{160 = B}", Reason.UNPARSABLE),
        (r"\boxed{B = 160}", Reason.UNPARSABLE),
        (r"\boxed{E}", Reason.DIFFERENT),
        (r"\boxed{}", Reason.NO_ANSWER),
        ("", Reason.NO_ANSWER),
        ("<think>B", Reason.NO_ANSWER),
    ],
)
def test_wrong_and_hedged_letters_do_not_pay(completion, reason):
    """One right letter among several, a denied one, none at all."""
    verdict = choice.grade(ChoiceTask(answer="B", options=OPTIONS), completion)
    assert verdict.outcome is Outcome.WRONG
    assert verdict.score == 0.0
    assert verdict.reason in (reason, Reason.HEDGED), verdict


def test_an_options_text_is_an_answer_too():
    """With the options known, the text of one of them names its letter; an ambiguous text names none."""
    task = ChoiceTask(answer="B", options=OPTIONS)
    assert choice.grade(task, r"\boxed{15}").outcome is Outcome.CORRECT
    assert choice.grade(task, r"\boxed{18}").outcome is Outcome.WRONG
    twice = ChoiceTask(answer="B", options=("15", "15", "18"))
    assert choice.grade(twice, r"\boxed{15}").outcome is Outcome.WRONG
    assert choice.grade(ChoiceTask(answer="B"), r"\boxed{15}").outcome is Outcome.WRONG


def test_several_right_letters_must_all_be_named():
    """And no other one."""
    task = ChoiceTask(answer=("A", "C"))
    assert choice.grade(task, r"\boxed{A, C}").outcome is Outcome.CORRECT
    assert choice.grade(task, r"\boxed{C and A}").outcome is Outcome.CORRECT
    for wrong in ("A", "A, B", "A, B, C"):
        assert choice.grade(task, rf"\boxed{{{wrong}}}").outcome is Outcome.WRONG


@pytest.mark.parametrize("answer", ["", "fifteen", "E", "?"])
def test_a_reference_that_is_no_letter_of_the_question_is_the_tasks_fault(answer):
    """Nothing is graded against it."""
    with pytest.raises(TaskInvalid):
        choice.grade(ChoiceTask(answer=answer, options=OPTIONS), r"\boxed{A}")


def test_options_may_have_their_own_labels():
    """A map of texts by letter."""
    task = ChoiceTask(answer="K", options={"J": "red", "K": "blue"})
    assert choice.grade(task, r"\boxed{K}").outcome is Outcome.CORRECT
    assert choice.grade(task, r"\boxed{\text{blue}}").outcome is Outcome.CORRECT
    assert choice.grade(task, r"\boxed{J}").outcome is Outcome.WRONG
