"""Text to tree: what each notation is read as, and what is refused."""

import pytest

from graders.math.grade import MathGrader
from graders.math.grammar.cursor import DEPTH_MAX
from graders.math.parse import CHARS_MAX, parse
from graders.math.tokens import TOKENS_MAX, Unreadable, folded, tokenize
from graders.math.tree import text
from graders.task import MathTask
from graders.verdict import Outcome

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


# References as they stand in textbooks and collections; each must be readable and equal to itself.
NOTATIONS = [
    r"\frac{\partial f}{\partial x} = 2x",
    r"\vec{a} \cdot \vec{b} = 5",
    r"\mathbf{a}\times\mathbf{b}",
    r"\|\mathbf{v}\| = 5",
    r"\ln |x| + C",
    r"e^{-x}(A\cos x + B\sin x)",
    r"y = C_1 e^{x} + C_2 e^{-x}",
    r"y = c_1 e^{2x} + c_2 x e^{2x}",
    r"\sum_{n=0}^{\infty} \frac{x^n}{n!}",
    r"x\in\left[-\frac{\pi}{2},\frac{\pi}{2}\right]",
    r"\{(x,y) | x+y=1\}",
    r"f^{-1}(x)=\frac{x-1}{2}",
    r"(f\circ g)(x)=x^2",
    r"A\cup B",
    r"A^c",
    r"p\land q",
    r"\binom{n}{r}p^r(1-p)^{n-r}",
    r"\mu = 5, \sigma = 2",
    r"\hat{y}=2x+1",
    r"\bar{x}=3",
    r"N(0,1)",
    r"\mathcal{N}(0,1)",
    r"f(x)=\begin{cases}x & x>0\\-x & x\le 0\end{cases}",
    r"2\times 2",
    r"30^\circ, 60^\circ, 90^\circ",
    r"\sqrt[n]{a}",
    r"a_1 + a_2 + \cdots + a_n",
    r"1, 2, 3, \ldots",
    r"\Delta x",
    r"1.2 \mathrm{~m}",
    r"5 \mathrm{~kg}",
    r"3 \mathrm{~m} / \mathrm{s}",
    r"12 \mathrm{~cm}^{2}",
    r"\$ 45",
    r"45\ \%",
    r"(x-1)^{2}+(y-2)^{2}=4",
    r"\operatorname{lcm}(4,6)",
    r"\left\{\begin{array}{l}x=1 \\ y=2\end{array}\right.",
    r"a: b=2: 3",
    r"[2,3) \cup\{5\}",
    r"\mathbb{R}^{+}",
    r"x=2 k \pi+\frac{\pi}{3}, k \in \mathbf{Z}",
    r"\text { False }",
    r"\text { No }",
    r"\mathrm{A}",
    r"\frac{1}{2} \mathbf{i}-\mathbf{j}",
    r"y^{\prime}=2 x",
    r"y''+y=0",
    r"\nabla f = (2x, 2y)",
    r"\arg z = \frac{\pi}{4}",
    r"z^{3}=1",
    r"\overrightarrow{A B}=(1,2)",
    r"\angle A B C=60^{\circ}",
    r"S_{n}=\frac{n(n+1)}{2}",
    r"a_{n}=2^{n-1}",
    r"a_{n}=\left\{\begin{array}{l}1, n=1 \\ 2 n-1, n \geqslant 2\end{array}\right.",
    r"\frac{x^{2}}{4}+y^{2}=1(y \neq 0)",
    r"x^2+y^2=1 (x>0)",
    r"\left(0, \frac{1}{e}\right)",
    r"1 \leqslant a<2",
    r"-1<x \leqslant 3",
    r"a>b>c",
    r"c<a<b",
    r"f(-1)<f(0)<f(2)",
    r"\{-1,0,1\}",
    r"\{x \mid x<-1 \text { or } x>2\}",
    r"(-\infty,-1) \cup(2,+\infty)",
    r"\left(-\infty,-\frac{1}{2}\right] \cup[1,+\infty)",
    r"\frac{3}{2} \sqrt{2}",
    r"2 \sqrt{3}+\frac{1}{2}",
    r"0.5 \times 10^{-3}",
    r"1.6 \times 10^{-19} \mathrm{C}",
    r"6.67 \times 10^{-11} \mathrm{~N} \cdot \mathrm{m}^2 / \mathrm{kg}^2",
    r"\tan ^{-1} 2",
    r"\log _{2} 3",
    r"\lg 5",
    r"\sin ^{2} \theta",
    r"e^{2 \pi i / 3}",
    r"\cos 20^{\circ}",
    r"10^{\circ} 30^{\prime}",
    r"3: 2: 1",
    r"1 \frac{1}{2}",
    r"\frac{7 !}{2 ! 3 !}",
    r"C_{10}^{3}",
    r"A_5^2",
    r"P(A|B)=0.3",
    r"P(\bar{A})=0.4",
    r"E(X)=2.5",
    r"D(X) = 1",
    r"\text{Cov}(X,Y)=0",
    r"\det A=3",
    r"\operatorname{rank}(A)=2",
    r"\max f = 3",
    r"f_{\max}=3",
    r"\lim _{n \rightarrow \infty} a_{n}=2",
    r"x_{1}=1, x_{2}=-3",
    r"x_{1,2}= \pm 2",
    r"\pm 1, \pm 2",
    r"\text{the empty set}",
    r"12 \text{ and } 15",
    r"\text{A}, \text{C}",
    r"\triangle",
    r"①②④",
    r"5 \text{ or } 7",
    r"\frac{\sqrt{2}}{2}<k<1",
    r"k<-1 \text{ or } k>1",
    r"m=\pm 1",
    r"y= \pm \frac{3}{4} x",
    r"y=\pm2x",
    r"2x-y-1=0 \text{ or } x+y-5=0",
    r"x=1 \text{ or } 3x-4y+5=0",
    r"(2,0),(-2,0)",
    r"\left(\pm\sqrt{3}, 0\right)",
    r"(0, \pm 2)",
    r"\left\lceil \frac{n}{2} \right\rceil",
    r"n^2 \bmod 7",
    r"2^{n} \cdot n !",
    r"\prod_{i=1}^{n}(x-a_i)",
    r"1+\frac{1}{2}+\cdots+\frac{1}{n}",
    r"\overline{abc}",
    r"10110_{2}",
    r"(1011)_{2}",
    r"\text{1:30 PM}",
    r"\frac{1}{\sqrt{2\pi}} e^{-x^2/2}",
    r"\Gamma(1/2)",
    r"\int_{0}^{\infty} e^{-x} \mathrm{~d} x",
    r"\frac{\mathrm{d} y}{\mathrm{~d} x}=y",
]


@pytest.mark.parametrize("given", NOTATIONS)
def test_common_notations_can_be_references(given):
    """As a reference each is taken, and is an answer to itself."""
    with MathGrader() as grader:
        verdict = grader.grade(MathTask(answer=given), f"\\boxed{{ {given} }}")
    assert verdict.outcome is Outcome.CORRECT, verdict


@pytest.mark.parametrize(
    "given", ["0", "7", "-7", "007", "0.5", "-0.50", "12.0", r"\frac{3}{4}", r"-\dfrac{6}{8}", "3/4", "-3/4", "10/5"]
)
def test_the_short_cut_for_simple_numbers_gives_the_parsers_tree(given):
    """A space in front keeps the short cut from matching."""
    assert parse(given) == parse(" " + given)


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
