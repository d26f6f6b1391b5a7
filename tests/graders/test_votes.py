"""Classes of equal answers: what is one answer, who abstains, and what happens at the bounds."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from graders.errors import GraderFault
from graders.math.bounded import Residue
from graders.math.grade import MathGrader
from graders.votes import Counter, Tally
from graders.work import VoteTask


@pytest.fixture(scope="module")
def counter() -> Iterator[Counter]:
    """One counter for all."""
    with MathGrader() as grader:
        yield Counter(grader)


def count(counter: Counter, *answers: str, by: str = "math") -> Tally:
    """A vote among answers, boxed as they are."""
    said = tuple(f"\\boxed{{{answer}}}" if by == "math" else answer for answer in answers)
    return counter.count(VoteTask(completions=said, by=by))


def test_notations_of_one_value_are_one_answer(counter: Counter) -> None:
    """By the maths grader, not by string; and classes come by first member."""
    tally = count(counter, "1/2", "2", "\\frac{1}{2}", "0.5", "x=2", "2.0", "50\\%", "\\sqrt{4}")
    assert tally.classes == ((0, 2, 3, 6), (1, 4, 5, 7))
    assert tally.answers == ("1/2", "2")
    assert tally.complete


def test_expressions_sets_and_intervals_are_compared_as_such(counter: Counter) -> None:
    """Whatever the grader can tell apart."""
    tally = count(counter, "(x+1)^2", "\\{1, 2\\}", "x^2+2x+1", "[0,1]", "\\{2, 1\\}", "0 \\le x \\le 1", "(1, 2)")
    assert tally.classes[0] == (0, 2)
    assert tally.classes[1] == (1, 4)
    assert (6,) in tally.classes


def test_words_vote_too(counter: Counter) -> None:
    """A maths problem may ask for a day of the week."""
    assert count(counter, "\\text{Tuesday}", "tuesday", "Monday").classes == ((0, 1), (2,))


def test_equality_holds_both_ways(counter: Counter) -> None:
    """A rounded value accepts the exact one as a reference may; the exact one does not accept it back."""
    assert count(counter, "3.14", "\\pi").classes == ((0,), (1,))
    assert count(counter, "\\pi", "3.14").classes == ((0,), (1,))


ABSTAINING = [
    "", "no box here\nand nothing that concludes, for the text goes on", "<think>\\boxed{3}", "\\boxed{}",
    "\\boxed{3} is wrong", "\\boxed{3 4 5 6}", "\\boxed{",
]  # fmt: skip
SEVERAL = ["\\boxed{3 or 4}", "\\boxed{not 3}", "\\boxed{3}, or maybe \\boxed{4}", "\\boxed{3, 4}"]


@pytest.mark.parametrize("completion", ABSTAINING)
def test_who_says_nothing_or_takes_it_back_has_no_vote(counter: Counter, completion: str) -> None:
    """Only an answer that can be read back as a reference to itself counts."""
    tally = counter.count(VoteTask(completions=(completion, "\\boxed{3}", "\\boxed{3}")))
    assert tally.classes == ((1, 2),), tally


@pytest.mark.parametrize("completion", SEVERAL)
def test_who_names_several_values_votes_for_none_of_them(counter: Counter, completion: str) -> None:
    """Two solutions are an answer, but another one than either; else a list of all answers would vote for each."""
    tally = counter.count(VoteTask(completions=("\\boxed{3}", completion, "\\boxed{3}", "\\boxed{4}")))
    assert tally.classes[0] == (0, 2)
    assert (3,) in tally.classes


def test_a_vote_of_nobody_is_empty(counter: Counter) -> None:
    """No class, no answer, and no fault."""
    for by in ("math", "choice", "text", "json"):
        assert counter.count(VoteTask(completions=(), by=by)) == Tally()
        assert counter.count(VoteTask(completions=("", ""), by=by)) == Tally()


def test_letters_words_and_values_are_compared_by_their_own_rule(counter: Counter) -> None:
    """Each as its kind's grader reads it."""
    assert count(counter, "(A)", "The answer is A.", "B", "A or B", by="choice").classes == ((0, 1), (2,))
    assert count(counter, "The Moon!", "It is the **moon**.", "Mars", "...", by="text").classes == ((0, 1), (2,))
    values = ('{"a": 1, "b": [2.0]}', '{"b": [2], "a": 1.0}', '{"a": true}', "{'a': 1}", '{"a": 1')
    assert count(counter, *values, by="json").classes == ((0, 1), (2,))


def test_past_its_time_a_vote_goes_by_text_and_says_so() -> None:
    """Deterministic where it can be, and never kept in a cache where it cannot."""
    with MathGrader() as grader:
        tally = count(Counter(grader, seconds_max=0.0), "1/2", "0.5", "1/2", "$1/2$")
    assert tally.classes == ((0, 2, 3), (1,))
    assert not tally.complete


def test_what_cannot_be_decided_is_different_and_not_complete() -> None:
    """A child that never knows: two sums that only it could compare."""
    command = ("/bin/sh", "-c", "echo '{\"ready\": true}'; while read line; do echo '{\"equal\": null}'; done")
    with MathGrader(Residue(command=command)) as grader:
        tally = count(
            Counter(grader),
            "\\int_0^1 x^x dx",
            "\\int_0^1 t^t dt + \\int_0^1 \\sin(\\sin x) dx - \\int_0^1 \\sin(\\sin y) dy",
        )
    assert len(tally.classes) == 2
    assert not tally.complete


def test_a_child_that_fails_is_our_fault() -> None:
    """No class is made up for it."""
    with MathGrader(Residue(command=("/bin/false",))) as grader, pytest.raises(GraderFault):
        count(
            Counter(grader),
            "\\int_0^1 x^x dx",
            "\\int_0^1 t^t dt + \\int_0^1 \\sin(\\sin x) dx - \\int_0^1 \\sin(\\sin y) dy",
        )


def test_many_completions_are_counted_in_a_moment(counter: Counter) -> None:
    """256 of one prompt with 100 different answers."""
    answers = [str(n % 100) for n in range(256)]
    tally = count(counter, *answers)
    assert len(tally.classes) == 100
    assert tally.complete
    assert tally.classes[0] == (0, 100, 200)


def test_labelled_pairs_are_never_merged_falsely(
    counter: Counter, shared_rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    """Of pairs that people or constructions call different none votes together; of the equal ones nearly all do.

    The rest are references that only a grader's light makes equal: a whole solution, a rounded figure, a sentence.
    """
    together = {True: 0, False: 0}
    total = {True: 0, False: 0}
    for name in ("math_pairs.jsonl", "math_generated_pairs.jsonl", "math_hard_pairs.jsonl"):
        for row in shared_rows(name):
            equal = bool(row["expected"] if "expected" in row else row["label"])
            said = row["pred"] if row.get("form", "bare") != "bare" else f"\\boxed{{{row['pred']}}}"
            tally = counter.count(VoteTask(completions=(f"\\boxed{{{row['gold']}}}", said)))
            together[equal] += tally.classes == ((0, 1),)
            total[equal] += 1
    assert together[False] == 0, total
    assert together[True] > 0.9 * total[True], (together, total)


def test_every_reference_votes_for_itself(counter: Counter, shared_rows: Callable[[str], list[dict[str, Any]]]) -> None:
    """1,500 answers of MATH: none is unreadable as what others are compared with."""
    for row in shared_rows("math_golds.jsonl"):
        tally = counter.count(VoteTask(completions=(f"So it is \\boxed{{{row['gold']}}}.",) * 2))
        assert tally.classes == ((0, 1),), row["gold"]
