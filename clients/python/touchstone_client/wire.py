"""Values to the JSON that the service takes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def to_json(value: Any) -> bytes:
    """Compact JSON in UTF-8. Arrays and numbers of numpy and the like become lists and numbers.

    A lone surrogate, which no UTF-8 can hold and no grader could mean, becomes U+FFFD.

    Raises: ValueError for NaN or Infinity, TypeError for what has no JSON.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def body(items: Sequence[bytes], options: Mapping[str, Any]) -> bytes:
    """The body of POST /v1/grade from items that are JSON already."""
    head = to_json({name: value for name, value in options.items() if value is not None})[1:-1]
    return b"{" + (head + b"," if head else b"") + b'"items":[' + b",".join(items) + b"]}"
