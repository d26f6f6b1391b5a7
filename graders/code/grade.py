"""A completion against a code task: extract the program, run its tests in the sandbox, compare out here, add up.

The one entrance to this folder. Which tests run where is in cases.py (input/output), calls.py (functions) and
asserts.py (trusted Python tests); how results add up is in score.py. It does not retry: a fault of ours is raised, and
the layer above may try again.
"""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

from graders.code.appended import Appended
from graders.code.asserts import NeedsOneProcess, run_tests
from graders.code.calls import run_calls
from graders.code.cases import by_rule, run_cases
from graders.code.checker import open_checker
from graders.code.dialogue import TEXT_MAX, DoesNotCompile, tail
from graders.code.drivers import driver_for, reads_notation
from graders.code.extract import Extracted, extract
from graders.code.harness import assert_harness, one_process, python_driver, whole_program
from graders.code.language import canonical
from graders.code.runs import BYTES_MAX, Runs
from graders.code.score import Plan
from graders.errors import TaskInvalid
from graders.task import (
    AssertTests,
    CodeLimits,
    CodeTask,
    FunctionTests,
    ProgramChecker,
    StdioTests,
    UnittestTests,
)
from graders.verdict import JsonValue, Outcome, Reason, TestResult, Verdict
from graders.work import ProgramTask
from sandbox.limits import Limits
from sandbox.run import Program
from sandbox.runner import Candidate, Runner

_ANSWER_MAX = 2048
_SOLUTIONS_MAX = 1024


class CodeGrader:
    """Grades code tasks on one runner.

    Args:
        runner: where programs run; stays the caller's to close.
        defaults: limits of one test where the task sets none.
        remember: whether a program's run on an input may be remembered for other tasks (graders.code.runs).
    """

    def __init__(self, runner: Runner, defaults: Limits, *, remember: bool = True) -> None:
        self._runner = runner
        self._defaults = defaults
        self._solutions: dict[bytes, Reason] = {}
        self._runs = Runs(BYTES_MAX if remember else 0)

    def grade(self, task: CodeTask, completion: str, prompt: str = "") -> Verdict:
        """Judge one completion.

        Returns: CORRECT, PARTIAL or WRONG with the reason; whatever the completion does is in its verdict.
        Raises:
            TaskInvalid: the tests cannot be used.
            GraderFault, SandboxFault: we failed; nothing is known about the completion.
        """
        _check(task)
        entry_point = getattr(task.tests, "entry_point", None) or ""
        extracted = extract(completion, prompt, task.language, entry_point)
        if extracted is None:
            language = canonical(task.language) if task.language else None
            return Verdict(Outcome.WRONG, Reason.NO_CODE, language=language, isolation=self._runner.isolation)
        if extracted.language not in self._runner.languages:
            if task.language is None:
                return self._wrong(extracted, Reason.COMPILE_ERROR, {"error": "a language that is not offered"})
            raise TaskInvalid("unsupported_language", f"no jail here runs {extracted.language}")
        verdict = self._judge(task, extracted)
        if task.solution is not None and verdict.outcome is not Outcome.CORRECT:
            self._check_solution(task, task.solution, extracted.language)
        return verdict

    def grade_program(self, task: ProgramTask, program: str, _prompt: str = "") -> Verdict:
        """Judge a program that comes by itself, not in a completion. Returns and raises as `grade` does."""
        _check(task.task)
        language = canonical(task.task.language or "python")
        if language not in self._runner.languages:
            raise TaskInvalid("unsupported_language", f"no jail here runs {language}")
        return self._judge(task.task, Extracted(program, language, "whole"))

    def _check_solution(self, task: CodeTask, solution: str, language: str) -> None:
        """Before a completion is called wrong, the task's own solution must pass; found out once for each task.

        Raises: TaskInvalid when it does not.
        """
        key = hashlib.sha256(repr(task).encode("utf-8", "surrogatepass")).digest()
        if key not in self._solutions:
            reference = extract(solution, language=task.language) or Extracted(
                solution, task.language or language, "bare"
            )
            verdict = self._judge(task, reference)
            if len(self._solutions) >= _SOLUTIONS_MAX:
                self._solutions.pop(next(iter(self._solutions)))
            self._solutions[key] = verdict.reason
        if self._solutions[key] is not Reason.PASSED:
            raise TaskInvalid("solution_fails", f"the task's own solution fails its tests: {self._solutions[key]}")

    def _judge(self, task: CodeTask, extracted: Extracted) -> Verdict:
        """Run the tests, whatever the program is."""
        try:
            return self._run(task, extracted)
        except DoesNotCompile as error:
            return self._wrong(extracted, Reason.COMPILE_ERROR, {"compiler": error.message[-TEXT_MAX:]})

    def _run(self, task: CodeTask, extracted: Extracted) -> Verdict:
        limits = self._limits(task.limits)
        tests = task.tests
        if isinstance(tests, StdioTests):
            plan = Plan(task, [case.weight for case in tests.cases])
            program = whole_program(extracted.language, extracted.code)
            rule = tests.checker
            with ExitStack() as stack:
                if isinstance(rule, ProgramChecker):
                    accepts = stack.enter_context(open_checker(self._runner, rule, limits))
                else:
                    accepts = by_rule(rule)
                candidate = stack.enter_context(self._open(program))
                results = run_cases(candidate, tests, limits, plan, accepts, self._runs.of(program, limits))
        elif isinstance(tests, FunctionTests):
            plan = Plan(task, [case.weight for case in tests.cases])
            with self._open(driver_for(extracted.language, extracted.code, tests)) as candidate:
                tagged = reads_notation(extracted.language)
                results = run_calls(candidate, tests, limits, plan, tagged=tagged)
        else:
            return self._run_trusted(task, tests, extracted, limits)
        return self._verdict(extracted, plan, results)

    def _run_trusted(
        self, task: CodeTask, tests: AssertTests | UnittestTests, extracted: Extracted, limits: Limits
    ) -> Verdict:
        """Run trusted Python tests by value; what cannot go so, in one process."""
        if extracted.language != "python":
            return self._run_appended(task, tests, extracted, limits)
        entry = tests.entry_point if isinstance(tests, AssertTests) else None
        start = {"kind": tests.kind, "source": tests.source, "entry": entry}

        def plan_for(count: int) -> Plan:
            return Plan(task, [1.0] * count)

        try:
            with (
                self._open(assert_harness()) as harness,
                self._open(python_driver(extracted.code)) as candidate,
            ):
                finding = run_tests(harness, candidate, start, limits, plan_for)
            return self._verdict(extracted, finding.plan, finding.results)
        except NeedsOneProcess as need:
            if task.require_integrity:
                raise TaskInvalid("unsupported", f"cannot be run by value: {need.why}") from None
        with self._open(one_process(extracted.code)) as together:
            finding = run_tests(together, None, start, limits, plan_for)
        return replace(self._verdict(extracted, finding.plan, finding.results), integrity="weak")

    def _run_appended(
        self, task: CodeTask, tests: AssertTests | UnittestTests, extracted: Extracted, limits: Limits
    ) -> Verdict:
        """Run test code of another language together with the candidate."""
        if isinstance(tests, UnittestTests):
            raise TaskInvalid("unsupported", "unittest modules are Python")
        if task.require_integrity:
            raise TaskInvalid("unsupported", f"asserts in {extracted.language} share the candidate's process")
        appended = Appended(extracted.language, extracted.code, tests.source)
        with self._open(appended.program) as candidate:
            result = appended.run(candidate, limits)
        return replace(self._verdict(extracted, Plan(task, [1.0]), {0: result}), integrity="weak")

    def _open(self, program: Program) -> AbstractContextManager[Candidate]:
        return _Compiled(self._runner, program)

    def _limits(self, asked: CodeLimits) -> Limits:
        return limits_of(asked, self._defaults)

    def _verdict(self, extracted: Extracted, plan: Plan, results: Mapping[int, TestResult]) -> Verdict:
        settled = plan.settle(results)
        return Verdict(
            settled.outcome,
            settled.reason,
            settled.score,
            method=extracted.how,
            answer=extracted.code[:_ANSWER_MAX],
            language=extracted.language,
            tests=settled.tests,
            isolation=self._runner.isolation,
        )

    def _wrong(self, extracted: Extracted, reason: Reason, explain: Mapping[str, JsonValue]) -> Verdict:
        return Verdict(
            Outcome.WRONG,
            reason,
            method=extracted.how,
            answer=extracted.code[:_ANSWER_MAX],
            language=extracted.language,
            isolation=self._runner.isolation,
            explain=explain,
        )


def limits_of(asked: CodeLimits, defaults: Limits) -> Limits:
    """What a task asks for, and the defaults where it asks for nothing."""
    return Limits(
        cpu_s=asked.time_s or defaults.cpu_s,
        wall_s=None if asked.time_s else defaults.wall_s,
        memory_bytes=asked.memory_bytes or defaults.memory_bytes,
        output_bytes=asked.output_bytes or defaults.output_bytes,
        processes=asked.processes or defaults.processes,
        file_bytes=defaults.file_bytes,
    )


NEWER = {"cpp": "cpp20"}
"""The standard to try after the usual one, where a program does not compile."""


class _Compiled:
    """A candidate's jail, entered only by a program that compiles; C++ may be of the standard after the usual one.

    Raises, on entry: DoesNotCompile with the compiler's words.
    """

    def __init__(self, runner: Runner, program: Program) -> None:
        self._runner = runner
        self._program = program
        self._opening = runner.open(program)

    def __enter__(self) -> Candidate:
        candidate = self._opening.__enter__()
        compiled = candidate.compiled
        if compiled is None or compiled.exited_zero:
            return candidate
        self._opening.__exit__(None, None, None)
        newer = NEWER.get(self._program.language)
        if newer is None or newer not in self._runner.languages:
            raise DoesNotCompile(tail(compiled.stderr or compiled.stdout) or compiled.ended.value)
        self._program = Program(newer, self._program.files, self._program.main)
        self._opening = self._runner.open(self._program)
        return self.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._opening.__exit__(None, None, None)


def _check(task: CodeTask) -> None:
    """Refuse a task that nothing could pass or that would judge nothing. Raises: TaskInvalid."""
    tests = task.tests
    if isinstance(tests, (StdioTests, FunctionTests)) and not tests.cases:
        raise TaskInvalid("no_tests", "the task has no tests")
