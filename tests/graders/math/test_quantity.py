"""Units in plain letters: a unit where both sides are measures, a variable everywhere else."""

import pytest

from graders.math.grade import MathGrader
from graders.task import MathTask
from graders.verdict import Outcome


@pytest.fixture(scope="module")
def grader():
    """One grader for all rows."""
    with MathGrader() as made:
        yield made


def _correct(grader: MathGrader, reference: str, answer: str) -> bool:
    return grader.grade(MathTask(answer=reference), f"\\boxed{{{answer}}}").outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("1 km", "1000 m"),
        ("1000 m", "1 km"),
        ("5 kg", "5000 g"),
        ("2.5 g", "2500 mg"),
        ("2 h", "120 min"),
        ("90 s", r"\frac{3}{2} min"),
        ("30 min", "1/2 h"),
        ("5 L", "5000 mL"),
        ("5 m", r"5 \text{ m}"),
        (r"5 \text{ m}", "5 m"),
        (r"5 \text{ m}", "5m"),
        ("5 m", "5 meters"),
        ("36 km/h", "10 m/s"),
        ("1 m^2", "10000 cm^2"),
        (r"2\sqrt{3} \text{ cm}", r"2\sqrt{3} cm"),
        (r"0.02\sqrt{3} \text{ m}", r"2\sqrt{3}\ cm"),
    ],
)
def test_plain_letters_after_a_space_are_the_unit_they_name(grader, reference, answer):
    """Two measures of the same amount are equal, whatever they are measured in."""
    assert _correct(grader, reference, answer)


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (r"5 \text{ cm}", "5 m"),
        (r"5 \text{ cm}", "5m"),
        ("5 cm", "5 m"),
        ("5 km", "5 m"),
        ("5 m", "5 s"),
        ("5 g", "5 kg"),
        ("3 h", "3 min"),
        ("5 L", "5 mL"),
        (r"5 \text{ cm}^2", "5 m^2"),
        (r"5 \text{ km/h}", "5 m/s"),
        ("1 km", "100 m"),
        (r"2\sqrt{3} \text{ cm}", r"2\sqrt{3} m"),
    ],
)
def test_the_same_number_of_another_unit_is_another_amount(grader, reference, answer):
    """A unit letter is not dropped where the reference has a unit of its own."""
    assert not _correct(grader, reference, answer)


@pytest.mark.parametrize(
    ("reference", "answer", "correct"),
    [
        ("5m", "m \\cdot 5", True),
        ("5 m", "m \\cdot 5", True),
        ("5m", "5 m", True),
        ("2 m + 1", "1 + 2m", True),
        ("2 m + 1", "2 h + 1", False),
        ("3 g", "3 h", False),
        ("1000m", "1km", False),
        ("60 s t", "60 t s", True),
        ("x = 5 m", "x = 5m", True),
        ("5", "5 m", True),
        ("6 m", "7 m", False),
    ],
)
def test_a_letter_is_a_variable_everywhere_else(grader, reference, answer, correct):
    """Without a space, in a sum, or beside other letters nothing is read as a unit."""
    assert _correct(grader, reference, answer) is correct
