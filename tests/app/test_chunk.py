"""What crosses Redis: readable by the release that comes next, and handed back by the one before."""

import json

import pytest

from app.cache import key_of
from app.chunk import READABLE, VERSION, Chunk, ChunkItem, ItemResult, UnknownVersion

# As the first release wrote it.
FIRST = json.dumps(
    {
        "v": 1,
        "id": "c1",
        "items": [
            {
                "completion": "a",
                "prompt": "",
                "task": None,
                "components": [["format", {"style": "think"}]],
                "deadline_ms": None,
                "explain": False,
            }
        ],
        "reply": "r",
        "submitted_ms": 7,
        "job": "",
    }
)


def test_a_chunk_is_read_as_it_was_written() -> None:
    """Every field."""
    item = ChunkItem(
        "a", "p", {"kind": "math"}, (("format", {"style": "think"}),), tokens=3, deadline_ms=5, explain=True
    )
    chunk = Chunk("c1", (item,), "r", 7, "j")
    assert Chunk.from_text(chunk.to_text()) == chunk


def test_the_release_befores_chunk_is_still_read() -> None:
    """What it did not send has its default."""
    assert Chunk.from_text(FIRST).items == (ChunkItem("a", components=(("format", {"style": "think"}),)),)
    assert 1 in READABLE


def test_the_release_after_ours_is_not_guessed_at() -> None:
    """A worker hands such a chunk back."""
    with pytest.raises(UnknownVersion):
        Chunk.from_text(FIRST.replace('"v": 1', f'"v": {VERSION + 1}'))


def test_the_cache_key_covers_all_that_a_score_depends_on() -> None:
    """Any other completion, prompt, task, component, parameter, token count or wish to explain is another item."""
    one = ChunkItem(
        "a", "p", {"kind": "math"}, (("format", {"style": "think"}),), tokens=3, deadline_ms=5, explain=True
    )
    others = [
        {"completion": "b"},
        {"prompt": "q"},
        {"task": {"kind": "choice"}},
        {"components": (("format", {"style": "boxed"}),)},
        {"tokens": 4},
        {"overruled": True},
        {"question": "q"},
        {"turns": (("user", "p"),)},
        {"explain": False},
    ]
    fields = {name: getattr(one, name) for name, field in ChunkItem.__dataclass_fields__.items() if field.init}
    keys = {key_of(ChunkItem(**fields | other))[0] for other in others}
    assert len(keys | {key_of(one)[0]}) == len(others) + 1
    assert key_of(ChunkItem(**fields | {"deadline_ms": 99})) == key_of(one)
    assert {name for other in others for name in other} | {"deadline_ms"} == set(fields)


def test_numbers_of_any_size_and_texts_of_any_script_cross_the_queue_unchanged() -> None:
    """A program's arguments and what it returned are JSON, whose numbers have no bounds."""
    task = {
        "kind": "code",
        "tests": {"cases": [{"args": [10**40, -(2**63) - 1, 0.1, 1e-320, 5e300], "x": "é\u2028\x00😀"}]},
    }
    item = ChunkItem("ж", task=task, tokens=0, components=(("accuracy", {}),))
    assert Chunk.from_text(Chunk("c", (item,)).to_text()).items == (item,)
    result = ItemResult("graded", {"a": 0.1 + 0.2, "b": None}, {"explain": {"expected": [2**70, "\x00"]}})
    assert ItemResult.from_text(result.to_text()) == result


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_not_sent(score: float) -> None:
    """It is our bug, and must not arrive as the absence of a score."""
    with pytest.raises(ValueError, match="finite"):
        ItemResult("graded", {"accuracy": score}).to_text()


def test_a_text_that_is_no_unicode_is_not_sent() -> None:
    """Nobody could read it."""
    with pytest.raises(ValueError, match="surrogates"):
        ItemResult("graded", verdict={"answer": "\ud800"}).to_text()
