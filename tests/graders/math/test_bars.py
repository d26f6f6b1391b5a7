"""Plain bars within bars: read as the same text with bars that say on which side they are, or not at all."""

import contextlib
import time

import pytest

from graders.math.grade import MathGrader
from graders.math.parse import parse
from graders.math.tokens import Unreadable
from graders.task import MathTask
from graders.verdict import Outcome

# The text, and the same with ( for a bar that opens and ) for one that closes; where it has parentheses of its own, [.
READ = [
    ("||x|-1|", "((x)-1)"),
    ("|x|y||", "(x(y))"),
    ("|a-|b||", "(a-(b))"),
    ("||a|-|b||", "((a)-(b))"),
    ("|a|b|c|", "(a)b(c)"),
    ("|a||b|", "(a)(b)"),
    ("|2|x|-3|", "(2(x)-3)"),
    ("|-|x||", "(-(x))"),
    ("|||x|-1|-2|", "(((x)-1)-2)"),
    ("|1-|2-|3-x|||", "(1-(2-(3-x)))"),
    ("||x||y||", "((x)(y))"),
    ("||x||y|-1|", "((x)(y)-1)"),
    ("|a-|b|||c|", "(a-(b))(c)"),
    ("|x-1||x+1|", "(x-1)(x+1)"),
    ("2|x-1|+3|y|", "2(x-1)+3(y)"),
    ("|z-|w|i|", "(z-(w)i)"),
    ("||x|^2-|y|^2|", "((x)^2-(y)^2)"),
    (r"|\sin|x||", r"(\sin(x))"),
    (r"\frac{||x|-1|}{2}", r"\frac{((x)-1)}{2}"),
    (r"\left|\left|x\right|-1\right|", "((x)-1)"),
    ("f[x]=||x|-1|", "f[x]=((x)-1)"),
    ("||x-1|-|x+1||<2, ||y|-1|=3", "((x-1)-(x+1))<2, ((y)-1)=3"),
    ("|x|<1 || |y|>3", "(x)<1 || (y)>3"),
    (r"\{x: ||x|-1|<2\}", r"\{x: ((x)-1)<2\}"),
    (r"\{x | ||x|-1|<2\}", r"\{x | ((x)-1)<2\}"),
    ("||v||", "(v)"),
    ("3|-2|", "3(-2)"),
]


@pytest.mark.parametrize(("plain", "told"), READ)
def test_bars_within_bars_are_told_apart(plain, told):
    """The tree is that of the text with \\lvert and \\rvert in their places."""
    told = told.replace("(", r"\lvert ").replace(")", r"\rvert ").replace("[", "(").replace("]", ")")
    assert parse(plain.replace("[", "(").replace("]", ")")) == parse(told)


@pytest.mark.parametrize("text", ["|x|-|y|-z||", "||x|", "|x||", "||x|-1", "|(x|y)|z|", "||", "||||"])
def test_bars_that_do_not_match_are_not_read(text):
    """Nothing is guessed where no way of reading matches them."""
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        ("||x|-1|", r"\left||x|-1\right|", True),
        ("||x|-1|", "|1-|x||", True),
        ("||x|-1|", "|x|-1", False),
        ("||x|-1|", "|x-1|", False),
        ("||a|-|b||", "|a|-|b|", False),
        ("||a|-|b||", "||b|-|a||", True),
        ("|2|x|-3|", "|3-2|x||", True),
        ("|2|x|-3|", "6|x|", False),
        ("|xy|", "||x||y||", True),
    ],
)
def test_they_mean_what_they_enclose(gold, answer, right):
    """Verdicts, in both kinds of bars."""
    with MathGrader() as grader:
        verdict = grader.grade(MathTask(answer=gold), f"\\boxed{{{answer}}}")
    assert (verdict.outcome is Outcome.CORRECT) is right


@pytest.mark.parametrize(
    "text", ["|" * 4000, "|x" * 2000, "|x|y|" * 800, "|x-" * 60 + "1" + "|" * 60, "(|a|" * 900, "|x|," * 1000]
)
def test_any_number_of_bars_takes_a_moment(text):
    """The matching is linear in the text."""
    begun = time.process_time()
    with contextlib.suppress(Unreadable):
        parse(text)
    assert time.process_time() - begun < 1.0
