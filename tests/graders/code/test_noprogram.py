"""Files that are no program, in languages that find out when they run."""

import pytest

from graders.code.grade import CodeGrader
from graders.task import CodeTask, StdioCase, StdioTests
from graders.verdict import Reason
from sandbox.runner import Runner
from tests.graders.code.conftest import fence

BROKEN = {
    "python": "print(1",
    "javascript": "console.log(1",
    "perl": "print 1 +;",
    "ruby": "def f(\nputs 1",
    "php": "<?php echo 1 +;",
    "lua": "this is wrong",
    "r": "cat(1",
}
CRASHES = {
    "python": "import sys\nraise SyntaxError('x')",
    "javascript": "throw new SyntaxError('x')",
    "perl": "die 'syntax error';",
    "ruby": "raise 'syntax error'",
    "php": "<?php throw new Exception('Parse error: ');",
    "lua": "error('near')",
    "r": "stop('unexpected')",
}


def task(language: str) -> CodeTask:
    """One test without input."""
    return CodeTask(language=language, tests=StdioTests(cases=(StdioCase(input="", output="1"),)))


@pytest.mark.parametrize("language", sorted(BROKEN))
def test_what_cannot_be_read_is_a_compile_error(grader: CodeGrader, runner: Runner, language: str) -> None:
    """And what crashes while it runs is none, whatever it says."""
    if language not in runner.languages:
        pytest.skip(f"no {language} in these jails")
    assert grader.grade(task(language), fence(BROKEN[language], language)).reason is Reason.COMPILE_ERROR
    assert grader.grade(task(language), fence(CRASHES[language], language)).reason is Reason.RUNTIME_ERROR


@pytest.mark.parametrize(
    "code",
    [
        "import fs from 'fs';\nconsole.log(fs.readFileSync(0).length + 1);",
        "import { readFileSync } from 'node:fs'\nconst x = readFileSync(0)\nconsole.log(1)",
        "import * as fs from 'fs';\nconst x = await Promise.resolve(1);\nconsole.log(x);",
        "const fs = require('fs');\n// import x from 'y' is for modules\nconsole.log(1);",
        "const text = `\\nimport x from 'y'`;\nconsole.log(text.length > 0 ? 1 : require('fs'));",
    ],
)
def test_modules_of_either_kind_run(grader: CodeGrader, runner: Runner, code: str) -> None:
    """`import` at the top of JavaScript is what many write; so is `require`."""
    if "javascript" not in runner.languages:
        pytest.skip("no javascript in these jails")
    assert grader.grade(task("javascript"), fence(code, "javascript")).reason is Reason.PASSED
