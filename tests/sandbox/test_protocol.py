"""Frames survive any cutting of the stream, and nothing out of turn or bounds is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.protocol import BODY_BYTES_MAX, FrameError, FrameReader, FrameWriter

HEADS = st.dictionaries(
    st.text(max_size=10), st.none() | st.booleans() | st.integers() | st.text(max_size=20), max_size=4
)


@given(st.lists(st.tuples(HEADS, st.binary(max_size=200)), max_size=6), st.lists(st.integers(1, 50), min_size=1))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(
    frames: list[tuple[dict[str, object], bytes]], cuts: list[int]
) -> None:
    """Order, heads and bodies are kept."""
    writer, reader = FrameWriter(), FrameReader()
    stream = b"".join(writer.encode(head, [body]) for head, body in frames)
    found, at, turn = [], 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        found += reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert [(frame.head, frame.body) for frame in found] == frames


@given(st.binary(min_size=12, max_size=300))
def test_noise_is_refused_or_incomplete_but_never_a_frame(noise: bytes) -> None:
    """What did not come from a writer is not believed."""
    try:
        frames = list(FrameReader().feed(noise))
    except FrameError:
        return
    assert all(noise[8:12] == b"\0\0\0\0" for _ in frames)


def test_a_frame_lost_or_repeated_shows_at_once() -> None:
    """Sequence numbers tell."""
    writer = FrameWriter()
    first, second = writer.encode({"n": 1}), writer.encode({"n": 2})
    for stream in (second, first + first):
        with pytest.raises(FrameError):
            list(FrameReader().feed(stream))


def test_a_length_out_of_bounds_is_refused_before_anything_is_stored() -> None:
    """A jail cannot make the runner wait for, or allocate, gigabytes."""
    with pytest.raises(FrameError):
        list(FrameReader().feed((10).to_bytes(4, "big") + (BODY_BYTES_MAX + 1).to_bytes(4, "big") + bytes(4)))
    with pytest.raises(FrameError):
        list(FrameReader().feed(b"\xff" * 12))
