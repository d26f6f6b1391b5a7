"""What callers of a Runner lean on, proven on the fake and on the real one alike (runner.py states it)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from sandbox.errors import LanguageUnavailable, SandboxFault
from sandbox.fake_runner import FakeRunner
from sandbox.limits import Limits
from sandbox.pool import open_runner
from sandbox.run import Ended, Program, Run, RunOutcome
from sandbox.runner import Runner

ECHO = Program("python", {"main.py": b"import sys; sys.stdout.write(sys.stdin.read())"})
EXITS = Program("python", {"main.py": b"import sys; sys.exit(int(input()))"})
REVERSES = Program(
    "python",
    {
        "main.py": b"""
import os, socket
stream = socket.socket(fileno=int(os.environ["TOUCHSTONE_CHANNEL"])).makefile("rwb")
while head := stream.read(4):
    message = stream.read(int.from_bytes(head, "big"))
    if message == b"stop": break
    stream.write(len(message).to_bytes(4, "big") + message[::-1])
    stream.flush()
print("bye")
"""
    },
)
BROKEN = Program("c", {"main.c": b"int main(void) { return undeclared; }"})


class OpenRunner(Protocol):
    """Makes the runner under test."""

    def __call__(self) -> Runner: ...


def _play(program: Program, run: Run, _limits: Limits) -> RunOutcome:
    if program == EXITS:
        return RunOutcome(ended=Ended.EXITED, exit_code=int(run.stdin))
    if program == REVERSES:
        return RunOutcome(ended=Ended.EXITED, exit_code=0, stdout=b"bye\n")
    return RunOutcome(ended=Ended.EXITED, exit_code=0, stdout=run.stdin)


@pytest.fixture(scope="module", params=["fake", "real"])
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """The fake with a script that behaves like the programs above, and the real one that runs them."""
    made: Runner
    if request.param == "fake":
        made = FakeRunner(
            _play,
            compiled=lambda program: RunOutcome(Ended.EXITED, exit_code=1) if program == BROKEN else None,
            reply=lambda _program, message: None if message == b"stop" else message[::-1],
            languages=("python", "c"),
        )
    else:
        run_dir: Path = tmp_path_factory.getbasetemp() / "run-contract"
        made = open_runner("bubblewrap", jails=1, run_dir=run_dir)
    yield made
    made.close()


def test_outcomes_come_one_per_run_in_order(runner: Runner) -> None:
    """Thirty runs, thirty outcomes, each of its own input."""
    with runner.open(ECHO) as candidate:
        outcomes = list(candidate.run([Run(stdin=b"%d" % number) for number in range(30)], Limits()))
    assert [outcome.stdout for outcome in outcomes] == [b"%d" % number for number in range(30)]
    assert all(outcome.exited_zero for outcome in outcomes)


def test_no_runs_give_no_outcomes(runner: Runner) -> None:
    """An empty sequence is no error."""
    with runner.open(ECHO) as candidate:
        assert list(candidate.run([], Limits())) == []


def test_stopping_early_leaves_the_candidate_usable(runner: Runner) -> None:
    """A caller that has seen enough closes the iterator; the candidate runs again afterwards."""
    with runner.open(EXITS) as candidate:
        outcomes = candidate.run([Run(stdin=b"%d\n" % number) for number in range(10)], Limits())
        assert next(outcomes).exit_code == 0
        assert next(outcomes).exit_code == 1
        outcomes.close()  # type: ignore[attr-defined]  # Both give generators.
        assert [outcome.exit_code for outcome in candidate.run([Run(stdin=b"7\n")], Limits())] == [7]


def test_an_interpreted_language_has_no_compilation(runner: Runner) -> None:
    """`compiled` is None, which is not a failure."""
    with runner.open(ECHO) as candidate:
        assert candidate.compiled is None


def test_what_did_not_compile_does_not_run(runner: Runner) -> None:
    """The outcome says so; running it all the same is the caller's mistake, a fault."""
    with runner.open(BROKEN) as candidate:
        assert candidate.compiled is not None
        assert not candidate.compiled.exited_zero
        with pytest.raises(SandboxFault):
            list(candidate.run([Run()], Limits()))


def test_an_unknown_language_is_said_at_once(runner: Runner) -> None:
    """LanguageUnavailable, before anything is tried."""
    assert "klingon" not in runner.languages
    with pytest.raises(LanguageUnavailable), runner.open(Program("klingon", {"main": b""})):
        pass


def test_a_conversation_answers_message_by_message(runner: Runner) -> None:
    """Messages come back whole and in order, empty and large ones too, and the end is told once."""
    with runner.open(REVERSES) as candidate, candidate.talk(Run(), Limits()) as conversation:
        for message in (b"abc", b"", b"x" * 300_000 + b"y", bytes(range(256))):
            conversation.send(message)
            assert conversation.receive(10) == message[::-1]
        conversation.send(b"stop")
        assert conversation.receive(10) is None
        outcome = conversation.finish()
        assert (outcome.stdout, outcome.exited_zero) == (b"bye\n", True)
        assert conversation.finish() == outcome
        conversation.send(b"into the void")


def test_a_silent_program_times_the_listener_out(runner: Runner) -> None:
    """receive gives up after its time; the program is still there and can be ended."""
    with runner.open(REVERSES) as candidate, candidate.talk(Run(), Limits()) as conversation:
        with pytest.raises(TimeoutError):
            conversation.receive(0.05)
        assert conversation.finish(kill=True).ended is Ended.SIGNALLED


def test_leaving_a_conversation_ends_it(runner: Runner) -> None:
    """Whatever is left of it is killed, and the candidate talks again."""
    with runner.open(REVERSES) as candidate:
        for _ in range(3):
            with candidate.talk(Run(), Limits()) as conversation:
                conversation.send(b"ab")
                assert conversation.receive(10) == b"ba"
        assert [o.stdout for o in candidate.run([Run()], Limits())] in ([b""], [b"bye\n"])


def test_programs_of_two_candidates_live_side_by_side(runner: Runner) -> None:
    """A grader may hold a trusted program and a candidate at once."""
    with runner.open(ECHO) as first, runner.open(EXITS) as second:
        assert [o.stdout for o in first.run([Run(stdin=b"a")], Limits())] == [b"a"]
        assert [o.exit_code for o in second.run([Run(stdin=b"3")], Limits())] == [3]
