"""The stand-in for judges' servers answers in the shapes that the real ones' documentation and source record.

tests/golden/judges has one file a dialect: a request and its reply as the server documents them, and where that was
read. A reply of the stand-in must have the same keys and kinds of values, and our reading of the recorded reply itself
must give the recorded number.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from graders.preference.chat import Exchange
from graders.preference.dialects import Call, read, write
from graders.preference.judge import Judge, Linear
from tests.judge_server import JudgeServer

RECORDED = sorted((Path(__file__).parents[1] / "golden" / "judges").glob("*.json"))

CODE = "6b1d2f0a9c3e4857"


@pytest.fixture(scope="module")
def server() -> Iterator[JudgeServer]:
    """A running stand-in."""
    with JudgeServer() as server:
        yield server


def shape(value: Any) -> Any:
    """Keys and kinds: of a list its first entry stands for all; a null fits anything."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


def fits(ours: Any, theirs: Any) -> bool:
    """Every key that is recorded is there, with a value of its kind."""
    if "NoneType" in (ours, theirs):
        return True
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and all(key in ours and fits(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list):
        return isinstance(ours, list) and all(fits(one, other) for one, other in zip(ours, theirs, strict=True))
    return bool(ours == theirs)


def recorded(path: Path) -> dict[str, Any]:
    """One recording."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def judge_of(recording: dict[str, Any]) -> Judge:
    """A judge of the recording's dialect."""
    scale = None if recording["dialect"] == "chat-pairwise" else Linear(min=0, max=10)
    return Judge(dialect=recording["dialect"], scale=scale, **recording["judge"])


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_stand_in_answers_in_the_recorded_shape(server: JudgeServer, path: Path) -> None:
    """To the recorded request."""
    recording = recorded(path)
    response = httpx.post(server.url(recording["path"]), json=recording["request"])
    assert response.status_code == 200
    assert fits(shape(response.json()), shape(recording["reply"])), response.json()


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_we_send_has_the_recorded_shape(path: Path) -> None:
    """Every field that the recorded request needs is there, of its kind."""
    recording = recorded(path)
    exchange = Exchange((("user", "What is panda?"),), "A bear.", "An animal.")
    body = write(judge_of(recording), exchange, Call(), CODE)
    assert fits(shape(body), shape(recording["request"])), body


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_reply_is_read(path: Path) -> None:
    """As the number that stands in it."""
    recording = recorded(path)
    assert read(judge_of(recording), Call(), recording["reply"], CODE) == pytest.approx(recording["number"])


def test_every_dialect_is_recorded() -> None:
    """A new one brings a recording."""
    assert len({recorded(path)["dialect"] for path in RECORDED}) == 8


def test_a_malformed_request_is_refused_as_the_servers_do(server: JudgeServer) -> None:
    """So that a wrong field of ours could not go unnoticed."""
    for path in {recorded(path)["path"] for path in RECORDED}:
        assert httpx.post(server.url(path), json={"wrong": 1}).status_code == 400
    assert httpx.post(server.url("/nowhere"), json={}).status_code == 404
