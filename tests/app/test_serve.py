"""`touchstone serve` as a user runs it: real processes, a real store, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest
import redis

from tests.app.conftest import math_item
from tests.processes import Service, running


def test_the_printed_curl_line_works_when_pasted(tmp_path: Path) -> None:
    """The first thing a new user does."""
    with running(tmp_path) as service:
        # The greeting waits for all queues; here the math ones are enough to try the line it is made of.
        from app.serve import EXAMPLE

        line = f"curl -s {service.url}/v1/grade -H 'Content-Type: application/json' -d '{EXAMPLE}'"
        answer = json.loads(subprocess.check_output(line, shell=True, timeout=30))  # noqa: S602
        assert answer["results"][0]["reward"] == 2.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_no_process_and_the_data_stays(tmp_path: Path, number: signal.Signals) -> None:
    """To the whole group, as a terminal or a service manager sends it; the next start finds the store's data."""
    service = Service(tmp_path)
    try:
        service.start()
        service.wait_ready()
        assert service.grade([math_item("\\boxed{42}")])[0]["reward"] == 1.0
        with redis.Redis.from_url(f"unix://{service.data}/store.sock") as store:
            store.set("kept", "yes")
        assert service.stop(number) == 0
        assert service.members() == {}
        assert not (service.data / "store.sock").exists()
        service.start()
        with redis.Redis.from_url(f"unix://{service.data}/store.sock") as store:
            assert store.get("kept") == b"yes"
        service.wait_ready()
        assert service.grade([math_item("\\boxed{42}")])[0]["reward"] == 1.0
    finally:
        service.stop()
    assert service.members() == {}


def test_a_second_service_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    """In a sentence, instead of two servers writing one append-only file."""
    with running(tmp_path) as service:
        other = Service(tmp_path, data_dir=service.data)
        with pytest.raises(AssertionError, match="another touchstone works in"):
            other.start()


def test_a_killed_service_is_succeeded_cleanly(tmp_path: Path) -> None:
    """kill -9 of the parent: its children end, and the next start takes the store over from the orphan."""
    service = Service(tmp_path)
    try:
        service.start()
        service.wait_ready()
        assert service.process is not None
        os.kill(service.process.pid, signal.SIGKILL)
        service.process.wait()
        until = time.monotonic() + 20
        while any("worker" in words or words.endswith("app api") for words in service.members().values()):
            assert time.monotonic() < until, service.members()
            threading.Event().wait(0.1)
        service.start()
        service.wait_ready()
        assert service.grade([math_item("\\boxed{42}")])[0]["reward"] == 1.0
    finally:
        service.stop()
    assert service.members() == {}


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    """And names the setting that changes it."""
    with running(tmp_path / "a") as service:
        (tmp_path / "b").mkdir()
        other = Service(tmp_path / "b", port=service.port)
        other.url = "http://127.0.0.1:9"
        with pytest.raises(AssertionError, match="TOUCHSTONE_PORT"):
            other.start()


def test_an_open_address_without_keys_is_refused(tmp_path: Path) -> None:
    """Nobody puts an unauthenticated grader on a network by accident."""
    service = Service(tmp_path, host="0.0.0.0")
    with pytest.raises(AssertionError, match="TOUCHSTONE_API_KEYS"):
        service.start()


def test_logs_are_json_and_hold_no_text_of_the_caller(tmp_path: Path) -> None:
    """One line a batch, with counts; never a prompt, a completion or a reference."""
    with running(tmp_path) as service:
        service.grade([math_item("the s3cret is \\boxed{8675309}", "8675309", prompt="s3cret?")])
        httpx.post(service.url + "/v1/grade", json={"items": [{"completion": 1, "task": "s3cret"}]}, timeout=10)
        service.stop()
        lines = [line for line in service.log.splitlines() if line.startswith("{")]
        graded = [json.loads(line) for line in lines if json.loads(line)["event"] == "graded"]
        assert [line["items"] for line in graded] == [1]
        assert not re.search("s3cret|8675309", service.log)
