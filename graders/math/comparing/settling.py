"""Bringing an answer into shape before it is compared: what it lists, one by one."""

from graders.math.comparing.found import rational_or_none
from graders.math.tree import Node, holds, negated, symbols


def settled(node: Node) -> Node:
    """Plus-minus as two values, memberships as their sets, lists flattened, one-element sets as their element."""
    return _settled(node, holds(node, "pm")) if node.args else node


def _settled(node: Node, signed: bool) -> Node:
    """Signed: whether there is a plus-minus somewhere in the whole."""
    op = node.op
    if op == "in":
        return _settled(node.args[1], signed)
    if op == "list" or op == "set":
        items: list[Node] = []
        for arg in node.args:
            made = _settled(arg, signed)
            if (made.op == "list" and (arg.op == "list" or (signed and holds(arg, "pm")))) or (
                op == "list" and made.op == "set" and made.args and len(node.args) == 1
            ):
                items.extend(made.args)
            else:
                items.append(made)
        return Node(op, tuple(items), node.value)
    if op == "rel" and node.value == ("=",) and node.args[1].op in ("set", "list", "union", "tuple", "special"):
        return Node("rel", (node.args[0], _settled(node.args[1], signed)), node.value)
    if op in ("mul", "add") and any(arg.op == "matrix" for arg in node.args):
        return _matrix_value(node)
    if signed and node.args and holds(node, "pm"):
        return Node("list", (_signed(node, True), _signed(node, False)), frozenset(("or",)))
    return node


def _matrix_value(node: Node) -> Node:
    """A sum or product of matrices and scalars carried out, where their shapes allow it and they are small."""
    total: Node | None = None
    products = 0
    for arg in node.args:
        part = _matrix_value(arg) if arg.op in ("mul", "add") else arg
        if total is None:
            total = part
        elif node.op == "add":
            if part.op != "matrix" or total.op != "matrix" or part.value != total.value:
                return node
            cells = zip(total.args, part.args, strict=True)
            total = Node("matrix", tuple(Node("add", pair) for pair in cells), total.value)
        elif part.op != "matrix" or total.op != "matrix":
            if part.op == "matrix":
                total, part = part, total
            if total.op == "matrix":
                total = Node("matrix", tuple(Node("mul", (part, cell)) for cell in total.args), total.value)
            else:
                total = Node("mul", (total, part))
        else:
            rows, inner, columns = total.value[0], total.value[1], part.value[1]
            if inner != part.value[0] or rows * inner * columns > 512:
                return node
            sums = [
                Node(
                    "add",
                    tuple(Node("mul", (total.args[i * inner + k], part.args[k * columns + j])) for k in range(inner)),
                )
                for i in range(rows)
                for j in range(columns)
            ]
            total = Node("matrix", tuple(_worked_out(cell) for cell in sums), (rows, columns))
            products += 1
            if products > 8 or (products > 2 and any(symbols(cell) for cell in total.args)):
                return node
    return total if total is not None else node


def _worked_out(cell: Node) -> Node:
    """The cell as a number where it is a rational one, so that products of products stay small."""
    number_value = rational_or_none(cell)
    return cell if number_value is None else Node("num", (), number_value)


def _signed(node: Node, upper: bool) -> Node:
    """One of the two values of an expression with plus-minus signs, all upper or all lower."""
    if not node.args:
        return node
    args = tuple(_signed(arg, upper) for arg in node.args)
    if node.op != "pm":
        return Node(node.op, args, node.value)
    plus = upper == (node.value == "+-")
    if len(args) == 1:
        return args[0] if plus else negated(args[0])
    return Node("add", (args[0], args[1] if plus else negated(args[1])))
