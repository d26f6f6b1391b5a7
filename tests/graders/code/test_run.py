"""Programs that are only run: what happened is told, and nothing is judged."""

import base64

import pytest

from graders.code.run import run_program
from graders.errors import GraderFault, TaskInvalid
from graders.task import CodeLimits
from graders.work import RunTask
from sandbox.errors import SandboxFault
from sandbox.fake_runner import FakeRunner, exited
from sandbox.limits import Limits
from sandbox.run import Ended, Program, RunOutcome
from sandbox.runner import Runner


def test_what_happened_is_told_and_nothing_else(runner: Runner) -> None:
    """Output, status and what was used, of a program with input, arguments and files."""
    task = RunTask(
        language="py",
        stdin="in",
        args=("a", "b"),
        files={"d/x": base64.b64encode(b"\x00y").decode()},
        limits=CodeLimits(time_s=2.0),
    )
    source = "import sys; print(input(), sys.argv[1:], open('d/x', 'rb').read()); sys.exit(3)"
    report = run_program(runner, Limits(), task, source)
    assert (report.language, report.compiled) == ("python", None)
    assert report.ran is not None
    assert (report.ran.ended, report.ran.exit_code) == ("exited", 3)
    assert report.ran.stdout == "in ['a', 'b'] b'\\x00y'\n"
    assert report.ran.memory_bytes > 0


def test_cpp_of_the_newer_standard_is_compiled_as_that(runner: Runner) -> None:
    """As a graded program is; one that is wrong in both has the usual compiler's words."""
    newer = "#include <iostream>\n#include <algorithm>\nint main() { std::cout << std::ranges::max({1, 2}); }"
    report = run_program(runner, Limits(), RunTask(language="cpp"), newer)
    assert report.language == "cpp20"
    assert report.ran is not None and report.ran.stdout == "2"
    broken = run_program(runner, Limits(), RunTask(language="cpp"), "int main() {")
    assert (broken.language, broken.ran) == ("cpp", None)
    assert broken.compiled is not None and broken.compiled.exit_code == 1


@pytest.mark.parametrize(
    ("name", "files", "main"),
    [
        ("", {}, "main.py"),
        ("my.py", {}, "my.py"),
        ("code.txt", {}, "main.py"),
        ("", {"main.py": ""}, "touchstone_main.py"),
        ("code.txt", {"main.py": "", "touchstone_main.py": ""}, "touchstone_touchstone_main.py"),
    ],
)
def test_the_main_file_has_a_name_its_tools_take_and_nobody_elses(name: str, files: dict[str, str], main: str) -> None:
    """A file beside the program is never overwritten by it."""
    runner = FakeRunner()
    run_program(runner, Limits(), RunTask(language="python", name=name, files=files), "print(1)")
    (program,) = runner.opened
    assert program.main == main
    assert set(program.files) == {main, *files}
    assert program.files[main] == b"print(1)"


@pytest.mark.parametrize(
    ("task", "code"),
    [
        (RunTask(language="klingon"), "unsupported_language"),
        (RunTask(language="go"), "unsupported_language"),
        (RunTask(language="python", files={"../x": ""}), "bad_file"),
        (RunTask(language="python", files={"/x": ""}), "bad_file"),
        (RunTask(language="python", files={"x": "%"}), "bad_file"),
    ],
)
def test_what_cannot_be_run_is_the_tasks_fault(task: RunTask, code: str) -> None:
    """A language that no jail has, a name that leaves the folder, content that is no base64."""
    with pytest.raises(TaskInvalid) as caught:
        run_program(FakeRunner(), Limits(), task, "print(1)")
    assert caught.value.code == code


def test_our_faults_are_raised() -> None:
    """A sandbox that fails, and a run that nobody observed."""

    def lost(_program: Program, *_: object) -> RunOutcome:
        raise SandboxFault("gone")

    with pytest.raises(SandboxFault):
        run_program(FakeRunner(lost), Limits(), RunTask(language="python"), "print(1)")
    with pytest.raises(GraderFault):
        run_program(FakeRunner(lambda *_: RunOutcome()), Limits(), RunTask(language="python"), "print(1)")


def test_a_program_that_does_not_compile_is_not_run() -> None:
    """Whatever ended its compiler."""
    runner = FakeRunner(
        compiled=lambda _program: RunOutcome(Ended.TIME_LIMIT), languages=("cpp",), play=lambda *_: exited(b"no")
    )
    report = run_program(runner, Limits(), RunTask(language="cpp", compile_s=1.0), "int main() {}")
    assert report.ran is None
    assert report.compiled is not None and report.compiled.ended == "time_limit"
    assert runner.ran == []
