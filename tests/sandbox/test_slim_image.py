"""The slim variant of the sandbox's image: a few languages, each of which works."""

from pathlib import Path

import pytest

from sandbox.docker_jail import ask_engine
from sandbox.languages import read_languages
from sandbox.limits import Limits
from sandbox.pool import open_runner
from sandbox.run import Program, Run

SLIM = "touchstone-sandbox:slim"


@pytest.mark.docker
def test_the_languages_of_the_slim_image_work(tmp_path: Path) -> None:
    """Python with numpy, C, C++ and JavaScript, and what Debian brings along; nothing else is offered."""
    facts = ask_engine(SLIM)
    if not (facts.answers and facts.has_image):
        pytest.skip(f"{facts.complaint} (SANDBOX_VARIANT=slim SANDBOX_IMAGE={SLIM})")
    runner = open_runner("docker", image=SLIM, run_dir=tmp_path)
    try:
        assert runner.languages == {"python", "c", "cpp", "cpp20", "javascript", "bash", "perl"}
        for name in sorted(runner.languages):
            with runner.open(Program(name, {"program": read_languages()[name].hello.encode()})) as candidate:
                (outcome,) = candidate.run([Run(stdin=b"21\n")], Limits(cpu_s=20))
            assert outcome.stdout.split() == [b"hello", b"42"], (name, outcome)
        with runner.open(
            Program("python", {"main.py": b"import numpy, pandas, sympy\nprint(numpy.arange(3).sum())"})
        ) as candidate:
            (outcome,) = candidate.run([Run()], Limits(cpu_s=20))
        assert outcome.stdout == b"3\n", outcome
    finally:
        runner.close()
