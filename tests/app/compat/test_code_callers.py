"""open-instruct's test server, Piston and eval-protocol: payloads as their clients make them."""

import base64
import json
import pickle
import threading
import time
import zlib
from typing import Any

import pytest
from starlette.testclient import TestClient

from sandbox.errors import SandboxFault
from sandbox.fake_runner import FakeRunner, exited
from sandbox.limits import Limits
from sandbox.run import Ended, Program, Run, RunOutcome
from tests.app.compat.conftest import StartOver

ADD = "def add(a, b):\n    return a + b"
ASSERTS = ["assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add(0, 0) == 1"]


def packed(data: bytes) -> str:
    """open-instruct's compressed form."""
    return base64.b64encode(zlib.compress(data)).decode()


def results(client: TestClient, path: str, program: str, tests: Any, seconds: float = 1.0) -> list[int]:
    """Post tests; one result and one time a test, -1.0 for what failed."""
    body = {"program": program, "tests": tests, "max_execution_time": seconds}
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert set(answer) == {"results", "runtimes"}
    assert len(answer["results"]) == len(answer["runtimes"])
    for passed, runtime in zip(answer["results"], answer["runtimes"], strict=True):
        assert runtime >= 0 if passed else runtime == -1.0
    found: list[int] = answer["results"]
    return found


@pytest.mark.parametrize("form", [ASSERTS, json.dumps(ASSERTS), packed(json.dumps(ASSERTS).encode())])
def test_asserts_are_counted_one_by_one(over_jails: TestClient, form: Any) -> None:
    """The example of its own documentation, in each form that is data."""
    assert results(over_jails, "/test_program", ADD, form) == [1, 1, 0]


def test_tests_of_several_statements_count_once(over_jails: TestClient) -> None:
    """A test that asserts nothing passes by not raising; one with two asserts needs both."""
    tests = [
        "add(1, 2)",
        "x = add(1, 1)\nassert x == 2\nassert add(x, x) == 5",
        "for n in range(3):\n    assert add(n, n) == 2 * n",
    ]
    assert results(over_jails, "/test_program", ADD, tests) == [1, 0, 1]


def test_a_program_that_hangs_or_breaks_fails_its_tests(over_jails: TestClient) -> None:
    """Each test has its own time; what does not compile fails all."""
    slow = "def add(a, b):\n    while a == 1: pass\n    return a + b"
    assert results(over_jails, "/test_program", slow, ASSERTS[:2], 0.4) == [0, 1]
    assert results(over_jails, "/test_program", "def add(:", ASSERTS) == [0, 0, 0]
    assert results(over_jails, "/test_program", "raise SystemExit(0)", ASSERTS) == [0, 0, 0]


@pytest.mark.parametrize(
    "cheat",
    [
        "class Yes:\n    def __eq__(self, other): return True\ndef add(a, b): return Yes()",
        "import os\ndef add(a, b): os._exit(0)",
        "import builtins\nbuiltins.AssertionError = int\ndef add(a, b): return 7",
        "import sys\ndef add(a, b):\n    sys._getframe(1).f_globals['shared'] = 1\n    return 7",
    ],
)
def test_what_passes_in_the_original_fails_here(over_jails: TestClient, cheat: str) -> None:
    """The original's tests run in the program's own process; found 2026 in open_instruct/code_utils/code_utils.py."""
    assert results(over_jails, "/test_program", cheat, ASSERTS[:2]) == [0, 0]


def test_a_program_is_taken_as_it_is(over_jails: TestClient) -> None:
    """It is no completion: fences, think tags and words the original is afraid of are its own."""
    program = "import os, threading\nTEXT = '''\n```python\n</think><answer>no</answer>\n```\n'''\n" + ADD
    assert results(over_jails, "/test_program", program, ASSERTS) == [1, 1, 0]


def test_input_and_output(over_jails: TestClient) -> None:
    """The example of its documentation; numbers are equal by value, lines by their words."""
    program = "import sys\nfor line in sys.stdin.read().splitlines():\n    print(int(line.strip()) + 1)"
    tests = [{"input": "1\n", "output": "2\n"}, {"input": "100\n", "output": "101.0"}, {"input": "x\n", "output": ""}]
    assert results(over_jails, "/test_program_stdio", program, tests) == [1, 1, 0]


def test_no_tests_are_no_results(over_jails: TestClient) -> None:
    """As the original answers."""
    for path in ("/test_program", "/test_program_stdio"):
        assert results(over_jails, path, ADD, []) == []


class Bomb:
    """What a pickle may do in whoever opens it."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Write a file."""
        return (open, ("/tmp/touchstone-pickle-was-opened", "w"))


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        (packed(pickle.dumps(ASSERTS)), "pickle"),
        (packed(pickle.dumps(Bomb())), "pickle"),
        ("AAAA", "neither JSON"),
        ("not base64!", "neither JSON"),
        (packed(b"not json"), "not JSON"),
        (packed(b'{"a": 1}'), "list"),
        ({"a": 1}, "list"),
        ([1], "texts"),
        (["assert add(1,"], "not Python"),
    ],
)
def test_tests_that_cannot_be_used_are_refused_aloud(over_jails: TestClient, tests: Any, words: str) -> None:
    """422 with the reason: its client makes a 0 of it either way, and this one stands in its log."""
    response = over_jails.post("/test_program", json={"program": ADD, "tests": tests})
    assert response.status_code == 422
    assert words in response.json()["detail"]


def test_compressed_tests_are_bounded(start_over: StartOver) -> None:
    """A bomb of zlib is not blown up."""
    client = start_over(None, task_bytes_max=1000)
    response = client.post("/test_program", json={"program": ADD, "tests": packed(b" " * 10_000_000)})
    assert response.status_code == 413


def lost(_program: Program, _run: Run, _limits: Limits) -> RunOutcome:
    """A sandbox that fails each time."""
    raise SandboxFault("the jail is gone")


def test_a_fault_of_ours_is_a_503(start_over: StartOver) -> None:
    """Never a row of zeros; and a body that does not fit is FastAPI's 422."""
    client = start_over(FakeRunner(lost))
    tests = [{"input": "1\n", "output": "2\n"}]
    response = client.post("/test_program_stdio", json={"program": "print(2)", "tests": tests})
    assert response.status_code == 503
    assert client.get("/health").json() == {"status": "healthy"}
    for body in ({}, {"program": 1, "tests": []}, {"program": "x", "tests": [], "max_execution_time": 0}):
        assert client.post("/test_program", json=body).status_code == 422
    assert client.post("/test_program_stdio", json={"program": "x", "tests": [{"input": 1}]}).status_code == 422


STAGE = {"stdout", "stderr", "output", "code", "signal", "message", "status", "cpu_time", "wall_time", "memory"}


def piston(client: TestClient, content: str, language: str = "python", **more: Any) -> dict[str, Any]:
    """Post to Piston's /execute."""
    body = {"language": language, "version": "*", "files": [{"content": content}]} | more
    response = client.post("/api/v2/execute", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert set(answer["run"]) == STAGE
    return answer


def test_piston_runs_a_program_with_input_arguments_and_files(over_jails: TestClient) -> None:
    """The first text file is the program, the others lie beside it; a line break ends the input."""
    code = "import sys; print(input(), sys.argv[1:], open('d/a.bin', 'rb').read(), open('b').read())"
    files = [
        {"name": "d/a.bin", "content": "AP8=", "encoding": "base64"},
        {"name": "my_program.py", "content": code},
        {"name": "b", "content": "68690a", "encoding": "hex"},
    ]
    answer = piston(over_jails, "", files=files, stdin="in", args=["1", "two"])
    assert answer["run"]["stdout"] == "in ['1', 'two'] b'\\x00\\xff' hi\n\n"
    assert (answer["run"]["code"], answer["run"]["signal"], answer["run"]["status"]) == (0, None, None)
    assert (answer["language"], "compile" in answer) == ("python", False)


def test_piston_compiles(over_jails: TestClient) -> None:
    """By its own name of the language, whatever the file is called; a failed compilation stands as the run as well."""
    source = '#include <cstdio>\nint main() { puts("hi"); return 0; }'
    answer = piston(over_jails, source, "c++")
    assert (answer["language"], answer["compile"]["code"], answer["run"]["stdout"]) == ("c++", 0, "hi\n")
    failed = piston(over_jails, "int main() {", "c++")
    assert failed["run"] == failed["compile"]
    assert (failed["run"]["code"], failed["run"]["status"]) == (1, "RE")


@pytest.mark.parametrize(
    ("code", "more", "status", "signal"),
    [
        ("import sys; sys.exit(3)", {}, "RE", None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", {}, "SG", "SIGSEGV"),
        ("while True: pass", {"run_timeout": 300}, "TO", "SIGKILL"),
        ("import time; time.sleep(60)", {"run_timeout": 300}, "TO", "SIGKILL"),
        ("x = bytearray(300 * 2**20)", {"run_memory_limit": 64_000_000}, "SG", "SIGKILL"),
    ],
)
def test_piston_tells_how_a_program_ended(
    over_jails: TestClient, code: str, more: dict[str, Any], status: str, signal: str | None
) -> None:
    """In the words of isolate."""
    run = piston(over_jails, code, **more)["run"]
    assert (run["status"], run["signal"]) == (status, signal)
    assert run["message"]


def test_piston_output_past_the_limit(start_over: StartOver) -> None:
    """OL for standard output, EL for the other."""
    ends = iter([(b"x" * 9, b""), (b"", b"x" * 9)])

    def play(_program: Program, _run: Run, _limits: Limits) -> RunOutcome:
        stdout, stderr = next(ends)
        return RunOutcome(Ended.OUTPUT_LIMIT, stdout=stdout, stderr=stderr)

    client = start_over(FakeRunner(play))
    assert [piston(client, "x")["run"]["status"] for _ in range(2)] == ["OL", "EL"]


BAD_RUNS: dict[str, tuple[dict[str, Any], str]] = {
    "no language": ({"language": None}, "language is required as a string"),
    "no version": ({"version": 3}, "version is required as a string"),
    "no files": ({"files": None}, "files is required as an array"),
    "no content": ({"files": [{"name": "a"}]}, "files[0].content is required as a string"),
    "unknown language": ({"language": "klingon"}, "klingon-* runtime is unknown"),
    "a language no jail has": ({"language": "julia"}, "julia-* runtime is unknown"),
    "no text file": ({"files": [{"content": "AA==", "encoding": "base64"}]}, "at least one utf8"),
    "a limit as text": ({"run_timeout": "3000"}, "If specified, run_timeout must be a number"),
    "a limit too large": ({"run_timeout": 10**9}, "run_timeout cannot exceed the configured limit of 60000"),
    "a limit below nothing": ({"compile_timeout": -5}, "compile_timeout must be non-negative"),
    "a path that climbs": ({"files": [{"content": "x"}, {"name": "../a", "content": "x"}]}, "file names"),
    "bad base64": ({"files": [{"content": "x"}, {"name": "a", "content": "%", "encoding": "base64"}]}, "base64"),
    "arguments as text": ({"args": "x"}, "args"),
}


@pytest.mark.parametrize(("change", "words"), BAD_RUNS.values(), ids=BAD_RUNS.keys())
def test_piston_refuses_in_the_originals_words(over_jails: TestClient, change: dict[str, Any], words: str) -> None:
    """400 with `message`."""
    body = {"language": "python", "version": "*", "files": [{"content": "print(1)"}]} | change
    response = over_jails.post("/api/v2/execute", json=body)
    assert response.status_code == 400, response.text
    assert set(response.json()) == {"message"}
    assert words in response.json()["message"]


def test_piston_takes_json_only(over_jails: TestClient) -> None:
    """415 and 400 in its shape."""
    text = over_jails.post("/api/v2/execute", content=b"x", headers={"Content-Type": "text/plain"})
    assert (text.status_code, text.json()) == (415, {"message": "requests must be of type application/json"})
    broken = over_jails.post("/api/v2/execute", content=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status_code, set(broken.json())) == (400, {"message"})


def test_piston_is_told_of_our_fault_by_a_503(start_over: StartOver) -> None:
    """In its shape, with a time to come back."""
    body = {"language": "python", "version": "*", "files": [{"content": "print(1)"}]}
    response = start_over(FakeRunner(lost)).post("/api/v2/execute", json=body)
    assert (response.status_code, set(response.json())) == (503, {"message"})
    assert int(response.headers["retry-after"]) >= 1


def test_piston_lists_the_languages_that_workers_have(over_jails: TestClient) -> None:
    """By the names it runs them by, each under the version that may be asked for."""
    rows = over_jails.get("/api/v2/runtimes").json()
    assert all(set(row) == {"language", "version", "aliases", "runtime"} for row in rows)
    names = {row["language"]: row for row in rows}
    assert {"python", "c++"} <= set(names)
    assert "cpp" in names["c++"]["aliases"]
    chosen = names["python"]
    assert piston(over_jails, "print(1)", chosen["language"], version=chosen["version"])["run"]["code"] == 0


def evaluate(client: TestClient, text: str, truth: Any, address: str = "/evaluate", **more: Any) -> dict[str, Any]:
    """Post to eval-protocol's /evaluate."""
    messages = [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": text}]
    response = client.post(address, json={"messages": messages, "ground_truth": truth, "kwargs": {}} | more)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert isinstance(answer["score"], float)
    assert all(0 <= metric["score"] <= 1 and metric["reason"] for metric in answer["metrics"].values())
    return answer


def test_eval_protocol_gets_a_score_with_its_metrics(client: TestClient) -> None:
    """One metric a component, each between 0 and 1."""
    answer = evaluate(client, "<think>a</think><answer>5</answer>", "5", "/evaluate?profile=r1-zero")
    assert (answer["score"], answer["is_score_valid"], answer["error"]) == (2.0, True, None)
    assert {name: metric["score"] for name, metric in answer["metrics"].items()} == {"accuracy": 1.0, "format": 1.0}
    assert evaluate(client, "\\boxed{6}", "5")["score"] == 0.0


def test_eval_protocol_tasks_and_labels(client: TestClient) -> None:
    """A task in the body or in kwargs goes before the ground truth; content may come in parts."""
    task = {"kind": "choice", "answer": "B"}
    assert evaluate(client, "The answer is B.", "5", task=task)["score"] == 1.0
    assert evaluate(client, "The answer is B.", None, kwargs={"task": task})["score"] == 1.0
    parts = [{"role": "assistant", "content": [{"type": "text", "text": "\\boxed{5}"}]}]
    assert client.post("/evaluate", json={"messages": parts, "ground_truth": "5"}).json()["score"] == 1.0


@pytest.mark.parametrize("truth", [None, [{"role": "user", "content": "2 + 3?"}], {"x": 1}])
def test_eval_protocol_is_told_that_a_score_is_not_valid(client: TestClient, truth: Any) -> None:
    """No reference, the client's stand-in for none, and one that cannot be used."""
    answer = evaluate(client, "\\boxed{5}", truth)
    assert (answer["score"], answer["is_score_valid"]) == (0.0, False)
    assert answer["error"] == answer["reason"]
    assert answer["metrics"]["accuracy"]["is_score_valid"] is False


def test_eval_protocol_bodies_and_faults(start_over: StartOver) -> None:
    """422 as FastAPI; a fault of ours is a score that is not valid."""
    client = start_over(FakeRunner(lost))
    for body in ({}, {"messages": "x"}, {"messages": [1]}):
        assert client.post("/evaluate", json=body).status_code == 422
    label = {"inputs": ["1"], "outputs": ["1"]}
    assert evaluate(client, "```python\nprint(1)\n```", label)["is_score_valid"] is False


def test_callers_that_never_try_again_are_held_to_their_deadline(start_over: StartOver) -> None:
    """However short the usual wait is: a refusal would be a reward of 0, or the end of a run."""
    begun, go_on = threading.Event(), threading.Event()

    def play(_program: Program, _run: Run, _limits: Limits) -> RunOutcome:
        begun.set()
        assert go_on.wait(30)
        return exited(b"2")

    client = start_over(FakeRunner(play), queue_items_max=1, compat_wait_s=0)
    tests = [{"input": "1\n", "output": "2\n"}]
    answers: list[Any] = []

    def post(path: str, body: dict[str, Any]) -> None:
        answers.append(client.post(path, json=body))

    label = {"inputs": ["2"], "outputs": ["2"]}
    message = {"role": "assistant", "content": "```python\nprint(2)\n```"}
    calls = [
        ("/test_program_stdio", {"program": "print(1)", "tests": tests}),
        ("/test_program_stdio", {"program": "print(2)", "tests": tests}),
        ("/evaluate", {"messages": [message], "ground_truth": label}),
    ]
    threads = [threading.Thread(target=post, args=call) for call in calls]
    threads[0].start()
    assert begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.3)
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    impatient = {"query": ["a", "b"], "labels": ["1", "2"]}
    assert client.post("/compat/openrlhf/accuracy", json=impatient).status_code == 503
