r"""Derivatives that can be carried out, exactly: \frac{d}{dx} x^2 is 2x.

The parser reads \frac{d}{dx} as the quotient of letters it looks like; here such a quotient before a product, or with
a term in its numerator, is taken for the operator it is, and applied by the rules of school. A derivative that cannot
be carried out (of an unknown function, or of a letter that may depend on the variable) leaves the tree as it was.

Not covered: implicit differentiation, a derivative at a point, primes (f'), functions with corners.
"""

from collections.abc import Callable

from flint import fmpq

from graders.math.tree import MINUS_ONE, ONE, TWO, ZERO, Node, negated, symbols

ORDER_MAX = 4
SIZE_MAX = 2000
"""Nodes of a derivative: the product rule squares what it is given."""
_CONSTANTS = frozenset(("num", "dec", "rep", "const"))
_DEPENDENT = frozenset("yuvwfgh")
"""Letters that in d/dx may be functions of x; under \\partial they are constants."""


class NoDerivative(Exception):
    """The tree cannot be differentiated by these rules."""


def written(shown: str) -> bool:
    """Whether a text may hold a derivative; only then is the tree worth a look."""
    return "\\partial" in shown or ("frac" in shown and "{d" in shown.replace(" ", "").replace("\\mathrm", ""))


def carried_out(node: Node) -> Node:
    """The tree with each derivative in it carried out, or as it was where one cannot be."""
    try:
        made = _carried_out(node)
    except (NoDerivative, ZeroDivisionError):
        return node
    return node if _size(made) > SIZE_MAX else made


def _carried_out(node: Node) -> Node:
    if not node.args:
        return node
    if node.op == "mul":
        for at, factor in enumerate(node.args):
            found = operator(factor)
            if found is not None:
                if at + 1 == len(node.args):
                    raise NoDerivative
                body = _carried_out(_product(*node.args[at + 1 :]))
                return _product(*map(_carried_out, node.args[:at]), _repeated(body, *found))
    elif node.op == "div":
        top, bottom = node.args
        found = operator(node)
        if found is not None:
            raise NoDerivative
        if top.op == "mul" and top.args[0].op == "sym":
            sign, terms = top.args[0], top.args[1:]
            found = operator(Node("div", (sign, bottom)))
            # d(x^2)/dx, but not dy/dx.
            if found is not None and not all(term.op == "sym" for term in terms):
                return _repeated(_carried_out(_product(*terms)), *found)
    return Node(node.op, tuple(_carried_out(arg) for arg in node.args), node.value)


def operator(node: Node) -> tuple[str, int, bool] | None:
    r"""The variable, the order and whether it is partial, where a tree is \frac{d}{dx}, \frac{d^2}{dx^2}, ..."""
    if node.op != "div":
        return None
    top, bottom = node.args
    order = 1
    if top.op == "pow" and top.args[1].op == "num":
        if top.args[1].value.q != 1 or not 1 <= top.args[1].value.p <= ORDER_MAX:
            return None
        top, order = top.args[0], int(top.args[1].value.p)
    if top.op != "sym" or top.value not in ("d", "partial"):
        return None
    if bottom.op != "mul" or len(bottom.args) != 2 or bottom.args[0] != top:
        return None
    variable = bottom.args[1]
    if order > 1:
        if variable.op != "pow" or variable.args[1] != Node("num", (), fmpq(order)):
            return None
        variable = variable.args[0]
    if variable.op != "sym" or variable.value == top.value:
        return None
    return variable.value, order, top.value == "partial"


def _repeated(body: Node, name: str, order: int, partial: bool) -> Node:
    others = symbols(body) - {name}
    if not partial and others & _DEPENDENT:
        raise NoDerivative
    if name not in symbols(body) and others:
        raise NoDerivative
    for _ in range(order):
        body = derivative(body, name)
        if _size(body) > SIZE_MAX:
            raise NoDerivative
    return body


def derivative(node: Node, name: str) -> Node:
    """The derivative of a number-valued tree by a variable.

    Raises:
        NoDerivative: some operation has no rule here.
    """
    if node.op == "sym":
        return ONE if node.value == name else ZERO
    if node.op in _CONSTANTS:
        return ZERO
    if node.op not in ("add", "mul", "div", "pow", "root", "fn"):
        raise NoDerivative
    if name not in symbols(node):
        return ZERO
    args = node.args
    if node.op == "add":
        return _sum(*(derivative(arg, name) for arg in args))
    if node.op == "mul":
        return _sum(*(_product(*args[:at], derivative(arg, name), *args[at + 1 :]) for at, arg in enumerate(args)))
    if node.op == "div":
        top, bottom = args
        change = _sum(_product(derivative(top, name), bottom), negated(_product(top, derivative(bottom, name))))
        return Node("div", (change, Node("pow", (bottom, TWO))))
    if node.op == "pow":
        return _power(args[0], args[1], name)
    if node.op == "root":
        return _power(args[0], Node("div", (ONE, args[1])), name)
    return _function(node, name)


def _power(base: Node, exponent: Node, name: str) -> Node:
    if name not in symbols(exponent):
        lowered = Node("num", (), exponent.value - 1) if exponent.op == "num" else _sum(exponent, MINUS_ONE)
        return _product(exponent, Node("pow", (base, lowered)), derivative(base, name))
    whole = Node("pow", (base, exponent))
    grown = _product(derivative(exponent, name), _ln(base))
    if name in symbols(base):
        grown = _sum(grown, Node("div", (_product(exponent, derivative(base, name)), base)))
    return _product(whole, grown)


def _function(node: Node, name: str) -> Node:
    inner = node.args[0]
    if node.value == "log" and len(node.args) == 2:
        base = node.args[1]
        if name in symbols(base):
            raise NoDerivative
        return Node("div", (derivative(inner, name), _product(inner, _ln(base))))
    rule = _RULES.get(str(node.value))
    if rule is None or len(node.args) != 1:
        raise NoDerivative
    return _product(rule(inner), derivative(inner, name))


def _ln(node: Node) -> Node:
    return ONE if node == Node("const", (), "e") else Node("fn", (node,), "ln")


def _fn(function: str, node: Node) -> Node:
    return Node("fn", (node,), function)


def _square(node: Node) -> Node:
    return Node("pow", (node, TWO))


def _over(node: Node) -> Node:
    return Node("div", (ONE, node))


def _one_minus_square(node: Node) -> Node:
    return _sum(ONE, negated(_square(node)))


_RULES: dict[str, Callable[[Node], Node]] = {
    "sin": lambda u: _fn("cos", u),
    "cos": lambda u: negated(_fn("sin", u)),
    "tan": lambda u: _over(_square(_fn("cos", u))),
    "cot": lambda u: negated(_over(_square(_fn("sin", u)))),
    "sec": lambda u: _product(_fn("sec", u), _fn("tan", u)),
    "csc": lambda u: negated(_product(_fn("csc", u), _fn("cot", u))),
    "arcsin": lambda u: _over(Node("root", (_one_minus_square(u), TWO))),
    "arccos": lambda u: negated(_over(Node("root", (_one_minus_square(u), TWO)))),
    "arctan": lambda u: _over(_sum(ONE, _square(u))),
    "sinh": lambda u: _fn("cosh", u),
    "cosh": lambda u: _fn("sinh", u),
    "tanh": lambda u: _over(_square(_fn("cosh", u))),
    "ln": _over,
    "log": _over,  # Without a base the natural one, as everywhere here.
}


def _sum(*terms: Node) -> Node:
    kept = [term for term in terms if term != ZERO]
    return ZERO if not kept else kept[0] if len(kept) == 1 else Node("add", tuple(kept))


def _product(*factors: Node) -> Node:
    if ZERO in factors:
        return ZERO
    kept = [factor for factor in factors if factor != ONE]
    return ONE if not kept else kept[0] if len(kept) == 1 else Node("mul", tuple(kept))


def _size(node: Node) -> int:
    """How many nodes the tree has, counted no further than the bound."""
    count, stack = 0, [node]
    while stack and count <= SIZE_MAX:
        count += 1
        stack.extend(stack.pop().args)
    return count
