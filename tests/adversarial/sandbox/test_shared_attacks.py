"""Every program of the shared attack file, run in both jails: no forbidden effect, and whole programs graded by output.

Function and assert attacks are graded by the code grader's own tests; here they only run, since the sandbox must bear
them in any case.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.limits import MIB, Limits
from sandbox.pool import PooledRunner
from sandbox.run import Ended, Program, Run, RunOutcome

LETTERS = {
    Ended.TIME_LIMIT: "TLE",
    Ended.MEMORY_LIMIT: "MLE",
    Ended.OUTPUT_LIMIT: "OLE",
    Ended.SIGNALLED: "RTE",
    Ended.NOT_RUN: "NOT RUN",
}
# Words the attacks print when they have succeeded; "WROTE []" says that nothing was written.
SUCCESS = (b"CONNECTED", b"OPEN", b"WROTE ['", b"ROOT", b"MADE", b"SET", b"INJECTED")


def _judge(runner: PooledRunner, row: dict[str, Any], tests: list[dict[str, str]]) -> tuple[str, list[RunOutcome]]:
    bounds = row["limits"]
    limits = Limits(
        cpu_s=bounds.get("time_s", 5), memory_bytes=bounds.get("memory_mb", 256) * MIB, output_bytes=MIB, wall_s=None
    )
    compile_limits = Limits(
        cpu_s=bounds.get("compile_time_s", 10), memory_bytes=1024 * MIB, output_bytes=64 * 1024, file_bytes=64 * MIB
    )
    main = {"python": "main.py", "cpp": "main.cpp", "c": "main.c"}[row["language"]]
    files = {main: row["code"].encode(), **{name: text.encode() for name, text in row["files"].items()}}
    with runner.open(Program(row["language"], files, main), compile_limits) as candidate:
        if candidate.compiled is not None and not candidate.compiled.exited_zero:
            return "CE", [candidate.compiled]
        outcomes: list[RunOutcome] = []
        for test, outcome in zip(
            tests, candidate.run([Run(stdin=test["input"].encode()) for test in tests], limits), strict=False
        ):
            outcomes.append(outcome)
            if outcome.ended in LETTERS:
                return LETTERS[outcome.ended], outcomes
            if outcome.exit_code != 0:
                return "RTE", outcomes
            if outcome.stdout.split() != test["output"].encode().split():
                return "WA", outcomes
        return "AC", outcomes


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_attack_succeeds_and_every_honest_program_passes(
    runner: PooledRunner, shared_rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    """All at once and in order, so that the pairs that pass something on meet in one jail."""
    problems = {row["id"]: row for row in shared_rows("code_attack_problems.jsonl")}
    wrong: list[str] = []
    for row in shared_rows("code_attacks.jsonl"):
        tests = problems["sum"]["tests"] if row["mode"] == "stdin" else [{"input": "", "output": "never"}]
        letter, outcomes = _judge(runner, row, tests)
        if row["mode"] == "stdin" and letter not in row["acceptable"]:
            wrong.append(f"{row['id']}: {letter}, not {row['acceptable']}")
        for outcome in outcomes:
            if any(word in outcome.stdout for word in SUCCESS) or b"root:x:" in outcome.stderr:
                wrong.append(f"{row['id']}: {json.dumps(outcome.stdout[:200].decode(errors='replace'))}")
    assert not wrong, "\n".join(wrong)
