"""Input/output tests: each case is one run of the candidate, in a jail that sees the input and never the output."""

from collections.abc import Callable, Generator, Mapping
from typing import Literal

from graders.code.compare import outputs_match
from graders.code.dialogue import TEXT_MAX, DoesNotCompile, head, how_it_ended, tail
from graders.code.noprogram import is_no_program
from graders.code.runs import RunsOfOne
from graders.code.score import PATIENCE_S, Plan
from graders.errors import GraderFault
from graders.task import FloatRule, StdioCase, StdioTests
from graders.verdict import JsonValue, TestOutcome, TestResult
from sandbox.limits import Limits
from sandbox.run import Ended, Run, RunOutcome
from sandbox.runner import Candidate

Accepts = Callable[[StdioCase, bytes], bool]
"""Whether an output is right for a case."""


def by_rule(rule: Literal["tokens", "exact", "lines"] | FloatRule) -> Accepts:
    """A judge that compares with the case's output. The other kind, a program, is graders.code.checker."""
    return lambda case, output: outputs_match(rule, as_bytes(case.output), output)


def run_cases(
    candidate: Candidate, tests: StdioTests, limits: Limits, plan: Plan, accepts: Accepts, known: RunsOfOne
) -> dict[int, TestResult]:
    """Run the candidate on each case that the plan needs; equal inputs are run once.

    Args: known: runs of this program that were made before, for other tasks; new ones are added.
    Returns: results by the case's index.
    Raises: DoesNotCompile, for a file its interpreter cannot read; SandboxFault; GraderFault; what `accepts` raises.
    """
    results: dict[int, TestResult] = {}
    # Looked up once: to ask for an input's run is to digest the input, and the plan is asked anew after each failure.
    inputs = {case.input for case in tests.cases}
    ran = {text: run for text in inputs if (run := known.get(as_bytes(text))) is not None}
    while pending := plan.pending(results):
        if sum(run.wall_s for run in ran.values() if run.ended is Ended.TIME_LIMIT) > PATIENCE_S:
            break
        text = tests.cases[pending[0]].input
        if text in ran:
            results[pending[0]] = _judge(pending[0], tests.cases[pending[0]], ran[text], accepts)
            continue
        first_of_input: dict[str, int] = {}
        for index in pending:
            first_of_input.setdefault(tests.cases[index].input, index)
        fresh = [index for text, index in first_of_input.items() if text not in ran]
        _run_until_one_fails(candidate, tests, fresh, limits, accepts, results, ran, known)
    return results


def _run_until_one_fails(
    candidate: Candidate,
    tests: StdioTests,
    indices: list[int],
    limits: Limits,
    accepts: Accepts,
    results: dict[int, TestResult],
    ran: dict[str, RunOutcome],
    known: RunsOfOne,
) -> None:
    """Run cases in one go. A failure may make the plan drop others, so it ends the go and the plan is asked again."""
    outcomes = candidate.run([Run(stdin=as_bytes(tests.cases[index].input)) for index in indices], limits)
    for index in indices:
        outcome = next(outcomes, None)
        if outcome is None:
            raise GraderFault("the sandbox gave fewer outcomes than runs")
        if is_no_program(known.language, outcome.exit_code, outcome.stdout, outcome.stderr):
            raise DoesNotCompile(tail(outcome.stderr))
        ran[tests.cases[index].input] = outcome
        known.keep(as_bytes(tests.cases[index].input), outcome)
        results[index] = _judge(index, tests.cases[index], outcome, accepts)
        if results[index].outcome is not TestOutcome.ACCEPTED:
            break
    if isinstance(outcomes, Generator):
        outcomes.close()


def _judge(index: int, case: StdioCase, run: RunOutcome, accepts: Accepts) -> TestResult:
    """A status other than 0 is an error even behind the right output: the ICPC's rule."""
    outcome, explain = how_it_ended(run)
    if outcome is TestOutcome.ACCEPTED and not accepts(case, run.stdout):
        outcome, explain = TestOutcome.WRONG_ANSWER, _difference(case, run)
    if run.retried:
        explain["retried"] = True
    return TestResult(index, outcome, run.cpu_s, run.memory_bytes, explain)


def _difference(case: StdioCase, run: RunOutcome) -> dict[str, JsonValue]:
    notes: Mapping[str, str] = {"input": case.input[:TEXT_MAX], "expected": case.output[:TEXT_MAX]}
    return {**notes, "got": head(run.stdout), "stderr": tail(run.stderr)}


def as_bytes(text: str) -> bytes:
    """A task's text as a program reads it; what JSON lets through and UTF-8 does not stays what it was."""
    return text.encode("utf-8", "surrogatepass")
