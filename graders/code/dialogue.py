"""Questions and answers with a driver in a jail, over the sandbox's private channel.

Each question carries a random number and each answer must repeat it: an answer written before the question was asked,
or in another one's name, is tampering. What an answer says is the candidate's word all the same. How a process ended
is translated here into the outcome of the test it was working on.
"""

import json
import reprlib
import secrets
from collections.abc import Mapping
from typing import Any

from graders.errors import GraderFault
from graders.verdict import JsonValue, TestOutcome
from sandbox.errors import SandboxFault
from sandbox.run import Ended, RunOutcome
from sandbox.runner import Conversation

ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""A longer answer counts as too much output."""

TEXT_MAX = 2048
"""Longest text put into an explanation."""


class Broken(Exception):
    """The process ended, hung, or answered out of turn; `outcome` is what the test at hand gets."""

    def __init__(self, outcome: TestOutcome, explain: Mapping[str, JsonValue], run: RunOutcome | None = None) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome
        self.explain = dict(explain)
        self.run = run


class DoesNotCompile(Exception):
    """The solution is no program in its language; `message` is its compiler's."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Dialogue:
    """One conversation with a driver, spoken in JSON."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Put a question and wait for its answer.

        Args: timeout_s: elapsed seconds after which the process counts as hanging and is killed.
        Raises: Broken, after which the conversation is over; SandboxFault.
        """
        number = secrets.randbits(53)
        self.send({**question, "n": number})
        answer = self.receive(timeout_s)
        if answer.get("n") != number:
            raise self.stop(TestOutcome.TAMPERED, "an answer to a question that was not asked")
        return answer

    def send(self, question: Mapping[str, Any]) -> None:
        """Put a question whose answer is fetched later. Raises: SandboxFault."""
        self._conversation.send(json.dumps(question, separators=(",", ":")).encode("ascii"))

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """The next message, whatever it answers. Raises as `ask` does."""
        try:
            message = self._conversation.receive(max(timeout_s, 0.001))
        except TimeoutError:
            raise Broken(TestOutcome.TIME_LIMIT, {"ended": "no answer in time"}, self._kill()) from None
        if message is None:
            run = self._conversation.finish()
            outcome, explain = how_it_ended(run)
            if run.ended is Ended.SIGNALLED and run.signal == _SIGPROF:  # The driver's own clock for one question.
                outcome, explain = TestOutcome.TIME_LIMIT, {"ended": "time limit"}
            if outcome is TestOutcome.ACCEPTED:  # It left with status 0 in the middle of a question.
                outcome, explain = TestOutcome.RUNTIME_ERROR, {"ended": "exited with status 0 before answering"}
            raise Broken(outcome, explain, run)
        if len(message) > ANSWER_BYTES_MAX:
            raise self.stop(TestOutcome.OUTPUT_LIMIT, "returned too much")
        try:
            answer = json.loads(message)
        except (ValueError, RecursionError):
            raise self.stop(TestOutcome.TAMPERED, "a message that no driver writes") from None
        if not isinstance(answer, dict):
            raise self.stop(TestOutcome.TAMPERED, "a message that no driver writes")
        return answer

    def stop(self, outcome: TestOutcome, evidence: str) -> Broken:
        """End the process and say why, as the exception to raise."""
        key = "evidence" if outcome is TestOutcome.TAMPERED else "ended"
        return Broken(outcome, {key: evidence}, self._kill())

    def _kill(self) -> RunOutcome | None:
        """End the process. What it used may stay unknown: that it is ended follows from what we saw, not from that."""
        try:
            return self._conversation.finish(kill=True)
        except SandboxFault:
            return None


_SIGPROF = 27


def how_it_ended(run: RunOutcome) -> tuple[TestOutcome, dict[str, JsonValue]]:
    """What an end means for a test, and words for it. ACCEPTED means only: nothing against it, by itself no pass.

    Raises: GraderFault for a run that never was.
    """
    if run.ended is Ended.TIME_LIMIT:
        return TestOutcome.TIME_LIMIT, {"ended": "time limit"}
    if run.ended is Ended.MEMORY_LIMIT:
        return TestOutcome.MEMORY_LIMIT, {"ended": "memory limit"}
    if run.ended is Ended.OUTPUT_LIMIT:
        return TestOutcome.OUTPUT_LIMIT, {"ended": "output limit"}
    if run.ended is Ended.SIGNALLED:
        return TestOutcome.RUNTIME_ERROR, {"ended": f"signal {run.signal}", "stderr": tail(run.stderr)}
    if run.ended is Ended.EXITED and run.exit_code != 0:
        return TestOutcome.RUNTIME_ERROR, {"ended": f"exit status {run.exit_code}", "stderr": tail(run.stderr)}
    if run.ended is not Ended.EXITED:
        raise GraderFault("a run came back without having been observed")
    return TestOutcome.ACCEPTED, {}


class _Short(reprlib.Repr):
    """A repr that stays short for values of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = self.maxdict = 200
        self.maxstring = self.maxother = TEXT_MAX
        self.maxlevel = 20

    def repr_int(self, x: int, level: int) -> str:
        """A number too long to write out is described."""
        return repr(x) if x.bit_length() < 4000 else f"<an integer of {x.bit_length()} bits>"


def shown(value: object) -> str:
    """A plain value as text for people, cut."""
    return _Short().repr(value)[:TEXT_MAX]


def tail(text: bytes) -> str:
    """The end of some output, as text."""
    return text[-TEXT_MAX:].decode("utf-8", "replace")


def head(text: bytes) -> str:
    """The beginning of some output, as text."""
    return text[:TEXT_MAX].decode("utf-8", "replace")
