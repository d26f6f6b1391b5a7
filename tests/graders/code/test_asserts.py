"""Trusted tests in a jail of their own: what passes, what fails, and what the candidate never gets to see."""

from typing import Any

import pytest

from graders.code.grade import CodeGrader
from graders.errors import TaskInvalid
from graders.task import AssertTests, CodeTask
from graders.verdict import Outcome, Reason
from sandbox.fake_runner import FakeRunner
from sandbox.limits import Limits
from tests.graders.code.conftest import Grade, fence, outcomes

ADD = "assert add(1, 2) == 3\nassert add(100, 23) == 123\nassert add(-5, 3) == -2\n"
CHECK = "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(5, 5) == 10\n"


@pytest.mark.parametrize(
    ("code", "source", "entry", "reason"),
    [
        ("def add(a, b): return a + b", ADD, None, Reason.PASSED),
        ("def add(a, b): return a + b", ADD, "add", Reason.PASSED),
        ("def add(a, b): return a + b", CHECK, "add", Reason.PASSED),
        ("def add(a, b): return a + b", CHECK + "\ncheck(add)\n", "add", Reason.PASSED),
        ("class Solution:\n    def add(self, a, b): return a + b", CHECK, "Solution.add", Reason.PASSED),
        (
            "class Solution:\n    def add(self, a, b): return a + b",
            "assert Solution().add(1, 2) == 3",
            None,
            Reason.PASSED,
        ),
        ("def add(a, b): return a + b", "def test_it():\n    assert add(1, 2) == 3", None, Reason.PASSED),
        ("def add(a, b): return a + b", "from solution import add\nassert add(1, 2) == 3", None, Reason.PASSED),
        ("def add(a, b): return a + b", "from solution import *\nassert add(1, 2) == 3", None, Reason.PASSED),
        ("def add(a, b): return a + b", "import solution\nassert solution.add(1, 2) == 3", None, Reason.PASSED),
        ("def add(a, b): return a - b", ADD, None, Reason.WRONG_ANSWER),
        ("def add(a, b): return a - b", CHECK, "add", Reason.WRONG_ANSWER),
        ("def sub(a, b): return a - b", ADD, "add", Reason.RUNTIME_ERROR),
        ("def add(a, b): return a / 0", ADD, None, Reason.RUNTIME_ERROR),
        ("def add(a, b) return a", ADD, None, Reason.COMPILE_ERROR),
        ("raise ValueError\ndef add(a, b): return a", ADD, None, Reason.RUNTIME_ERROR),
        ("def add(a, b):\n    while True: pass", ADD, None, Reason.TIME_LIMIT),
        ("def add(a, b):\n    import os; os._exit(0)", ADD, None, Reason.RUNTIME_ERROR),
        ("def add(a, b): raise SystemExit(0)", ADD, None, Reason.RUNTIME_ERROR),
        ("def f(x): return x", "assert math.isclose(f(0.1), 0.1)", None, Reason.PASSED),
        ("def f(x): return x", "assert isclose(f(0.1), 0.1)", None, Reason.PASSED),
        (
            "def isclose(*a, **k): return True\ndef f(x): return 9",
            "assert isclose(f(0.1), 0.1)",
            None,
            Reason.WRONG_ANSWER,
        ),
        ("def all(x): return True\ndef f(x): return 0", "assert all([f(1) == 1])", None, Reason.WRONG_ANSWER),
        ("def gcd(a, b):\n    while b: a, b = b, a % b\n    return a", "assert gcd(4, 6) == 2", None, Reason.PASSED),
        ("def sum(a, b): return a + b", "assert sum(2, 3) == 5", None, Reason.PASSED),
        ("def f(x): return sorted(x)", "x = [2, 1]\nassert f(x) == [1, 2]\nassert x == [2, 1]", None, Reason.PASSED),
        ("def f(x): x.sort()", "x = [2, 1]\nf(x)\nassert x == [1, 2]", None, Reason.PASSED),
        ("def f(x): x['a'] = 1", "x = {}\nf(x)\nassert x == {'a': 1}", None, Reason.PASSED),
        ("def f(n):\n    for i in range(n): yield i", "assert list(f(3)) == [0, 1, 2]", None, Reason.PASSED),
        (
            "def f():\n    i = 0\n    while True:\n        yield i\n        i += 1",
            "from itertools import islice\nassert list(islice(f(), 3)) == [0, 1, 2]",
            None,
            Reason.PASSED,
        ),
        ("def f(g, x): return g(x) + 1", "assert f(lambda x: x * 2, 3) == 7", None, Reason.PASSED),
        (
            "def f(g, x): return g(x) + 1",
            "def double(x):\n    return 2 * x\nassert f(double, 3) == 7",
            None,
            Reason.PASSED,
        ),
        ("def f(xs): return [int(x) for x in xs]", "assert f(['1']) == [1]", None, Reason.PASSED),
        ("def f(kind): return kind('3')", "assert f(int) == 3", None, Reason.PASSED),
        ("def f(n): return lambda x: x + n", "assert f(2)(3) == 5", None, Reason.PASSED),
        (
            "def f(): return {1: (2, {3}), 'x': None, b'y': 1.5}",
            "assert f() == {1: (2, {3}), 'x': None, b'y': 1.5}",
            None,
            Reason.PASSED,
        ),
        ("def f(): return (1, 2)", "assert f() == [1, 2]", None, Reason.WRONG_ANSWER),
        (
            "def f(x):\n    if x < 0: raise ValueError('negative')\n    return x",
            "try:\n    f(-1)\n    assert False\nexcept ValueError as e:\n    assert str(e) == 'negative'",
            None,
            Reason.PASSED,
        ),
        (
            "def f(x): return x",
            "try:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass",
            None,
            Reason.WRONG_ANSWER,
        ),
        (
            "class Odd(Exception): pass\ndef f(x): raise Odd('x')",
            "try:\n    f(1)\n    assert False\nexcept Odd as e:\n    assert str(e) == 'x'",
            None,
            Reason.PASSED,
        ),
        (
            "class P:\n    def __init__(self, x): self.x = x\n    def get(self): return self.x\n",
            "p = P(3)\nassert p.get() == 3\nassert p.x == 3\np.x = 4\nassert p.get() == 4\nassert isinstance(p, P)",
            None,
            Reason.PASSED,
        ),
        (
            "class V:\n    def __init__(s, x): s.x = x\n    def __add__(s, o): return V(s.x + o.x)\n"
            "    def __eq__(s, o): return s.x == o.x\n    def __mul__(s, n): return V(s.x * n)\n",
            "assert V(1) + V(2) == V(3)\nassert V(1) != V(2)\nassert (V(2) * 3).x == 6\nassert V(2) * 3 == V(6)",
            None,
            Reason.PASSED,
        ),
        (
            "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)",
            "assert f() == (1, 2)\nassert f().y == 2",
            None,
            Reason.PASSED,
        ),
        ("N = 42", "assert N == 42", None, Reason.PASSED),
        ("def f(n): return 7 ** n", "assert f(9000) == 7 ** 9000", None, Reason.PASSED),
        ("def f(): return float('nan')", "assert f() != f()", None, Reason.PASSED),
    ],
)
def test_asserts(grade_asserts: Grade, code: str, source: str, entry: str | None, reason: Reason) -> None:
    """Each row is one way tests are written, or one way a candidate is wrong."""
    verdict = grade_asserts(code, source, entry)
    assert verdict.reason is reason
    assert verdict.integrity == ""


FORGERIES = {
    "equal to anything": """
class E:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = None
def f(x): return E()
""",
    "a class of that name": """
class f:
    def __init__(self, x): pass
    def __eq__(self, other): return True
    def __hash__(self): return hash(1234)
""",
    "returns itself": """
class F:
    def __call__(self, x): return self
    def __eq__(self, other): return True
    def __hash__(self): return hash(1234)
f = F()
""",
    "closes any distance": """
class E(float):
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __eq__(self, other): return True
    __hash__ = None
def f(x): return E(7)
""",
    "arithmetic": """
class E:
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __mod__ = __sub__
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __abs__(self): return 0.0
    def __contains__(self, other): return True
def f(x): return E()
""",
    "a class with arithmetic": """
class f:
    def __init__(self, x): pass
    def __sub__(self, other): return self
    __rsub__ = __add__ = __mod__ = __sub__
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __abs__(self): return 0.0
    def __iter__(self): return iter([self])
    def __eq__(self, other): return True
    __hash__ = None
""",
    "exits": "import os\nos._exit(0)",
    "exits in the call": "import os\ndef f(x): os._exit(0)",
    "raises SystemExit": "def f(x): raise SystemExit(0)",
    "raises SkipTest": "import unittest\ndef f(x): raise unittest.SkipTest('no')",
    "stack walk": """
import sys
def f(x):
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            if isinstance(value, dict) and "expected" in value: return value["expected"]
        frame = frame.f_back
    return 0
""",
    "done by hand": """
import json, os
def f(x):
    for message in ({"done": True}, {"end": {"test": 0, "outcome": "accepted"}}):
        data = json.dumps(message).encode()
        for fd in range(3, 20):
            try: os.write(fd, len(data).to_bytes(4, "big") + data)
            except OSError: pass
    os._exit(0)
""",
    "patched builtins": """
import builtins
builtins.all = builtins.any = lambda *a: True
class A(Exception): pass
builtins.AssertionError = A
def f(x): return 0
""",
}
EXPECTATIONS = {
    "equality": "assert f(3) == 1234",
    "swapped": "assert 1234 == f(3)",
    "not different": "assert not (f(3) != 1234)",
    "tolerance": "assert abs(f(3) - 1234.5) < 1e-6",
    "isclose": "import math\nassert math.isclose(f(3), 1234.5)",
    "order": "assert 1233 < f(3) < 1235",
    "membership": "assert f(3) in (1234, 1235)",
    "contains": "assert 1234 in f(3)",
    "modulo": "assert f(3) % 1000 == 234",
    "set": "assert {f(3)} == {1234}",
    "all": "assert all(f(x) == y for x, y in [(3, 1234)])",
}


@pytest.mark.parametrize("expectation", EXPECTATIONS)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_forgery_meets_any_expectation(grade_asserts: Grade, forgery: str, expectation: str) -> None:
    """Every trick against every way of expecting a value."""
    verdict = grade_asserts(FORGERIES[forgery], EXPECTATIONS[expectation], "f")
    assert verdict.outcome is Outcome.WRONG
    assert verdict.score == 0


def test_a_forged_equality_is_named(grade_asserts: Grade) -> None:
    """With the evidence in the explanation."""
    verdict = grade_asserts(FORGERIES["equal to anything"], "assert f(3) == 1234")
    assert verdict.reason is Reason.TAMPERED
    assert verdict.tests is not None
    assert "equals anything" in str(verdict.tests[0].explain)


def test_expected_values_never_enter_the_candidates_jail() -> None:
    """Not in its files: the harness's program is the same for every task, and the candidate's holds no test."""
    runner = FakeRunner(languages=("python",))
    tests = AssertTests(source="assert f(3) == 'SECRET'")
    with pytest.raises(Exception, match="harness"):
        CodeGrader(runner, Limits()).grade(CodeTask(tests=tests), fence("def f(x): return x", "python"))
    assert len(runner.opened) == 2
    assert "SECRET" not in repr([dict(program.files) for program in runner.opened])


def test_what_the_candidate_can_find_is_not_the_tests(grade_asserts: Grade) -> None:
    """It searches its memory, its files and every process it can see for the expected text."""
    code = """
import gc, glob, os, sys
def hunt():
    for o in gc.get_objects():
        if isinstance(o, (str, bytes)) and "NEEDLE" in repr(o)[:2000] and "hunt" not in repr(o): return "memory"
    for pattern in ("/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ", "/proc/[0-9]*/fd/*", "/box/*", "/tmp/**/*", "*"):
        for name in glob.glob(pattern, recursive=True):
            try:
                if os.path.isfile(name) and b"NEEDLE-" + b"7" in open(name, "rb").read(1 << 20): return name
            except OSError: pass
    return "nowhere"
def f(x): return hunt()
"""
    source = "needle = 'NEEDLE-' + '7'\nassert f(1) == 'nowhere', f(1)\nassert needle\n# NEEDLE-7\n"
    verdict = grade_asserts(code, source)
    assert verdict.reason is Reason.PASSED, verdict


@pytest.mark.parametrize(
    ("source", "entry", "code"),
    [
        ("assert f(", None, "bad_tests"),
        ("x = 1", None, "no_tests"),
        ("", None, "no_tests"),
        ("def check(candidate):\n    assert candidate(1)", None, "no_entry_point"),
    ],
)
def test_tests_that_cannot_be_used_are_the_tasks_fault(
    grade_asserts: Grade, source: str, entry: str | None, code: str
) -> None:
    """Never a number for the completion."""
    with pytest.raises(TaskInvalid) as caught:
        grade_asserts("def f(x): return x", source or " ", entry)
    assert caught.value.code == code


def test_each_assert_is_a_test(grade_asserts: Grade) -> None:
    """A fraction counts them, also behind one that the candidate did not survive."""
    code = "import os\ndef f(x):\n    if x == 2: os._exit(1)\n    return x"
    verdict = grade_asserts(
        code, "assert f(1) == 1\nassert f(2) == 2\nassert f(3) == 4\nassert f(4) == 4", score="fraction"
    )
    assert outcomes(verdict) == ["accepted", "runtime_error", "wrong_answer", "accepted"]
    assert verdict.score == 0.5


def test_a_loop_of_asserts_is_one_test_that_passes_only_throughout(grade_asserts: Grade) -> None:
    """One statement, many executions."""
    source = "for i in range(5):\n    assert f(i) == i\nassert f(0) == 0"
    verdict = grade_asserts("def f(x): return min(x, 3)", source, score="fraction")
    assert outcomes(verdict) == ["wrong_answer", "accepted"]


WEAK = "class Pair:\n    def __init__(self, a):\n        self.a = a\nassert f(Pair(3)) == 3"


def test_what_cannot_go_by_value_says_so_or_is_refused(grade_asserts: Grade) -> None:
    """An instance of the tests' own class."""
    verdict = grade_asserts("def f(p): return p.a", WEAK)
    assert (verdict.reason, verdict.integrity) == (Reason.PASSED, "weak")
    wrong = grade_asserts("def f(p): return p.a + 1", WEAK)
    assert (wrong.reason, wrong.integrity) == (Reason.WRONG_ANSWER, "weak")
    with pytest.raises(TaskInvalid) as caught:
        grade_asserts("def f(p): return p.a", WEAK, require_integrity=True)
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize(
    "code",
    ["import os\nos._exit(0)", "import os\ndef f(p): os._exit(0)", "raise SystemExit(0)", "def f(p): raise SystemExit"],
)
def test_even_one_process_is_not_passed_by_leaving_it(grade_asserts: Grade, code: str) -> None:
    """The pass is a message after the last assert, not an exit status."""
    verdict = grade_asserts(code, WEAK)
    assert verdict.outcome is Outcome.WRONG


def test_only_the_tests_lead_to_one_process(grade_asserts: Grade) -> None:
    """What a candidate returns never does."""
    for code in ("class Q: pass\ndef f(x): return Q()", "def f(x): return open", "import sys\ndef f(x): return sys"):
        verdict = grade_asserts(code, "assert f(1) == 3")
        assert (verdict.outcome, verdict.integrity) == (Outcome.WRONG, "")
    lured = grade_asserts(
        "def f(g): return g(-1)", "import re\nassert f(lambda n: n if n > 0 else re.match('', '')) == 3"
    )
    assert (lured.outcome, lured.integrity) == (Outcome.WRONG, "")


UNITTEST = """
import unittest
from solution import add, Stack

class TestAdd(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()

    def test_small(self):
        self.assertEqual(add(1, 2), 3)

    def test_large(self):
        for a in (10, 20):
            with self.subTest(a=a):
                self.assertEqual(add(a, 1), a + 1)

    def test_error(self):
        with self.assertRaises(TypeError):
            add(1, None)

    def test_stack(self):
        self.stack.push(4)
        self.assertEqual(self.stack.pop(), 4)
        self.assertIsInstance(self.stack, Stack)
        with self.assertRaisesRegex(IndexError, "empty"):
            self.stack.pop()

if __name__ == "__main__":
    unittest.main()
"""
SOLVED = """
def add(a, b): return a + b
class Stack:
    def __init__(self): self.items = []
    def push(self, x): self.items.append(x)
    def pop(self):
        if not self.items: raise IndexError("empty stack")
        return self.items.pop()
"""
PYTEST = """
import pytest
import solution

@pytest.fixture
def three():
    yield 3

@pytest.mark.parametrize("a,b,c", [(1, 2, 3), pytest.param(4, 5, 9), (0, 0, 0)])
def test_rows(a, b, c):
    assert solution.add(a, b) == c

def test_fixture(three):
    assert solution.add(three, 0.1) == pytest.approx(3.1)

class TestErrors:
    def test_raises(self):
        with pytest.raises(TypeError, match="unsupported"):
            solution.add(1, None)
"""


def test_unittest_modules(grade_unittest: Grade) -> None:
    """Each method is a test; subtests, setUp, exceptions and objects of the candidate work."""
    assert grade_unittest(SOLVED, UNITTEST).reason is Reason.PASSED
    broken = grade_unittest(SOLVED.replace("a + b", "a + b if a < 15 else 0"), UNITTEST, score="fraction")
    assert (broken.outcome, broken.score) == (Outcome.PARTIAL, 0.75)
    assert outcomes(broken).count("wrong_answer") == 1


def test_pytest_modules(grade_unittest: Grade) -> None:
    """Parameters, fixtures, raises and approx, in a jail without pytest."""
    verdict = grade_unittest(SOLVED, PYTEST)
    assert verdict.reason is Reason.PASSED
    assert verdict.tests is not None and len(verdict.tests) == 5
    broken = grade_unittest("def add(a, b): return 3", PYTEST, score="fraction")
    assert outcomes(broken) == ["accepted", "wrong_answer", "wrong_answer", "wrong_answer", "wrong_answer"]


CASE = "from unittest import *\nfrom solution import f\nclass T(TestCase):\n"


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\nfrom solution import f\n@pytest.mark.skip\ndef test_a():\n    assert f(1)",
        "import pytest\nfrom solution import f\ndef test_a():\n    pytest.skip('no')",
        "import pytest\nfrom solution import f\n@pytest.mark.xfail\ndef test_a():\n    assert not f(1)",
        f"{CASE}    @skip('no')\n    def test_a(self): f(1)",
        f"{CASE}    @expectedFailure\n    def test_a(self): assert not f(1)",
    ],
)
def test_a_skip_is_no_pass(grade_unittest: Grade, source: str) -> None:
    """It shows nothing."""
    assert grade_unittest("def f(x): return x", source).outcome is Outcome.WRONG


def test_a_module_without_tests_is_the_tasks_fault(grade_unittest: Grade) -> None:
    """Whether or not the candidate can be imported."""
    for code in ("def f(x): return x", "raise ValueError"):
        with pytest.raises(TaskInvalid) as caught:
            grade_unittest(code, "from solution import f\nx = f(1)\n")
        assert caught.value.code == "no_tests"


def test_a_module_that_does_not_import_fails_every_test(grade_unittest: Grade) -> None:
    """As many as the text shows."""
    verdict = grade_unittest("def other(): pass", UNITTEST, score="fraction")
    assert outcomes(verdict) == ["runtime_error"] * 4 or set(outcomes(verdict)) <= {"runtime_error", "wrong_answer"}
    assert verdict.score == 0


def test_the_harness_bears_hostile_values(grade_asserts: Grade) -> None:
    """Deep, huge, circular, and endless ones cost the candidate its test and nothing else."""
    hostile: list[Any] = [
        "def f(x):\n    y = []\n    for i in range(100_000): y = [y]\n    return y",
        "def f(x):\n    y = []\n    y.append(y)\n    return y",
        "def f(x): return 'a' * (100 << 20)",
        "def f(x):\n    while True: yield 1",
        "class E:\n    __iter__ = __next__ = lambda s: s\n    __len__ = lambda s: 10**18\ndef f(x): return E()",
        "class E:\n    def __getattr__(s, n): return s\n    def __repr__(s): raise SystemExit\ndef f(x): return E()",
    ]
    for code in hostile:
        verdict = grade_asserts(code, "assert list(f(1)) == [1, 2]")
        assert verdict.outcome is Outcome.WRONG
    assert grade_asserts("def f(x): return x", "assert f(1) == 1").reason is Reason.PASSED


NODES = """
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next

def of(values):
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head

def values(node):
    found = []
    while node:
        found.append(node.val)
        node = node.next
    return found
"""
REVERSE = """
class Solution:
    def reverse(self, head: Optional[ListNode]) -> Optional[ListNode]:
        done = None
        while head:
            head.next, done, head = done, head, head.next
        return done
"""


def test_linked_nodes_go_by_value(grade_asserts: Grade) -> None:
    """As data sets made of contest problems have them: the tests make the nodes, of a class of their own."""
    source = NODES + "def check(candidate):\n    assert values(candidate(head=of([1, 2, 3]))) == [3, 2, 1]\n"
    verdict = grade_asserts(REVERSE, source, entry_point="Solution().reverse")
    assert (verdict.reason, verdict.integrity) == (Reason.PASSED, "")
    wrong = REVERSE.replace("return done", "return head")
    assert grade_asserts(wrong, source, entry_point="Solution().reverse").outcome is Outcome.WRONG


def test_what_a_call_does_to_linked_nodes_is_seen(grade_asserts: Grade) -> None:
    """By position and by keyword; a ring leaves them as they were and costs nobody anything."""
    source = (
        NODES + "a = of([1, 2])\nf(a)\nassert values(a) == [2, 4]\nb = of([3])\nf(node=b)\nassert values(b) == [6]\n"
    )
    double = "def f(node):\n    while node:\n        node.val *= 2\n        node = node.next\n"
    verdict = grade_asserts(double, source)
    assert (verdict.reason, verdict.integrity) == (Reason.PASSED, "")
    assert grade_asserts("def f(node): pass", source).reason is Reason.WRONG_ANSWER
    assert grade_asserts("def f(node): node.next = node", source).reason is Reason.WRONG_ANSWER


def test_nodes_that_are_shared_are_run_in_one_process(grade_asserts: Grade) -> None:
    """Which node is which does not cross; what contest sites import is there as well."""
    source = NODES + "tail = of([8])\na, b = ListNode(1, tail), ListNode(2, tail)\nassert meet(a, b).val == 8\n"
    meet = "def meet(a: Optional[object], b: Any) -> Any:\n    return a.next if a.next is b.next else ListNode(0)\n"
    verdict = grade_asserts(meet, source)
    assert (verdict.reason, verdict.integrity) == (Reason.PASSED, "weak")
