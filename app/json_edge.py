"""Bytes of a request to JSON, strictly: UTF-8 only, no NaN or Infinity, no duplicate key, no lone surrogate, depth.

Python's and pydantic's parsers each let some of these through, and a trainer that sends them has a fault it wants to
hear of. The check costs one pass of the C parser; the values it makes are thrown away, since pydantic parses straight
into the models.
"""

import json
import math
from typing import Any

from app.errors import BadJson

DEPTH_MAX = 32

VALUES_MAX = 4_000_000
"""Values in a body, so that one of nothing but brackets does not become gigabytes."""


def check_json(body: bytes) -> Any:
    """Parse a body or refuse it.

    Returns: the value, made of dict, list, str, int, float, bool and None.
    Raises: BadJson with one sentence that never quotes the body.
    """
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in body[:4]:
        raise BadJson("the body must be UTF-8, not UTF-16 or UTF-32")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(f"the body is not valid UTF-8 (byte {error.start})") from None
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite_float, object_pairs_hook=_unique_keys
        )
    except BadJson:
        raise
    except json.JSONDecodeError as error:
        raise BadJson(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise BadJson(f"nested deeper than {DEPTH_MAX}") from None
    except ValueError:
        # int() refuses more than sys.get_int_max_str_digits() digits, which bounds a quadratic conversion.
        raise BadJson("an integer has too many digits; send it as a string") from None
    # A surrogate can only come from an escape: the decoder above lets no bare one through.
    _check_nested(value, look_for_surrogates="\\ud" in text or "\\uD" in text)
    return value


def _refuse_constant(name: str) -> None:
    raise BadJson(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise BadJson("a number is too large for a double")
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise BadJson("an object names the same key twice")
    return mapping


def _check_nested(value: Any, *, look_for_surrogates: bool) -> None:
    level, depth, count = [value], 0, 0
    while level:
        depth += 1
        count += len(level)
        if count > VALUES_MAX:
            raise BadJson(f"more than {VALUES_MAX} values")
        below: list[Any] = []
        for entry in level:
            if depth > DEPTH_MAX and isinstance(entry, dict | list):
                raise BadJson(f"nested deeper than {DEPTH_MAX}")
            if isinstance(entry, dict):
                below.extend(entry.values())
                if look_for_surrogates:
                    below.extend(entry)
            elif isinstance(entry, list):
                below.extend(entry)
            elif look_for_surrogates and isinstance(entry, str) and not _encodable(entry):
                raise BadJson("a string holds a lone surrogate, which is not Unicode text")
        level = below


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
