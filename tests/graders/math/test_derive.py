"""Derivatives: what can be carried out is, what cannot stays what it was, and an echo of the problem does not pay."""

import pytest

from graders.math.derive import SIZE_MAX, _size, carried_out
from graders.math.grade import MathGrader
from graders.math.parse import parse
from graders.task import MathTask
from graders.verdict import Outcome


@pytest.fixture(scope="module")
def grader():
    """One grader for all rows."""
    with MathGrader() as made:
        yield made


def _correct(grader: MathGrader, reference: str, answer: str, prompt: str = "") -> bool:
    return grader.grade(MathTask(answer=reference), f"\\boxed{{{answer}}}", prompt).outcome is Outcome.CORRECT


ROWS = [
    (r"\frac{d}{dx} x^2", "2x", "2x+1"),
    (r"\frac{d}{dx}(x^3 - 4x)", "3x^2-4", "3x^2"),
    (r"\frac{d(x^2)}{dx}", "2x", "x"),
    (r"\dfrac{\mathrm{d}}{\mathrm{d}x} x^5", "5x^4", "5x^5"),
    (r"3\frac{d}{dx} x^2", "6x", "2x"),
    (r"1 + \frac{d}{dx} x^2", "2x+1", "2x"),
    (r"\frac{d^2}{dx^2} x^3", "6x", "3x^2"),
    (r"\frac{d}{dx} \sin x", r"\cos x", r"-\cos x"),
    (r"\frac{d}{dx} \cos(3x)", r"-3\sin(3x)", r"-\sin(3x)"),
    (r"\frac{d}{dx} \tan x", r"\sec^2 x", r"\sec x"),
    (r"\frac{d}{dx} \arctan x", r"\frac{1}{1+x^2}", r"\frac{1}{1-x^2}"),
    (r"\frac{d}{dx} \arcsin x", r"\frac{1}{\sqrt{1-x^2}}", r"\sqrt{1-x^2}"),
    (r"\frac{d}{dx} e^{x^2}", r"2x e^{x^2}", r"e^{x^2}"),
    (r"\frac{d}{dx} 2^x", r"2^x \ln 2", r"2^{x-1} x"),
    (r"\frac{d}{dt} 3t^2", "6t", "3t"),
    (r"\frac{d}{dx} x^x", r"x^x(\ln x + 1)", r"x^x \ln x"),
    (r"\frac{d}{dx} \ln(x^2+1)", r"\frac{2x}{x^2+1}", r"\frac{1}{x^2+1}"),
    (r"\frac{d}{dx} \log_2 x", r"\frac{1}{x \ln 2}", r"\frac{1}{x}"),
    (r"\frac{d}{dx} \sqrt{x}", r"\frac{1}{2\sqrt{x}}", r"\frac{1}{\sqrt{x}}"),
    (r"\frac{d}{dx} \frac{x}{x+1}", r"\frac{1}{(x+1)^2}", r"\frac{1}{x+1}"),
    (r"\frac{d}{dx} x \sin x", r"\sin x + x\cos x", r"\cos x"),
    (r"\frac{d}{dx} (a x^2 + b)", "2ax", "2ax+b"),
    (r"\frac{\partial}{\partial x} x^2 y", "2xy", "2x"),
]


@pytest.mark.parametrize(("asked", "value", "other"), ROWS)
def test_a_derivative_is_the_function_it_evaluates_to(grader, asked, value, other):
    """As a reference and as an answer, and no other function is."""
    assert _correct(grader, asked, value)
    assert _correct(grader, value, asked)
    assert not _correct(grader, asked, other)
    assert not _correct(grader, other, asked)


@pytest.mark.parametrize(("asked", "value", "other"), ROWS)
def test_an_unevaluated_echo_of_the_problem_does_not_pay(grader, asked, value, other):
    """The derivative that the problem asks for is no answer to it."""
    assert not _correct(grader, value, asked, prompt=f"Compute ${asked}$.")
    assert _correct(grader, value, value, prompt=f"Compute ${asked}$.")


@pytest.mark.parametrize(
    "shown",
    [
        r"\frac{dy}{dx}",
        r"\frac{d}{dx} f(x)",
        r"\frac{d}{dx}",
        r"\frac{d}{dx} (x y)",
        r"\frac{d}{dx} |x|",
        r"\frac{d^9}{dx^9} x^{10}",
        r"\frac{d}{dx} a",
    ],
)
def test_what_cannot_be_carried_out_is_left_alone(shown):
    """Quotients of differentials, unknown functions, letters that may depend on the variable, corners."""
    assert carried_out(parse(shown)) == parse(shown)


def test_a_derivative_does_not_outgrow_its_bound():
    """Four times the product rule on many factors is refused rather than written out."""
    factors = "".join(rf"\sin({n}x)" for n in range(2, 60))
    assert _size(carried_out(parse(r"\frac{d^4}{dx^4}" + factors))) <= SIZE_MAX
