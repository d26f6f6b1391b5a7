"""A number, a space and the name of a unit, as plain letters: "5 m", "1 km", "120 min", "3.6 km/h".

A single letter after a number is a variable to the parser, as it should be: 5m is five times m. Only when both sides
are a number with a unit, be it spelled out or set as text on one of them, or plain on both, is the letter read as the
unit it names; grade.py asks here for that second reading.

Not covered: sums of quantities ("2 h 30 min" is the parser's), and products of units other than one quotient.
"""

import re

from graders.math import tree, units
from graders.math.parse import parse
from graders.math.tokens import Unreadable
from graders.math.tree import NUMBER_OPS, Node

_NAME = r"[A-Za-zμ]{1,12}"
_POWER = r"(?:\^(?:[1-4]|\{[1-4]\})|[²³])?"
_PLAIN = re.compile(
    rf"(?P<head>[^A-Za-z=<>,;|]*(?:\\(?:d?frac|sqrt|pi|left|right|cdot)[^A-Za-z=<>,;|]*)*)"
    rf"(?P<space>\s|\\[ ,;:]|~)\s*(?P<top>{_NAME})(?P<power>{_POWER})"
    rf"(?:\s?/\s?(?P<bottom>{_NAME})(?P<below>{_POWER}))?\.?"
)
_TIGHT = re.compile(rf"(?P<head>[-+]?[0-9]+(?:\.[0-9]+)?)(?P<top>{_NAME})(?P<power>{_POWER})")
_CHARS_MAX = 80
_RAISED = {"²": "^2", "³": "^3"}


def _thinly_spaced(text: str) -> bool:
    return "\\" in text and ("\\," in text or "\\;" in text or "\\:" in text or "\\ " in text)


def spelled(node: Node | None) -> bool:
    """Whether the tree is a number with a unit of the table, as the parser read it."""
    return node is not None and node.op == "qty" and isinstance(node.value, units.Unit)


def quantity(shown: str, node: Node | None, tight: bool = False) -> Node | None:
    """The number with a unit that a whole text is.

    Args:
        shown: the text.
        node: what the parser read in it, if anything.
        tight: whether the space may be missing; only where nothing but a unit makes sense.

    Returns: the quantity, or None when the text is something else.
    """
    if node is not None and spelled(node):
        return node
    bare = shown.strip().strip("$").strip()
    if len(bare) > _CHARS_MAX:
        return None
    if not (tight or len(bare.split(None, 1)) > 1 or "~" in bare or _thinly_spaced(bare)):
        return None  # No unit without a space before it.
    match = _PLAIN.fullmatch(bare) or (_TIGHT.fullmatch(bare) if tight else None)
    if match is None:
        return None
    parts = match.groupdict()
    named = [name for name in (parts["top"], parts.get("bottom")) if name]
    if any(units.lookup(name) is None for name in named):
        return None
    unit = rf"\text{{ {parts['top']}}}" + _RAISED.get(parts["power"], parts["power"])
    try:
        read = parse(f"{parts['head']}{unit}")
        if parts.get("bottom"):
            below = parse(rf"1\text{{ {parts['bottom']}}}" + _RAISED.get(parts["below"], parts["below"]))
            if not (spelled(read) and spelled(below)):
                return None
            read = Node("qty", read.args, units.product(read.value, units.power(below.value, -1)))
    except Unreadable:
        return None
    if not spelled(read) or read.args[0].op not in NUMBER_OPS or tree.symbols(read):
        return None
    return read
