"""SandboxFusion's routes, spoken to as verl's `call_sandbox_api` and the original's own tests do."""

import base64
import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.compat import sandbox_fusion
from sandbox.errors import SandboxFault
from sandbox.fake_runner import FakeRunner, exited
from sandbox.languages import read_languages
from sandbox.limits import Limits
from sandbox.run import Program, Run, RunOutcome
from sandbox.runner import Runner
from tests.app.compat.conftest import StartOver

RESPONSE = {"status", "message", "compile_result", "run_result", "executor_pod_name", "files"}
COMMAND = {"status", "execution_time", "return_code", "stdout", "stderr"}


def verl(code: str, stdin: str | None = None, language: str = "python", **more: Any) -> dict[str, Any]:
    """The payload that verl sends for one test case."""
    payload = {
        "compile_timeout": 10,
        "run_timeout": 10,
        "code": code,
        "stdin": stdin,
        "memory_limit_MB": 1024,
        "language": language,
        "files": {},
        "fetch_files": [],
    }
    return payload | more


def run(client: TestClient, payload: dict[str, Any]) -> dict[str, Any]:
    """Post to /run_code; whatever a program does is a 200 in the original's shape."""
    response = client.post("/run_code", json=payload, headers={"Accept": "application/json"})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert set(answer) == RESPONSE
    for stage in (answer["compile_result"], answer["run_result"]):
        assert stage is None or set(stage) == COMMAND
    return answer


def test_a_program_gets_its_input_and_its_output_comes_back(over_jails: TestClient) -> None:
    """Success, with the output to the byte."""
    answer = run(over_jails, verl("print(2 * int(input()), end='')", "21\n"))
    assert (answer["status"], answer["compile_result"]) == ("Success", None)
    assert (answer["run_result"]["status"], answer["run_result"]["return_code"]) == ("Finished", 0)
    assert answer["run_result"]["stdout"] == "42"
    assert 0 < answer["run_result"]["execution_time"] < 10


def test_a_status_other_than_zero_is_failed(over_jails: TestClient) -> None:
    """verl reads Finished with a return code as a runtime error (-2)."""
    answer = run(over_jails, verl("import sys; print('so far'); sys.exit(3)"))
    assert (answer["status"], answer["run_result"]["status"], answer["run_result"]["return_code"]) == (
        "Failed",
        "Finished",
        3,
    )
    assert answer["run_result"]["stdout"] == "so far\n"
    assert "ZeroDivisionError" in run(over_jails, verl("1/0"))["run_result"]["stderr"]


@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(60)"])
def test_a_program_past_its_time_is_a_time_limit_and_no_error(over_jails: TestClient, code: str) -> None:
    """200 with TimeLimitExceeded, which verl reads as -3; busy or asleep."""
    answer = run(over_jails, verl(code, run_timeout=0.4))
    assert (answer["status"], answer["run_result"]["status"]) == ("Failed", "TimeLimitExceeded")
    assert answer["run_result"]["return_code"] is None


def test_what_does_not_compile_has_no_run(over_jails: TestClient) -> None:
    """verl reads a compile result with a return code as -4 for this and all later cases."""
    answer = run(over_jails, verl("int main() { return 0 }", language="cpp"))
    assert (answer["status"], answer["run_result"]) == ("Failed", None)
    assert answer["compile_result"]["status"] == "Finished"
    assert answer["compile_result"]["return_code"] == 1
    assert "error" in answer["compile_result"]["stderr"]


def test_a_compiled_program_has_both_results(over_jails: TestClient) -> None:
    """Compiled and run under the same limits as a graded one."""
    source = "#include <iostream>\nint main() { int n; std::cin >> n; std::cout << 2 * n; }"
    answer = run(over_jails, verl(source, "4", "cpp"))
    assert (answer["status"], answer["run_result"]["stdout"]) == ("Success", "8")
    assert answer["compile_result"]["return_code"] == 0


def test_every_language_by_the_originals_name(over_jails: TestClient, real_runner: Runner) -> None:
    """Of those that this machine's jails have; a name of the original is never taken for another language."""
    tried = []
    for name, ours in sandbox_fusion.NAMES.items():
        if ours in real_runner.languages:
            answer = run(over_jails, verl(read_languages()[ours].hello, "21\n", name, compile_timeout=60))
            assert answer["run_result"]["stdout"].split() == ["hello", "42"], (name, answer)
            tried.append(name)
    assert {"python", "cpp", "bash"} <= set(tried)
    assert not sandbox_fusion.FOREIGN & {*sandbox_fusion.NAMES}


def test_a_program_over_its_memory_is_killed_and_told(over_jails: TestClient) -> None:
    """As the kernel would: signal 9, which is no time limit and no success."""
    answer = run(over_jails, verl("x = bytearray(400 * 2**20); print(len(x))", memory_limit_MB=64))
    assert (answer["status"], answer["message"]) == ("Failed", "memory limit")
    assert answer["run_result"]["return_code"] == -9


def test_files_lie_beside_the_program(over_jails: TestClient) -> None:
    """Base64 by path; null is passed over as in the original; the program's own name is never taken."""
    content = base64.b64encode(b"inside").decode()
    files = {"data/a.txt": content, "./b.txt": content, "main.py": content, "gone.txt": None}
    code = "import os; print(open('data/a.txt').read(), open('b.txt').read(), os.path.exists('gone.txt'))"
    assert run(over_jails, verl(code, files=files))["run_result"]["stdout"] == "inside inside False\n"


@pytest.mark.parametrize(
    "more",
    [
        {"files": {"../up.txt": ""}},
        {"files": {"/etc/passwd": ""}},
        {"files": {"a.txt": "%%%"}},
        {"fetch_files": ["out.txt"]},
        {"language": "lean"},
    ],
)
def test_what_is_not_offered_is_refused_in_words(over_jails: TestClient, more: dict[str, Any]) -> None:
    """SandboxError, which no caller takes for a wrong answer, with a message."""
    answer = run(over_jails, verl("print(1)", **more))
    assert (answer["status"], answer["run_result"]) == ("SandboxError", None)
    assert answer["message"]


def test_bytes_that_are_no_text_become_replacement_characters(over_jails: TestClient) -> None:
    """And so does half a surrogate pair on the way in, which Python's client sends without a word."""
    code = "import sys; sys.stdout.buffer.write(b'\\xffok')"
    assert run(over_jails, verl(code))["run_result"]["stdout"] == "�ok"
    body = b'{"code": "print(len(input()))", "stdin": "a\\ud83d", "language": "python"}'
    response = over_jails.post("/run_code", content=body, headers={"Content-Type": "application/json"})
    assert response.json()["run_result"]["stdout"] == "2\n"


def test_nothing_is_kept_between_two_equal_runs(start_over: StartOver) -> None:
    """Whoever asks for a run wants it made: neither cached nor shared, unlike a verdict."""
    runner = FakeRunner(lambda _program, run, _limits: exited(run.stdin))
    client = start_over(runner)
    for _ in range(3):
        assert run(client, verl("print(1)", "x"))["run_result"]["stdout"] == "x"
    assert len(runner.ran) == 3


def test_limits_are_clamped_to_the_services(start_over: StartOver) -> None:
    """A caller may ask for an hour and a terabyte."""
    seen: list[Limits] = []

    def play(_program: Program, _run: Run, limits: Limits) -> RunOutcome:
        seen.append(limits)
        return exited()

    client = start_over(FakeRunner(play), run_seconds_max=7, run_memory_bytes_max=256 * 2**20)
    run(client, verl("x", run_timeout=3600, memory_limit_MB=2**20))
    run(client, verl("x", run_timeout=2, memory_limit_MB=-1))
    assert [(limits.cpu_s, limits.wall_s) for limits in seen] == [(7, 8), (2, 3)]
    assert seen[0].memory_bytes == 256 * 2**20
    assert seen[1].memory_bytes == Limits().memory_bytes


def test_php_gets_its_opening_tag(start_over: StartOver) -> None:
    """As the original adds it where it is missing."""
    runner = FakeRunner(languages=("php",))
    client = start_over(runner)
    run(client, verl("echo 1;", language="php"))
    run(client, verl("<?php echo 1;", language="php"))
    assert [b"".join(program.files.values()) for program in runner.opened] == [b"<?php\necho 1;", b"<?php echo 1;"]


def lost(_program: Program, _run: Run, _limits: Limits) -> RunOutcome:
    """A sandbox that fails each time."""
    raise SandboxFault("the jail is gone")


def test_a_sandbox_that_fails_is_a_504(start_over: StartOver) -> None:
    """The only status that verl tries again; never a Failed, which it would count as wrong."""
    assert start_over(FakeRunner(lost)).post("/run_code", json=verl("print(1)")).status_code == 504


def occupied(start_over: StartOver, **settings: Any) -> tuple[TestClient, Callable[[], None]]:
    """An application whose one place is taken by a run that goes on until the second value is called."""
    begun, go_on = threading.Event(), threading.Event()

    def play(_program: Program, _run: Run, _limits: Limits) -> RunOutcome:
        begun.set()
        assert go_on.wait(30)
        return exited(b"done")

    client = start_over(FakeRunner(play), queue_items_max=1, **settings)
    first = threading.Thread(target=lambda: client.post("/run_code", json=verl("print(1)")))
    first.start()
    assert begun.wait(30)

    def end() -> None:
        go_on.set()
        first.join(30)

    return client, end


def test_a_full_queue_is_a_504_with_a_time_to_come_back(start_over: StartOver) -> None:
    """Where as many wait already as the settings grant; else it is held, since its caller waits as long in any case."""
    client, end = occupied(start_over, compat_waiting_max=0)
    response = client.post("/run_code", json=verl("print(1)"))
    end()
    assert response.status_code == 504
    assert int(response.headers["retry-after"]) >= 1


def test_a_request_waits_for_room_instead_of_being_refused(start_over: StartOver) -> None:
    """Most callers come back a second later at best; here they are held for a while."""
    client, end = occupied(start_over, compat_wait_s=20)
    answers: list[int] = []
    second = threading.Thread(target=lambda: answers.append(client.post("/run_code", json=verl("x")).status_code))
    second.start()
    end()
    second.join(30)
    assert answers == [200]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": 3}, "code"),
        ({"language": "klingon"}, "language"),
        ({"language": None}, "language"),
        ({"run_timeout": "soon"}, "run_timeout"),
        ({"run_timeout": -1}, "run_timeout"),
        ({"files": []}, "files"),
        ({"memory_limit_MB": 1.5}, "memory_limit_MB"),
    ],
)
def test_a_body_that_does_not_fit_is_fastapis_422(over_jails: TestClient, change: dict[str, Any], field: str) -> None:
    """A list of rows under `detail`, as the original answers."""
    response = over_jails.post("/run_code", json=verl("print(1)") | change)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", field]


def test_unknown_fields_are_passed_over(over_jails: TestClient) -> None:
    """The original's models ignore them, so a newer client goes on working."""
    assert run(over_jails, verl("print(1)", trace_id="x", priority=3))["status"] == "Success"


def test_ping_answers_without_a_key(start_over: StartOver) -> None:
    """A liveness probe has none."""
    response = start_over(None, api_keys="one").get("/v1/ping")
    assert (response.status_code, response.json()) == (200, "pong")


def submission(completion: str, cases: list[tuple[str, str]], **config: Any) -> dict[str, Any]:
    """A CommonOJ row with its tests, and a completion."""
    test = [{"input": {"stdin": given}, "output": {"stdout": wanted}} for given, wanted in cases]
    row = {"id": 7, "content": "Double it.", "labels": {}, "test": test}
    settings = {"language": "python", "dataset_type": "CommonOJDataset", "provided_data": row}
    return {"dataset": "mine", "id": 7, "completion": completion, "config": settings | config}


DOUBLES = "Sure:\n```python\nprint(2 * int(input()))\n```\nDone."


def test_a_submission_is_judged_by_its_own_tests(over_jails: TestClient) -> None:
    """accepted, the code that was found, and one entry a test in the original's shape."""
    response = over_jails.post("/submit", json=submission(DOUBLES, [("3\n", "6\n"), ("4\n", "8.0\n")]))
    answer = response.json()
    assert (response.status_code, answer["id"], answer["accepted"]) == (200, 7, True)
    assert answer["extracted_code"] == "print(2 * int(input()))\n"
    assert [test["passed"] for test in answer["tests"]] == [True, True]
    assert set(answer["tests"][0]["exec_info"]) == RESPONSE
    assert answer["tests"][0]["test_info"] == {"input": {"stdin": "3\n"}, "output": {"stdout": "6\n"}}


def test_a_wrong_submission_stops_at_its_first_failure_unless_asked(over_jails: TestClient) -> None:
    """As the original does without run_all_cases; tests may come as JSON text."""
    cases = [("3\n", "7\n"), ("4\n", "8\n")]
    answer = over_jails.post("/submit", json=submission(DOUBLES, cases)).json()
    assert (answer["accepted"], [test["passed"] for test in answer["tests"]]) == (False, [False])
    assert answer["tests"][0]["exec_info"]["run_result"]["stdout"] == "6\n"
    every = over_jails.post("/submit", json=submission(DOUBLES, cases, extra={"run_all_cases": True})).json()
    assert [test["passed"] for test in every["tests"]] == [False, True]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("1000001", "1000000"), ("YES", "yes"), ("12345678901234567890", "12345678901234567891")],
)
def test_a_near_miss_of_the_original_is_a_miss_here(over_jails: TestClient, given: str, wanted: str) -> None:
    """Its comparison folds case and rounds long integers; found 2026 in sandbox/utils/testing.py."""
    body = submission(f"```python\nprint('{given}')\n```", [("", wanted)])
    assert over_jails.post("/submit", json=body).json()["accepted"] is False


def test_a_submission_without_code_or_that_does_not_compile_is_not_accepted(over_jails: TestClient) -> None:
    """One failed test stands for all."""
    for completion in ("I do not know.", "```python\ndef (:\n```"):
        answer = over_jails.post("/submit", json=submission(completion, [("", "1")])).json()
        assert (answer["accepted"], [test["passed"] for test in answer["tests"]]) == (False, [False])


@pytest.mark.parametrize(
    "config",
    [
        {"custom_extract_logic": "import os"},
        {"dataset_type": "AutoEvalDataset"},
        {"language": None},
        {"provided_data": None},
        {"provided_data": []},
        {"provided_data": {"test": []}},
        {"provided_data": {"test": [{"input": {}, "output": {}}]}},
        {"language": "lean"},
    ],
)
def test_a_submission_that_cannot_be_judged_is_a_400(over_jails: TestClient, config: dict[str, Any]) -> None:
    """The original's HTTPException with `detail`."""
    response = over_jails.post("/submit", json=submission(DOUBLES, [("1", "2")], **config))
    assert response.status_code == 400
    assert response.json()["detail"]


def test_a_submission_that_we_fail_is_a_503(start_over: StartOver) -> None:
    """With a time to come back; no `accepted: false`."""
    response = start_over(FakeRunner(lost)).post("/submit", json=submission(DOUBLES, [("1", "2")]))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("kind", ["run", "program"])
def test_what_the_workers_run_besides_is_no_kind_of_v1(over_jails: TestClient, kind: str) -> None:
    """The public schema does not know them, so a batch cannot read a program's output by way of a verdict."""
    task = {"kind": kind, "language": "python", "task": {"kind": "code", "tests": {"kind": "stdio", "cases": []}}}
    response = over_jails.post("/v1/grade", json={"items": [{"completion": "print(1)", "task": task}]})
    assert response.status_code == 422
