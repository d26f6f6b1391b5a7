"""Commands with arguments of their own, one function each and one row of COMMANDS: fractions, roots, sums, integrals.

A new command is a new function and a new row.
"""

from collections.abc import Callable

from graders.math.grammar.building import quotient
from graders.math.grammar.cursor import ITEMS_MAX
from graders.math.grammar.lists import Lists
from graders.math.grammar.matrices import environment
from graders.math.grammar.tables import ARROWS, DOTS, DOUBLE_STRUCK, SPECIAL
from graders.math.tokens import Unreadable
from graders.math.tree import INFINITY, ONE, TWO, Node, negated


def _frac(parser: Lists, _name: str) -> Node:
    top = parser.argument()
    bottom = parser.argument()
    return quotient(top, bottom)


def _root(parser: Lists, _name: str) -> Node:
    index: Node = TWO
    if parser.token.text == "[":
        parser.next()
        index = parser.union()
        parser.expect("]")
    return Node("root", (parser.radicand(), index))


def _binomial(parser: Lists, _name: str) -> Node:
    return Node("binom", (parser.argument(), parser.argument()))


def _constant(node: Node) -> "Callable[[Lists, str], Node]":
    return lambda _parser, _name: node


def _struck(parser: Lists, _name: str) -> Node:
    """\\mathbb{R} and its like; raised to + or * they are the positive or non-zero ones."""
    name = parser.flat_argument()
    special = DOUBLE_STRUCK.get(name)
    if special is None:
        return Node("sym", (), name)
    if parser.token.text in ("^", "_"):
        parser.next()
        raised = parser.flat_argument()
        if raised == "+" and special in ("reals", "integers"):
            return Node("special", (), f"positive {special}")
        return Node("special", (), f"{special}^{raised}")
    return Node("special", (), special)


def _lettered(parser: Lists, _name: str) -> Node:
    """\\mathcal{F} and its like."""
    return parser.named(parser.flat_argument())


def _boxed(parser: Lists, _name: str) -> Node:
    if parser.token.text == "{":
        return parser.braces()
    return parser.atom()


def _floor(parser: Lists, name: str) -> Node:
    return parser.fenced("rfloor", "floor") if name == "lfloor" else parser.fenced("rceil", "ceil")


def _bars(parser: Lists, name: str) -> Node:
    parser.enter()
    inner = parser.union()
    if parser.token.text not in ("rvert", "rVert", "vert", "Vert"):
        raise Unreadable("unclosed bar")
    parser.next()
    parser.depth -= 1
    return Node("fn", (inner,), "abs")


def _angle_brackets(parser: Lists, _name: str) -> Node:
    parser.enter()
    items = [parser.clause()]
    while parser.token.text == ",":
        parser.next()
        items.append(parser.clause())
        if len(items) > ITEMS_MAX:
            raise Unreadable("too many items")
    parser.expect("rangle")
    parser.depth -= 1
    return Node("tuple", tuple(items), "<>")


def _braced(parser: Lists, _name: str) -> Node:
    parser.i -= 1
    parser.token = parser.tokens[parser.i]
    return parser.set_braces("rbrace")


def _bounds(parser: Lists) -> tuple[Node | None, Node | None]:
    low: Node | None = None
    high: Node | None = None
    for _ in range(2):
        if parser.token.text == "_":
            parser.next()
            if parser.token.text == "{":
                parser.next()
                low = parser.clause()
                parser.expect("}")
            else:
                low = parser.argument()
        elif parser.token.text == "^":
            parser.next()
            if parser.token.text == "-":
                parser.next()
                high = negated(parser.argument())
            else:
                high = parser.argument()
    return low, high


def _series(parser: Lists, name: str) -> Node:
    low, high = _bounds(parser)
    parser.enter()
    body = parser.term()
    parser.depth -= 1
    if low is None or low.op != "rel" or low.value != ("=",) or low.args[0].op not in ("sym", "const") or high is None:
        raise Unreadable("sum without bounds")
    variable = low.args[0]
    if variable.op == "const":
        variable = Node("sym", (), variable.value)
        body = _constant_as_symbol(body, variable.value)
    return Node(name, (variable, low.args[1], high, body))


def _constant_as_symbol(node: Node, name: str) -> Node:
    """An i that is the index of a sum is not the imaginary unit."""
    if node.op == "const" and node.value == name:
        return Node("sym", (), name)
    if not node.args:
        return node
    return Node(node.op, tuple(_constant_as_symbol(arg, name) for arg in node.args), node.value)


def _integral(parser: Lists, _name: str) -> Node:
    low, high = _bounds(parser)
    parser.in_integral += 1
    parser.enter()
    if parser.token.text == "d" and parser.peek().kind == "letter":
        body: Node = ONE
    else:
        body = parser.sum()
    parser.depth -= 1
    parser.in_integral -= 1
    if parser.token.text != "d" or parser.peek().kind not in ("letter", "cmd"):
        raise Unreadable("integral without differential")
    parser.next()
    variable = Node("sym", (), parser.next().text)
    if low is None or high is None:
        raise Unreadable("indefinite integral")
    return Node("int", (variable, low, high, body))


def _limit(parser: Lists, _name: str) -> Node:
    if parser.token.text != "_":
        raise Unreadable("limit")
    parser.next()
    parser.expect("{")
    variable = parser.atom()
    if parser.token.text not in ARROWS or variable.op != "sym":
        raise Unreadable("limit")
    parser.next()
    target = parser.union()
    direction = "+-"
    if parser.token.text == "^":
        parser.next()
        direction = parser.next().text
    parser.expect("}")
    parser.enter()
    body = parser.term()
    parser.depth -= 1
    return Node("lim", (variable, target, body), direction)


def _pointed(parser: Lists, name: str) -> Node:
    """∠ABC, △ABC: a name."""
    letters: list[str] = []
    while parser.token.kind == "letter" and len(letters) < 6:
        letters.append(parser.next().text)
    if not letters and parser.token.text == "{":
        letters.append(parser.flat_argument())
    return Node("sym", (), f"{name} {''.join(letters)}")


def _negation(parser: Lists, _name: str) -> Node:
    """Not p: of a statement, not of a number."""
    return Node("app", (parser.factor(),), "not")


COMMANDS: "dict[str, Callable[[Lists, str], Node]]" = {
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac", "sfrac", "nicefrac", "flatfrac", "nfrac"), _frac),
    "sqrt": _root,
    "surd": _root,
    **dict.fromkeys(("binom", "dbinom", "tbinom"), _binomial),
    "pi": _constant(Node("const", (), "pi")),
    "infty": _constant(INFINITY),
    "infinity": _constant(INFINITY),
    **{name: _constant(Node("special", (), special)) for name, special in SPECIAL.items()},
    "mathbb": _struck,
    "Bbb": _struck,
    **dict.fromkeys(("mathcal", "mathscr", "mathfrak"), _lettered),
    **dict.fromkeys(("boxed", "fbox", "num", "framebox", "ensuremath", "mathord", "mathop"), _boxed),
    "lfloor": _floor,
    "lceil": _floor,
    **dict.fromkeys(("lvert", "lVert", "vert", "Vert"), _bars),
    "langle": _angle_brackets,
    "lbrace": _braced,
    "sum": lambda parser, _name: _series(parser, "sum"),
    "prod": lambda parser, _name: _series(parser, "prod"),
    "int": _integral,
    "lim": _limit,
    **dict.fromkeys(("angle", "triangle", "measuredangle", "odot", "square"), _pointed),
    **dict.fromkeys(("neg", "lnot"), _negation),
    "begin": environment,
    **dict.fromkeys(DOTS, _constant(Node("ellipsis"))),
    "imath": _constant(Node("const", (), "i")),
}  # fmt: skip
