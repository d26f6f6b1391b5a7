"""Statements with a direction, set differences, and functions of whole numbers: what only looks equal, and what is."""

import pytest

from graders.math.grade import MathGrader
from graders.task import MathTask
from graders.verdict import Outcome

ROWS: list[tuple[str, str, bool]] = [
    # A relation read from its other end is another one, but for those that have no direction.
    (r"A \subset B", r"B \subset A", False),
    (r"A \subset B", r"B \supset A", True),
    (r"A \subseteq B", r"B \supseteq A", True),
    (r"A \subseteq B", r"A \subset B", False),
    (r"n \mid 12", r"12 \mid n", False),
    (r"n \mid 12", r"n\mid12", True),
    (r"AB \perp CD", r"CD \perp AB", True),
    (r"AB \parallel CD", r"CD \parallel AB", True),
    (r"AB \perp CD", r"AB \parallel CD", False),
    (r"a < b < c", r"c > b > a", True),
    (r"a < b < c", r"c < b < a", False),
    # Differences of sets.
    (r"A \setminus B", r"B \setminus A", False),
    (r"A \setminus B", r"A \setminus B", True),
    (r"A \cup B", r"B \cup A", True),
    (r"A \cup B", r"A \cap B", False),
    # Divisors: 1 divides every polynomial, and few numbers have no other common divisor.
    (r"1", r"\gcd(a, b)", False),
    (r"1", r"\gcd(n, n+1)", True),
    (r"\gcd(a, b)", r"\gcd(b, a)", True),
    (r"ab", r"\gcd(a, b) \cdot \operatorname{lcm}(a, b)", True),
    (r"\operatorname{lcm}(a, b)", r"\frac{ab}{\gcd(a, b)}", True),
    (r"\gcd(a, b)", r"\gcd(a, b, c)", False),
    # Functions whose names were put into \text{...}.
    (r"12", r"\text{lcm}(4, 6)", True),
    (r"3", r"\text{max}\left(2, 3\right)", True),
    (r"x", r"\text{sgn}(x) |x|", True),
    (r"5 \text{ min}", r"5 \text{ min} (about)", True),
    # Below a floor x is any real number, n a whole one.
    (r"x", r"\lfloor x \rfloor", False),
    (r"\lfloor x \rfloor", r"\lceil x \rceil", False),
    (r"\lfloor x \rfloor", r"\lfloor x + \frac12 \rfloor", False),
    (r"0", r"x - \lfloor x \rfloor", False),
    (r"\lceil x \rceil", r"-\lfloor -x \rfloor", True),
    (r"\lfloor x \rfloor + n", r"\lfloor x + n \rfloor", True),
    (r"\lfloor 2x \rfloor", r"\lfloor x \rfloor + \lfloor x + \frac12 \rfloor", True),
    (r"n", r"\lfloor n/2 \rfloor + \lceil n/2 \rceil", True),
    (r"\lfloor n/2 \rfloor", r"n/2", False),
    (r"\lfloor n/2 \rfloor", r"\frac{2n - 1 + (-1)^n}{4}", True),
    # Constants of a general solution may have any names, and points may not.
    (r"y = C_1 e^x + C_2 e^{-x}", r"y = A e^x + B e^{-x}", True),
    (r"C_1 e^x + C_2 e^{-x}", r"B e^x + A e^{-x}", True),
    (r"C_1 \cos 2x + C_2 \sin 2x", r"c_1 \sin 2x + c_2 \cos 2x", True),
    (r"C_1 e^x + C_2 e^{-x}", r"A e^x + A e^{-x}", False),
    (r"C_1 e^x + C_2 e^{-x}", r"A e^x + B e^{-2x}", False),
    (r"AB", r"CD", False),
    (r"Ax + By", r"Cx + Dy", False),
    # An equation of products is no product's name.
    (r"xy = 1", r"y = \frac{1}{x}", True),
    (r"xy = 6", r"x = \frac{6}{y}", True),
    (r"xy = 6", r"y = \frac{x}{6}", False),
    (r"AB = 5", r"AB = x", False),
    (r"AB = 5", r"BC = 5", False),
    # What stands apart is not one number.
    (r"34", r"3 \quad 4", False),
    (r"34", r"3\qquad4", False),
]


@pytest.fixture(scope="module")
def grader():
    """One grader for all rows."""
    with MathGrader() as opened:
        yield opened


@pytest.mark.parametrize(("reference", "answer", "equal"), ROWS)
def test_a_direction_is_part_of_what_is_said(grader: MathGrader, reference: str, answer: str, equal: bool) -> None:
    """Each row was judged by hand."""
    verdict = grader.grade(MathTask(answer=reference), f"\\boxed{{{answer}}}")
    assert (verdict.outcome is Outcome.CORRECT) == equal, verdict
