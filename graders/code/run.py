"""A program run as it is, with nothing judged: for callers that look at the output themselves.

It goes through the same jails and limits as a graded program and says only what happened. What a caller makes of it
is the caller's affair; nothing in here knows an expected output.
"""

import base64
import binascii
from dataclasses import replace

from graders.code.grade import NEWER, limits_of
from graders.code.harness import as_file, whole_program
from graders.code.language import canonical
from graders.errors import GraderFault, TaskInvalid
from graders.verdict import Ran, RunReport
from graders.work import RunTask
from sandbox.languages import Language, check_name, read_languages
from sandbox.limits import COMPILE_LIMITS, Limits
from sandbox.run import Ended, Program, Run, RunOutcome
from sandbox.runner import Runner


def run_program(runner: Runner, defaults: Limits, task: RunTask, source: str) -> RunReport:
    """Compile a program where its language has that, and run it once.

    Args:
        runner: where it runs.
        defaults: limits where the task names none.
        source: the main file's text.

    Returns: what happened; a program that does not compile has no run.
    Raises:
        TaskInvalid: the language is not offered, or a file's name or content cannot be used.
        GraderFault, SandboxFault: we failed; nothing is known about the program.
    """
    name = canonical(task.language)
    language = read_languages().get(name)
    if language is None or name not in runner.languages:
        raise TaskInvalid("unsupported_language", f"no jail here runs {name}")
    program = _program(task, source, language)
    limits = limits_of(task.limits, defaults)
    if task.wall_s is not None:
        limits = replace(limits, wall_s=task.wall_s)
    report = _run_once(runner, program, task, limits)
    newer = NEWER.get(name)
    if report.ran is None and newer in runner.languages and newer is not None:
        again = _run_once(runner, replace(program, language=newer), task, limits)
        return again if again.ran is not None else report
    return report


def _run_once(runner: Runner, program: Program, task: RunTask, limits: Limits) -> RunReport:
    language = read_languages()[program.language]
    compile_limits = replace(
        COMPILE_LIMITS, cpu_s=language.compile_cpu_s or COMPILE_LIMITS.cpu_s, wall_s=task.compile_s
    )
    try:
        with runner.open(program, compile_limits) as candidate:
            compiled = None if candidate.compiled is None else _ran(candidate.compiled)
            ran = None
            if candidate.compiled is None or candidate.compiled.exited_zero:
                run = Run(stdin=as_file(task.stdin), args=task.args)
                outcome = next(iter(candidate.run([run], limits)), None)
                if outcome is None:
                    raise GraderFault("the sandbox gave no outcome for a run")
                ran = _ran(outcome)
    except ValueError as error:
        raise TaskInvalid("bad_file", str(error)) from None
    return RunReport(language.name, runner.isolation, compiled, ran)


def _program(task: RunTask, source: str, language: Language) -> Program:
    """The main file under a name that the language's tools take, with the other files beside it."""
    files = {_checked(name): _decoded(content) for name, content in task.files.items()}
    usual = whole_program(language.name, source)
    main = usual.main
    if task.name and language.name != "java" and task.name.endswith(language.extensions):
        main = _checked(task.name)
    elif language.name != "java":
        main = language.source
    while main in files and language.name != "java":
        main = f"touchstone_{main}"
    offered = {name: content for name, content in usual.files.items() if name != usual.main}
    return Program(language.name, offered | files | {main: as_file(source)}, main=main)


def _checked(name: str) -> str:
    try:
        check_name(name)
    except ValueError as error:
        raise TaskInvalid("bad_file", str(error)) from None
    return name


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise TaskInvalid("bad_file", "a file's content is not base64") from None


def _ran(outcome: RunOutcome) -> Ran:
    if outcome.ended is Ended.NOT_RUN:
        raise GraderFault("a run came back without having been observed")
    return Ran(
        outcome.ended.value,
        outcome.exit_code,
        outcome.signal,
        outcome.stdout.decode("utf-8", "replace"),
        outcome.stderr.decode("utf-8", "replace"),
        round(outcome.cpu_s, 6),
        round(outcome.wall_s, 6),
        outcome.memory_bytes,
    )
