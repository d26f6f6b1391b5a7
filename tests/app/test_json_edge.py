"""Bytes to JSON: what other parsers let through is refused, and what is JSON passes."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadJson
from app.json_edge import DEPTH_MAX, check_json

REFUSED = {
    "empty": b"",
    "not json": b"{'a': 1}",
    "trailing text": b"{} {}",
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "utf-16 without mark": '{"a": 1}'.encode("utf-16-le"),
    "utf-32": '{"a": 1}'.encode("utf-32-be"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "broken utf-8": b'{"a": "\xff"}',
    "overlong utf-8": b'{"a": "\xc0\xaf"}',
    "surrogate in utf-8": b'{"a": "\xed\xa0\x80"}',
    "NaN": b'{"a": NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "number over a double": b"[1e999]",
    "negative number over a double": b"[-1e999]",
    "duplicate key": b'{"a": 1, "a": 2}',
    "duplicate key by escape": b'{"a": 1, "\\u0061": 2}',
    "nested duplicate key": b'[{"x": {"a": 1, "a": 1}}]',
    "lone high surrogate": b'["\\ud800"]',
    "lone low surrogate": b'["\\uDFFF"]',
    "lone surrogate in a key": b'{"\\ud800": 1}',
    "too deep": b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1),
    "too deep in objects": b'{"a":' * (DEPTH_MAX + 1) + b"1" + b"}" * (DEPTH_MAX + 1),
    "unclosed and very deep": b"[" * 100_000,
    "closed and very deep": b"[" * 100_000 + b"]" * 100_000,
    "integer of 5,000 digits": b"1" * 5000,
    "bare control character": b'["\x01"]',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_strict_json_is_refused_at_once(body: bytes) -> None:
    """Each of these reaches a model through some common parser; here it is one exception, fast."""
    started = time.monotonic()
    with pytest.raises(BadJson):
        check_json(body)
    assert time.monotonic() - started < 5


def test_depth_up_to_the_limit_passes() -> None:
    """The limit itself is allowed, with something inside."""
    body = b"[" * DEPTH_MAX + b"1" + b"]" * DEPTH_MAX
    assert json.loads(body) == check_json(body)


def test_a_pair_of_surrogates_is_a_character() -> None:
    """Only a lone one is refused."""
    assert check_json(b'["\\ud83d\\ude00"]') == ["😀"]


def test_the_message_never_quotes_the_body() -> None:
    """Bodies hold references and completions, and messages end in logs."""
    for body in REFUSED.values():
        with pytest.raises(BadJson) as caught:
            check_json(b'["s3cret", ' + body + b"]")
        assert "s3cret" not in caught.value.message


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_json_dumps_writes_comes_back(value: object) -> None:
    """Strictness costs no honest body."""
    assert check_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_bad_json(body: bytes) -> None:
    """No input reaches the framework as another exception, which would be a 500."""
    with contextlib.suppress(BadJson):
        check_json(body)
