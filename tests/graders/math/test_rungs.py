"""The ladder: which rung decides, what it decides, and that it never guesses."""

import json
import subprocess
import sys

import pytest

from graders.math import rungs
from graders.math.comparing.rounding import rounds_to
from graders.math.parse import parse
from graders.math.rungs import equal, separation_bits
from graders.math.tree import MINUS_ONE, Node

DECIDED = [
    ("x+1", "x+1", True, "structure"),
    ("1/2", "0.5", True, "rational"),
    ("2^{10}", "1024", True, "rational"),
    (r"\sqrt{16}", "4", True, "rational"),
    ("1/2004!", "1/2006!", False, "constant"),
    ("2^{-99}", "2^{-98}", False, "rational"),
    (r"\sqrt{2}+\sqrt{3}", r"\sqrt{5+2\sqrt{6}}", True, "algebraic"),
    (r"\sqrt{2}", "1.41421356237309504880168872420969807", False, "constant"),
    (r"\sqrt{1000001}-1000", "0.0005", False, "constant"),
    (r"\pi", r"\frac{355}{113}", False, "constant"),
    (r"\ln 8", r"3\ln 2", True, "numeric"),
    (r"e^{i\pi}", "-1", True, "numeric"),
    (r"\cos 36^\circ", r"\frac{1+\sqrt5}{4}", True, "numeric"),
    ("(x+1)^2", "x^2+2x+1", True, "field"),
    ("(x+y)^3", "x^3+y^3", False, "field"),
    (r"\frac{1}{x}-\frac{1}{x+1}", r"\frac{1}{x(x+1)}", True, "field"),
    ("2^{n+1}", r"2\cdot2^n", True, "field"),
    (r"\binom{n}{2}", r"\frac{n(n-1)}{2}", True, "field"),
    (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}", True, "field"),
    (r"\sum_{k=1}^{n} k", r"\frac{n^2}{2}", False, "field"),
    (r"\sin^2 x+\cos^2 x", "1", True, "sampled"),
    (r"\sqrt{x^2}", "x", False, "sampled"),
    (r"\sqrt{x^2}", "|x|", True, "sampled"),
    (r"\ln(xy)", r"\ln x+\ln y", True, "sampled"),
    ("f(x)+f(y)", "f(y)+f(x)", True, "field"),
    ("f(x)", "f(y)", False, "field"),
]


@pytest.mark.parametrize(("gold", "answer", "expected", "rung"), DECIDED)
def test_each_rung_decides_what_it_can(gold, answer, expected, rung):
    """Both the finding and the rung that made it, in either direction."""
    assert equal(parse(gold), parse(answer)) == (expected, rung)
    assert equal(parse(answer), parse(gold))[0] is expected


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("10^{10^{10}}+1", "10^{10^{10}}"),
        ("9^{9^{9^9}}", "9^{9^{9^9}}+1"),
        ("1+10^{-10^{10}}", "1"),
        ("1/0", "2/0"),
    ],
)
def test_what_cannot_be_told_is_not_told(gold, answer):
    """Too large to see the difference, or no value at all: None, never True."""
    assert equal(parse(gold), parse(answer))[0] is None


def test_a_tower_equals_itself_in_another_order():
    """Where no value can be computed the shape may still be the same."""
    assert equal(parse("9^{9^{9^9}}+x"), parse("x+9^{9^{9^9}}"))[0] is True
    assert equal(parse("9^{9^{9^9}}+1"), parse("1+9^{9^{9^9}}")) == (True, "canonical")


def test_the_separation_bound_is_a_bound():
    """A value that is not zero is farther from zero than the bound says."""
    for left, right in [(r"\sqrt{2}+\sqrt{3}", r"\sqrt{10}"), (r"\sqrt{50}", "7.0710678118654752440084436210485")]:
        difference = Node("add", (parse(left), Node("mul", (MINUS_ONE, parse(right)))))
        bits = separation_bits(difference)
        assert bits is not None
        from graders.math.balls import at_precision, ball

        with at_precision(4000):
            assert abs(ball(difference, {})) > 2.0 ** -min(bits, 1000)


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        ("30.52", r"\frac{1587}{52}", True),
        ("0.33", r"\frac{1}{3}", True),
        ("3.14", r"\pi", True),
        ("165.5", "165.47", True),
        ("3.14", "3.14159", True),
        ("0.3", r"\frac{1}{3}", False),
        ("12.95", "12.951", False),
        ("10.0", "10.0005", False),
        ("5", "5.001", False),
        ("0.458", r"\frac{31}{60}", False),
        ("100.005", r"\sqrt{10001}", False),
        (r"\frac{\sqrt3}{2}", "0.8660254037844386", True),
        (r"\frac{1}{3}", "0.333333", True),
        (r"\frac{1}{3}", "0.333", False),
        (r"\frac{1}{8}", "0.1250001", False),
        (r"\sqrt{2}", "1.41", False),
        ("0.35625", r"0.\overline{35625}", False),
    ],
)
def test_the_digits_of_the_rounded_number_decide(gold, answer, same):
    """A decimal reference stands for what rounds to it; a decimal answer needs six digits to stand for a surd."""
    assert rounds_to(parse(gold), parse(answer)) is same


_OTHER_POINTS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from graders.math import rungs
print(json.dumps([str(rungs._coordinate("x", point)) for point in range(len(rungs._POINTS))]))
"""


def _points_of_another_process():
    run = subprocess.run(
        [sys.executable, "-c", _OTHER_POINTS, str(rungs.__file__).removesuffix("/graders/math/rungs.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


def _agreeing_at(points):
    """A function that is sin(x) at the points, and nowhere else."""
    return r"\sin x + " + "".join(rf"\left(x-\frac{{{top}}}{{{bottom}}}\right)" for top, bottom in points)


def test_an_answer_that_agrees_at_the_points_of_another_process_is_refuted():
    """Each process draws the points at which functions are compared: whoever knew them could agree just there."""
    mine = [str(rungs._coordinate("x", point)).split("/") for point in range(len(rungs._POINTS))]
    assert equal(parse(r"\sin x"), parse(_agreeing_at(mine))) == (True, "sampled"), "the points are what decides"
    theirs = [text.split("/") for text in _points_of_another_process()]
    assert equal(parse(r"\sin x"), parse(_agreeing_at(theirs))) == (False, "sampled")


def test_what_changes_at_a_simple_number_changes_for_every_process():
    """The draw never moves a point across a multiple of a twelfth: it does not decide whether x is beyond a corner."""
    for point, text in enumerate(_points_of_another_process()):
        top, bottom = map(int, text.split("/"))
        mine = rungs._coordinate("x", point)
        assert 12 * top // bottom == (12 * mine).floor()


@pytest.mark.parametrize(
    ("gold", "answer", "found"),
    [
        (r"\sin x", r"\sin x+10^{-40}", False),
        (r"\sin x", r"\sin x+\frac{x}{10^{35}}", False),
        ("e^x", r"e^x+\frac{1}{10^{50}}", False),
        (r"\sin x", r"\sin x+10^{-400}", None),
        (r"\sin x + 10^{-40}", r"10^{-40}+\sin x", True),
        (r"n!\sqrt{2}", r"n!\sqrt{2}+\prod_{k=1}^{23}(n-k)", False),
        (r"\binom{n}{k}\sqrt{2}", r"\frac{n!}{k!(n-k)!}\sqrt{2}", True),
        (r"\lfloor n/2\rfloor", r"\frac{n}{2}-\frac{1-(-1)^n}{4}", True),
        ("|x-40|", "40-x", False),
    ],
)
def test_a_part_too_small_to_see_at_once_still_counts(gold, answer, found):
    """Functions that agree at 96 bits are looked at again at 1,024, and at integers beyond the known ones."""
    assert equal(parse(gold), parse(answer))[0] is found
