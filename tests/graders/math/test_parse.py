"""Text to tree: what each notation is read as, and what is refused."""

import pytest

from graders.math.parse import CHARS_MAX, DEPTH_MAX, parse
from graders.math.tokens import TOKENS_MAX, Unreadable, folded, tokenize
from graders.math.tree import text

READ = [
    ("42", "42"),
    ("1,234,567", "1234567"),
    ("1{,}234", "1234"),
    (r"1,\!234", "1234"),
    (r"1\,234", "1234"),
    ("1 234", "1234"),
    ("(1,234)", "(1, 234)"),
    ("(1,000)", "1000"),
    ("12,34", "{12, 34}"),
    (".5", "1/2[1]"),
    ("5.", "5"),
    ("2.50", "5/2[2]"),
    ("1.5e3", "1500"),
    ("1.5e-3", "3/2000[4]"),
    (r"0.\overline{3}", "rep[(1/3, 0, 1)]()"),
    (r"\frac12", "1/2"),
    (r"\frac{1}{2}", "1/2"),
    (r"\frac1{72}", "1/72"),
    (r"\frac 9 7", "9/7"),
    (r"2\frac12", "5/2"),
    ("2 1/2", "5/2"),
    (r"2\frac{x}{3}", "mul(2, div(x, 3))"),
    (r"3\frac{7}{2}", "mul(3, 7/2)"),
    ("2^10", "pow(2, 10)"),
    ("2^{3^4}", "pow(2, pow(3, 4))"),
    ("2^3^4", "pow(2, pow(3, 4))"),
    ("-x^2", "mul(-1, pow(x, 2))"),
    ("e^-x", "pow(e, mul(-1, x))"),
    ("2/3x", "mul(2/3, x)"),
    (r"\sqrt2", "root(2, 2)"),
    (r"\sqrt[3]{x}", "root(x, 3)"),
    ("sqrt(2)", "root(2, 2)"),
    (r"\sin^2 x", "pow(sin(x), 2)"),
    (r"\sin^{-1} x", "arcsin(x)"),
    (r"\sin 2x", "sin(mul(2, x))"),
    (r"\sin x \cos y", "mul(sin(x), cos(y))"),
    (r"\tan \frac{7}{5} \pi", "tan(mul(7/5, pi))"),
    (r"\log_2 8", "log(8, 2)"),
    (r"\log_{10} x", "log(x, 10)"),
    ("n!", "fact(n)"),
    ("5!=120", "fact(5) = 120"),
    (r"\binom{5}{2}", "binom(5, 2)"),
    ("|x-1|", "abs(add(x, -1))"),
    (r"\lfloor x \rfloor", "floor(x)"),
    ("f(x)=2x", "f(x) = mul(2, x)"),
    ("n(n-1)", "mul(n, add(n, -1))"),
    ("T(10)=2", "T(10) = 2"),
    ("a_{n-1}", "a_(add(n, -1))"),
    ("x_{max}", "x_max"),
    ("52_8", "base[('52', 8)]()"),
    ("52_{8}", "base[('52', 8)]()"),
    ("(1,2)", "(1, 2)"),
    ("[1,2)", "[1, 2)"),
    ("]1,2[", "(1, 2)"),
    (r"\{1,2\}", "{1, 2}"),
    (r"\{x \mid x>1\}", "builder(x, x > 1)"),
    (r"\langle 1,2\rangle", "<1, 2>"),
    (r"x \in (0,1)", "in(x, (0, 1))"),
    ("0<x<1", "0 < x < 1"),
    ("x != 5", "x != 5"),
    ("6+-6i", "add(6, mul(-6, i))"),
    (r"1 \pm 2", "pm[+-](1, 2)"),
    ("3:4", "ratio[3:4](3, 4)"),
    ("all real numbers", "reals"),
    ("No solution.", "empty"),
    ("twelve", "12"),
    (r"\text{about } 5", "5"),
    (r"5 \text{ (approximately)}", "5"),
    ("The area of triangle ABC is 5", "5"),
    ("x = 2 for all n", "x = 2"),
    ("50%", "pct(50)"),
    (r"50^\circ", "deg(50)"),
    ("½", "1/2"),
    ("x²", "pow(x, 2)"),
    ("√2", "root(2, 2)"),
    ("４２", "42"),
    ("−5", "-5"),
    ("②③", "{2, 3}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "matrix[(2, 2)](1, 2, 3, 4)"),
    (r"\left(\begin{array}{c}0 \\ 8\end{array}\right)", "matrix[(2, 1)](0, 8)"),
    (r"\begin{cases} x=1 \\ y=2 \end{cases}", "{x = 1, y = 2}"),
    (r"x=1 \quad y=2", "{x = 1, y = 2}"),
    (r"x^2=4 \Rightarrow x=2", "x = 2"),
]
REFUSED = [
    "", " ", "$", "(", ")", "1 2", "x2", r"\frac{1}", r"\unknown{3}", "1++", "(1,", "[]", r"\{", "|x", "2^", "==",
    r"\begin{pmatrix}1&2\\3\end{pmatrix}", "__import__('os')", "f(x", "é" * 5, "1)2(", r"\sum k", r"\int x",
]  # fmt: skip


@pytest.mark.parametrize(("given", "tree"), READ)
def test_each_notation_is_read_as_one_tree(given, tree):
    """The canonical rendering stands for the tree."""
    assert text(parse(given)) == tree


@pytest.mark.parametrize("given", REFUSED)
def test_what_is_outside_of_the_grammar_is_refused(given):
    """Never guessed: the caller compares it as text or calls it unreadable."""
    with pytest.raises(Unreadable):
        parse(given)


@pytest.mark.parametrize(
    "given",
    [
        "7" * (CHARS_MAX + 1),
        "(" * (DEPTH_MAX + 1) + "1" + ")" * (DEPTH_MAX + 1),
        "x+" * TOKENS_MAX + "x",
        r"\sqrt{" * 200 + "2" + "}" * 200,
        ",".join(["1"] * 3000),
    ],
)
def test_every_bound_is_kept(given):
    """Characters, depth, tokens, list length: past each of them the answer is not read."""
    with pytest.raises(Unreadable):
        parse(given)


def test_spacing_and_fences_do_not_change_the_tree():
    """\\left, \\right, \\, and dollars are layout."""
    plain = parse(r"(\frac{1}{2}, 3x+1)")
    for given in (
        r"\left( \frac{1}{2}\,,\; 3x + 1 \right)",
        r"$(\dfrac{1}{2},3x+1)$",
        r"\displaystyle(\tfrac12, 3 x+1)",
    ):
        assert parse(given) == plain


def test_folding_leaves_ascii_alone():
    """ASCII text is returned as the very same object; other digits become ASCII ones."""
    given = "x^2"
    assert folded(given) is given
    assert folded("٤٢") == "42"


def test_text_groups_keep_words_together():
    """Words inside of \\text are words, and a formula inside of it is a formula."""
    assert [token.kind for token in tokenize(r"5\text{ square units}")][:3] == ["num", "word", "word"]
    assert parse(r"\text{2x+1}") == parse("2x+1")
