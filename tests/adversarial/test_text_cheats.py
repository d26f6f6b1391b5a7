"""Completions that try to be paid for words they do not stand by: one row per trick. None may be correct."""

import time

import pytest

from graders.task import TextTask
from graders.text import grade
from graders.verdict import Outcome

CITIES = ["Paris", "London", "Berlin", "Rome", "Madrid", "Lisbon", "Vienna", "Prague"]

# (trick, match, reference, completion)
CHEATS = [
    ("every option, with commas", "contains", "Paris", ", ".join(CITIES)),
    ("every option, with slashes", "contains", "Paris", " / ".join(CITIES)),
    ("every option, in a tag over lines", "contains", "Paris", "<answer>" + "\n".join(CITIES) + "</answer>"),
    ("every option, as bullets", "contains", "Paris", "<answer>" + "".join(f"\n- {c}" for c in CITIES) + "</answer>"),
    ("every option, numbered", "contains", "Paris", " ".join(f"{n}. {c}" for n, c in enumerate(CITIES, 1))),
    ("every option, with nothing between", "contains", "Paris", " ".join(CITIES)),
    ("every option, in a sentence", "contains", "Paris", "It is " + " or ".join(CITIES)),
    ("either or", "contains", "Paris", "either Paris or London"),
    ("maybe", "contains", "Paris", "maybe Paris"),
    ("a denial", "contains", "Paris", "not Paris"),
    ("a denial after it", "contains", "Paris", "Paris is wrong"),
    ("a question", "contains", "Paris", "Is it Paris?"),
    ("a dictionary", "contains", "Paris", "<answer>" + " ".join(f"word{n}" for n in range(900)) + " Paris</answer>"),
    ("thoughts", "contains", "Paris", "<think>Paris? London?</think>I do not know."),
    ("thoughts that never end", "contains", "Paris", "<think>Paris"),
    ("a part of a word", "contains", "art", "particle"),
    ("an earlier line", "contains", "Paris", "Paris\nLondon"),
    ("an earlier answer", "normalized", "Paris", "<answer>Paris</answer><answer></answer>"),
    ("two answers", "normalized", "Paris", "<answer>London</answer><answer>Paris</answer>"),
    ("two boxes", "normalized", "Paris", "\\boxed{London}, \\boxed{Paris}"),
    ("a bold denial", "normalized", "Paris", "It is not **Paris**."),
    ("a bold guess", "normalized", "Paris", "Maybe **Paris**?"),
    ("two in bold", "normalized", "Paris", "**London** or **Paris**"),
    ("one of two in bold", "normalized", "Paris", "London or **Paris**"),
    ("a denial before it", "normalized", "Paris", "<answer>I deny that, the answer is not Paris</answer>"),
    ("no answer, announced", "normalized", "Paris", "<answer>Not sure the answer is Paris</answer>"),
    ("announced twice", "normalized", "Paris", "<answer>The answer is Paris. The answer is London.</answer>"),
    ("punctuation for a decimal point", "normalized", "1.5", "15"),
    ("a lost sign", "normalized", "-7", "7"),
    ("the reference among others", "exact", "Paris", "London Paris"),
    ("a line that matches", "regex", "Paris", "<answer>London\nParis</answer>"),
    ("the pattern itself", "regex", "(Paris|Lyon)", "(Paris|Lyon)"),
    ("end of turn", "normalized", "Paris", "London<|im_end|>Paris"),
]


@pytest.mark.parametrize(("trick", "match", "reference", "completion"), CHEATS, ids=[row[0] for row in CHEATS])
def test_a_cheat_is_not_paid(trick: str, match: str, reference: str, completion: str) -> None:
    """Wrong, whatever the reason."""
    verdict = grade(TextTask(answer=reference, match=match), completion)
    assert (verdict.outcome, verdict.score) == (Outcome.WRONG, 0.0), (trick, verdict)


def test_words_by_the_thousand_earn_next_to_nothing() -> None:
    """Shared words are weighed against all that was said."""
    dump = "<answer>" + " ".join(f"word{n}" for n in range(2000)) + " eiffel tower</answer>"
    assert grade(TextTask(answer="Eiffel Tower", match="f1"), dump).score < 0.01


def test_repeating_a_right_word_does_not_pay() -> None:
    """It counts as often as the reference has it."""
    once = grade(TextTask(answer="Eiffel Tower", match="f1"), "tower").score
    assert grade(TextTask(answer="Eiffel Tower", match="f1"), "tower tower tower").score < once


FLOODS = {
    "dots": ".", "spaces": " ", "quotes": '"', "tags": "<answer>", "boxes": "\\boxed{", "hashes": "####",
    "lines": "a\n", "phrases": "the answer is ", "stops": "a. ", "signs": "- ", "plus": "a+", "digits": "1.",
    "backquotes": "`", "Han": "東", "commas": "a,", "remarks": "done\n",
}  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_anything_is_graded_in_linear_time(flood: str) -> None:
    """Ten times as much takes some ten times as long, whatever the match."""

    def seconds(size: int) -> float:
        text = flood * (size // len(flood)) + " right words"
        began = time.process_time()
        for match, where in (("f1", "auto"), ("contains", "full"), ("regex", "auto")):
            grade(TextTask(answer="(a+)+b" if match == "regex" else "right words", match=match, extract=where), text)
        return time.process_time() - began

    small, large = seconds(40_000), seconds(400_000)
    assert large < 30 * small + 0.5
    assert large < 4
