"""Laws of the maths grader on generated answers: equal to itself, symmetric, unmoved by layout, never an exception."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from graders.errors import TaskInvalid
from graders.extract import extract
from graders.math import rungs, tree
from graders.math.grade import MathGrader
from graders.math.parse import parse
from graders.math.tokens import Unreadable
from graders.task import MathTask
from graders.verdict import Outcome

SETTINGS = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

integers = st.integers(-999, 999).map(lambda n: str(n) if n >= 0 else f"({n})")
naturals = st.integers(2, 99).map(str)
variables = st.sampled_from(["x", "y", "n", r"\pi", r"\theta", "a_1"])
leaves = st.one_of(integers, naturals, variables, st.sampled_from(["0.5", "2.75", r"\frac{2}{3}"]))


def _grown(inner: "st.SearchStrategy[str]") -> "st.SearchStrategy[str]":
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: f"{p[0]}+{p[1]}"),
        pairs.map(lambda p: f"({p[0]})-({p[1]})"),
        pairs.map(lambda p: rf"({p[0]})\cdot({p[1]})"),
        pairs.map(lambda p: rf"\frac{{{p[0]}}}{{{p[1]}}}"),
        inner.map(lambda e: rf"\sqrt{{{e}}}"),
        st.tuples(inner, st.integers(2, 4)).map(lambda p: f"({p[0]})^{{{p[1]}}}"),
        inner.map(lambda e: rf"\sin({e})"),
        inner.map(lambda e: f"|{e}|"),
    )


expressions = st.recursive(leaves, _grown, max_leaves=8)
structures = st.one_of(
    expressions,
    st.lists(expressions, min_size=2, max_size=4).map(lambda parts: "(" + ", ".join(parts) + ")"),
    st.lists(expressions, min_size=2, max_size=4).map(lambda parts: r"\{" + ", ".join(parts) + r"\}"),
    st.tuples(integers, integers).map(lambda p: f"[{p[0]}, {p[1]})"),
    expressions.map(lambda e: f"y = {e}"),
    st.tuples(st.sampled_from(["<", r"\le", ">", r"\ge"]), integers).map(lambda p: f"x {p[0]} {p[1]}"),
)
_SCRAP_TEXT = (
    "1 23 x + - * / ^ _ { } ( ) [ ] | , ; = < \\frac \\sqrt \\pi \\left \\right \\boxed % ° √ ½ or and not is $ &"
    " \\\\ \\cup \\in \\infty ! ' : <think> </think> <answer> </answer> #### 答案 💥 \\begin{pmatrix}"
    " \\end{pmatrix} \\sum_{k=1}^{3}"
)
_SCRAPS = [*_SCRAP_TEXT.split(), " ", "\n", "\x00", "The answer is ", r"\text{ cm}"]
scraps = st.lists(st.sampled_from(_SCRAPS), max_size=40).map("".join)


@pytest.fixture(scope="module")
def grader():
    """One grader for all examples."""
    with MathGrader() as made:
        yield made


@SETTINGS
@given(structures)
def test_every_answer_equals_itself(grader, text):
    """Whatever can be written as a reference is right as an answer, however costly it would be to simplify."""
    assert grader.grade(MathTask(answer=text), f"\\boxed{{{text}}}").outcome is Outcome.CORRECT


REWRITINGS: list[Callable[[str], str]] = [
    lambda text: text.replace("+", " + ").replace(",", " , "),
    lambda text: text.replace(r"\frac", r"\dfrac"),
    lambda text: text.replace("(", r"\left(").replace(")", r"\right)"),
    lambda text: rf"\displaystyle {text}",
    lambda text: text.replace(r"\cdot", r"\times"),
    lambda text: f"${text}$",
]


@SETTINGS
@given(structures, st.sampled_from(REWRITINGS))
def test_layout_does_not_change_the_verdict(grader, text, rewriting):
    """Spacing, fences, \\dfrac, dollars: the same answer."""
    assert grader.grade(MathTask(answer=text), f"\\boxed{{{rewriting(text)}}}").outcome is Outcome.CORRECT


@SETTINGS
@given(expressions, expressions)
def test_equality_of_expressions_is_symmetric(left, right):
    """Neither side is special to the rungs."""
    one, other = parse(left), parse(right)
    assert rungs.equal(one, other)[0] is rungs.equal(other, one)[0]


@SETTINGS
@given(expressions)
def test_one_more_is_another_number(text):
    """e and e + 1 are never equal, whatever e is; e + 1 - 1 is e again unless it has no value."""
    node = parse(text)
    assert rungs.equal(node, parse(f"({text})+1"))[0] is not True
    assert rungs.equal(node, parse(f"({text})+1-1"))[0] is not False


def _barred(inner: "st.SearchStrategy[str]") -> "st.SearchStrategy[str]":
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: f"{p[0]}+{p[1]}"),
        pairs.map(lambda p: rf"{p[0]}-\lvert {p[1]}\rvert "),
        pairs.map(lambda p: rf"\lvert {p[0]}\rvert \lvert {p[1]}\rvert "),
        pairs.map(lambda p: rf"\lvert {p[0]}\rvert \cdot\lvert {p[1]}\rvert "),
        pairs.map(lambda p: rf"\frac{{{p[0]}}}{{\lvert {p[1]}\rvert }}"),
        st.tuples(st.integers(2, 99), inner).map(lambda p: rf"{p[0]}\cdot\lvert {p[1]}\rvert "),
        inner.map(lambda e: rf"(-\lvert {e}\rvert )"),
        inner.map(lambda e: rf"\lvert {e}-1\rvert ^{{2}}"),
    )


barred = st.recursive(
    st.sampled_from(["x", "y", "a_1", "3", "0.5", r"\pi", r"\sqrt{2}", r"2\cdot z"]), _barred, max_leaves=9
)


@settings(SETTINGS, max_examples=500)
@given(barred)
def test_plain_bars_are_read_as_bars_with_sides(text):
    """Absolute values in sums, products and one another: the same tree as where each bar says whether it opens.

    Of three bars in a row nobody can say which of them open.
    """
    plain = text.replace(r"\lvert ", "|").replace(r"\rvert ", "|")
    assume("|||" not in plain)
    assert parse(plain) == parse(text)


@SETTINGS
@given(expressions, expressions)
def test_one_look_at_two_trees_finds_what_two_looks_find(left, right):
    """Their variables and operations, with an index of a sum bound in one of them."""
    for text in (left, rf"\sum_{{n=1}}^{{3}} ({left})"):
        one, other = parse(text), parse(right)
        assert tree.surveyed(one, other) == (
            tree.symbols(one) | tree.symbols(other),
            tree.operations(one) | tree.operations(other),
        )


@SETTINGS
@given(scraps, expressions)
def test_a_bare_value_is_extracted_as_anything_else_is(text, value):
    """Text of any kind means the same whether the short way is open to it or, behind much space, is not."""
    for completion in (text, value, f"{text} {value}"):
        short, long = extract(completion), extract(" " * 200 + completion)
        assert (short.text, short.narrow, short.method) == (long.text, long.narrow, long.method)


@SETTINGS
@given(expressions, expressions)
def test_sums_commute_and_squares_expand(left, right):
    """Identities of algebra are never refuted."""
    assert rungs.equal(parse(f"({left})+({right})"), parse(f"({right})+({left})"))[0] is not False
    square = parse(f"(({left})+({right}))^2")
    expanded = parse(f"({left})^2+2({left})({right})+({right})^2")
    assert rungs.equal(square, expanded)[0] is not False


@SETTINGS
@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4), st.integers(2, 50))
def test_fractions_equal_their_multiples_and_nothing_else(grader, top, bottom, factor):
    """a/b = ka/kb, and a/b is not (a+1)/b."""
    task = MathTask(answer=rf"\frac{{{top}}}{{{bottom}}}")
    assert grader.grade(task, rf"\boxed{{\frac{{{top * factor}}}{{{bottom * factor}}}}}").outcome is Outcome.CORRECT
    assert grader.grade(task, rf"\boxed{{\frac{{{top + 1}}}{{{bottom}}}}}").outcome is Outcome.WRONG


@SETTINGS
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_sets_are_free_of_order_and_tuples_are_not(grader, values, random):
    """The same members in another order: the same set, another tuple."""
    mixed = list(values)
    random.shuffle(mixed)
    assume(mixed != values)
    one, other = ", ".join(map(str, values)), ", ".join(map(str, mixed))
    assert grader.grade(MathTask(answer=rf"\{{{one}\}}"), rf"\boxed{{\{{{other}\}}}}").outcome is Outcome.CORRECT
    assert grader.grade(MathTask(answer=f"({one})"), rf"\boxed{{({other})}}").outcome is Outcome.WRONG


@settings(SETTINGS, max_examples=500)
@given(scraps, scraps)
def test_no_text_raises(grader, reference, completion):
    """Scraps of mathematics and prose in any order: a verdict, or the reference is refused; never anything else."""
    try:
        verdict = grader.grade(MathTask(answer=reference), completion)
    except TaskInvalid:
        return
    assert verdict.score in (0.0, 1.0)
    assert (verdict.outcome is Outcome.CORRECT) == (verdict.score == 1.0)


@settings(SETTINGS, max_examples=300)
@given(st.text(max_size=200))
def test_no_unicode_raises(grader, completion):
    """Any text at all, as an answer, as a reference, and to the parser."""
    grader.grade(MathTask(answer="42"), completion)
    span = extract(completion)
    assert span.text is None or span.text
    with contextlib.suppress(Unreadable):
        parse(completion)


@SETTINGS
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_hedges_never_pay(grader, right, wrong):
    """Both values in the slot, joined in any way, are an answer to neither."""
    assume(right != wrong)
    task = MathTask(answer=str(right))
    for joint in (" or ", ", ", " \\text{ or } ", " = ", " \\lor ", "; ", " \\text{ and } "):
        for text in (f"{right}{joint}{wrong}", f"{wrong}{joint}{right}"):
            assert grader.grade(task, f"\\boxed{{{text}}}").outcome is Outcome.WRONG, text
