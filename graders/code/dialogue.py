"""Questions and answers with a driver in a jail, over the sandbox's private channel.

Each question carries a random number and each answer must repeat it: an answer written before the question was asked,
or in another one's name, is tampering. What an answer says is the candidate's word all the same. How a process ended
is translated here into the outcome of the test it was working on.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from graders.errors import GraderFault
from graders.verdict import JsonValue, TestOutcome
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
            run = self._conversation.finish(kill=True)
            raise Broken(TestOutcome.TIME_LIMIT, {"ended": "no answer in time"}, run) from None
        if message is None:
            run = self._conversation.finish()
            outcome, explain = how_it_ended(run)
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
        return Broken(outcome, {key: evidence}, self._conversation.finish(kill=True))


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


def tail(text: bytes) -> str:
    """The end of some output, as text."""
    return text[-TEXT_MAX:].decode("utf-8", "replace")


def head(text: bytes) -> str:
    """The beginning of some output, as text."""
    return text[:TEXT_MAX].decode("utf-8", "replace")
