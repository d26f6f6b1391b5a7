"""Callers of other formats while workers die, or where there are none."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.processes import Service, running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two code workers that are missed after three seconds."""
    settings = {"code_workers": 2, "math_workers": 1, "sandbox": "bubblewrap", "lease_s": 3, "cache_bytes_max": 0}
    with running(tmp_path_factory.mktemp("compat"), **settings) as service:
        yield service


@pytest.fixture(scope="module")
def without_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """No code worker at all."""
    with running(tmp_path_factory.mktemp("none"), code_workers=0, math_workers=1, compat_wait_s=0) as service:
        yield service


def post(service: Service, path: str, body: dict[str, Any]) -> httpx.Response:
    """Post and wait."""
    return httpx.post(service.url + path, json=body, timeout=60)


def test_the_languages_are_those_of_the_workers(service: Service) -> None:
    """By way of the store, as each worker says it."""
    names = [row["language"] for row in httpx.get(service.url + "/api/v2/runtimes").json()]
    assert "python" in names
    assert "cpp20" not in names


def test_a_run_whose_worker_is_killed_is_made_by_another(service: Service) -> None:
    """kill -9 in the middle: the caller sees the program's own end, or a 504 to try again; never a Failed."""
    code = "import time; time.sleep(1.5); print(2 * int(input()))"
    answers: dict[int, httpx.Response] = {}

    def one(number: int) -> None:
        body = {"code": code, "language": "python", "stdin": f"{number}\n", "compile_timeout": 10, "run_timeout": 10}
        answers[number] = post(service, "/run_code", body)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.8)
    os.kill(service.workers("code")[0], signal.SIGKILL)
    for thread in threads:
        thread.join(60)
    assert len(answers) == 4
    for number, response in answers.items():
        assert response.status_code in {200, 504}
        if response.status_code == 200:
            answer = response.json()
            assert (answer["status"], answer["run_result"]["stdout"]) == ("Success", f"{2 * number}\n")
    assert sum(response.status_code == 200 for response in answers.values()) >= 3


def test_without_a_worker_each_caller_hears_it_in_its_own_way(without_code: Service) -> None:
    """504 for SandboxFusion's, masked for NeMo-Gym's, 503 where a 503 is tried again, a flag for OpenRLHF's."""
    run = {"code": "print(1)", "language": "python", "compile_timeout": 0.1, "run_timeout": 0.1}
    assert post(without_code, "/run_code", run).status_code == 504
    label = {"inputs": ["1\n"], "outputs": ["1\n"]}
    text = "```python\nprint(1)\n```"
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    rollout = {"responses_create_params": {"input": "q"}, "response": {"output": [message]}}
    body = rollout | {"verifier_metadata": {"unit_tests": label}}
    masked = post(without_code, "/verify?deadline_s=0.5", body).json()
    assert (masked["mask_sample"], masked["failure_kind"], masked["reward"]) == (True, "verifier_error", 0.0)
    rows = {"query": [text], "prompts": [""], "labels": [label]}
    flagged = post(without_code, "/compat/openrlhf/accuracy?deadline_s=0.5", rows).json()
    assert flagged["extra_logs"]["error"] == [1.0]
    assert httpx.get(without_code.url + "/api/v2/runtimes").json() == []
