"""The child process for symbolic mathematics: bounds, faults, lifetime."""

import os
import subprocess
import sys
import threading
import time

import pytest

from graders.errors import GraderFault
from graders.math.bounded import Bounds, Residue
from graders.math.grade import MathGrader
from graders.math.parse import parse
from graders.math.residue import decoded, encoded
from graders.task import MathTask
from graders.verdict import Outcome

PATIENT = Bounds(wall_s=30.0, cpu_s=20)


def alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_nothing_is_started_until_it_is_needed():
    """A grader that only sees what the rungs can tell has no child."""
    residue = Residue()
    with MathGrader(residue) as grader:
        assert grader.grade(MathTask(answer=r"\sqrt{2}"), r"\boxed{\frac{2}{\sqrt{2}}}").outcome is Outcome.CORRECT
        assert residue.pid is None


def test_sympy_is_not_imported_here():
    """The worker's own process stays small: importing the grader loads neither sympy nor anything slow."""
    program = (
        "import sys, time; start = time.perf_counter(); import graders.math.grade; "
        "print(time.perf_counter() - start, 'sympy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    seconds, loaded = run.stdout.split()
    assert loaded == "False"
    assert float(seconds) < 2.0  # 0.15 s on a quiet machine; the benchmark reports it.


def test_the_child_decides_and_leaves_with_the_grader():
    """One child for many questions; close ends it, and a later question starts another."""
    residue = Residue(PATIENT)
    assert residue.equal(parse(r"\frac{\pi^2}{6}"), parse(r"\sum_{n=1}^{\infty}\frac{1}{n^2}")) is True
    first = residue.pid
    assert first is not None and alive(first)
    assert residue.equal(parse("1"), parse(r"\lim_{x \to 0} \frac{\sin 2x}{x}")) is False
    assert residue.pid == first
    residue.close()
    assert not alive(first)
    assert residue.equal(parse("2"), parse(r"\lim_{x \to 0} \frac{\sin 2x}{x}")) is True
    second = residue.pid
    assert second is not None and second != first
    residue.close()
    assert not alive(second)


@pytest.mark.parametrize(
    "answer",
    [
        "9^{9^{9^9}}",
        r"\sum_{n=1}^{\infty} \frac{1}{n^{1+\frac{1}{n^n}}}",
        r"\int_0^1 \frac{\sin(x^x)}{\ln(1+x^{x^x})} dx",
        r"(10^9)!",
    ],
)
def test_a_question_at_its_bound_is_undecided(answer):
    """Killed on time or memory: "cannot tell", within the bound, and the child answers the next question."""
    residue = Residue(Bounds(wall_s=1.0, cpu_s=1, memory_bytes=512 * 2**20))
    try:
        residue.equal(parse("1"), parse("2"))  # The import of sympy is not part of the question.
        start = time.monotonic()
        assert residue.equal(parse("x"), parse(answer)) is None
        assert time.monotonic() - start < 3.0
        assert residue.equal(parse("2"), parse(r"\lim_{x \to 0} 2")) in (True, None)
    finally:
        residue.close()


def test_memory_is_a_bound_too():
    """A fork that may not even load its work says so instead of dying unseen."""
    residue = Residue(Bounds(wall_s=20.0, cpu_s=20, memory_bytes=80 * 2**20))
    try:
        assert residue.equal(parse(r"\sum_{n=1}^{\infty}\frac{1}{n^2}"), parse(r"(x+y+z+w+1)^{60}")) is None
    finally:
        residue.close()


@pytest.mark.parametrize(
    "command",
    [
        ("/nonexistent/python",),
        (sys.executable, "-c", "pass"),
        (sys.executable, "-c", "print('hello')"),
        (sys.executable, "-c", "print('{\"ready\": true}', flush=True)"),
        (sys.executable, "-c", "import time; time.sleep(60)"),
    ],
)
def test_a_child_that_fails_by_itself_is_a_fault(command):
    """Not startable, gone at once, speaking nonsense, silent: our fault, never a verdict."""
    residue = Residue(Bounds(start_s=0.5), command)
    try:
        with pytest.raises(GraderFault):
            residue.equal(parse("1"), parse("2"))
        assert residue.pid is None
    finally:
        residue.close()


def test_a_killed_child_is_replaced():
    """Somebody kills it between two questions: the second is still answered."""
    residue = Residue(PATIENT)
    try:
        assert residue.equal(parse("1"), parse("1")) is True
        assert residue.pid is not None
        os.kill(residue.pid, 9)
        assert residue.equal(parse("2"), parse("2")) is True
    finally:
        residue.close()


def test_threads_share_the_child():
    """Questions from several threads are answered one after the other, each its own."""
    residue = Residue(PATIENT)
    wrong: list[tuple[int, object]] = []

    def ask(n: int) -> None:
        found = residue.equal(parse(str(n)), parse(rf"\lim_{{x \to 0}} \frac{{\sin({n % 3 + 1}x)}}{{x}}"))
        if found is not (n == n % 3 + 1):
            wrong.append((n, found))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    residue.close()
    assert not wrong


def test_after_a_fork_the_child_stays_with_its_parent():
    """A forked worker starts its own child and leaves its parent's alone."""
    residue = Residue(PATIENT)
    try:
        assert residue.equal(parse("1"), parse("1")) is True
        mine = residue.pid
        assert mine is not None
        reading, writing = os.pipe()
        fork = os.fork()
        if fork == 0:
            found = residue.equal(parse("2"), parse("2"))
            os.write(writing, f"{found} {residue.pid != mine}".encode())
            residue.close()
            os._exit(0)
        os.close(writing)
        os.waitpid(fork, 0)
        assert os.read(reading, 100) == b"True True"
        os.close(reading)
        assert alive(mine)
        assert residue.equal(parse("3"), parse("3")) is True
    finally:
        residue.close()


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "-3/4",
        "0.25",
        r"\sqrt[3]{x+1}",
        r"\sum_{k=1}^{n} k^2",
        r"\int_0^1 e^{x^2} dx",
        r"\lim_{x \to \infty} \frac{1}{x}",
        "f(x)",
    ],
)
def test_trees_cross_as_json(text):
    """What is sent is the same tree, with decimals as exact numbers."""
    node = parse(text)
    assert decoded(encoded(node)) == decoded(encoded(decoded(encoded(node))))
    assert encoded(decoded(encoded(node)))[0] in (node.op, "num")
