"""Values across processes: exact there and back, and nothing hostile gets through."""

import datetime
import decimal
import enum
import fractions
import json
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.code.values import NotPlain, decode, encode


def across(value: Any) -> Any:
    """A value's way through JSON."""
    return decode(json.loads(json.dumps(encode(value))))


hashable = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False)
plain = st.recursive(
    hashable | st.complex_numbers(allow_nan=False) | st.decimals(allow_nan=False) | st.fractions() | st.datetimes(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(hashable, inner)
        | st.sets(hashable)
        | st.frozensets(hashable)
        | st.builds(deque, st.lists(inner))
    ),
    max_leaves=15,
)


@given(plain)
def test_values_come_back_equal_and_of_the_same_type(value: Any) -> None:
    """For every type of the notation, nested in any way."""
    back = across(value)
    assert back == value
    assert type(back) is type(value)


def test_integers_of_any_size_cross() -> None:
    """Beyond the number of digits that int() reads from text."""
    assert across(7**20_000) == 7**20_000
    assert across(-(7**20_000)) == -(7**20_000)


def test_nan_and_infinity_cross() -> None:
    """JSON has no words for them."""
    assert across([float("inf"), -float("inf")]) == [float("inf"), -float("inf")]
    assert across(float("nan")) != across(float("nan"))


class Colour(enum.IntEnum):
    """A number with a name."""

    RED = 1


class Liar(int):
    """A number that says it equals everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (OrderedDict(a=1), {"a": 1}),
        (Colour.RED, 1),
        (Liar(5), 5),
        (Point(1, 2), (1, 2)),
        (range(3), range(3)),
        (datetime.date(2026, 1, 2), datetime.date(2026, 1, 2)),
        (decimal.Decimal("0.10"), decimal.Decimal("0.10")),
        (fractions.Fraction(1, 3), fractions.Fraction(1, 3)),
        (bytearray(b"x"), bytearray(b"x")),
    ],
)
def test_subclasses_cross_as_what_they_hold(value: Any, back: Any) -> None:
    """By the plain type's own methods, whatever they override."""
    found = across(value)
    assert found == back
    assert type(found) is type(back)


@pytest.mark.parametrize(
    "data",
    [
        {"$": "int", "v": "zz"},
        {"$": "int", "v": 3},
        {"$": "dict", "v": [[1]]},
        {"$": "dict", "v": [[[], 1]]},
        {"$": "set", "v": [[]]},
        {"$": "bytes", "v": "%%%"},
        {"$": "object", "v": "E"},
        {"$": "handle", "v": 1},
        {"$": 3},
        {"$": "tuple"},
        {"$": "range", "v": [1, 2, 0]},
        {"$": "date", "v": "x"},
        {"$": "fraction", "v": [1, 0]},
        float("nan"),
    ],
)
def test_malformed_notation_is_refused(data: Any) -> None:
    """With one exception type, whatever is wrong."""
    with pytest.raises(NotPlain):
        decode(data)


def test_depth_is_bounded_both_ways() -> None:
    """A value deeper than the bound does not cross, and does not overflow a stack."""
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(NotPlain):
        encode(deep)
    with pytest.raises(NotPlain):
        decode(deep)
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotPlain):
        encode(circle)


def test_functions_and_instances_do_not_cross() -> None:
    """Unless a hook says how."""
    for value in (len, lambda: 1, object(), Exception(), int):
        with pytest.raises(NotPlain):
            encode(value)
    assert encode([len], lambda value, depth: {"$": "named", "v": value.__name__}) == [{"$": "named", "v": "len"}]
