"""Special judges: a trusted program that decides whether an output is right, run in a jail of its own.

How it is called depends on what it reads. One that never reads standard input gets three files as arguments: input,
output, answer (testlib's order). One that does is a problem package's output validator: it gets input, answer and a
feedback folder as arguments and the output on standard input (Kattis, DOMjudge). What its status means is the task's
`dialect`; only these statuses are believed, since no accident produces 42. A score that it writes is not read.
A program in C++ that includes testlib.h finds it beside it.

A checker that ends in any other way is asked about the case's own answer in the output's place. When it accepts that,
it works, and it was this output that it fell over: the completion's doing, so the output is wrong and no refuge. When
it does not, the checker is broken: the task's fault (docs/decisions/0008).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from graders.code.cases import Accepts, as_bytes
from graders.code.dialogue import how_it_ended, tail
from graders.code.harness import vendor_file, whole_program
from graders.code.language import canonical
from graders.errors import GraderFault, TaskInvalid
from graders.task import ProgramChecker, StdioCase
from graders.verdict import TestOutcome
from sandbox.limits import COMPILE_LIMITS, Limits
from sandbox.run import Ended, Program, Run, RunOutcome
from sandbox.runner import Candidate, Runner

LIMITS = Limits(cpu_s=10.0, output_bytes=1024 * 1024)
"""What a checker may use for one case, at least; a task that grants its candidates more grants its checker that."""

_COMPILE_LIMITS = replace(COMPILE_LIMITS, cpu_s=60.0)
"""A checker is compiled once for many completions, and testlib.h alone takes seconds on a busy host."""

# testlib's: accepted, wrong, malformed, dirt after the answer, end of file where something was expected.
_STATUSES = {"kattis": {42: True, 43: False}, "testlib": {0: True, 1: False, 2: False, 4: False, 8: False}}

_INCLUDES_TESTLIB = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]testlib\.h[>"]', re.MULTILINE)

_READS_STDIN = re.compile(
    r"\bstdin\b|\bcin\b|\binput\s*\(|\bscanf\s*\(|\bgetchar\s*\(|\bgetline\s*\(\s*std::cin|System\.in\b|/dev/stdin|\bopen\(0"
)


@contextmanager
def open_checker(runner: Runner, checker: ProgramChecker, limits: Limits) -> Iterator[Accepts]:
    """A judge that asks the program.

    Raises, on entry: TaskInvalid if it does not compile or its language is not here.
    The judge raises TaskInvalid when the program gives a verdict neither on the output nor on the case's own answer.
    """
    language = canonical(checker.language)
    if language not in runner.languages:
        raise TaskInvalid("unsupported_language", f"no jail here runs the checker's language, {language}")
    testlib = _INCLUDES_TESTLIB.search(checker.source) is not None
    program = whole_program(language, checker.source)
    if testlib:
        program = Program(program.language, {**program.files, "testlib.h": vendor_file("testlib.h")}, program.main)
    statuses = _STATUSES[checker.dialect or ("testlib" if testlib else "kattis")]
    run_of = _validator_run if _READS_STDIN.search(checker.source) is not None and not testlib else _checker_run
    with runner.open(program, _COMPILE_LIMITS) as judge:
        if judge.compiled is not None and not judge.compiled.exited_zero:
            raise TaskInvalid("checker_does_not_compile", tail(judge.compiled.stderr) or judge.compiled.ended.value)

        def accepts(case: StdioCase, output: bytes) -> bool:
            outcome = _outcome(judge, run_of(case, output), limits)
            decided = _decided(outcome, statuses)
            if decided is None and _decided(_outcome(judge, run_of(case, as_bytes(case.output)), limits), statuses):
                return False
            if decided is None:
                ended, explain = how_it_ended(outcome)
                words = explain.get("ended", "exit status 0") if ended is not TestOutcome.ACCEPTED else "exit status 0"
                raise TaskInvalid("checker_failed", f"the checker ended with neither verdict: {words}")
            return decided

        yield accepts


def _outcome(judge: Candidate, run: Run, limits: Limits) -> RunOutcome:
    outcome = next(iter(judge.run([run], _limits_of(limits))), None)
    if outcome is None:
        raise GraderFault("the sandbox gave no outcome")
    return outcome


def _decided(outcome: RunOutcome, statuses: Mapping[int, bool]) -> bool | None:
    """The verdict that a checker's end stands for, if it is one."""
    return statuses.get(outcome.exit_code or 0) if outcome.ended is Ended.EXITED else None


def _checker_run(case: StdioCase, output: bytes) -> Run:
    files = {"case.in": as_bytes(case.input), "case.out": output, "case.ans": as_bytes(case.output)}
    return Run(args=("case.in", "case.out", "case.ans"), files=files)


def _validator_run(case: StdioCase, output: bytes) -> Run:
    files = {"case.in": as_bytes(case.input), "case.ans": as_bytes(case.output)}
    return Run(stdin=output, args=("case.in", "case.ans", "./"), files=files)


def _limits_of(task: Limits) -> Limits:
    return Limits(
        cpu_s=max(LIMITS.cpu_s, task.cpu_s),
        memory_bytes=max(LIMITS.memory_bytes, task.memory_bytes),
        output_bytes=LIMITS.output_bytes,
        processes=LIMITS.processes,
        file_bytes=max(LIMITS.file_bytes, task.output_bytes * 2, task.file_bytes),
    )
