"""Python values as JSON and back, exactly and without pickle: the one notation spoken with the programs in the jail.

None, bool, str, finite float, int of at most 64 bits and list stand for themselves; everything else is an object
`{"$": tag, "v": ...}`, so that a tuple stays a tuple, a dict keeps keys that are no text, and integers of any size and
nan cross unharmed. Decoding builds fresh objects of the standard library's own types and calls nothing of the sender's.

This file is imported here and also laid, as it stands, into jails: standard library only. What cannot go by value
(functions, instances) is left to the two hooks. Sizes are bounded by the message, depth by DEPTH_MAX.
"""

import binascii
import math
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

DEPTH_MAX = 150
"""Levels of nesting that may be crossed; a value nested deeper has no plain form."""

_WORD = 1 << 63
# Their modules are imported only where such a value comes along: a jail that starts afresh has no time for them.
_RARE = {
    ("decimal", "Decimal"): "decimal",
    ("fractions", "Fraction"): "fraction",
    ("datetime", "datetime"): "datetime",
    ("datetime", "date"): "date",
    ("datetime", "time"): "time",
    ("datetime", "timedelta"): "timedelta",
}
_SCALARS = frozenset({type(None), bool, str})
_READABLE = _SCALARS | {int}  # Long lists are mostly of these, and a call for each item would be most of their cost.


class NotPlain(ValueError):
    """A value, or a message, that has no place in this notation."""


def _no_hook(value: Any, depth: int) -> Any:
    raise NotPlain(f"{type(value).__name__} is not plain data")


def encode(value: Any, hook: Callable[[Any, int], Any] = _no_hook, depth: int = 0) -> Any:
    """What json.dumps can write of a value.

    Subclasses of plain types (a Counter, an IntEnum) are read through the plain type's own methods, so that nothing
    they override has a say.

    Args:
        hook: asked for what is not plain; takes the value and its depth, gives its notation or raises NotPlain.

    Raises: NotPlain when it is nested too deep, or the hook says so.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is int:
        return value if -_WORD <= value < _WORD else {"$": "int", "v": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"$": "float", "v": repr(value)}
    if depth > DEPTH_MAX:
        raise NotPlain("nested too deep")
    if kind is list:
        return [
            item
            if type(item) in _SCALARS or (type(item) is int and -_WORD <= item < _WORD)
            else encode(item, hook, depth + 1)
            for item in value
        ]
    if kind is tuple:
        return {"$": "tuple", "v": [encode(item, hook, depth + 1) for item in value]}
    if kind is dict:
        return {"$": "dict", "v": [[encode(k, hook, depth + 1), encode(v, hook, depth + 1)] for k, v in value.items()]}
    if kind in (set, frozenset):
        return {"$": kind.__name__, "v": [encode(item, hook, depth + 1) for item in value]}
    if kind in (bytes, bytearray):
        return {"$": kind.__name__, "v": binascii.b2a_base64(value, newline=False).decode("ascii")}
    if kind is complex:
        return {"$": "complex", "v": [repr(value.real), repr(value.imag)]}
    if kind is deque:
        items = [encode(item, hook, depth + 1) for item in value]
        return {"$": "deque", "v": items if value.maxlen is None else [*items, {"$": "maxlen", "v": value.maxlen}]}
    if kind is range:
        return {"$": "range", "v": [encode(part) for part in (value.start, value.stop, value.step)]}
    tag = _RARE.get((kind.__module__, kind.__name__))
    if tag is not None and kind is getattr(sys.modules.get(kind.__module__), kind.__name__, None):
        if tag == "decimal":
            return {"$": tag, "v": str(value)}
        if tag == "fraction":
            return {"$": tag, "v": [encode(value.numerator), encode(value.denominator)]}
        if tag == "timedelta":
            return {"$": tag, "v": [value.days, value.seconds, value.microseconds]}
        if getattr(value, "tzinfo", None) is None:
            return {"$": tag, "v": value.isoformat()}
    return _encode_subclass(value, kind, hook, depth)


def _encode_subclass(value: Any, kind: type, hook: Callable[[Any, int], Any], depth: int) -> Any:
    """A subclass of a plain type by the plain type's methods; the rest by the hook."""
    bases = kind.__mro__
    if getattr(kind, "__module__", "") == "numpy" and hasattr(kind, "dtype") and hasattr(kind, "item"):
        return encode(value.tolist(), hook, depth + 1)  # An array as nested lists, a scalar as its Python number.
    if "_member_map_" in kind.__dict__ and not (int in bases or str in bases):
        return hook(value, depth)
    if int in bases:
        return encode(int.__index__(value), hook, depth)
    if float in bases:
        return encode(float.__add__(value, 0.0), hook, depth)
    if str in bases:
        return str.__str__(str.__getitem__(value, slice(None)))
    if tuple in bases:
        fields = kind.__dict__.get("_fields")
        items = [encode(item, hook, depth + 1) for item in tuple.__iter__(value)]
        if type(fields) is tuple and len(fields) == len(items) and all(type(field) is str for field in fields):
            return {"$": "namedtuple", "v": [kind.__name__, list(fields), items]}
        return {"$": "tuple", "v": items}
    if list in bases:
        return [encode(item, hook, depth + 1) for item in list.__iter__(value)]
    if dict in bases:
        pairs = dict.items(value)
        return {"$": "dict", "v": [[encode(k, hook, depth + 1), encode(v, hook, depth + 1)] for k, v in pairs]}
    return hook(value, depth)


NODES = ("ListNode", "TreeNode")
"""Names of the classes of linked nodes that contest sites have; such an object crosses as the list of its values."""
_NODES_MAX = 1_000_000


def node_values(node: Any) -> list[Any]:
    """The values of a linked list in order, or of a tree level by level: a missing child as None, none at the end.

    Raises: NotPlain when there is no end to it; AttributeError when it is not linked as its name says.
    """
    values: list[Any] = []
    if type(node).__name__ == "ListNode":
        while node is not None:
            values.append(node.val)
            node = node.next
            if len(values) > _NODES_MAX:
                raise NotPlain("a list without an end")
        return values
    level = [node]
    while any(one is not None for one in level):
        values.extend(None if one is None else one.val for one in level)
        level = [child for one in level if one is not None for child in (one.left, one.right)]
        if len(values) > _NODES_MAX:
            raise NotPlain("a tree without an end")
    while values and values[-1] is None:
        values.pop()
    return values


def list_of(made_of: Any, values: list[Any]) -> Any:
    """The linked list of these values, its nodes of this class."""
    node = None
    for value in reversed(values):
        made = made_of(value)
        made.next = node
        node = made
    return node


def tree_of(made_of: Any, values: list[Any]) -> Any:
    """The tree of these values, its nodes of this class."""
    if not values or values[0] is None:
        return None
    nodes = [None if value is None else made_of(value) for value in values]
    places = iter(nodes[1:])
    for node in nodes:
        if node is not None:
            node.left = next(places, None)
            node.right = next(places, None)
    return nodes[0]


def _no_object(data: dict[str, Any]) -> Any:
    if data["$"] == "namedtuple":
        return tuple(decode(item) for item in data["v"][2])
    raise NotPlain("a tag that is none of ours")


def decode(data: Any, hook: Callable[[dict[str, Any]], Any] = _no_object, depth: int = 0) -> Any:
    """The value that `encode` wrote.

    Args:
        data: what json.loads gave; its sender may be hostile.
        hook: asked for tags that are not this notation's own; takes the tagged object, raises NotPlain for the unknown.

    Raises: NotPlain when it is not in this notation.
    """
    kind = type(data)
    if kind in _SCALARS or kind is int:
        return data
    if kind is float:
        if not math.isfinite(data):
            raise NotPlain("a number that is none")
        return data
    if depth > DEPTH_MAX:
        raise NotPlain("nested too deep")
    if kind is list:
        return [item if type(item) in _READABLE else decode(item, hook, depth + 1) for item in data]
    if kind is dict and "$" not in data:  # The plain objects of drivers that know no tags for them.
        return {key: decode(item, hook, depth + 1) for key, item in data.items()}
    if kind is not dict or type(data["$"]) is not str:
        raise NotPlain("not in this notation")
    tag = data["$"]
    try:
        return _decode_tagged(tag, data, hook, depth)
    except NotPlain:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError, MemoryError) as error:
        raise NotPlain(f"a malformed {tag[:20]}") from error


def _decode_tagged(tag: str, data: dict[str, Any], hook: Callable[[dict[str, Any]], Any], depth: int) -> Any:
    content: Any = data.get("v")
    if tag == "tuple":
        return tuple(decode(item, hook, depth + 1) for item in content)
    if tag == "dict":
        return {decode(k, hook, depth + 1): decode(v, hook, depth + 1) for k, v in content}
    if tag == "int":
        return int(content, 16)
    if tag == "float":
        return float(content)
    if tag == "set":
        return {decode(item, hook, depth + 1) for item in content}
    if tag == "frozenset":
        return frozenset(decode(item, hook, depth + 1) for item in content)
    if tag == "bytes":
        return binascii.a2b_base64(content, strict_mode=True)
    if tag == "bytearray":
        return bytearray(binascii.a2b_base64(content, strict_mode=True))
    if tag == "complex":
        return complex(float(content[0]), float(content[1]))
    if tag == "deque":
        last = content[-1] if content else None
        if type(last) is dict and last.get("$") == "maxlen":
            return deque([decode(item, hook, depth + 1) for item in content[:-1]], int(last["v"]))
        return deque(decode(item, hook, depth + 1) for item in content)
    if tag == "range":
        return range(*(decode(part) for part in content))
    if tag == "decimal":
        from decimal import Decimal

        return Decimal(content)
    if tag == "fraction":
        from fractions import Fraction

        return Fraction(decode(content[0]), decode(content[1]))
    if tag in ("datetime", "date", "time", "timedelta"):
        import datetime

        if tag == "timedelta":
            return datetime.timedelta(*content)
        return getattr(datetime, tag).fromisoformat(content)
    return hook(data)
