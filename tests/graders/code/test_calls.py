"""Function tests: by value, with exact types, in the candidate's own jail."""

from typing import Any

import pytest

from graders.task import FloatRule
from graders.verdict import Outcome, Reason
from tests.graders.code.conftest import Grade, outcomes

ADD = [([1, 2], 3), ([100, 23], 123), ([-5, 3], -2)]


@pytest.mark.parametrize(
    ("code", "entry", "cases", "reason"),
    [
        ("def add(a, b): return a + b", "add", ADD, Reason.PASSED),
        ("class Solution:\n    def add(self, a, b): return a + b", "Solution.add", ADD, Reason.PASSED),
        ("class Solution:\n    def add(self, a, b): return a + b", "add", ADD, Reason.PASSED),
        ("class Solution:\n    @staticmethod\n    def add(a, b): return a + b", "Solution.add", ADD, Reason.PASSED),
        ("from functools import lru_cache\n@lru_cache(None)\ndef add(a, b): return a + b", "add", ADD, Reason.PASSED),
        ("add = lambda a, b: a + b", "add", ADD, Reason.PASSED),
        ("def add(a, b): print('noise'); return a + b", "add", ADD, Reason.PASSED),
        ("def add(a, b): return float(a + b)", "add", ADD, Reason.WRONG_ANSWER),
        ("def add(a, b): return str(a + b)", "add", ADD, Reason.WRONG_ANSWER),
        ("def add(a, b): pass", "add", ADD, Reason.WRONG_ANSWER),
        ("def sub(a, b): return a - b", "add", ADD, Reason.RUNTIME_ERROR),
        ("def add(a, b): return 1 / 0", "add", ADD, Reason.RUNTIME_ERROR),
        ("def add(a, b) return a", "add", ADD, Reason.COMPILE_ERROR),
        ("import nothing_of_that_name\ndef add(a, b): return a + b", "add", ADD, Reason.RUNTIME_ERROR),
        ("def add(a, b):\n    while True: pass", "add", ADD, Reason.TIME_LIMIT),
        ("def add(a, b):\n    import time; time.sleep(99)", "add", ADD[:1], Reason.TIME_LIMIT),
        ("def add(a, b):\n    import os; os._exit(0)", "add", ADD, Reason.RUNTIME_ERROR),
        ("def add(a, b):\n    raise SystemExit(0)", "add", ADD, Reason.RUNTIME_ERROR),
        ("import sys\ndef add(a, b): return a + b\nsys.exit(0)", "add", ADD, Reason.PASSED),
        ("import sys\nsys.stdin.read()\ndef add(a, b): return a + b", "add", ADD, Reason.PASSED),
        ("def f(x): return x == 2", "f", [([2], True)], Reason.PASSED),
        ("def f(x): return 1", "f", [([2], True)], Reason.WRONG_ANSWER),
        ("def f(n): return 3 ** n", "f", [([9000], 3**9000)], Reason.PASSED),
        ("def f(n): return (n, n)", "f", [([1], [1, 1])], Reason.PASSED),
        ("def f(n): return (i for i in range(n))", "f", [([2], [0, 1])], Reason.PASSED),
        ("def f(n): return {i: str(i) for i in range(n)}", "f", [([1], {"0": "0"})], Reason.PASSED),
        ("def f(n): return float('nan')", "f", [([1], 0.5)], Reason.WRONG_ANSWER),
        ("def f(n):\n    return 1 if n == 0 else 1 + f(n - 1)", "f", [([20_000], 20_001)], Reason.PASSED),
        ("def f(s: List[str]) -> Optional[str]: return s[0]", "f", [([["a"]], "a")], Reason.PASSED),
        ("def f(xs): return Counter(xs).most_common(1)[0][0]", "f", [([[1, 1, 2]], 1)], Reason.PASSED),
        ("def f(xs): return list(SortedList(xs))", "f", [([[2, 1]], [1, 2])], Reason.PASSED),
        ("def f(xs): xs.sort()", "f", [([[2, 1]], [1, 2])], Reason.PASSED),
        ("def f(xs): xs = sorted(xs)", "f", [([[2, 1]], [1, 2])], Reason.WRONG_ANSWER),
        # A method's name may be one that contest sites import for everybody; then it is still the method that is
        # called, and a solution that only calls such a name has not defined it (2026-11-27, LeetCode's `add`).
        ("class Solution:\n    def add(self, a, b): return a", "add", ADD, Reason.WRONG_ANSWER),
        ("class Solution:\n    def gcd(self, a, b): return a + b", "Solution.gcd", ADD, Reason.PASSED),
        ("print(add(1, 2))", "add", ADD, Reason.RUNTIME_ERROR),
        ("from operator import add", "add", ADD, Reason.PASSED),
        ("def f(x): pass", "f", [([1], None)], Reason.PASSED),
        ("def f(x): pass", "f", [([5], 5)], Reason.WRONG_ANSWER),
        ("def f(x): return open", "f", [([5], 5)], Reason.WRONG_ANSWER),
    ],
)
def test_python_functions(
    grade_calls: Grade, code: str, entry: str, cases: list[tuple[list[Any], Any]], reason: Reason
) -> None:
    """Each row is one form of right or wrong."""
    assert grade_calls(code, entry, cases).reason is reason


REVERSE = """
class Solution:
    def reverseList(self, head: Optional[ListNode]) -> Optional[ListNode]:
        before = None
        while head:
            head.next, before, head = before, head, head.next
        return before
"""
INVERT = """
class Solution:
    def invertTree(self, root: Optional[TreeNode]) -> Optional[TreeNode]:
        if root:
            root.left, root.right = self.invertTree(root.right), self.invertTree(root.left)
        return root
"""
MERGE = """
class Solution:
    def mergeKLists(self, lists: List[Optional[ListNode]]) -> Optional[ListNode]:
        values = []
        for node in lists:
            while node:
                values.append(node.val)
                node = node.next
        head = last = ListNode()
        for value in sorted(values):
            last.next = ListNode(value)
            last = last.next
        return head.next
"""
CIRCLE = """
class Solution:
    def reverseList(self, head: Optional[ListNode]) -> Optional[ListNode]:
        head.next = head
        return head
"""


@pytest.mark.parametrize(
    ("code", "entry", "cases", "reason"),
    [
        (REVERSE, "Solution.reverseList", [([[1, 2, 3]], [3, 2, 1]), ([[]], [])], Reason.PASSED),
        (CIRCLE, "Solution.reverseList", [([[1, 2, 3]], [3, 2, 1])], Reason.RUNTIME_ERROR),
        (INVERT, "Solution.invertTree", [([[4, 2, 7, 1, None, None, 9]], [4, 7, 2, 9, None, None, 1])], Reason.PASSED),
        (INVERT, "Solution.invertTree", [([[]], [])], Reason.PASSED),
        (MERGE, "Solution.mergeKLists", [([[[1, 4], [], [2]]], [1, 2, 4])], Reason.PASSED),
    ],
)
def test_linked_nodes_are_lists_in_the_tests(
    grade_calls: Grade, code: str, entry: str, cases: list[tuple[list[Any], Any]], reason: Reason
) -> None:
    """Annotations say where nodes are wanted."""
    assert grade_calls(code, entry, cases).reason is reason


STACK = """
class MinStack:
    def __init__(self): self.items = []
    def push(self, x): self.items.append(x)
    def pop(self): self.items.pop()
    def top(self): return self.items[-1]
    def getMin(self): return min(self.items)
"""


def test_a_designed_class_is_driven_by_its_operations(grade_calls: Grade) -> None:
    """LeetCode's two lists."""
    names = ["MinStack", "push", "push", "getMin", "pop", "top"]
    cases = [([names, [[], [3], [1], [], [], []]], [None, None, None, 1, None, 3])]
    assert grade_calls(STACK, "MinStack", cases).reason is Reason.PASSED
    wrong = [([names, [[], [3], [1], [], [], []]], [None, None, None, 3, None, 3])]
    assert grade_calls(STACK, "MinStack", wrong).reason is Reason.WRONG_ANSWER


@pytest.mark.parametrize(
    ("compare", "expected", "returned", "reason"),
    [
        ("unordered", [1, 2], "[2, 1]", Reason.PASSED),
        ("unordered", [1, 2], "{2, 1}", Reason.PASSED),
        ("equal", [1, 2], "[2, 1]", Reason.WRONG_ANSWER),
        (FloatRule(abs=1e-6), 0.3, "0.1 + 0.2", Reason.PASSED),
        ("equal", 0.3, "0.1 + 0.2", Reason.WRONG_ANSWER),
    ],
)
def test_comparisons(grade_calls: Grade, compare: object, expected: Any, returned: str, reason: Reason) -> None:
    """The task's rule decides out here."""
    assert grade_calls(f"def f(): return {returned}", "f", [([], expected)], compare).reason is reason


def test_a_case_that_ends_the_process_costs_that_case_only(grade_calls: Grade) -> None:
    """The next begins in a fresh one; so does the one behind a hanging case."""
    code = (
        "import os, time\ndef f(x):\n    if x == 1: os._exit(0)\n    if x == 2:\n        while True: pass\n    return x"
    )
    verdict = grade_calls(code, "f", [([i], i) for i in range(5)], score="fraction")
    assert outcomes(verdict) == ["accepted", "runtime_error", "time_limit", "accepted", "accepted"]
    assert (verdict.outcome, verdict.score) == (Outcome.PARTIAL, 0.6)


@pytest.mark.alone
def test_time_counts_for_each_case_by_itself(grade_calls: Grade) -> None:
    """Many cases that together take longer than one may."""
    code = """
import time
def f(x):
    end = time.process_time() + 0.5
    while time.process_time() < end: pass
    return x
"""
    verdict = grade_calls(code, "f", [([i], i) for i in range(6)])
    assert verdict.reason is Reason.PASSED
    assert verdict.tests is not None
    assert all(0.4 < test.time_s < 1 for test in verdict.tests)


ALWAYS_EQUAL = """
class E:
    def __eq__(self, other): return True
    __hash__ = None
def add(a, b): return E()
"""
MOCK = """
from unittest.mock import ANY
def add(a, b): return ANY
"""
EQUAL_NUMBER = """
class I(int):
    def __eq__(self, other): return True
    __hash__ = None
def add(a, b): return I(0)
"""
EXTRA_FRAME = """
import json, os
def add(a, b):
    data = json.dumps({"v": a + b, "n": 1}).encode()
    for fd in range(3, 20):
        try: os.write(fd, len(data).to_bytes(4, "big") + data)
        except OSError: pass
    return 0
"""


@pytest.mark.parametrize("code", [ALWAYS_EQUAL, MOCK, EQUAL_NUMBER, EXTRA_FRAME])
def test_forging_is_named(grade_calls: Grade, code: str) -> None:
    """Equal to anything, or an answer that was not asked for: tampered, with the evidence."""
    verdict = grade_calls(code, "add", ADD)
    assert verdict.reason is Reason.TAMPERED
    assert verdict.tests is not None
    assert "evidence" in verdict.tests[0].explain


def test_keyword_arguments(grade_calls: Grade, grader: Any) -> None:
    """By name."""
    from graders.task import CodeTask, FunctionCase, FunctionTests
    from tests.graders.code.conftest import fence

    tests = FunctionTests(entry_point="f", cases=(FunctionCase(kwargs={"b": 1, "a": 5}, expected=4),))
    verdict = grader.grade(CodeTask(tests=tests), fence("def f(a, b): return a - b", "python"))
    assert verdict.reason is Reason.PASSED
