"""Expected against actual: output as bytes, values as plain data. Runs outside every jail, on bytes that left it.

A rule answers True or False and never raises on anything a candidate can send. NaN equals nothing. Integers are
compared as integers whatever their size. The special judge, a program, is `checker.py`.
"""

import math
import re
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal

from graders.task import FloatRule

_BOM = b"\xef\xbb\xbf"
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z")
_INFINITY = re.compile(rb"[+-]?inf(?:inity)?\Z", re.IGNORECASE)
_DIGITS_MAX = 4000
_DEPTH_MAX = 400


def outputs_match(rule: Literal["tokens", "exact", "lines"] | FloatRule, expected: bytes, actual: bytes) -> bool:
    """Whether a program printed what was asked.

    Args:
        rule: "exact": byte for byte. "lines": lines equal up to white space at their ends, blank lines at the end not
            counted. "tokens": the same words, whatever the white space between them. FloatRule: words, where a word
            whose expected one is a number may differ by the rule's tolerance.
        expected, actual: bytes; a byte order mark at the start of the output is passed over except by "exact".

    Source: the ICPC default output validator (Kattis/problemtools) for tokens and FloatRule, without its case folding.
    """
    if rule == "exact":
        return expected == actual
    expected, actual = expected.removeprefix(_BOM), actual.removeprefix(_BOM)
    if rule == "lines":
        return _lines(expected) == _lines(actual)
    wanted, got = expected.split(), actual.split()
    if rule == "tokens":
        return wanted == got
    return len(wanted) == len(got) and all(_words_close(rule, w, g) for w, g in zip(wanted, got, strict=True))


def _lines(text: bytes) -> list[bytes]:
    lines = [line.rstrip() for line in text.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _words_close(rule: FloatRule, expected: bytes, actual: bytes) -> bool:
    if not _NUMBER.match(expected):
        if _INFINITY.match(expected):
            return bool(_INFINITY.match(actual)) and expected.startswith(b"-") == actual.startswith(b"-")
        return expected == actual and expected.lower().lstrip(b"+-") != b"nan"
    if not _NUMBER.match(actual):
        return False
    return expected == actual or _close(rule, expected.decode("ascii"), actual.decode("ascii"))


def _close(rule: FloatRule, expected: str, actual: str) -> bool:
    """Within tolerance, decided in floating point where that is far from the edge and by exact fractions near it."""
    wanted, got = _to_float(expected), _to_float(actual)
    if math.isfinite(wanted) and math.isfinite(got):
        allowed = max(rule.abs, rule.rel * abs(wanted))
        noise = 4e-15 * (abs(wanted) + abs(got))
        distance = abs(wanted - got)
        if distance + noise < allowed:
            return True
        if distance - noise > allowed:
            return False
    exact_wanted, exact_got = _to_fraction(expected), _to_fraction(actual)
    if exact_wanted is None or exact_got is None:
        return False
    allowed_exact = max(Fraction(str(rule.abs)), Fraction(str(rule.rel)) * abs(exact_wanted))
    return abs(exact_wanted - exact_got) <= allowed_exact


def _to_float(text: str) -> float:
    try:
        return float(text)
    except (ValueError, OverflowError):
        return math.nan


def _to_fraction(text: str) -> Fraction | None:
    """The exact number, or None when it is too long or too large to write out."""
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > _DIGITS_MAX or len(exponent) > 5 or abs(int(exponent or "0")) > _DIGITS_MAX:
        return None
    return Fraction(text)


def values_match(rule: Literal["equal", "unordered"] | FloatRule, expected: Any, actual: Any) -> bool:
    """Whether a function returned what was asked.

    Types are exact, with the relaxations that JSON forces: a list may be any sequence; an expected number written as
    a float is also met by the integer of that value, though not the other way round; the text keys of an expected
    object are met by the keys that JSON would write so. A bool is never a number.

    Args:
        rule: "equal"; "unordered": the elements of the outermost list in any order (a set counts as a list then);
            FloatRule: numbers anywhere inside within the tolerance, everything else equal.
        expected: a JSON value, trusted.
        actual: plain data (graders.code.values.decode), untrusted.
    """
    same_number = _numbers_equal if not isinstance(rule, FloatRule) else _within(rule)
    if rule == "unordered" and isinstance(expected, list) and isinstance(actual, (list, tuple, deque, set, frozenset)):
        return _same_elements(expected, list(actual))
    return _match(expected, actual, same_number, 0)


def _numbers_equal(expected: float, actual: float) -> bool:
    if type(expected) is int and type(actual) is not int:
        return False
    return expected == actual


def _within(rule: FloatRule) -> Callable[[float, float], bool]:
    def close(expected: float, actual: float) -> bool:
        if not (_finite(expected) and _finite(actual)):
            return expected == actual
        if _digits(expected) > _DIGITS_MAX or _digits(actual) > _DIGITS_MAX:
            return expected == actual
        return expected == actual or _close(rule, repr(expected), repr(actual))

    return close


def _finite(number: float) -> bool:
    return type(number) is int or math.isfinite(number)


def _digits(number: float) -> int:
    return number.bit_length() // 3 if type(number) is int else 17


def _match(expected: Any, actual: Any, same_number: Callable[[float, float], bool], depth: int) -> bool:
    if depth > _DEPTH_MAX:
        return False
    if type(expected) in (int, float):
        return type(actual) in (int, float) and same_number(expected, actual)
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(actual, (list, tuple, deque, range))
            and len(expected) == len(actual)
            and all(_match(e, a, same_number, depth + 1) for e, a in zip(expected, actual, strict=True))
        )
    if isinstance(expected, dict):
        return _objects_match(expected, actual, same_number, depth)
    return type(expected) is type(actual) and bool(expected == actual)  # None, bool and str.


def _objects_match(
    expected: dict[str, Any], actual: Any, same_number: Callable[[float, float], bool], depth: int
) -> bool:
    if not isinstance(actual, dict) or len(actual) != len(expected):
        return False
    by_text = {_key_text(key): value for key, value in actual.items()}
    return len(by_text) == len(actual) and all(
        key in by_text and _match(value, by_text[key], same_number, depth + 1) for key, value in expected.items()
    )


def _key_text(key: Any) -> Any:
    """A key as JSON writes it; what JSON has no key for stays itself and so meets nothing."""
    if key is None or type(key) is bool:
        return {None: "null", True: "true", False: "false"}[key]
    if type(key) is int and _digits(key) < _DIGITS_MAX:
        return str(key)
    if type(key) is float:
        return repr(key)
    return key


def _same_elements(expected: Sequence[Any], actual: Sequence[Any]) -> bool:
    """Equal as multisets. Elements are sorted into bins by a key that equal elements share, then paired in each bin."""
    if len(expected) != len(actual):
        return False
    bins: dict[Any, list[Any]] = {}
    for element in actual:
        bins.setdefault(_bin(element, 0), []).append(element)
    for element in expected:
        rivals = bins.get(_bin(element, 0), [])
        found = next((i for i, rival in enumerate(rivals) if _match(element, rival, _numbers_equal, 0)), None)
        if found is None:
            return False
        del rivals[found]
    return True


def _bin(value: Any, depth: int) -> Any:
    if depth > _DEPTH_MAX:
        return "deep"
    if type(value) in (int, float, str, bool, type(None)):
        return (type(value) is bool, value)  # 1 and 1.0 share a bin, True has its own.
    if isinstance(value, (list, tuple, deque, range)):
        if len(value) > 64:
            return ("list", len(value), *(_bin(item, depth + 1) for item in list(value)[:64]))
        return ("list", *(_bin(item, depth + 1) for item in value))
    if isinstance(value, dict):
        return ("dict", len(value))
    return "other"
