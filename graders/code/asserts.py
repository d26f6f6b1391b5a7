"""Trusted Python tests (asserts, unittest): they run in a jail of their own and call the candidate through us.

Two programs talk, each in its own jail, never at the same time: the harness (jail/assert_harness.py), which holds the
tests, and the candidate behind its driver. We carry questions and answers between them, watch the time each test takes,
and believe the harness alone about how a test went, and that only once it says it is done. The candidate's jail sees
arguments, never an expected value.

What cannot go by value is run in one process and marked weak, or refused; only the tests' own doing leads there, never
the candidate's.
"""

import json
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from graders.code.calls import START_S, error_note, limits_of_many, wait_s
from graders.code.dialogue import TEXT_MAX, Broken, Dialogue, DoesNotCompile, how_it_ended
from graders.code.score import PATIENCE_S, Plan
from graders.errors import GraderFault, TaskInvalid
from graders.verdict import JsonValue, TestOutcome, TestResult
from sandbox.limits import Limits
from sandbox.run import Run
from sandbox.runner import Candidate, Conversation

TESTS_MAX = 10_000
"""More tests in one source are refused."""


class NeedsOneProcess(Exception):
    """The tests hand over what cannot leave their process; `why` in words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Finding:
    """What running a test source gave: the plan made of its tests, and their results."""

    def __init__(self, plan: Plan, results: dict[int, TestResult]) -> None:
        self.plan, self.results = plan, results


def run_tests(
    harness: Candidate,
    candidate: Candidate | None,
    start: dict[str, Any],
    limits: Limits,
    plan_for: Callable[[int], Plan],
) -> Finding:
    """Run a test source against a candidate.

    Args:
        harness: the harness's program, in its jail.
        candidate: the candidate behind the Python driver, in another jail; None when the harness has it in its own.
        start: kind, source and entry point.
        limits: of each test.
        plan_for: makes the plan once the number of tests is known.

    Raises: TaskInvalid; NeedsOneProcess; DoesNotCompile; GraderFault; SandboxFault.
    """
    many = max(1, min(str(start["source"]).count("assert"), 200))
    with ExitStack() as stack:
        trusted = stack.enter_context(harness.talk(Run(), limits_of_many(limits, many)))
        relay = _Relay(trusted, candidate, limits, many, plan_for)
        stack.callback(relay.close)
        return relay.serve(start)


class _Relay:
    """One grading: a state machine driven by the harness's messages."""

    def __init__(
        self,
        trusted: Conversation,
        candidate: Candidate | None,
        limits: Limits,
        many: int,
        plan_for: Callable[[int], Plan],
    ) -> None:
        self._trusted = trusted
        self._candidate = candidate
        self._alone = candidate is None
        self._limits = limits
        self._many = many
        self._plan_for = plan_for
        self._plan: Plan | None = None
        self._results: dict[int, TestResult] = {}
        self._token = secrets.token_hex(16)
        self._talk: AbstractContextManager[Conversation] | None = None
        self._dialogue: Dialogue | None = None
        self._outstanding: list[int] = []
        self._cpu_s = 0.0
        self._memory_bytes = 0
        self._test = -1
        self._left_s = limits.wall_limit_s
        self._lost: Broken | None = None
        self._lost_s = 0.0

    def serve(self, start: dict[str, Any]) -> Finding:
        """Talk until the harness is done."""
        self._tell({**start, "alone": self._alone, "token": self._token})
        while True:
            try:
                message = self._hear()
            except _Silent as silent:
                return self._silent(silent.outcome)
            if "ask" in message:
                self._tell(self._ask(message["ask"], int(message["test"])))
            elif "end" in message:
                go = self._note(message["end"])
                if message["end"]["outcome"] != TestOutcome.ACCEPTED:
                    self._tell({"go": go})
            elif "tests" in message:
                self._list(len(message["tests"]))
            elif "invalid" in message:
                raise TaskInvalid(str(message["invalid"]["code"]), str(message["invalid"]["message"]))
            elif "weak" in message:
                raise NeedsOneProcess(str(message["weak"]))
            elif "done" in message:
                return self._finding()
            else:
                raise GraderFault("the harness said something unknown")

    def close(self) -> None:
        """Leave the candidate's conversation, if one is open."""
        if self._talk is not None:
            talk, self._talk, self._dialogue = self._talk, None, None
            talk.__exit__(None, None, None)

    def _list(self, tests: int) -> None:
        if tests > TESTS_MAX:
            raise TaskInvalid("too_many_tests", f"more than {TESTS_MAX} tests")
        self._plan = self._plan_for(tests)

    def _silent(self, outcome: TestOutcome) -> Finding:
        """What is left when the harness fell silent: nothing it has not reported passes, nor anything it did report."""
        plan = self._plan or self._plan_for(1)
        for index in range(len(plan)):
            known = self._results.get(index)
            if known is None or self._alone:
                self._results[index] = TestResult(index, outcome, explain={"ended": "the tests did not come to an end"})
        self._plan = plan
        return self._finding()

    def _finding(self) -> Finding:
        if self._plan is None:
            raise GraderFault("the harness was done before it began")
        results = {
            index: TestResult(index, r.outcome, r.time_s, r.memory_bytes or self._memory_bytes, r.explain)
            for index, r in self._results.items()
        }
        return Finding(self._plan, results)

    def _note(self, end: dict[str, Any]) -> bool:
        """Take down how a test went, and say whether the rest is still worth running."""
        if self._plan is None or not 0 <= int(end["test"]) < len(self._plan):
            raise GraderFault("the harness reported a test that it did not list")
        index, said = int(end["test"]), str(end["outcome"])
        explain: dict[str, JsonValue] = {key: str(value)[:TEXT_MAX] for key, value in end.get("explain", {}).items()}
        if said == "lost":
            outcome, explain = self._how_it_was_lost(end.get("explain", {}))
        else:
            outcome = TestOutcome(said)
        if end.get("evidence"):
            outcome = TestOutcome.TAMPERED
            explain["evidence"] = str(end["evidence"])[:TEXT_MAX]
        self._results[index] = TestResult(index, outcome, round(self._cpu_s, 6), 0, explain)
        if outcome is TestOutcome.TIME_LIMIT:
            self._lost_s += self._limits.wall_limit_s
        if self._lost_s > PATIENCE_S:
            return False
        self._cpu_s = 0.0
        return bool(self._plan.pending(self._results)) or not any(
            result.outcome is not TestOutcome.ACCEPTED for result in self._results.values()
        )

    def _how_it_was_lost(self, note: dict[str, Any]) -> tuple[TestOutcome, dict[str, JsonValue]]:
        load = note.get("load")
        if isinstance(load, dict):
            explain = error_note(load)
            if explain.pop("compile", False):
                raise DoesNotCompile(str(explain.get("error", "")))
            return TestOutcome.RUNTIME_ERROR, explain
        if self._lost is None:
            raise GraderFault("the harness lost a candidate that we have")
        return self._lost.outcome, self._lost.explain

    def _ask(self, question: dict[str, Any], test: int) -> dict[str, Any]:
        """Put the harness's question to the candidate."""
        if self._candidate is None:
            raise GraderFault("the harness asked for a candidate that it has itself")
        if test != self._test:
            self._test, self._left_s = test, self._limits.wall_limit_s
        loading = question.get("op") == "load"
        try:
            if loading or self._dialogue is None:
                self._begin()
            answer = self._exchange(question, wait_s(self._limits) if loading else self._left_s)
        except Broken as broken:
            self._lost = broken
            if broken.run is not None:
                self._memory_bytes = max(self._memory_bytes, broken.run.memory_bytes)
            self.close()
            return {"lost": {"ended": broken.outcome.value}}
        cpu = answer.get("cpu")
        if not loading and isinstance(cpu, (int, float)) and 0 <= cpu < 1e6:
            self._cpu_s += cpu
        return {"got": answer}

    def _begin(self) -> None:
        self.close()
        self._outstanding.clear()
        if self._candidate is None:
            raise GraderFault("no candidate")
        self._talk = self._candidate.talk(Run(), limits_of_many(self._limits, self._many))
        self._dialogue = Dialogue(self._talk.__enter__())

    def _exchange(self, question: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """One question and its answer; while the candidate waits for a callback, several are outstanding.

        Raises: Broken.
        """
        if self._dialogue is None:
            raise GraderFault("no candidate to ask")
        if question.get("op") == "resume":
            self._dialogue.send(question)
        else:
            self._outstanding.append(secrets.randbits(53))
            cpu_s = START_S + self._limits.cpu_s if question.get("op") == "load" else self._limits.cpu_s - self._cpu_s
            self._dialogue.send({**question, "n": self._outstanding[-1], "cpu_s": max(cpu_s, 0.01)})
        began = time.monotonic()
        answer = self._dialogue.receive(timeout_s)
        self._left_s -= time.monotonic() - began
        if "callback" in answer:
            return answer
        if not self._outstanding or answer.get("n") != self._outstanding.pop():
            raise self._dialogue.stop(TestOutcome.TAMPERED, "an answer to a question that was not asked")
        return answer

    def _tell(self, message: dict[str, Any]) -> None:
        self._trusted.send(json.dumps(message, separators=(",", ":")).encode("ascii"))

    def _hear(self) -> dict[str, Any]:
        """The harness's next message.

        It runs trusted code on what the candidate returned, so its hanging or its end at a limit is the doing of the
        candidate; any other end of it is not.

        Raises: _Silent; GraderFault.
        """
        try:
            message = self._trusted.receive(max(self._left_s, 0.0) + wait_s(self._limits))
        except TimeoutError:
            self._trusted.finish(kill=True)
            raise _Silent(TestOutcome.TIME_LIMIT) from None
        if message is None:
            run = self._trusted.finish()
            outcome, explain = how_it_ended(run)
            if outcome in _LIMITS:
                raise _Silent(outcome)
            if self._alone:
                raise _Silent(TestOutcome.RUNTIME_ERROR)
            raise GraderFault(f"the harness ended: {explain.get('ended', 'exit status 0')}")
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or said.get("token") != self._token:
            if self._alone:
                raise _Silent(TestOutcome.TAMPERED)
            raise GraderFault("the harness is not speaking our language")
        return said


class _Silent(Exception):
    """The harness says no more; `outcome` is for every test it has not reported."""

    def __init__(self, outcome: TestOutcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


_LIMITS = (TestOutcome.TIME_LIMIT, TestOutcome.MEMORY_LIMIT, TestOutcome.OUTPUT_LIMIT)
