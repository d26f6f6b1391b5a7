"""The form an answer must have besides its value: `require_form` of a task.

    "simplified"   a fraction in lowest terms, no fraction inside a fraction, no sum left to be carried out
    "fraction"     one fraction of integers, or an integer
    "decimal"      written with a decimal point; "decimal:N" with exactly N digits after it
    "integer"      an integer without sign of operation
    "mixed"        an integer, or an integer and a proper fraction
    "percent", "scientific"

An unknown form makes the task invalid. Not covered: factored or expanded polynomials.
"""

import re

from graders.errors import TaskInvalid
from graders.math.exact import NotRational, Undefined, rational
from graders.math.tree import MINUS_ONE, Node, symbols

_DECIMAL = re.compile(r"[-+]?\d*(?:,\d{3})*\.(\d+)|[-+]?\d+(?:,\d{3})*")
_FRACTION = re.compile(
    r"[-+]?(?:\\[dtc]?frac\s*(?:\{\s*[-+]?\d+\s*\}|\d)\s*(?:\{\s*[-+]?\d+\s*\}|\d)|\d+\s*/\s*\d+|\d+)"
)
_MIXED = re.compile(
    r"[-+]?\d+(?:\s*\\[dtc]?frac\s*(?:\{\d+\}|\d)\s*(?:\{\d+\}|\d)|\s+\d+/\d+)?|[-+]?\\[dtc]?frac\{\d+\}\{\d+\}"
)
_SCIENTIFIC = re.compile(
    r"[-+]?\d(?:\.\d+)?\s*(?:\\times|\\cdot|\*|×|·)\s*10\s*\^\s*\{?\s*[-+]?\d+\s*\}?|[-+]?\d(?:\.\d+)?[eE][-+]?\d+"
)
_PARTS = re.compile(r"(?:\\[dtc]?frac\s*\{\s*([-+]?\d+)\s*\}\s*\{\s*([-+]?\d+)\s*\}|(\d+)\s*/\s*(\d+))")


def has_form(form: str, answer: str, read: Node | None) -> bool:
    """Whether an answer that is equal to the reference also has the form asked for.

    Raises:
        TaskInvalid: no such form.
    """
    bare = answer.strip().strip("$").strip().rstrip(".") if form != "decimal" else answer.strip().strip("$").strip()
    name, _, detail = form.partition(":")
    if name == "decimal":
        match = _DECIMAL.fullmatch(bare)
        if match is None:
            return False
        places = len(match.group(1) or "")
        return places > 0 if not detail else places == int(detail) if detail.isdigit() else _unknown(form)
    if name == "fraction":
        return _FRACTION.fullmatch(bare) is not None
    if name == "integer":
        return re.fullmatch(r"[-+]?\d+(?:,\d{3})*", bare) is not None
    if name == "mixed":
        return _MIXED.fullmatch(bare) is not None
    if name == "scientific":
        return _SCIENTIFIC.fullmatch(bare) is not None
    if name == "percent":
        return "%" in bare or "percent" in bare
    if name == "simplified":
        return _simplified(bare, read)
    return _unknown(form)


def _unknown(form: str) -> bool:
    raise TaskInvalid("unknown_form", f"require_form does not know {form[:40]!r}")


def _simplified(bare: str, read: Node | None) -> bool:
    """Every fraction of integers in lowest terms with a denominator above one, and nothing left to compute."""
    from math import gcd

    for match in _PARTS.finditer(bare):
        top, bottom = (int(group) for group in match.groups() if group is not None)
        if bottom == 1 or bottom == 0 or gcd(top, bottom) != 1:
            return False
    return read is None or not _computable(read)


def _computable(node: Node) -> bool:
    """Whether some operation on two rational numbers was left undone."""
    if node.op in ("add", "mul", "pow", "root", "fact", "binom", "fn") and not symbols(node):
        rest = [arg for arg in node.args if arg != MINUS_ONE]
        if len(rest) > 1 or node.op in ("root", "fact", "fn"):
            try:
                if sum(1 for arg in rest if rational(arg) is not None) >= 2 or rational(node) is not None:
                    return True
            except (Undefined, NotRational):
                return False
    return any(_computable(arg) for arg in node.args if arg.args)
