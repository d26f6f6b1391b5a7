"""The maths grader as a whole: which answers are equal to which references, and which are not."""

import threading

import pytest

from graders.errors import TaskInvalid
from graders.math.bounded import Bounds, Residue
from graders.math.grade import MathGrader
from graders.task import MathTask, Tolerance
from graders.verdict import Outcome, Reason, Verdict

EQUAL = [
    (r"1000", r"1\,000"),
    (r"1234567", r"1 234 567"),
    (r"1234567", r"1{,}234{,}567"),
    (r"0.5", r"50\%"),
    (r"\frac{1}{3}", r"0.\overline{3}"),
    (r"\frac{1}{3}", r"0.(3)"),
    (r"\frac{1}{6}", r"0.1\overline{6}"),
    (r"\frac{1}{6}", r"0.1666..."),
    (r"\frac{1}{7}", r"0.142857142857..."),
    (r"\frac{5}{11}", r"0.4545..."),
    (r"\frac{1}{3}", r"0.\dot{3}"),
    (r"0.000045", r"4.5e-5"),
    (r"4.5\times10^{-5}", r"4.5 * 10^-5"),
    (r"4.5\times10^{-5}", r"0.000045"),
    (r"2\frac{1}{2}", r"2 1/2"),
    (r"2\frac{1}{2}", r"5/2"),
    (r"2\frac{1}{2}", r"2.5"),
    (r"-2\frac{1}{2}", r"-\frac{5}{2}"),
    (r"\frac{1}{2}", r"½"),
    (r"\sqrt{2}", r"√2"),
    (r"2\sqrt{3}", r"2√3"),
    (r"\infty", r"∞"),
    (r"42", r"４２"),
    (r"-5", r"−5"),
    (r"\pi", r"π"),
    (r"90^\circ", r"90"),
    (r"90", r"90^\circ"),
    (r"90^\circ", r"\frac{\pi}{2}"),
    (r"\frac{\pi}{2}", r"90^\circ"),
    (r"5\text{ cm}", r"5"),
    (r"5\text{ cm}", r"50\text{ mm}"),
    (r"1\text{ km}", r"1000\text{ m}"),
    (r"1", r"1\text{ hour}"),
    (r"\$5", r"5"),
    (r"5", r"\$5"),
    (r"5", r"5 dollars"),
    (r"\$1.50", r"150 cents"),
    (r"e^{i\pi/2}", r"i"),
    (r"\sqrt{-4}", r"2i"),
    (r"-1", r"i^2"),
    (r"\frac{1}{1+i}", r"\frac{1-i}{2}"),
    (r"\binom{5}{2}", r"10"),
    (r"5!", r"120"),
    (r"\log_2 8", r"3"),
    (r"\ln e^2", r"2"),
    (r"\lfloor 3.7 \rfloor", r"3"),
    (r"\lceil 3.2 \rceil", r"4"),
    (r"\gcd(12, 18)", r"6"),
    (r"\sin 30^\circ", r"\frac{1}{2}"),
    (r"\tan \frac{\pi}{4}", r"1"),
    (r"\cos(\pi)", r"-1"),
    (r"x<1", r"2x<2"),
    (r"(-2,5]", r"5 \ge x > -2"),
    (r"x \ne 1", r"1 \neq x"),
    (r"x \neq 1", r"(-\infty,1)\cup(1,\infty)"),
    (r"(-\infty,1)\cup(1,\infty)", r"\mathbb{R} \setminus \{1\}"),
    (r"\mathbb{R}", r"(-\infty,\infty)"),
    (r"\mathbb{R}", r"all real numbers"),
    (r"(-\infty, \infty)", r"\text{all real numbers}"),
    (r"\emptyset", r"no solution"),
    (r"\text{no solution}", r"\emptyset"),
    (r"\emptyset", r"\varnothing"),
    (r"\{1,2,3\}", r"3,2,1"),
    (r"1,2,3", r"\{3,1,2\}"),
    (r"1, 2", r"x=1 \text{ or } x=2"),
    (r"\pm 2", r"2, -2"),
    (r"2,-2", r"\pm 2"),
    (r"x=\pm 2", r"x=2, x=-2"),
    (r"\{-2,2\}", r"x = \pm 2"),
    (r"1 \pm \sqrt{2}", r"1+\sqrt2, 1-\sqrt2"),
    (r"(1,2)", r"\left(1, 2\right)"),
    (r"(1,2,3)", r"\begin{pmatrix}1\\2\\3\end{pmatrix}"),
    (r"\begin{pmatrix}1\\2\\3\end{pmatrix}", r"(1,2,3)"),
    (r"\begin{pmatrix}1\\2\\3\end{pmatrix}", r"\langle 1,2,3 \rangle"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"[[1,2],[3,4]]"),
    (r"2x+1", r"f(x)=2x+1"),
    (r"y=2x+1", r"2x+1"),
    (r"y=2x+1", r"2x - y + 1 = 0"),
    (r"y=2x+1", r"y-1=2x"),
    (r"x^2+y^2=25", r"y^2=25-x^2"),
    (r"(x-1)(x+1)", r"x^2-1"),
    (r"\frac{x^2-1}{x-1}", r"x+1"),
    (r"\sqrt{x^2}", r"|x|"),
    (r"e^{2\ln x}", r"x^2"),
    (r"2^{n+1}", r"2\cdot 2^n"),
    (r"\frac{n(n+1)}{2}", r"\frac{n^2+n}{2}"),
    (r"\sin 2x", r"2\sin x\cos x"),
    (r"3:4", r"\frac{3}{4}"),
    (r"3:4", r"6:8"),
    (r"12:00", r"12:00"),
    (r"3:30 \text{ PM}", r"15:30"),
    (r"12:00", r"12:00 p.m."),
    (r"101_2", r"101_{2}"),
    (r"\text{Tuesday}", r"Tuesday"),
    (r"\text{Tuesday}", r"tuesday"),
    (r"\text{yes}", r"Yes"),
    (r"\text{Yes}", r"\text{yes}"),
    (r"\text{true}", r"True"),
    (r"\text{even}", r"\text{Even}"),
    (r"\text{Friday}", r"\text{friday.}"),
    (r"7, 9", r"7 \text{ and } 9"),
    (r"(1,2), (3,4)", r"(3,4), (1,2)"),
    (r"(1,2), (3,4)", r"(3,4) \text{ and } (1,2)"),
    (r"(1,2),(3,4)", r"\{(1,2),(3,4)\}"),
    (r"x=1, y=2", r"(1,2)"),
    (r"x=1, y=2", r"y=2, x=1"),
    (r"(x,y)=(1,2)", r"x=1,y=2"),
    (r"a=3", r"3"),
    (r"3", r"a=3"),
    (r"3", r"x = 3"),
    (r"\frac{\pi}{6}+2k\pi", r"\frac{\pi}{6}+2n\pi"),
    (r"x^2+C", r"C+x^2"),
    (r"\frac{1}{2}\ln|x|+C", r"\frac{\ln|x|}{2}+C"),
    (r"1.5\text{ million}", r"1500000"),
    (r"twelve", r"12"),
    (r"5", r"five"),
    (r"6.67\%", r"\frac{1}{15}"),
    (r"0.33", r"\frac{1}{3}"),
    (r"3.14", r"\pi"),
    (r"165.5", r"165.47"),
    (r"30.52", r"30.5192"),
    (r"\sqrt{2}", r"1.41421356"),
    (r"2\pi", r"6.283185307"),
    (r"\frac{2}{3}", r"0.666667"),
    (r"-\frac{1}{2}", r"\frac{1}{-2}"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}"),
    (r"x \in (1,2)", r"1<x<2"),
    (r"\{x \mid x > 3\}", r"(3,\infty)"),
    (r"\{x : x > 3\}", r"x > 3"),
    (r"\{x \in \mathbb{R} : x > 3\}", r"x > 3"),
    (r"[2, \infty)", r"x \ge 2"),
    (r"x\le -1 \text{ or } x\ge 3", r"(-\infty,-1]\cup[3,\infty)"),
    (r"x\le -1 \text{ or } x\ge 3", r"x \geq 3 \text{ or } x \leq -1"),
    (r"(2,\infty)", r"x>2"),
    (r"-1<x<3", r"(-1,3)"),
    (r"-1<x<3", r"x > -1 \text{ and } x < 3"),
    (r"(-1,3)", r"\{x|-1<x<3\}"),
    (r"|x|<2", r"(-2,2)"),
    (r"\frac{3}{4}", r"3/4"),
    (r"\frac{3}{4}", r"\dfrac34"),
    (r"\frac{3}{4}", r"0.75"),
    (r"\frac{3}{4}", r".75"),
    (r"\frac{3}{4}", r"75\%"),
    (r"2^{10}", r"1024"),
    (r"10^{100}", r"10^{99}\cdot 10"),
    (r"2^{100}-1", r"1267650600228229401496703205375"),
    (r"\sqrt[3]{8}", r"2"),
    (r"8^{1/3}", r"2"),
    (r"\sqrt{12}", r"2\sqrt{3}"),
    (r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"),
    (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2"),
    (r"\cos 36^\circ", r"\frac{1+\sqrt{5}}{4}"),
    (r"4\sqrt{2}", r"4*sqrt(2)"),
    (r"4\sqrt{2}", r"4 sqrt 2"),
    (r"\frac{\pi}{2}", r"pi/2"),
    (r"-2\pi", r"-2*pi"),
    (r"e^{16}-1", r"exp(16)-1"),
    (r"x^2", r"x**2"),
    (r"2x", r"2*x"),
    (r"\frac{x+1}{2}", r"(x+1)/2"),
    (r"3x^2y", r"3yx^2"),
    (r"a^2+b^2", r"b^2+a^2"),
    (r"\text{(A)}", r"A"),
    (r"A", r"\text{A}"),
    (r"B", r"(B)"),
    (r"C", r"\boxed{C}"),
    (r"D", r"\text{D. } 42"),
    (r"A", r"The answer is A."),
    (r"\begin{cases}x=1\\y=2\end{cases}", r"x=1,y=2"),
    (r"\text{Monday, Wednesday}", r"Monday and Wednesday"),
    (r"1 - \frac{1}{e}", r"1 - e^{-1}"),
    (r"\frac{a}{b}", r"a/b"),
    (r"\frac{a}{b}", r"ab^{-1}"),
    (r"100\text{ square units}", r"100 \text{ units}^2"),
    (r"12 \text{ cm}^2", r"12"),
    (r"12\text{ cm}^2", r"12 \text{ sq cm}"),
    (r"60 \text{ mph}", r"60 miles per hour"),
    (r"60 \text{ km/h}", r"60 \text{ kilometers per hour}"),
    (r"3\times 10^8 \text{ m/s}", r"3e8"),
    (r"1/2, 1/3", r"0.5, 1/3"),
    (r"\frac{1}{2}x+3", r"0.5x+3"),
    (r"(-3, \infty)", r"(-3, +\infty)"),
    (r"[-3,3]", r"-3 \leq x \leq 3"),
    (r"4x-5y=-50", r"5y-4x=50"),
    (r"y = -2x", r"2x+y=0"),
    (r"\frac{x^2}{16} - \frac{y^2}{9} = 1", r"9x^2-16y^2=144"),
    (r"x>0, y>0", r"y>0, x>0"),
    (r"\frac{13}{6}\pi", r"\frac{13\pi}{6}"),
    (r"3i", r"3\mathrm{i}"),
    (r"5+0i", r"5"),
    (r"f(x)=x^2", r"f(t)=t^2"),
    (r"\text{infinitely many}", r"infinitely many solutions"),
    (r"\infty", r"\text{infinity}"),
    (r"\frac{1}{2}, -\frac{1}{2}", r"\pm\frac12"),
    (r"2,3,5", r"2; 3; 5"),
    (r"\log 100", r"2"),
    (r"\arctan 1", r"\frac{\pi}{4}"),
    (r"45\%", r"45 percent"),
    (r"0.45", r"45\%"),
    (r"10", r"10 \text{ (approximately)}"),
    (r"\approx 3.14", r"3.14"),
    (r"6", r"2 \cdot 3 = 6"),
    (r"6", r"2+4=6"),
    (r"1/3", r"1/3 \approx 0.333"),
    (r"\frac{1}{3}", r"\frac{1}{3} = 0.333\ldots"),
    (r"3", r"\text{three}"),
    (r"120", r"120 \text{ ways}"),
    (r"\frac{7}{20}", r"\frac{7}{20} \text{ or } 0.35"),
    (r"5", r"5.0"),
    (r"5", r"5."),
    (r"5", r"+5"),
    (r"5", r"05"),
    (r"\sin x", r"\sin(x)"),
    (r"\sin^2 x", r"(\sin x)^2"),
    (r"\sec^2 x", r"1+\tan^2 x"),
    (r"\overrightarrow{AB}", r"\vec{AB}"),
    (r"\triangle ABC", r"\triangle ABC"),
    (r"AB", r"AB"),
    (r"\overline{AB}", r"\overline{AB}"),
    (r"\left\lfloor \frac{n}{2} \right\rfloor", r"\lfloor n/2 \rfloor"),
    (r"\max(a,b)", r"\max\{a,b\}"),
    (r"2\le x\le 5", r"[2,5]"),
    (r"n \equiv 1 \pmod{4}", r"n \equiv 1 \pmod 4"),
    (r"\sum_{k=1}^{10} k", r"55"),
    (r"\int_0^1 x\,dx", r"\frac12"),
    (r"(0,1)\cup(1,2)", r"(1,2)\cup(0,1)"),
    (r"[0,1]\cup[1,2]", r"[0,2]"),
    (r"\{1\}", r"1"),
    (r"\left(\frac12,\frac13\right)", r"(0.5, \frac{1}{3})"),
    (r"3\mathbf{i}+4\mathbf{j}", r"(3,4)"),
    (r"(3,4)", r"3\mathbf{i}+4\mathbf{j}"),
    (r"(3,-4,1)", r"3\hat{i} - 4\hat{j} + \hat{k}"),
    (r"p=2, q=3", r"q = 3, p = 2"),
    (r"\frac{\sqrt{5}-1}{2}", r"\frac{2}{1+\sqrt5}"),
    (r"x^3+3x^2+3x+1", r"(x+1)^3"),
    (r"\sqrt{x}\sqrt{y}", r"\sqrt{xy}"),
    (r"50^\circ", r"50 degrees"),
    (r"50^\circ", r"50 \text{ degrees}"),
    (r"\frac{\pi}{3}\text{ radians}", r"\frac{\pi}{3}"),
    (r"60^\circ 30'", r"60.5^\circ"),
    (r"1:2:3", r"2:4:6"),
    (r"\text{3 hours and 20 minutes}", r"3 hours 20 minutes"),
    (r"18", r"She makes \$18 every day"),
    (r"18", r"18\$"),
    (r"15%", r"0.15"),
    (r"7.41\%", r"7.41"),
    (r"25\%", r"\frac{25}{100}"),
    (r"3,4", r"(p,q)=(3,4)"),
    (r"(-\infty,-3]\cup[2,\infty)", r"x \le -3 \text{ or } x \ge 2"),
    (r"(-\infty,-3]\cup[2,\infty)", r"\{x : x\leq -3 \text{ or } x\geq 2\}"),
    (r"\{x \mid x \neq 2\}", r"(-\infty, 2) \cup (2, \infty)"),
    (r"[-1, 1]", r"-1\leq x\leq 1"),
    (r"x\in\mathbb{R}", r"\mathbb{R}"),
    (r"\{0\}", r"0"),
    (r"\{(1,2)\}", r"(1,2)"),
    (r"\emptyset", r"\{\}"),
    (r"2n\pi", r"2k\pi"),
    (r"x = 2k\pi, k \in \mathbb{Z}", r"x = 2n\pi, n\in\mathbb{Z}"),
    (r"\frac{\pi}{4} + k\pi, k\in\mathbb{Z}", r"\frac{\pi}{4} + n\pi"),
    (r"y = 3x - 2", r"3x - y - 2 = 0"),
    (r"y = 3x - 2", r"y + 2 = 3x"),
    (r"\frac{x}{2} + \frac{y}{3} = 1", r"3x+2y=6"),
    (r"(x-2)^2+(y+3)^2=16", r"x^2+y^2-4x+6y-3=0"),
    (r"x^2 - 5x + 6 = 0", r"(x-2)(x-3)=0"),
    (r"a_n = 2n-1", r"a_n=2n-1"),
    (r"a_n = 2n-1", r"2n-1"),
    (r"S_n = n^2", r"n^2"),
    (r"f'(x) = 3x^2", r"3x^2"),
    (r"\frac{dy}{dx} = 2x", r"2x"),
    (r"\frac{dy}{dx} = 2x", r"y' = 2x"),
    (r"P(A) = \frac{1}{3}", r"\frac13"),
    (r"P(X=2) = \frac{1}{3}", r"\frac13"),
    (r"m\angle ABC = 60^\circ", r"60"),
    (r"\angle A = 60^\circ", r"60^{\circ}"),
    (r"\cos A = \frac{1}{2}", r"\frac12"),
    (r"\sin\theta = \frac{3}{5}", r"0.6"),
    (r"|z| = 5", r"5"),
    (r"\overline{z} = 3-4i", r"3-4i"),
    (r"z = 3+4i", r"3+4i"),
    (r"AB = 5", r"5"),
    (r"AB : BC = 2 : 3", r"2:3"),
    (r"S_{\triangle ABC} = 6", r"6"),
    (r"V = \frac{4}{3}\pi r^3", r"\frac{4\pi r^3}{3}"),
    (r"\lim_{x\to 0} f(x) = 1", r"1"),
    (r"m > 2", r"(2, \infty)"),
    (r"m > 2", r"m \in (2, +\infty)"),
    (r"0 < a \le 1", r"(0, 1]"),
    (r"a<-1 or a>3", r"(-\infty,-1)\cup(3,\infty)"),
    (r"-2 \le m < 3", r"[-2, 3)"),
    (r"x>1且x\ne2", r"(1,2)\cup(2,\infty)"),
    (r"\text{Sunday}", r"Sunday."),
    (r"A, C, D", r"A,C,D"),
    (r"\text{A and C}", r"A, C"),
    (r"1.23 \times 10^{5}", r"123000"),
    (r"6.02 \times 10^{23}", r"6.02e23"),
    (r"1.6 \times 10^{-19} \text{ C}", r"1.6e-19"),
    (r"9.8 \text{ m/s}^2", r"9.8"),
    (r"9.8 \text{ m/s}^2", r"9.8 m/s^2"),
    (r"36 \text{ km/h}", r"10 \text{ m/s}"),
    (r"500 \text{ mL}", r"0.5 \text{ L}"),
    (r"2 \text{ hours}", r"120 \text{ minutes}"),
    (r"50 \text{ cents}", r"\$0.50"),
    (r"\$12,000", r"12000"),
    (r"12 \text{ inches}", r"1 \text{ foot}"),
    (r"45 \text{ min}", r"45"),
    (r"3\frac{1}{2} \text{ hours}", r"3.5"),
    (r"10:30", r"10:30 AM"),
    (r"\frac{1}{2} : \frac{1}{3}", r"3:2"),
    (r"1:\sqrt{3}", r"\frac{1}{\sqrt3}"),
    (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", r"-2"),
    (r"\begin{bmatrix}1\\2\end{bmatrix}", r"[1,2]"),
    (r"\begin{pmatrix} x \\ y \end{pmatrix} = \begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"(1,2)"),
    (r"\vec{v} = (1,2)", r"(1,2)"),
    (r"\mathbf{v}=\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    (r"-\mathbf{i} + 2\mathbf{j}", r"-i+2j"),
    (r"x^{1/2}", r"\sqrt{x}"),
    (r"x^{-1}", r"\frac1x"),
    (r"\log_a b", r"\frac{\ln b}{\ln a}"),
    (r"\log_3 9", r"2"),
    (r"\ln\frac{1}{2}", r"-\ln 2"),
    (r"\lg 1000", r"3"),
    (r"e^{\ln 3}", r"3"),
    (r"\sinh x", r"\frac{e^x-e^{-x}}{2}"),
    (r"\sin(\pi - x)", r"\sin x"),
    (r"\cos 2x", r"1-2\sin^2 x"),
    (r"\tan x", r"\frac{\sin x}{\cos x}"),
    (r"n!", r"n\cdot(n-1)!"),
    (r"\frac{n!}{(n-2)!}", r"n(n-1)"),
    (r"\binom{n}{k}", r"\frac{n!}{k!(n-k)!}"),
    (r"C_{5}^{2}", r"C_5^2"),
    (r"\sum_{i=1}^n i^2", r"\frac{n(n+1)(2n+1)}{6}"),
    (r"\prod_{k=1}^{n} k", r"n!"),
    (r"2^{n}-1", r"\sum_{k=0}^{n-1}2^k"),
    (r"(-1)^n", r"(-1)^{n+2}"),
    (r"i^{2}", r"-1"),
    (r"(1+i)^2", r"2i"),
    (r"\frac{1}{i}", r"-i"),
    (r"e^{i\pi}", r"-1"),
    (r"\cos\frac{\pi}{3} + i\sin\frac{\pi}{3}", r"e^{i\pi/3}"),
    (r"2e^{i\pi/3}", r"1+\sqrt{3}i"),
    (r"3.\overline{142857}", r"\frac{22}{7}"),
    (r"0.\overline{12}", r"\frac{12}{99}"),
    (r"1.2\overline{3}", r"\frac{37}{30}"),
    (r"0.999...", r"1"),
    (r"-0.5", r"-\frac12"),
    (r"-.5", r"-\frac12"),
    (r"+5", r"5"),
    (r"\frac{-3}{-4}", r"\frac34"),
    (r"\frac{3}{4}\%", r"0.75\%"),
    (r"\frac{5}{1}", r"5"),
    (r"\frac{0}{5}", r"0"),
    (r"-0", r"0"),
    (r"1{,}000{,}000", r"10^6"),
    (r"1,000,000", r"1000000"),
    (r"1 000 000", r"1000000"),
    (r"3 \cdot 5", r"15"),
    (r"3*5", r"15"),
    (r"2(3+4)", r"14"),
    (r"\left(\frac{2}{3}\right)^2", r"\frac49"),
    (r"\sqrt{\frac{4}{9}}", r"\frac23"),
    (r"\sqrt[4]{16}", r"2"),
    (r"\sqrt{x}^2", r"x"),
    (r"\frac{\frac{1}{2}}{\frac{3}{4}}", r"\frac23"),
    (r"a^2-b^2", r"(a+b)(a-b)"),
    (r"x^2(x+1)", r"x^3+x^2"),
    (r"(3, 4) \text{ and } (4, 3)", r"(4,3),(3,4)"),
    (r"(x, y) = (3, 4), (4, 3)", r"(3,4),(4,3)"),
    (r"x = 1, 2", r"1,2"),
    (r"x = 1 \text{ or } 2", r"x=1,x=2"),
    (r"x_1 = 1, x_2 = 2", r"1, 2"),
    (r"x_1=1,x_2=2", r"x=1 \text{ or } x=2"),
    (r"1 < x < 2 \text{ or } 3 < x < 4", r"(1,2)\cup(3,4)"),
    (r"\max\{1,2\}", r"2"),
    (r"\text{none of the above}", r"none of the above"),
    (r"\text{(C) } 12", r"C"),
    (r"\textbf{(E)}\ 5", r"E"),
    (r"\mathrm{(B)}", r"B"),
    (r"D", r"\text{(D)}"),
    (r"B", r"The answer is \text{B}"),
    (r"True", r"true"),
    (r"\text{True}", r"yes"),
    (r"No", r"no"),
    (r"10\text{ cm and }5\text{ cm}", r"10,5"),
    (r"\text{The series diverges}", r"the series diverges"),
    (r"convergent", r"Convergent"),
    (r"2x+3", r"3+2x"),
    (r"2 x + 3", r"2x+3"),
    (r"x+y=5", r"y=5-x"),
    (r"(a,b,c)=(1,2,3)", r"a=1,b=2,c=3"),
    (r"(2,-1)", r"x=2, y=-1"),
    (r"x=2, y=-1", r"(2,-1)"),
    (r"\{1, 2\}", r"\{2, 1\}"),
    (r"\{a, b\}", r"\{b, a\}"),
    (r"k = 2", r"2"),
    (r"k=\pm 2", r"k = 2 \text{ or } k = -2"),
    (r"k=\pm 2", r"\pm 2"),
    (r"\pm\sqrt{3}", r"\sqrt3,-\sqrt3"),
    (r"\pm i", r"i, -i"),
    (r"1\pm 2i", r"1+2i,1-2i"),
    (r"\frac{-1\pm\sqrt{5}}{2}", r"\frac{-1+\sqrt5}{2}, \frac{-1-\sqrt5}{2}"),
    (r"\infty", r"+\infty"),
    (r"-\infty", r"-\infty"),
    (r"\text{undefined}", r"undefined"),
    (r"\text{DNE}", r"does not exist"),
    (r"0.1", r"10^{-1}"),
    (r"0.001", r"1/1000"),
    (r"22.0", r"22"),
    (r"8 \text{ apples}", r"8"),
    (r"8", r"8 apples"),
    (r"72", r"72 \text{ square meters}"),
    (r"\frac{9\sqrt{3}}{4}", r"\frac{9}{4}\sqrt{3}"),
    (r"6\pi", r"6\pi \text{ cm}^2"),
    (r"\sqrt{2}/2", r"\frac{1}{\sqrt{2}}"),
    (r"3^{1/3}", r"\sqrt[3]{3}"),
    (r"4\sqrt[3]{2}", r"\sqrt[3]{128}"),
    (r"x\geq 0", r"x>=0"),
    (r"x \leq -1", r"-1 >= x"),
    (r"(0, 5)", r"(0,\ 5)"),
    (r"\left\{1,2\right\}", r"\{1,2\}"),
    (r"\lbrace 1,2 \rbrace", r"\{1,2\}"),
    (r"[1, 2]", r"\left[1,2\right]"),
    (r"\text{Area} = 12", r"12"),
    (r"\text{Area} = 12 \text{ cm}^2", r"12"),
    (r"\text{No}", r"\text{no}"),
    (r"5\,\mathrm{cm}", r"5\text{cm}"),
    (r"5\ \text{cm}", r"5 cm"),
    (r"5\,cm", r"5"),
    (r"20^\circ\text{C}", r"20"),
    (r"30^{\circ}", r"30°"),
    (r"\theta = 30^\circ", r"30^\circ"),
    (r"\frac{1}{4}", r"1/4 or 25\%"),
    (r"0.25", r"25\% \text{ or } \frac14"),
    (r"\frac{7}{2} = 3.5", r"\frac72"),
    (r"12", r"x+y=12"),
    (r"12", r"a+b+c = 12"),
    (r"\frac{1}{2}", r"P = \frac{1}{2} = 50\%"),
    (r"5", r"\sqrt{25} = 5"),
    (r"5", r"5 = 5"),
]
DIFFERENT = [
    (r"101_2", r"101_3"),
    (r"101_2", r"101"),
    (r"52_8", r"528"),
    (r"52_8", r"52"),
    (r"5\text{ cm}", r"5\text{ m}"),
    (r"5\text{ meters}", r"5\text{ feet}"),
    (r"5 \text{ cm}^2", r"5\text{ cm}"),
    (r"(0,1)", r"\{0,1\}"),
    (r"\{1,2\}", r"(2,1)"),
    (r"(1,2)", r"(2,1)"),
    (r"[0,1]", r"(0,1)"),
    (r"[0,1)", r"(0,1]"),
    (r"x", r"X"),
    (r"1.2\times10^{-7}", r"3.4\times 10^{-7}"),
    (r"1e-7", r"2e-7"),
    (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
    (r"2^{-99}", r"2^{-98}"),
    (r"1-\frac1e", r"1+\frac1e"),
    (r"100.005", r"\sqrt{10001}"),
    (r"12:00", r"1:00"),
    (r"\pm 2021", r"2021"),
    (r"3", r"n=3k"),
    (r"3", r"3k"),
    (r"10\%", r"0.5"),
    (r"0.5", r"0.5\%"),
    (r"28", r"0.28"),
    (r"0.28", r"28"),
    (r"x=1", r"x=2"),
    (r"2x+3y=0", r"3x+2y=0"),
    (r"x^2+y^2=1", r"x^2+y^2=0"),
    (r"1,2,3", r"1,2"),
    (r"1,2", r"1,2,3"),
    (r"1", r"1,2"),
    (r"1", r"1 or 2"),
    (r"1", r"either 1 or 2"),
    (r"1", r"not 1"),
    (r"1", r"1 or maybe 2"),
    (r"3", r"3k+1"),
    (r"4", r"4\sqrt{2}"),
    (r"x>1", r"x\ge 1"),
    (r"x>1", r"x<1"),
    (r"(1,\infty)", r"[1,\infty)"),
    (r"\sin x", r"\cos x"),
    (r"|x|", r"x"),
    (r"\sqrt{x^2}", r"x"),
    (r"x+1", r"x+2"),
    (r"x+y", r"x-y"),
    (r"ab", r"ac"),
    (r"\frac{a}{b}", r"\frac{b}{a}"),
    (r"A", r"B"),
    (r"\text{yes}", r"no"),
    (r"\text{odd}", r"even"),
    (r"\text{Tuesday}", r"Thursday"),
    (r"\infty", r"-\infty"),
    (r"\infty", r"0"),
    (r"0", r"\infty"),
    (r"\emptyset", r"0"),
    (r"\mathbb{R}", r"\mathbb{Z}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    (r"\frac{1}{3}", r"0.33"),
    (r"\frac{1}{3}", r"0.3"),
    (r"\pi", r"3.14"),
    (r"\sqrt{2}", r"1.41"),
    (r"\frac{22}{7}", r"\pi"),
    (r"3.14159", r"\pi+0.001"),
    (r"12.95", r"12.951"),
    (r"10.0", r"10.0005"),
    (r"5", r"5.001"),
    (r"x^2+C", r"x^2"),
    (r"\frac{\pi}{6}+2k\pi", r"\frac{\pi}{6}"),
    (r"\log_2 3", r"\log_3 2"),
    (r"e^x", r"e^{-x}"),
    (r"2^n", r"n^2"),
    (r"n!", r"n"),
    (r"\binom{n}{2}", r"\frac{n^2}{2}"),
    (r"y=2x+1", r"y=2x-1"),
    (r"y=2x+1", r"2x"),
    (r"a=3", r"b=3"),
    (r"x=1,y=2", r"x=2,y=1"),
    (r"(x,y)=(1,2)", r"(2,1)"),
    (r"42", r"41 = 42"),
    (r"42", r"42 = 41"),
    (r"42", r"42 \text{ is wrong}"),
    (r"42", r"\neq 42"),
    (r"42", r"42, 43"),
    (r"42", r"4 2"),
    (r"42", r"42x"),
    (r"42", r"x"),
    (r"7", r"7!"),
    (r"3:4", r"4:3"),
    (r"15:30", r"3:30"),
    (r"1,000", r"1"),
    (r"1,000", r"1, 0"),
    (r"12", r"1,2"),
    (r"(1,2)", r"12"),
    (r"-5", r"5"),
    (r"2i", r"2"),
    (r"1+i", r"1-i"),
    (r"0.1", r"0.01"),
    (r"10^{10}", r"10^9"),
    (r"10^{10^{10}}", r"10^{10^{9}}"),
    (r"x<1", r"x>1"),
    (r"x<1", r"2x<3"),
    (r"-1<x<3", r"-1<x<2"),
    (r"-1<x<3", r"x<3"),
    (r"x<-1 \text{ or } x>1", r"-1<x<1"),
    (r"\{x|x>3\}", r"(3,4)"),
    (r"x^2-1=0", r"x^2+1=0"),
    (r"x^2=4", r"x=2"),
    (r"f(x)=x^2", r"f(x)=x^3"),
    (r"1 km", r"100 m"),
    (r"1 hour", r"60 seconds"),
    (r"\$5", r"€5"),
    (r"\frac{0}{0}", r"0"),
    (r"\frac{1}{0}", r"\frac{2}{0}"),
    (r"5", r"NaN"),
    (r"0", r"nan"),
    (r"5", r""),
    (r"9^{9^{9}}", r"9^{9^{8}}"),
    (r"1, 2, \ldots, n", r"1, 3, 5, \ldots, 2n-1"),
    (r"n=2,3,4", r"n=1,2,3"),
    (r"7 = 11a+c", r"11a+c"),
    (r"a^2+b=0", r"0"),
    (r"\text{all real numbers}", r"0"),
    (r"\frac{7}{20}", r"7 \text{ or } 20"),
    (r"(2,3)", r"2<x\le3"),
    (r"0.15", r"15"),
    (r"12", r"21"),
    (r"x=2", r"x=-2"),
    (r"3,4", r"4,3,5"),
    (r"(3,4)", r"[3,4]"),
    (r"(2, \infty)", r"(-2,\infty)"),
    (r"m>2", r"m<2"),
    (r"\frac{x}{2}+\frac{y}{3}=1", r"\frac{x}{3}+\frac{y}{2}=1"),
    (r"(x-2)^2+(y+3)^2=16", r"(x+2)^2+(y-3)^2=16"),
    (r"36 \text{ km/h}", r"36 \text{ m/s}"),
    (r"500\text{ mL}", r"500 \text{ L}"),
    (r"2\text{ hours}", r"2\text{ minutes}"),
    (r"12\text{ inches}", r"12 \text{ feet}"),
    (r"10:30", r"10:03"),
    (r"1:2", r"2:1"),
    (r"1+2i", r"1-2i"),
    (r"-i", r"i"),
    (r"e^{i\pi/3}", r"e^{-i\pi/3}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}"),
    (r"(1,2,3)", r"(1,2)"),
    (r"(1,2,3)", r"(3,2,1)"),
    (r"2k\pi", r"k\pi"),
    (r"a_n=2n-1", r"a_n = 2n+1"),
    (r"f(x)=3x", r"f(x)=x"),
    (r"\log_a b", r"\log_b a"),
    (r"\sin x", r"\sin 2x"),
    (r"\sqrt{x}", r"x"),
    (r"0.\overline{12}", r"0.12"),
    (r"1.2\overline{3}", r"1.23"),
    (r"3.14", r"3.15"),
    (r"1{,}000{,}000", r"100{,}000"),
    (r"\pm 2", r"2"),
    (r"\pm 2", r"-2"),
    (r"2", r"\pm 2"),
    (r"1\pm 2i", r"1+2i"),
    (r"\{1,2\}", r"\{1,2,3\}"),
    (r"\{1,2\}", r"\{1\}"),
    (r"\text{none}", r"\text{all}"),
    (r"C", r"D"),
    (r"D", r"C"),
    (r"True", r"False"),
    (r"\text{converges}", r"\text{diverges}"),
    (r"convergent", r"divergent"),
    (r"A, C", r"A"),
    (r"A, C", r"A, B"),
    (r"5", r"5 or 6"),
    (r"5", r"5, 6"),
    (r"5", r"between 5 and 6"),
    (r"5", r"5?"),
    (r"5", r"x > 5"),
    (r"5", r"x \ge 5"),
    (r"5", r"(5, 6)"),
    (r"5", r"\{5, 6\}"),
    (r"5", r"5x"),
    (r"5", r"5+C"),
    (r"5", r"5 = 6"),
    (r"5", r"x = 5 = 6"),
    (r"5", r"5 \ne 5"),
    (r"5", r"55"),
    (r"5", r"5.5"),
    (r"5", r"\frac{5}{2}"),
    (r"5", r"-5"),
    (r"5", r"5i"),
    (r"50", r"0.5"),
    (r"(2,-1)", r"x=-1, y=2"),
    (r"x=2,y=-1", r"(-1,2)"),
    (r"y=2x", r"y=x"),
    (r"x+y=5", r"x+y=6"),
    (r"x>0", r"x<0"),
    (r"x>0", r"x \ge 0"),
    (r"x\ne 0", r"x = 0"),
    (r"\mathbb{R}", r"\emptyset"),
    (r"\mathbb{R}", r"(0,\infty)"),
    (r"\infty", r"\text{undefined}"),
    (r"\sqrt{2}", r"-\sqrt{2}"),
    (r"\sqrt{2}", r"\sqrt{3}"),
    (r"2^{10}", r"10^2"),
    (r"10^{6}", r"6^{10}"),
    (r"n!", r"(n+1)!"),
    (r"\binom{n}{k}", r"\binom{k}{n}"),
    (r"\sum_{i=1}^n i", r"\sum_{i=1}^n i^2"),
    (r"k = \pm 2", r"k=2"),
    (r"\text{Monday}", r"Monday or Tuesday"),
    (r"\text{Monday}", r"not Monday"),
    (r"\text{yes}", r"yes and no"),
    (r"\text{yes}", r"maybe"),
    (r"\frac{1}{4}", r"1/4 or 1/2"),
    (r"20", r"20\text{ or so, maybe } 25"),
    (r"7", r"7 (not 8), or perhaps 9"),
]


@pytest.fixture(scope="module")
def grader():
    """One grader for the module, so that its child process, if one is needed, is started once."""
    with MathGrader() as made:
        yield made


@pytest.fixture(scope="module")
def patient():
    """A grader whose child may take its time, so that a busy machine does not change what sympy finds."""
    with MathGrader(Residue(Bounds(wall_s=30.0, cpu_s=20))) as made:
        yield made


def boxed(grader: MathGrader, reference: str, answer: str, **options: object) -> Verdict:
    """Grade an answer in a box."""
    return grader.grade(MathTask(answer=reference, **options), f"So it is \\boxed{{{answer}}}.")  # type: ignore[arg-type]


@pytest.mark.parametrize(("reference", "answer"), EQUAL)
def test_equal_answers_are_correct(grader, reference, answer):
    """Notations, forms and kinds that say the same thing."""
    verdict = boxed(grader, reference, answer)
    assert (verdict.outcome, verdict.reason, verdict.score) == (Outcome.CORRECT, Reason.EQUAL, 1.0), verdict
    assert verdict.method


@pytest.mark.parametrize(("reference", "answer"), DIFFERENT)
def test_different_answers_do_not_pay(grader, reference, answer):
    """Near misses, other kinds, hedges: never a score, and never by an exception."""
    verdict = boxed(grader, reference, answer)
    assert verdict.outcome in (Outcome.WRONG, Outcome.UNDECIDED), verdict
    assert verdict.score == 0.0


@pytest.mark.parametrize("reference", sorted({reference for reference, _ in EQUAL + DIFFERENT}))
def test_every_reference_equals_itself(grader, reference):
    """Whatever can be a reference is an answer to itself, in a box, in dollars and in an answer tag."""
    for completion in (f"\\boxed{{{reference}}}", f"The answer is ${reference}$.", f"<answer>{reference}</answer>"):
        if "$" in reference and "The answer" in completion:
            continue
        assert grader.grade(MathTask(answer=reference), completion).outcome is Outcome.CORRECT, completion


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("42 or 43", Reason.HEDGED),
        ("not 42", Reason.HEDGED),
        ("41 = 42", Reason.HEDGED),
        ("42 \\text{ is wrong}", Reason.HEDGED),
        ("maybe 42", Reason.HEDGED),
        ("43", Reason.DIFFERENT),
        ("\\frac{1}", Reason.UNPARSABLE),
        (")(", Reason.UNPARSABLE),
        ("", Reason.NO_ANSWER),
    ],
)
def test_wrong_answers_say_why(grader, answer, reason):
    """The reason is one word of the closed list, and the right one."""
    assert boxed(grader, "42", answer).reason is reason


def test_a_retraction_after_the_box_takes_the_answer_back(grader):
    """The box holds the right value, the next words deny it."""
    for tail in (" is wrong.", ". No wait, that is incorrect.", " was a mistake"):
        assert grader.grade(MathTask(answer="42"), "\\boxed{42}" + tail).reason is Reason.HEDGED


def test_several_references_any_one_will_do(grader):
    """A tuple of references is a choice among them."""
    task = MathTask(answer=("1/2", "\\sqrt{2}"))
    assert grader.grade(task, "\\boxed{0.5}").outcome is Outcome.CORRECT
    assert grader.grade(task, "\\boxed{\\sqrt2}").outcome is Outcome.CORRECT
    assert grader.grade(task, "\\boxed{2}").outcome is Outcome.WRONG


@pytest.mark.parametrize("reference", ["", "  ", "$$", "\\frac{1}{", ")(", "x" * 9000, "\\boxed{}"])
def test_an_unreadable_reference_is_the_tasks_fault(grader, reference):
    """Nothing can be graded against it, and nothing is; the message does not quote it."""
    with pytest.raises(TaskInvalid) as raised:
        grader.grade(MathTask(answer=reference), "\\boxed{1}")
    assert raised.value.code
    assert not reference.strip() or reference not in raised.value.message


def test_a_reference_of_words_is_compared_as_words(grader):
    """Case, articles and punctuation do not matter; other words do."""
    task = MathTask(answer="The midpoints form a regular hexagon")
    assert grader.grade(task, "\\boxed{\\text{the midpoints form regular hexagon.}}").outcome is Outcome.CORRECT
    assert grader.grade(task, "\\boxed{\\text{The midpoints form a square}}").outcome is Outcome.WRONG


def test_tolerance_replaces_the_rounding_rule(grader):
    """With a tolerance only the distance counts; a tolerance of zero refuses every rounding."""
    assert boxed(grader, "30.52", "\\frac{1587}{52}").method == "rounded"
    assert boxed(grader, "30.52", "\\frac{1587}{52}", tolerance=Tolerance()).outcome is Outcome.WRONG
    assert boxed(grader, "30.52", "30.6", tolerance=Tolerance(abs=0.1)).outcome is Outcome.CORRECT
    assert boxed(grader, "1000", "1009", tolerance=Tolerance(rel=0.01)).outcome is Outcome.CORRECT
    assert boxed(grader, "1000", "1011", tolerance=Tolerance(rel=0.01)).outcome is Outcome.WRONG


def test_ordered_lists_must_keep_their_order(grader):
    """Lists of solutions are free by default; `ordered` binds them."""
    assert boxed(grader, "1,2,3", "3,2,1").outcome is Outcome.CORRECT
    assert boxed(grader, "1,2,3", "3,2,1", ordered=True).outcome is Outcome.WRONG
    assert boxed(grader, "1,2,3", "1,2,3", ordered=True).outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    ("form", "answer", "fits"),
    [
        ("simplified", "\\frac{3}{4}", True),
        ("simplified", "\\frac{6}{8}", False),
        ("simplified", "6/8", False),
        ("simplified", "\\frac{1}{2}+\\frac{1}{4}", False),
        ("fraction", "\\frac{6}{8}", True),
        ("fraction", "0.75", False),
        ("decimal", "0.75", True),
        ("decimal:2", "0.75", True),
        ("decimal:2", "0.750", False),
        ("percent", "75\\%", True),
        ("percent", "0.75", False),
    ],
)
def test_a_required_form_is_required_besides_the_value(grader, form, answer, fits):
    """Equal in value, but in another form than the task asks for: wrong, and the method says so."""
    verdict = boxed(grader, "\\frac{3}{4}", answer, require_form=form)
    assert (verdict.outcome is Outcome.CORRECT) == fits
    assert fits or verdict.method == "form"


def test_an_unknown_form_is_the_tasks_fault(grader):
    """A misspelt form would otherwise refuse every answer."""
    with pytest.raises(TaskInvalid):
        boxed(grader, "1", "1", require_form="simplfied")


@pytest.mark.parametrize(
    ("prompt", "reference", "answer"),
    [
        ("What is 1/2 + 1/4?", "\\frac{3}{4}", "1/2 + 1/4"),
        ("Simplify $\\frac{6}{8}$.", "\\frac{3}{4}", "\\frac{6}{8}"),
        ("Write 3/4 as a decimal.", "0.75", "3/4"),
        ("Solve $2x < 2$.", "x < 1", "2x < 2"),
        ("Solve $2x < 2$.", "(-\\infty, 1)", "2x < 2"),
        ("Solve $2x < 2$.", "(-\\infty, 1)", "4x < 4"),
        ("Solve $2x = 6$.", "x = 3", "2x = 6"),
        ("Compute $\\int_0^1 x^2\\,dx$.", "\\frac{1}{3}", "\\int_0^1 x^2\\,dx"),
        ("Factor $x^2-1$.", "(x-1)(x+1)", "x^2-1"),
    ],
)
def test_an_echo_of_the_problem_does_not_pay(grader, prompt, reference, answer):
    """What was to be worked out, or the inequality that was to be solved, is no answer to it."""
    verdict = grader.grade(MathTask(answer=reference), f"\\boxed{{{answer}}}", prompt)
    assert verdict.outcome is Outcome.WRONG, verdict


@pytest.mark.parametrize(
    ("prompt", "reference", "answer"),
    [
        ("Which is larger, $\\frac{2}{3}$ or $\\frac{3}{4}$?", "\\frac{3}{4}", "3/4"),
        ("Is 17 or 18 prime?", "17", "17"),
        ("Solve $2x < 2$.", "(-\\infty, 1)", "x < 1"),
        ("Which of $x^2-1$ and $x^2+1$ has real roots?", "x^2-1", "x^2 - 1"),
    ],
)
def test_an_answer_that_stands_in_the_problem_may_be_right(grader, prompt, reference, answer):
    """Numbers and expressions that are offered in the problem are not echoes of it."""
    assert grader.grade(MathTask(answer=reference), f"\\boxed{{{answer}}}", prompt).outcome is Outcome.CORRECT


def test_a_copied_prompt_is_no_answer(grader):
    """Even where the problem happens to contain its answer."""
    prompt = "Find the value of 3 - 1, which is two less than four and equal to 2. The answer is 2."
    assert grader.grade(MathTask(answer="2"), prompt, prompt).reason is Reason.NO_ANSWER


def test_explain_holds_the_reference_and_both_normal_forms(grader):
    """And each is cut at two kilobytes."""
    verdict = boxed(grader, "1/2", "0.25")
    assert verdict.explain["expected"] == "1/2"
    assert verdict.explain["expected_normal"] == "1/2"
    assert verdict.answer == "0.25"
    long = boxed(grader, "+".join(["xx"] * 1200), "x")
    assert all(len(str(value)) <= 2048 for value in long.explain.values())


def test_pairs_are_decided_once():
    """The second time the very same verdict object comes from the cache."""
    with MathGrader() as grader:
        first = grader.grade(MathTask(answer="(x+1)^2"), "\\boxed{x^2+2x+1}")
        again = grader.grade(MathTask(answer="(x+1)^2"), "Otherwise said: \\boxed{x^2+2x+1}")
        assert first is again


def test_threads_may_share_a_grader(grader):
    """Eight threads, each with its own questions, the residue's child among them."""
    wrong: list[object] = []

    def work(n: int) -> None:
        for i in range(20):
            right = grader.grade(MathTask(answer=f"\\sqrt{{{n}}}+{i}"), f"\\boxed{{{i}+\\sqrt{{{n}}}}}")
            off = grader.grade(MathTask(answer=f"\\sqrt{{{n}}}+{i}"), f"\\boxed{{{i + 1}+\\sqrt{{{n}}}}}")
            if right.outcome is not Outcome.CORRECT or off.outcome is not Outcome.WRONG:
                wrong.append((n, i, right, off))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong


@pytest.mark.parametrize(
    ("reference", "answer", "equal"),
    [
        ("\\frac{\\pi^2}{6}", "\\sum_{n=1}^{\\infty} \\frac{1}{n^2}", True),
        ("e", "\\lim_{n \\to \\infty} (1+\\frac{1}{n})^n", True),
        ("3", "\\lim_{x \\to 0} \\frac{\\sin 2x}{x}", False),
        ("\\sqrt{\\pi}", "\\int_{-\\infty}^{\\infty} e^{-x^2} dx", True),
    ],
)
def test_limits_series_and_integrals_are_decided_in_the_child(patient, reference, answer, equal):
    """What no rung can tell goes to sympy, and its finding is the verdict."""
    verdict = boxed(patient, reference, answer)
    assert verdict.method == "residue"
    assert (verdict.outcome is Outcome.CORRECT) == equal
