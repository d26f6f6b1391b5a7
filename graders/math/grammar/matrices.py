r"""What stands between \begin and \end: matrices, systems of equations, functions given in pieces."""

from graders.math.grammar.lists import Lists
from graders.math.grammar.tables import MATRICES
from graders.math.tokens import Unreadable
from graders.math.tree import Node


def environment(parser: Lists, _name: str) -> Node:
    name = parser.flat_argument().rstrip("*")
    if name == "array" and parser.token.text == "{":
        parser.flat_argument()
    parser.enter()
    bars, in_set = parser.bars, parser.in_set
    parser.bars = parser.in_set = 0
    rows: list[list[Node]] = []
    row: list[Node] = []
    while True:
        token = parser.token
        if token.kind == "end":
            raise Unreadable("unclosed environment")
        if token.kind == "cmd" and token.text == "end":
            break
        if token.text == "&":
            parser.next()
            continue
        if token.text == "\\\\":
            parser.next()
            if row:
                rows.append(row)
                row = []
            continue
        if token.kind == "cmd" and token.text == "hline":
            parser.next()
            continue
        if token.text in (",", ";", "quad", ".") and token.kind == "op":
            parser.next()
            continue
        if token.kind == "word" and token.text.lower() in ("if", "for", "when", "otherwise", "and", "else"):
            parser.next()
            if token.text.lower() in ("otherwise", "else"):
                row.append(Node("special", (), "otherwise"))
            continue
        if name in ("aligned", "align", "gathered", "split", "alignedat") and row and parser.comparison() is not None:
            row[-1] = parser.chain(row[-1])
            continue
        row.append(parser.clause())
        if len(row) > 64 or len(rows) > 256:
            raise Unreadable("too large a matrix")
    if row:
        rows.append(row)
    parser.next()
    closing = parser.flat_argument().rstrip("*")
    parser.bars, parser.in_set = bars, in_set
    parser.depth -= 1
    if closing != name or not rows:
        raise Unreadable("environment")
    return _assembled(name, rows)


def _assembled(name: str, rows: list[list[Node]]) -> Node:
    relations = ("rel", "in", "list")
    if name in MATRICES:
        width = len(rows[0])
        if name in ("array", "matrix") and width == 1 and len(rows) > 1 and all(row[0].op in relations for row in rows):
            return Node("list", tuple(row[0] for row in rows), frozenset(("and",)))
        if any(len(row) != width for row in rows):
            raise Unreadable("ragged matrix")
        matrix = Node("matrix", tuple(cell for row in rows for cell in row), (len(rows), width))
        return Node("fn", (matrix,), "det") if name in ("vmatrix", "Vmatrix") else matrix
    if name in ("cases", "dcases", "rcases"):
        if all(len(row) == 1 for row in rows):
            return Node("list", tuple(row[0] for row in rows), frozenset(("and",)))
        if all(len(row) == 2 for row in rows):
            return Node("cases", tuple(cell for row in rows for cell in row))
        if all(row[0].op in relations for row in rows):
            return Node("list", tuple(cell for row in rows for cell in row), frozenset(("and",)))
        raise Unreadable("cases")
    cells = [cell for row in rows for cell in row]
    return cells[0] if len(cells) == 1 else Node("list", tuple(cells), frozenset(("and",)))
