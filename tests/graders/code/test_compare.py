"""When an output, or a value, is the expected one."""

import math
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.code.compare import outputs_match, values_match
from graders.task import FloatRule

TOLERANT = FloatRule(abs=1e-6, rel=1e-6)


@pytest.mark.parametrize(
    ("rule", "expected", "actual", "same"),
    [
        ("tokens", b"1 2\n", b"1  2", True),
        ("tokens", b"1 2\n", b"1\n2\n\n", True),
        ("tokens", b"1\r\n", b"1\n", True),
        ("tokens", b"12", b"1 2", False),
        ("tokens", b"YES", b"yes", False),
        ("tokens", b"1000000", b"1000001", False),
        ("tokens", b"3", b"3.0", False),
        ("tokens", b"12345678901234567890", b"12345678901234567891", False),
        ("tokens", b"1 2 3", b"1 2", False),
        ("tokens", b"1 2", b"1 2 3", False),
        ("tokens", b"", b"", True),
        ("tokens", b"", b"x", False),
        ("tokens", b"3", b"\xef\xbb\xbf3", True),
        ("tokens", b"3", "３".encode(), False),
        ("tokens", b"3", b"3\0", False),
        ("tokens", b"3", b"\xff\xfe3", False),
        ("exact", b"1\n", b"1\n", True),
        ("exact", b"1\n", b"1", False),
        ("exact", b"1\n", b"1\r\n", False),
        ("lines", b"a b\nc\n", b"a b  \nc\n\n\n", True),
        ("lines", b"a b\n", b"a  b\n", False),
        ("lines", b"a\n\nb", b"a\nb", False),
        ("lines", b"a\n", b"a\r\n", True),
        ("lines", b" a\n", b"a\n", False),
        (TOLERANT, b"1.0", b"1.0000005", True),
        (TOLERANT, b"1.0", b"1.00001", False),
        (TOLERANT, b"1000000.0", b"1000000.9", True),
        (TOLERANT, b"0", b"0.0000009", True),
        (TOLERANT, b"0.1 ok", b"1e-1 ok", True),
        (TOLERANT, b"0.1 ok", b"1e-1 no", False),
        (TOLERANT, b"0.5", b"half", False),
        (TOLERANT, b"0.5", b"nan", False),
        (TOLERANT, b"nan", b"nan", False),
        (TOLERANT, b"0.5", b"inf", False),
        (TOLERANT, b"inf", b"Infinity", True),
        (TOLERANT, b"inf", b"-inf", False),
        (TOLERANT, b"1", b"1e999999999999", False),
        (FloatRule(), b"12345678901234567890", b"12345678901234567891", False),
        (FloatRule(), b"0.1", b"0.10", True),
        (FloatRule(abs=1e-6), b"1.000000", b"1.000001", True),
        (FloatRule(abs=1e-6), b"1.000000", b"1.0000010000000001", False),
        (FloatRule(abs=0.5), b"9007199254740993", b"9007199254740992", False),
    ],
)
def test_outputs(rule: Any, expected: bytes, actual: bytes, same: bool) -> None:
    """One row for each clause, many from wrong verdicts of other graders."""
    assert outputs_match(rule, expected, actual) is same


@pytest.mark.parametrize(
    ("rule", "expected", "actual", "same"),
    [
        ("equal", 3, 3, True),
        ("equal", 3, 3.0, False),
        ("equal", 3.0, 3, True),
        ("equal", 1, True, False),
        ("equal", True, 1, False),
        ("equal", True, True, True),
        ("equal", "3", 3, False),
        ("equal", None, 0, False),
        ("equal", [1, 2], (1, 2), True),
        ("equal", [1, 2], deque([1, 2]), True),
        ("equal", [0, 1], range(2), True),
        ("equal", [1, 2], {1, 2}, False),
        ("equal", [1, 2], [2, 1], False),
        ("equal", {"1": "a"}, {1: "a"}, True),
        ("equal", {"true": 1}, {True: 1}, True),
        ("equal", {"1": 1}, {1: 1, "1": 1}, False),
        ("equal", {"a": [1]}, {"a": [1.0]}, False),
        ("equal", 0.3, 0.1 + 0.2, False),
        ("equal", math.inf, math.nan, False),
        ("unordered", [1, 2, 2], [2, 1, 2], True),
        ("unordered", [1, 2, 2], [2, 1, 1], False),
        ("unordered", [1, 2], {2, 1}, True),
        ("unordered", [[1, 2], [3]], [[3], [1, 2]], True),
        ("unordered", [[1, 2]], [[2, 1]], False),
        ("unordered", [1.0, 2], [2, 1], True),
        ("unordered", [True, 1], [1, True], True),
        ("unordered", [True, 1], [1, 1], False),
        ("unordered", [{"a": 1}, {"b": 2}], [{"b": 2}, {"a": 1}], True),
        ("unordered", "ab", "ba", False),
        (TOLERANT, 0.3, 0.1 + 0.2, True),
        (TOLERANT, [1, [0.5]], (1, [0.5000001]), True),
        (TOLERANT, 1, 1.0000001, True),
        (TOLERANT, 1, True, False),
        (TOLERANT, 1.0, math.nan, False),
        (TOLERANT, 1.0, math.inf, False),
        (TOLERANT, "a", "a", True),
    ],
)
def test_values(rule: Any, expected: Any, actual: Any, same: bool) -> None:
    """Exact types, but for what JSON cannot say."""
    assert values_match(rule, expected, actual) is same


def test_integers_longer_than_python_writes_are_compared_exactly() -> None:
    """int() and str() refuse them; comparing needs neither."""
    assert values_match("equal", 10**5000, 10**5000)
    assert not values_match("equal", 10**5000, 10**5000 + 1)
    assert not values_match(TOLERANT, 1, 10**5000)
    assert values_match("equal", {"a": 1}, {"a": 1}) and not values_match("equal", {"a": 1}, {10**5000: 1})


def test_an_object_is_equal_to_nothing() -> None:
    """What decodes to no plain value cannot make itself equal."""

    class Equal:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    for expected in (1, "a", None, True, [], {}, [1]):
        assert not values_match("equal", expected, Equal())
        assert not values_match("unordered", [expected], [Equal()])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(json_values)
def test_a_value_equals_itself_under_every_rule(value: Any) -> None:
    """Reflexive for all that JSON can hold."""
    for rule in ("equal", "unordered", FloatRule(abs=1e-9)):
        assert values_match(rule, value, value)  # type: ignore[arg-type]


@given(st.lists(json_values, max_size=6), st.randoms())
def test_unordered_forgets_order_alone(values: list[Any], random: Any) -> None:
    """A shuffled list is equal, and one with an element more is not."""
    shuffled = list(values)
    random.shuffle(shuffled)
    assert values_match("unordered", values, shuffled)
    assert not values_match("unordered", values, [*shuffled, 0])


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_output_rules_never_raise_and_exact_is_the_strictest(expected: bytes, actual: bytes) -> None:
    """On any bytes; what is equal byte for byte is equal by every rule but where a nan is expected."""
    for rule in ("exact", "lines", "tokens", TOLERANT):
        same = outputs_match(rule, expected, actual)  # type: ignore[arg-type]
        assert same or expected != actual or b"nan" in expected.lower()


def test_ten_thousand_unordered_elements_take_no_square_of_time() -> None:
    """Elements are binned before they are paired."""
    numbers = list(range(20_000))
    assert values_match("unordered", numbers, numbers[::-1])
