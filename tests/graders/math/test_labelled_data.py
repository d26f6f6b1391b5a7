"""The grader against labelled data: the figures that must not get worse.

The files are development data beside the repository; a checkout without them skips. docs/math-labels.md lists the rows
whose labels do not survive a look.
"""

import json
import re
from pathlib import Path

import pytest

from graders.errors import TaskInvalid
from graders.math.grade import MathGrader
from graders.task import MathTask
from graders.verdict import Outcome

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not beside this repository")


# Rows whose label does not survive a look; docs/math-labels.md gives the reasons.
DOUBTFUL = {"completions_math_qwen100x8-00024", "completions_math_qwen100x8-00030"}


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one file."""
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def disagreements(name: str, answer: str, label: str) -> tuple[list[str], list[str], int]:
    """The identifiers of right answers refused and of wrong ones accepted, and the number of rows."""
    refused: list[str] = []
    accepted: list[str] = []
    found = rows(name)
    with MathGrader() as grader:
        for row in found:
            if row["id"] in DOUBTFUL:
                continue
            try:
                correct = grader.grade(MathTask(answer=row["gold"]), row[answer]).outcome is Outcome.CORRECT
            except TaskInvalid:
                correct = False
            if correct != row[label]:
                (refused if row[label] else accepted).append(row["id"])
    return refused, accepted, len(found)


@pytest.mark.parametrize(
    ("name", "answer", "label", "agreement_min", "accepted_max"),
    [
        ("math_pairs.jsonl", "pred", "expected", 0.985, 0),
        ("math_generated_pairs.jsonl", "pred", "expected", 1.0, 0),
        ("math_hard_pairs.jsonl", "pred", "label", 0.94, 0),
        ("math_completions.jsonl", "completion", "label", 0.995, 0),
    ],
)
def test_agreement_with_labels(name, answer, label, agreement_min, accepted_max):
    """Agreement at least, and wrong answers accepted at most, what the log reports."""
    refused, accepted, total = disagreements(name, answer, label)
    assert len(accepted) <= accepted_max, accepted
    assert 1 - (len(refused) + len(accepted)) / total >= agreement_min, (refused, accepted)


def rewritings(gold: str) -> list[str]:
    """Forms in which the same answer is given."""
    fenced = re.sub(
        r"(?<!\\left)(?<!\\right)([()\[\]])", lambda m: ("\\left" if m[1] in "([" else "\\right") + m[1], gold
    )
    return [
        gold,
        f"so the value is \\boxed{{{gold}}}.",
        f"Thus $\\boxed{{{gold}}}$.",
        f"The answer is ${gold}$.",
        f"The answer is\n$${gold}$$",
        f"<think>x</think><answer>{gold}</answer>",
        f"so\n#### {gold}",
        f"**Final Answer:** {gold}",
        f"### Final Answer\n\n${gold}$",
        f"\\boxed{{ {gold} }}",
        f"\\boxed{{{gold.replace(chr(92) + 'frac', chr(92) + 'dfrac')}}}",
        f"\\boxed{{{fenced}}}",
        f"\\boxed{{\\displaystyle {gold}}}",
        f"\\boxed{{{gold}.}}",
    ]


def test_every_reference_equals_itself_through_every_rewriting():
    """1,500 reference answers of MATH in 14 forms each, with the problem at hand."""
    failed = []
    with MathGrader() as grader:
        for row in rows("math_golds.jsonl"):
            for completion in rewritings(row["gold"]):
                if grader.grade(MathTask(answer=row["gold"]), completion, row["problem"]).score != 1.0:
                    failed.append((row["gold"], completion))
    assert not failed


def test_no_reference_equals_its_one_digit_edits():
    """Each digit of each reference, replaced by two others."""
    accepted = []
    with MathGrader() as grader:
        for row in rows("math_golds.jsonl"):
            gold = row["gold"]
            for at, char in enumerate(gold):
                if char.isascii() and char.isdigit():
                    for shift in (1, 7):
                        edit = gold[:at] + str((int(char) + shift) % 10) + gold[at + 1 :]
                        if grader.grade(MathTask(answer=gold), f"\\boxed{{{edit}}}").score:
                            accepted.append((gold, edit))
    assert not accepted
