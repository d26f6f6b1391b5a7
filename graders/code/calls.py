"""Function tests: each case is one call by value in the candidate's jail, compared out here.

All cases go through one conversation, in order, while it lasts; a case that ends the process costs that case only, and
the next begins in a fresh one. Arguments are the same plain JSON values for every language. Kept apart: asserts, whose
trusted code calls the candidate by itself (asserts.py).

What a case means:
- `entry_point` is a function, or "Class.method" on an instance made without arguments for each call.
- A function that returns nothing, where something is expected, is taken to have changed its first argument in place
  (a list, a dict or linked nodes), and that is compared: LeetCode's rule for `void` functions.
- Two lists of equal length in `args`, the first of names beginning with `entry_point`, are LeetCode's form for a
  class to design: construct, call each method, return the list of results.
- Parameters annotated ListNode or TreeNode get nodes built from lists, and nodes returned become lists again.
"""

import time
from collections.abc import Mapping
from typing import Any

from graders.code.compare import values_match
from graders.code.dialogue import TEXT_MAX, Broken, Dialogue, DoesNotCompile, shown
from graders.code.score import PATIENCE_S, Plan
from graders.code.values import NotPlain, decode, encode
from graders.task import FunctionCase, FunctionTests
from graders.verdict import JsonValue, TestOutcome, TestResult
from sandbox.limits import Limits
from sandbox.run import Run, RunOutcome
from sandbox.runner import Candidate

RECURSION_MAX = 50_000
"""Python's recursion limit for function tests; contest sites raise it so that honest recursion does not fail."""

START_S = 1.0
"""Processor seconds granted to an interpreter for starting, on top of what the tests may use."""


def run_calls(
    candidate: Candidate, tests: FunctionTests, limits: Limits, plan: Plan, *, tagged: bool
) -> dict[int, TestResult]:
    """Call the candidate for each case that the plan needs.

    Args:
        candidate: a program that ends in a driver of ours.
        limits: of each case.
        tagged: the driver reads our notation (Python); else plain JSON.

    Returns: results by the case's index.
    Raises: DoesNotCompile; SandboxFault; GraderFault.
    """
    results: dict[int, TestResult] = {}
    retried: set[int] = set()
    lost_s = 0.0
    while lost_s <= PATIENCE_S and (pending := plan.pending(results)):
        began = time.monotonic()
        _one_process(candidate, tests, limits, plan, pending, results, retried, tagged=tagged)
        if retried or any(result.outcome is TestOutcome.TIME_LIMIT for result in results.values()):
            lost_s += time.monotonic() - began
    return results


def _one_process(
    candidate: Candidate,
    tests: FunctionTests,
    limits: Limits,
    plan: Plan,
    pending: list[int],
    results: dict[int, TestResult],
    retried: set[int],
    *,
    tagged: bool,
) -> None:
    """Work through the pending cases until one ends the process; at least one result, or one retry, comes of it."""
    patience = 2.0 if pending[0] in retried else 1.0
    with candidate.talk(Run(), limits_of_many(limits, len(pending), patience)) as conversation:
        dialogue = Dialogue(conversation)
        at = pending[0]
        cpu_s = 0.0
        try:
            load = {"op": "load", "prelude": True, "recursion": RECURSION_MAX, "cpu_s": limits.cpu_s + START_S}
            loaded = dialogue.ask(load, patience * wait_s(limits))
            cpu_s += _seconds(loaded.get("cpu"))
            if "e" in loaded:
                error = error_note(loaded["e"])
                if error.pop("compile", False):
                    raise DoesNotCompile(str(error.get("error", "")))
                for index in pending:
                    results[index] = TestResult(index, TestOutcome.RUNTIME_ERROR, explain=error)
                return
            for at in pending:
                question = _question(tests, tests.cases[at], tagged=tagged) | {"cpu_s": limits.cpu_s}
                answer = dialogue.ask(question, patience * limits.wall_limit_s)
                cpu_s += _seconds(answer.get("cpu"))
                results[at] = _judge(at, tests, limits, answer)
                if results[at].outcome is not TestOutcome.ACCEPTED and at + 1 not in plan.pending(results):
                    break
            memory_bytes = conversation.finish().memory_bytes
        except Broken as broken:
            run = broken.run or RunOutcome()
            memory_bytes = run.memory_bytes
            starved = broken.outcome is TestOutcome.TIME_LIMIT and run.cpu_s - cpu_s < 0.9 * limits.cpu_s
            if starved and at not in retried:
                retried.add(at)  # It may have been waiting for a processor: once more, with more patience.
            else:
                results[at] = TestResult(at, broken.outcome, max(run.cpu_s - cpu_s, 0.0), memory_bytes, broken.explain)
    for index in pending:
        if index in results and results[index].memory_bytes == 0:
            done = results[index]
            results[index] = TestResult(index, done.outcome, done.time_s, memory_bytes, done.explain)


def wait_s(limits: Limits) -> float:
    """Elapsed seconds granted to a process for its first answer."""
    return limits.wall_limit_s + START_S * 5


def limits_of_many(limits: Limits, tests: int, patience: float = 1.0) -> Limits:
    """Limits of a process that serves several tests, each of which may use what `limits` grants one."""
    return Limits(
        cpu_s=limits.cpu_s * tests + START_S,
        wall_s=patience * limits.wall_limit_s * tests + wait_s(limits) + START_S,
        memory_bytes=limits.memory_bytes,
        output_bytes=limits.output_bytes,
        processes=limits.processes,
        file_bytes=limits.file_bytes,
    )


def _question(tests: FunctionTests, case: FunctionCase, *, tagged: bool) -> dict[str, Any]:
    arguments: list[Any] = [encode(value) if tagged else value for value in case.args]
    keywords = {key: encode(value) if tagged else value for key, value in case.kwargs.items()}
    question = {"op": "call", "entry": tests.entry_point, "args": arguments, "kwargs": keywords}
    return question | ({"operations": True} if _designs_class(tests, case) else {})


def _designs_class(tests: FunctionTests, case: FunctionCase) -> bool:
    if len(case.args) != 2 or case.kwargs or not all(isinstance(value, (list, tuple)) for value in case.args):
        return False
    names, values = case.args
    return (
        len(names) == len(values) > 0
        and names[0] == tests.entry_point
        and all(isinstance(name, str) for name in names)
        and all(isinstance(value, (list, tuple)) for value in values)
    )


def _judge(index: int, tests: FunctionTests, limits: Limits, answer: Mapping[str, Any]) -> TestResult:
    """Compare one answer with what was expected."""
    expected = tests.cases[index].expected
    time_s = _seconds(answer.get("cpu"))
    if "e" in answer:
        return TestResult(index, TestOutcome.RUNTIME_ERROR, time_s, explain=error_note(answer["e"]))
    try:
        value = decode(answer.get("v"), _stranger)
        if value is None and expected is not None:
            if answer.get("empty") is True and expected == []:
                value = []
            elif "first" in answer:
                value = decode(answer["first"], _stranger)
    except NotPlain as error:
        return TestResult(index, TestOutcome.RUNTIME_ERROR, time_s, explain={"error": f"the result: {error}"})
    explain: dict[str, JsonValue] = {"expected": shown(expected), "got": shown(value)}
    odd = answer.get("odd") or (value.odd if isinstance(value, _Stranger) else "")
    if odd:
        return TestResult(index, TestOutcome.TAMPERED, time_s, explain=explain | {"evidence": str(odd)[:TEXT_MAX]})
    if time_s > limits.cpu_s:
        return TestResult(index, TestOutcome.TIME_LIMIT, time_s, explain={"ended": "time limit"})
    if values_match(tests.compare, expected, value):
        return TestResult(index, TestOutcome.ACCEPTED, time_s)
    return TestResult(index, TestOutcome.WRONG_ANSWER, time_s, explain=explain)


class _Stranger:
    """Stands for an object that is no plain data: equal to nothing that can be expected."""

    def __init__(self, kind: str, odd: str) -> None:
        self.kind, self.odd = kind, odd

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def _stranger(data: dict[str, Any]) -> Any:
    if data["$"] == "namedtuple":
        return tuple(decode(item, _stranger) for item in data["v"][2])
    if data["$"] == "object":
        return _Stranger(str(data.get("v"))[:80], str(data.get("odd", "")))
    raise NotPlain("a tag that is none of ours")


def error_note(note: Any) -> dict[str, JsonValue]:
    """What a driver says of an exception, as an explanation."""
    if not isinstance(note, dict):
        return {"error": "?"}
    said = f"{str(note.get('type', '?'))[:80]}: {str(note.get('text', ''))[:1000]}"
    line = note.get("line")
    explain: dict[str, JsonValue] = {"error": said if not isinstance(line, int) or line < 1 else f"line {line}: {said}"}
    return explain | ({"compile": True} if note.get("compile") is True else {})


def _seconds(value: Any) -> float:
    """A time as a driver gives it: its own word, so only a sensible number counts."""
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e6 else 0.0
