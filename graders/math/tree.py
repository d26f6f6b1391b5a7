"""The value a maths answer is read as: one small tree of named operations, compared and hashed by value.

Everything here is data. Reading text into it is the business of parse.py and grammar/; what the trees mean is said by
exact.py, balls.py and field.py (numbers) and by comparing/ (sets, intervals, relations, ...).

Operations on numbers (arguments are numbers):
    num      value: fmpq                     dec      value: (fmpq, digits after the point), as it was written
    rep      a repeating decimal, value: (fmpq, digits before the period, digits of the period)
    sym      value: name                     const    value: "pi", "e", "i", "inf"
    add, mul, div, pow, root (radicand, index)
    fn       value: name of a known function app      value: name of an unknown one, such as f or the a of a_n
    fact, binom, pm (one or two arguments; value "+-" or "-+")
    sum, prod, int, lim, deriv               bound variable first, then bounds, then the body
    base     value: (digits, base)           pct, deg a number in percent, in degrees
    qty      value: Unit or unknown word     ratio    a : b (: c), value: as written

Operations on structures:
    list     value: set of "and", "or", "," that separated it          set      braces
    tuple    value: its two brackets                                   matrix   value: (rows, columns), arguments by row
    rel      value: the comparison signs between the arguments         in       element, set
    union, inter, minus                                                builder  variable or term, then its conditions
    special  value: "reals", "empty", ...                              cases    value, condition, value, condition, ...
    text     value: words, case-folded                                 ellipsis the three dots of a list
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from flint import fmpq

from graders.math.names import names


class Node(NamedTuple):
    """One operation: its name, its arguments, and a datum for the leaves."""

    op: str
    args: "tuple[Node, ...]" = ()
    value: Any = None


made: Callable[[tuple[str, tuple[Node, ...], Any]], Node] = partial(tuple.__new__, Node)
"""A node from its three parts together, at half the cost of calling Node: for where most nodes are made."""

ZERO = Node("num", (), fmpq(0))
ONE = Node("num", (), fmpq(1))
TWO = Node("num", (), fmpq(2))
MINUS_ONE = Node("num", (), fmpq(-1))
INFINITY = Node("const", (), "inf")

NUMBER_OPS = names(
    "num dec rep sym const add mul div pow root fn app fact binom pm sum prod int lim deriv base pct deg qty ratio"
)


def number(value: int) -> Node:
    """The integer as a tree."""
    return made(("num", (), fmpq(value)))


def negated(node: Node) -> Node:
    """Minus the tree, kept short where it is a number."""
    if node.op == "num":
        return made(("num", (), -node.value))
    if node.op == "dec":
        return Node("dec", (), (-node.value[0], node.value[1]))
    if node.op == "rep":
        return Node("rep", (), (-node.value[0], *node.value[1:]))
    if node.op == "qty":
        return Node("qty", (negated(node.args[0]),), node.value)
    if node.op in ("pct", "deg"):
        return Node(node.op, (negated(node.args[0]),))
    if node.op == "base":
        digits, base = node.value
        return Node("base", (), (digits[1:] if digits.startswith("-") else "-" + digits, base))
    if node.op == "mul" and node.args[0].op == "num":
        return made(("mul", (negated(node.args[0]), *node.args[1:]), None))
    return made(("mul", (MINUS_ONE, node), None))


def symbols(node: Node) -> frozenset[str]:
    """The names of the free variables."""
    if not node.args:
        return frozenset((node.value,)) if node.op == "sym" else _NOTHING
    return frozenset(_collect(node, set()))


_NOTHING: frozenset[str] = frozenset()
BINDERS = frozenset(("sum", "prod", "int", "lim"))


def _collect(node: Node, found: set[str]) -> set[str]:
    """Add the names of the free variables to `found`, which is returned."""
    rest = [node]
    for op, args, datum in rest:  # The list grows while it is walked.
        if not args:
            if op == "sym":
                found.add(datum)
        elif op in BINDERS and args[0].op == "sym":
            for arg in args[1:-1]:
                _collect(arg, found)
            inner = _collect(args[-1], set())
            inner.discard(args[0].value)
            found |= inner
        else:
            rest += args
    return found


def operations(node: Node) -> frozenset[str]:
    """Every operation that occurs in the tree; a known function counts as "fn:name"."""
    found: set[str] = set()
    rest = [node]
    for op, args, datum in rest:
        found.add(f"fn:{datum}" if op == "fn" else op)
        if args:
            rest += args
    return frozenset(found)


def surveyed(left: Node, right: Node) -> tuple[frozenset[str], set[str]]:
    """The free variables of two trees together, and their operations: what `symbols` and `operations` say of each."""
    found: set[str] = set()
    named: set[str] = set()
    bound = False
    rest = [left, right]
    for op, args, datum in rest:
        if args:
            rest += args
            if op == "fn":
                op = f"fn:{datum}"
            elif op in BINDERS:
                bound = True
        elif op == "sym":
            named.add(datum)
        found.add(op)
    return symbols(left) | symbols(right) if bound else frozenset(named), found


def holds(node: Node, op: str) -> bool:
    """Whether an operation occurs in the tree."""
    rest = [node]
    for name, args, _ in rest:
        if name == op:
            return True
        if args:
            rest += args
    return False


SERIES_WORK_MAX = 20_000
_NESTED_TERMS_MAX = 60


def series_allowed(terms: int, body: Node) -> bool:
    """Whether a sum or product may be carried out term by term: a bound on terms times operations, nested ones too."""
    if terms <= 0:
        return True
    size = 0
    stack = [(body, 0)]
    while stack:
        top, nesting = stack.pop()
        size += _NESTED_TERMS_MAX**nesting
        if top.op in BINDERS:
            nesting += 1
            if nesting > 1 or terms > _NESTED_TERMS_MAX:
                return False
        if size * terms > SERIES_WORK_MAX:
            return False
        stack.extend((arg, nesting) for arg in top.args)
    return True


def renamed(node: Node, names: dict[str, str]) -> Node:
    """The tree with its variables renamed."""
    if node.op == "sym":
        return Node("sym", (), names.get(node.value, node.value))
    if not node.args:
        return node
    return Node(node.op, tuple(renamed(arg, names) for arg in node.args), node.value)


def substituted(node: Node, name: str, value: Node) -> Node:
    """The tree with a variable replaced by a tree."""
    if node.op == "sym":
        return value if node.value == name else node
    if not node.args:
        return node
    return Node(node.op, tuple(substituted(arg, name, value) for arg in node.args), node.value)


def text(node: Node, depth: int = 0) -> str:
    """A canonical rendering for people, for `explain`; never parsed again."""
    if depth > 60:
        return "…"
    args = [text(arg, depth + 1) for arg in node.args]
    match node.op:
        case "num":
            return str(node.value)
        case "dec":
            return f"{node.value[0]}[{node.value[1]}]"
        case "sym" | "const" | "special" | "text":
            return str(node.value)
        case "list" | "set":
            return "{" + ", ".join(args) + "}"
        case "tuple":
            return f"{node.value[0]}{', '.join(args)}{node.value[1]}"
        case "rel":
            parts = [args[0]]
            for sign, arg in zip(node.value, args[1:], strict=True):
                parts += [sign, arg]
            return " ".join(parts)
        case "fn" | "app":
            return f"{node.value}({', '.join(args)})"
        case _:
            datum = "" if node.value is None else f"[{node.value}]"
            return f"{node.op}{datum}({', '.join(args)})"
