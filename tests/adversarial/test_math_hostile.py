"""No answer holds a worker for long, fills its memory, raises, runs, or is paid by accident.

A question that only the child process could tell costs up to its bound, about a second, whatever it is compared with.
So each answer meets a reference of every kind beside a child that says at once that it cannot tell, which leaves all
the work of the worker itself; and of what reaches the child at all, one question of each row is asked of the real one.
"""

import contextlib
import importlib.util
import json
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
def test_a_hostile_reference_does_not_hold_a_worker(alone, name, answer):
    """As a reference too, a hostile text is read within the bound, or refused as the task's fault."""
    from graders.errors import TaskInvalid

    start = time.process_time(), time.monotonic()
    with contextlib.suppress(TaskInvalid):
        assert alone.grade(MathTask(answer=answer), r"\boxed{42}").outcome is not Outcome.CORRECT
    assert time.process_time() - start[0] < HOLD_S
    assert time.monotonic() - start[1] < 2 * HOLD_S


def test_nothing_was_run():
    """The rows that are code would have left a file behind."""
    assert not Path("/tmp/pwned").exists()


_PROGRAM = """
import importlib.util, json, resource, sys, time
spec = importlib.util.spec_from_file_location("rows", sys.argv[1])
rows = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rows)
from graders.errors import TaskInvalid
from graders.math.bounded import Residue
from graders.math.grade import MathGrader
from graders.task import MathTask

questions = {}

class Recorder(Residue):
    def equal(self, gold, answer):
        questions.setdefault(name, (gold, answer))
        return None

with MathGrader(Recorder()) as grader:
    for name, where, hostile in rows.HOSTILE:
        for reference in json.loads(sys.argv[2]):
            for expected, given in ((reference, hostile), (hostile, reference)):
                try:
                    grader.grade(MathTask(answer=expected), "\\\\boxed{" + given + "}")
                except TaskInvalid:
                    pass
child, held, equal = Residue(), 0.0, []
child.equal(*next(iter(questions.values())))
for name, question in questions.items():
    start = time.monotonic()
    if child.equal(*question):
        equal.append(name)
    held = max(held, time.monotonic() - start)
child.close()
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({"questions": len(questions), "held": held, "equal": equal, "kilobytes": peak}))
"""


def test_whatever_reaches_the_child_is_bounded_there():
    """Every row meets every reference, both ways; of what reaches symbolic mathematics, one question of each row is
    asked of the real child: each within the bound, none paid, and no process larger than 512 MB."""
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(_ROWS), json.dumps(REFERENCES)],
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    found = json.loads(run.stdout)
    assert found["questions"] >= 20  # Limits, series and integrals do get there.
    assert found["held"] < 2 * HOLD_S  # Wall clock, generous: the machine may be shared.
    assert found["equal"] == []
    assert found["kilobytes"] * 1024 < 512 * 2**20


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
