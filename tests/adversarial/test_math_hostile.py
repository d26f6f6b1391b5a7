"""No answer holds a worker for long, fills its memory, raises, runs, or is paid by accident.

A question that only the child process could tell costs up to its bound, about a second, whatever it is compared with.
So each answer meets a reference of every kind beside a child that says at once that it cannot tell, which leaves all
the work of the worker itself; and the child that does its best meets each answer once as an answer and once as a
reference.
"""

import contextlib
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graders.math.bounded import Residue
from graders.math.grade import MathGrader
from graders.task import MathTask
from graders.verdict import Outcome

_ROWS = Path(__file__).with_name("math_hostile.py")
_SPEC = importlib.util.spec_from_file_location("math_hostile", _ROWS)
assert _SPEC is not None and _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
HOSTILE = _MODULE.HOSTILE

HOLD_S = 2.0
# References of every kind, so that an answer meets each comparison: a number, a surd, a function, an equation, a list,
# an interval, a tuple, a matrix, an integral, and a tower of its own.
REFERENCES = [
    "42",
    r"\sqrt{2}+1",
    "x^2+1",
    "2x+3y=1",
    "1,2,3",
    "[0,1)",
    "(1,2)",
    r"\begin{pmatrix}1\\2\end{pmatrix}",
    r"\int_0^1 x^2 dx",
    "9^{9^{9^{9}}}+1",
]


# A child that keeps to the protocol and knows nothing.
_KNOWS_NOTHING = """
import sys
print('{"ready": true}', flush=True)
for line in sys.stdin:
    print('{"equal": null}', flush=True)
"""


@pytest.fixture(scope="module")
def grader():
    """One grader with its child started, as in a worker that has run for a while."""
    with MathGrader() as made:
        made.grade(MathTask(answer=r"\lim_{x \to 0} \frac{\sin x}{x}"), r"\boxed{1}")
        yield made


@pytest.fixture(scope="module")
def alone():
    """A grader whose child cannot tell anything: what it decides and spends is the worker's own."""
    with MathGrader(Residue(command=(sys.executable, "-I", "-c", _KNOWS_NOTHING))) as made:
        yield made


@pytest.mark.parametrize(("name", "answer"), [(row[0], row[2]) for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_no_answer_holds_a_worker(alone, name, answer):
    """Against one reference of each kind, in a box and bare: a verdict, never correct, each within two seconds."""
    for reference in REFERENCES:
        for completion in (f"\\boxed{{{answer}}}", answer):
            start = time.process_time(), time.monotonic()
            verdict = alone.grade(MathTask(answer=reference), completion)
            used = time.process_time() - start[0], time.monotonic() - start[1]
            assert used[0] < HOLD_S, (reference, used)
            assert used[1] < 2 * HOLD_S, (reference, used)  # Wall clock, generous: the machine may be shared.
            assert verdict.outcome is not Outcome.CORRECT, (reference, verdict)


@pytest.mark.parametrize(("name", "answer"), [(row[0], row[2]) for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_an_answer_of_any_length_equals_itself_or_cannot_be_told(grader, name, answer):
    """As a reference too, a hostile text is read within the bound, or refused as the task's fault."""
    from graders.errors import TaskInvalid

    start = time.process_time(), time.monotonic()
    with contextlib.suppress(TaskInvalid):
        assert grader.grade(MathTask(answer=answer), r"\boxed{42}").outcome is not Outcome.CORRECT
    assert time.process_time() - start[0] < HOLD_S
    assert time.monotonic() - start[1] < 2 * HOLD_S


def test_nothing_was_run():
    """The rows that are code would have left a file behind."""
    assert not Path("/tmp/pwned").exists()


def test_the_child_does_not_hold_a_worker_and_memory_stays_bounded():
    """All rows in a fresh process with a real child: each within the bound, none paid, never more than 512 MB."""
    program = (
        "import sys, importlib.util, resource, time\n"
        "spec = importlib.util.spec_from_file_location('rows', sys.argv[1])\n"
        "rows = importlib.util.module_from_spec(spec); spec.loader.exec_module(rows)\n"
        "from graders.math.grade import MathGrader\n"
        "from graders.task import MathTask\n"
        "held, paid = 0.0, 0\n"
        "with MathGrader() as grader:\n"
        "    grader.grade(MathTask(answer=r'\\lim_{x \\to 0} \\frac{\\sin x}{x}'), r'\\boxed{1}')\n"
        "    for name, where, answer in rows.HOSTILE:\n"
        "        start = time.monotonic()\n"
        "        verdict = grader.grade(MathTask(answer='x^2+1'), '\\\\boxed{' + answer + '}')\n"
        "        held = max(held, time.monotonic() - start)\n"
        "        paid += verdict.outcome == 'correct'\n"
        "print(held, paid, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(_ROWS)], capture_output=True, text=True, timeout=110, check=True
    )
    held, paid, kilobytes = run.stdout.split()
    assert float(held) < 2 * HOLD_S  # Wall clock, generous: the machine may be shared.
    assert int(paid) == 0
    assert int(kilobytes) * 1024 < 512 * 2**20


@pytest.mark.parametrize(
    "pattern", [r"\boxed{", "answer: $x = ", "<answer>", "####", "</think>", "**", "$$", "The answer is "]
)
def test_extraction_is_linear(pattern):
    """Ten times the text takes about ten times as long, for every marker that extraction looks for."""
    from graders.extract import extract

    def seconds(times: int) -> float:
        text = pattern * times
        best = 1e9
        for _ in range(3):
            start = time.process_time()
            extract(text)
            best = min(best, time.process_time() - start)
        return best

    small, large = seconds(4_000), seconds(40_000)
    assert large < 40 * small + 0.02
    assert large < HOLD_S


def test_spaces_before_a_box_cost_nothing():
    """A million spaces, then the answer: linear, and found."""
    from graders.extract import extract

    start = time.process_time()
    assert extract(" " * 1_000_000 + r"\boxed{5}").text == "5"
    assert time.process_time() - start < HOLD_S
