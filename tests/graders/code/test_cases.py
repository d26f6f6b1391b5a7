"""Input/output tests, on a scripted runner where the script matters and on a real one where programs do."""

from collections.abc import Callable

import pytest

from graders.code.grade import CodeGrader
from graders.errors import GraderFault, TaskInvalid
from graders.task import CodeLimits, CodeTask, FloatRule, StdioCase, StdioTests
from graders.verdict import Outcome, Reason, Verdict
from sandbox.errors import JailLost
from sandbox.fake_runner import FakeRunner, exited
from sandbox.limits import Limits
from sandbox.run import Ended, Program, Run, RunOutcome
from tests.graders.code.conftest import Grade, fence, outcomes

COMPLETION = fence("print(1)", "python")


def task(*cases: tuple[str, str], **fields: object) -> CodeTask:
    """A task of input and output pairs."""
    return CodeTask(tests=StdioTests(cases=tuple(StdioCase(input=i, output=o) for i, o in cases)), **fields)  # type: ignore[arg-type]


def graded(play: Callable[[Program, Run, Limits], RunOutcome], made: CodeTask) -> tuple[Verdict, FakeRunner]:
    """A verdict by a scripted runner, and the runner with what it saw."""
    runner = FakeRunner(play)
    return CodeGrader(runner, Limits()).grade(made, COMPLETION), runner


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (exited(b"1\n"), Reason.PASSED),
        (exited(b"2\n"), Reason.WRONG_ANSWER),
        (exited(b""), Reason.WRONG_ANSWER),
        (exited(b"1\n", code=1), Reason.RUNTIME_ERROR),
        (RunOutcome(Ended.SIGNALLED, signal=11, stdout=b"1\n"), Reason.RUNTIME_ERROR),
        (RunOutcome(Ended.TIME_LIMIT, stdout=b"1\n"), Reason.TIME_LIMIT),
        (RunOutcome(Ended.MEMORY_LIMIT, stdout=b"1\n"), Reason.MEMORY_LIMIT),
        (RunOutcome(Ended.OUTPUT_LIMIT, stdout=b"1\n"), Reason.OUTPUT_LIMIT),
    ],
)
def test_the_right_output_passes_only_with_a_normal_end(run: RunOutcome, reason: Reason) -> None:
    """Each way a run can end, with the right output where there is one."""
    verdict, _ = graded(lambda _program, _run, _limits: run, task(("", "1\n")))
    assert verdict.reason is reason
    assert (verdict.score == 1) == (reason is Reason.PASSED)


def test_a_run_nobody_observed_is_our_fault() -> None:
    """The default outcome is no verdict."""
    with pytest.raises(GraderFault):
        graded(lambda _program, _run, _limits: RunOutcome(), task(("", "1\n")))


def test_a_fault_of_the_sandbox_is_passed_on() -> None:
    """It is neither right nor wrong."""

    def play(_program: Program, run: Run, _limits: Limits) -> RunOutcome:
        if run.stdin == b"2":
            raise JailLost("gone")
        return exited(b"1")

    with pytest.raises(JailLost):
        graded(play, task(("1", "1"), ("2", "1")))


def test_no_expected_output_enters_the_sandbox() -> None:
    """Neither in a file, nor in an argument, nor as input."""
    verdict, runner = graded(lambda _p, _r, _l: exited(b"SECRET-1\n"), task(("a", "SECRET-1"), ("b", "SECRET-2")))
    assert verdict.reason is Reason.WRONG_ANSWER
    sent = repr([(run.stdin, run.args, dict(run.files)) for run in runner.ran]) + repr([p.files for p in runner.opened])
    assert "SECRET" not in sent


def test_a_failure_stops_the_rest_when_all_must_pass() -> None:
    """The skipped ones are in the verdict, in order."""
    verdict, runner = graded(lambda _p, run, _l: exited(run.stdin), task(("1", "1"), ("2", "x"), ("3", "3")))
    assert outcomes(verdict) == ["accepted", "wrong_answer", "skipped"]
    assert len(runner.ran) == 2


def test_a_fraction_runs_them_all() -> None:
    """And counts."""
    verdict, _ = graded(
        lambda _p, run, _l: exited(run.stdin), task(("1", "1"), ("2", "x"), ("3", "3"), ("4", "4"), score="fraction")
    )
    assert outcomes(verdict) == ["accepted", "wrong_answer", "accepted", "accepted"]
    assert (verdict.outcome, verdict.score) == (Outcome.PARTIAL, 0.75)


def test_equal_inputs_run_once() -> None:
    """Each is judged by its own expected output all the same."""
    verdict, runner = graded(
        lambda _p, run, _l: exited(run.stdin), task(("1", "1"), ("1", "2"), ("1", "1"), ("2", "2"), score="fraction")
    )
    assert outcomes(verdict) == ["accepted", "wrong_answer", "accepted", "accepted"]
    assert [run.stdin for run in runner.ran] == [b"1", b"2"]


def test_the_tasks_limits_reach_the_runner() -> None:
    """An absent one takes the service's default."""
    seen: list[Limits] = []

    def play(_program: Program, _run: Run, limits: Limits) -> RunOutcome:
        seen.append(limits)
        return exited(b"1")

    from graders.task import CodeLimits

    made = CodeTask(
        tests=StdioTests(cases=(StdioCase(input="", output="1"),)), limits=CodeLimits(time_s=3.0, memory_bytes=2**28)
    )
    CodeGrader(FakeRunner(play), Limits(cpu_s=9, wall_s=11, processes=7)).grade(made, COMPLETION)
    assert seen == [Limits(cpu_s=3.0, wall_s=None, memory_bytes=2**28, processes=7)]


def test_an_empty_suite_is_the_tasks_fault() -> None:
    """Even for a completion without code: nothing was asked of it."""
    for completion in (COMPLETION, "no idea"):
        with pytest.raises(TaskInvalid) as caught:
            CodeGrader(FakeRunner(), Limits()).grade(task(), completion)
        assert caught.value.code == "no_tests"


def test_no_code_is_wrong_without_a_jail() -> None:
    """Nothing is opened for it."""
    runner = FakeRunner()
    verdict = CodeGrader(runner, Limits()).grade(task(("", "1")), "I don't know.")
    assert (verdict.outcome, verdict.reason) == (Outcome.WRONG, Reason.NO_CODE)
    assert runner.opened == []


def test_a_program_that_does_not_compile_is_wrong_with_the_compilers_words() -> None:
    """And is not run."""
    failed = RunOutcome(Ended.EXITED, 1, stderr=b"main.cpp:1: error: expected ';'")
    runner = FakeRunner(compiled=lambda _program: failed, languages=("cpp",))
    verdict = CodeGrader(runner, Limits()).grade(task(("", "1"), language="cpp"), fence("int main()", "cpp"))
    assert verdict.reason is Reason.COMPILE_ERROR
    assert "expected ';'" in str(verdict.explain)
    assert runner.ran == []


def test_a_language_that_the_task_names_and_no_jail_has_is_the_tasks_fault() -> None:
    """One that the completion chose is the completion's."""
    grader = CodeGrader(FakeRunner(), Limits())
    with pytest.raises(TaskInvalid) as caught:
        grader.grade(task(("", "1"), language="rust"), fence("fn main(){}", "rust"))
    assert caught.value.code == "unsupported_language"
    assert grader.grade(task(("", "1")), fence("fn main(){}", "rust")).reason is Reason.COMPILE_ERROR


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print(2 * int(input()))", Reason.PASSED),
        ("import sys\nprint(2 * int(sys.stdin.buffer.read()))", Reason.PASSED),
        ("print(2 * int(open(0).read()))\nimport sys\nsys.exit(0)", Reason.PASSED),
        ("print(2 * int(input()))\nimport os, sys\nsys.stdout.flush()\nos._exit(0)", Reason.PASSED),
        ("if __name__ == '__main__':\n    print(2 * int(input()))", Reason.PASSED),
        ("print(3 * int(input()))", Reason.WRONG_ANSWER),
        ("print(2 * int(input()))\nraise SystemExit(3)", Reason.RUNTIME_ERROR),
        ("while True: pass", Reason.TIME_LIMIT),
        ("import time\ntime.sleep(60)", Reason.TIME_LIMIT),
        ("print(", Reason.COMPILE_ERROR),
        ("x = bytearray(4 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1", Reason.MEMORY_LIMIT),
        ("while True: print('x' * 10_000)", Reason.OUTPUT_LIMIT),
    ],
)
def test_real_programs(grade_stdio: Grade, code: str, reason: Reason) -> None:
    """Honest forms pass, each failure has its own name."""
    verdict = grade_stdio(code, [("21\n", "42\n")])
    assert verdict.reason is reason or (reason is Reason.MEMORY_LIMIT and verdict.reason is Reason.RUNTIME_ERROR)
    assert verdict.isolation


def test_float_tolerance_on_a_real_program(grade_stdio: Grade) -> None:
    """The ICPC rule end to end."""
    code = "print(1 / 3)"
    assert grade_stdio(code, [("", "0.333333\n")], FloatRule(abs=1e-6)).reason is Reason.PASSED
    assert grade_stdio(code, [("", "0.333333\n")], FloatRule(abs=1e-7)).reason is Reason.WRONG_ANSWER
    assert grade_stdio(code, [("", "0.333333\n")]).reason is Reason.WRONG_ANSWER


def test_results_carry_time_and_memory(grade_stdio: Grade) -> None:
    """Of each test."""
    verdict = grade_stdio("s = sum(range(3_000_000))\nx = bytearray(50 << 20)\nprint(1)", [("", "1\n")])
    assert verdict.tests is not None
    assert verdict.tests[0].time_s > 0.01
    assert verdict.tests[0].memory_bytes > 50 << 20


def test_a_wrong_solution_makes_the_task_invalid_before_a_completion_wrong(grade_stdio: Grade) -> None:
    """It is tried when a completion fails, and only then."""
    cases = [("1\n", "2\n")]
    assert grade_stdio("print(2)", cases, solution="print(3)").reason is Reason.PASSED
    assert grade_stdio("print(9)", cases, solution="print(2)").reason is Reason.WRONG_ANSWER
    with pytest.raises(TaskInvalid) as caught:
        grade_stdio("print(9)", cases, solution="print(3)")
    assert caught.value.code == "solution_fails"


def test_a_suite_of_hanging_tests_has_an_end() -> None:
    """Scored one by one, each waits out its limit; after some minutes in all the rest is skipped."""
    hanging = RunOutcome(Ended.TIME_LIMIT, wall_s=20.0)
    verdict, runner = graded(lambda _p, _r, _l: hanging, task(*((str(i), "1") for i in range(1000)), score="fraction"))
    assert verdict.reason is Reason.TIME_LIMIT
    assert len(runner.ran) == 16
    assert outcomes(verdict)[15:17] == ["time_limit", "skipped"]


CPP20 = "#include <compare>\n#include <iostream>\nstruct P { int x; auto operator<=>(const P &) const = default; };\n"


def test_newer_cpp_compiles(grade_stdio: Grade) -> None:
    """What the usual standard refuses is tried with the next."""
    code = CPP20 + "int main() { std::cout << (P{1} < P{2}); }"
    assert grade_stdio(code, [("", "1")], language="cpp").reason is Reason.PASSED
    assert grade_stdio("int main() { return }", [("", "1")], language="cpp").reason is Reason.COMPILE_ERROR


def test_one_program_meets_equal_inputs_of_two_tasks_once() -> None:
    """What is expected differs, what the program did does not."""
    runner = FakeRunner(lambda _program, run, _limits: exited(run.stdin))
    grader = CodeGrader(runner, Limits())
    assert grader.grade(task(("1\n", "1\n"), ("2\n", "2\n")), COMPLETION).reason is Reason.PASSED
    assert grader.grade(task(("2\n", "3\n"), ("4\n", "4\n")), COMPLETION).reason is Reason.WRONG_ANSWER
    verdict = grader.grade(task(("1\n", "1\n"), ("2\n", "2\n"), ("4\n", "5\n"), score="fraction"), COMPLETION)
    assert outcomes(verdict) == ["accepted", "accepted", "wrong_answer"]
    assert [run.stdin for run in runner.ran] == [b"1\n", b"2\n", b"4\n"]


def test_nothing_is_remembered_where_caches_are_off() -> None:
    """Every run is made, also the second time."""
    runner = FakeRunner(lambda _program, _run, _limits: exited(b"1\n"))
    grader = CodeGrader(runner, Limits(), remember=False)
    for _ in range(2):
        assert grader.grade(task(("", "1\n")), COMPLETION).reason is Reason.PASSED
    assert len(runner.ran) == 2


def test_another_program_other_limits_or_a_limit_met_are_run_again() -> None:
    """Remembered is only what would come out the same."""
    ends = iter([RunOutcome(Ended.TIME_LIMIT), exited(b"1\n"), exited(b"1\n"), exited(b"1\n")])
    runner = FakeRunner(lambda _program, _run, _limits: next(ends))
    grader = CodeGrader(runner, Limits())
    assert grader.grade(task(("", "1\n")), COMPLETION).reason is Reason.TIME_LIMIT
    assert grader.grade(task(("", "1\n")), COMPLETION).reason is Reason.PASSED
    assert grader.grade(task(("", "1\n"), limits=CodeLimits(time_s=1)), COMPLETION).reason is Reason.PASSED
    assert grader.grade(task(("", "1\n")), fence("print(1) ", "python")).reason is Reason.PASSED
    assert len(runner.ran) == 4
