"""What only names a quantity, which names are parameters, and the names of logarithms."""

from graders.math.names import names
from graders.math.tokens import GREEK
from graders.math.tree import MINUS_ONE, Node, number, operations, symbols


def is_name(node: Node) -> bool:
    """Whether an expression only names a quantity: x, f(2), |AB|, NO/BO, x_1, dy/dx."""
    if node.op in ("sym", "app"):
        return True
    if node.op == "const":
        return bool(node.value in ("e", "i"))
    if node.op == "fn":
        return bool(node.args) and all(is_name(arg) for arg in node.args)
    if node.op in ("lim", "sum", "int"):
        return is_name(node.args[-1])
    if node.op == "matrix":
        return all(is_name(arg) for arg in node.args)
    if node.op == "mul":
        return all(_single(arg) for arg in node.args)
    if node.op == "div":
        return is_name(node.args[0]) and is_name(node.args[1])
    if node.op == "ratio":
        return all(is_name(arg) for arg in node.args)
    if node.op == "tuple":
        return all(is_name(arg) for arg in node.args)
    return False


def _single(node: Node) -> bool:
    """Whether a factor is one letter, so that a product of such is a name like AB."""
    return node.op == "sym" and (
        len(node.value) == 1 or node.value in GREEK or node.value.startswith(("angle", "triangle"))
    )


def may_be_asked(node: Node) -> bool:
    """Whether the left side of an answer may name what was asked for: names joined by + - * / and powers."""
    if is_name(node):
        return True
    if node.op in ("add", "mul"):
        return all(may_be_asked(arg) or (arg == MINUS_ONE and node.op == "mul") for arg in node.args)
    if node.op == "div":
        return may_be_asked(node.args[0]) and may_be_asked(node.args[1])
    if node.op in ("pow", "root"):
        return may_be_asked(node.args[0]) and node.args[1].op == "num"
    if node.op in ("fn", "deg", "binom", "fact", "sum", "lim", "int", "prod"):
        return bool(symbols(node)) or node.op in ("sum", "prod", "int", "lim")
    return False


def names_differ(left: Node | None, right: Node | None) -> bool:
    """Two labels that cannot mean the same: x = 3 is not y = 3, nor AB = 3 BC = 3. Functions may use any letter."""
    if left is None or right is None:
        return False
    if left.op == right.op == "mul" and all(map(_single, (*left.args, *right.args))):
        return sorted(arg.value for arg in left.args) != sorted(arg.value for arg in right.args)
    if left.op != "sym" or right.op != "sym":
        return False
    return bool(left.value != right.value and len(left.value) == 1 and len(right.value) == 1)


def is_parameter(name: str, prompt_letters: frozenset[str], node: Node) -> bool:
    """Whether a variable is one that whoever answers makes up: n in n*pi, t in a line, C in an integral."""
    if len(name) != 1:
        return False
    if prompt_letters and name not in prompt_letters:
        return True
    if name in ("C", "c", "K"):
        return node.op == "add" and Node("sym", (), name) in node.args
    return name in ("k", "n", "m", "t", "s", "l", "j", "p") and "const" in operations(node)


OF_INTEGRATION = names("C c K C_0 C_1 C_2 C_3 c_0 c_1 c_2 c_3")
ANY_CONSTANTS = OF_INTEGRATION | names("A B D k A_1 A_2 k_1 k_2 a b")
"""What a constant of integration is called in a reference, and what it may be called in an answer."""


def has_bare_log(node: Node) -> bool:
    rest = [node]
    for top in rest:
        if top.op == "fn" and top.value == "log" and len(top.args) == 1:
            return True
        rest += top.args
    return False


def decadic(node: Node) -> Node:
    if not node.args:
        return node
    args = tuple(decadic(arg) for arg in node.args)
    if node.op == "fn" and node.value == "log" and len(args) == 1:
        return Node("fn", (args[0], number(10)), "log")
    return Node(node.op, args, node.value)
