"""Points, vectors and matrices."""

from graders.math.comparing.asker import Asker, labelled, unlabelled
from graders.math.comparing.found import DIFFERENT, Found
from graders.math.comparing.inequalities import is_inequality
from graders.math.comparing.matching import all_the_same, elements, in_order
from graders.math.comparing.regions import compare_regions, is_interval
from graders.math.tree import NUMBER_OPS, Node, number


def compare_tuple(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    """The reference is a point, a vector, or an interval."""
    if answer.op == "rel" and not is_inequality(answer):
        taken = labelled(answer)
        if taken.value is answer:
            return DIFFERENT
        if taken.label is not None and taken.label.op == "tuple" and len(taken.label.args) != len(gold.args):
            return DIFFERENT
        return asker.decide(gold, taken.value, depth + 1)
    if is_named_point(answer) and len(answer.args) == len(gold.args):
        answer = Node("tuple", answer.args, "()")
    interval = is_interval(gold)
    if answer.op == "tuple":
        if len(answer.args) != len(gold.args):
            return Found(False, "length")
        if len(gold.args) == 2 and gold.value != answer.value and "<>" not in (gold.value, answer.value):
            return Found(False, "brackets")
        return in_order(
            asker, [unlabelled(item) for item in gold.args], [unlabelled(item) for item in answer.args], depth
        )
    if answer.op == "matrix":
        if interval and gold.value != "[]":
            return DIFFERENT
        if 1 not in answer.value or len(answer.args) != len(gold.args):
            return DIFFERENT
        return in_order(asker, list(gold.args), list(answer.args), depth)
    if answer.op in ("list", "set"):
        if answer.op == "list" and all(is_inequality(arg) for arg in answer.args):
            return compare_regions(asker, gold, answer, depth)
        parts = elements(answer)
        if answer.op == "set" or len(parts) != len(gold.args) or (interval and gold.value != "()"):
            if answer.op == "list" and any(part.op == "tuple" for part in parts):
                return all_the_same(asker, gold, answer, depth)
            return DIFFERENT
        if any(part.op == "tuple" for part in parts):
            return all_the_same(asker, gold, answer, depth)
        return in_order(asker, [unlabelled(item) for item in gold.args], coordinates(parts, _AXES), depth)
    vector = basis_vector(answer, len(gold.args))
    if vector is not None:
        return in_order(asker, list(gold.args), vector, depth)
    if len(gold.args) == 2:
        return compare_regions(asker, gold, answer, depth)
    return DIFFERENT


def is_named_point(node: Node) -> bool:
    """Whether it is a point with its name before it: A(1, 2). N is the normal distribution, and C counts."""
    return (
        node.op == "app"
        and len(node.value) == 1
        and node.value in "ABDEFGHKLMOPQRSTVW"
        and len(node.args) in (2, 3)
        and not any(is_inequality(arg) or arg.op == "rel" for arg in node.args)
    )


_AXES = tuple(Node("sym", (), name) for name in "xyz")


def coordinates(parts: list[Node], names: tuple[Node, ...]) -> list[Node]:
    """The values of y = 2, x = 1 in the order of the names, where they are just these names; else as they come."""
    taken = [labelled(part) for part in parts]
    values = {item.label: item.value for item in taken if item.label is not None and item.label in names}
    if len(values) != len(parts) or set(values) != set(names[: len(parts)]):
        return [item.value for item in taken]
    return [values[name] for name in names[: len(parts)]]


def basis_vector(node: Node, width: int) -> list[Node] | None:
    """2i - 3j + k, where i, j and k are set as vectors or no other reading is left."""
    if node.op not in ("add", "mul", "sym", "const") or width not in (2, 3):
        return None
    names = [{"i", "hat i", "vec i", "hat imath"}, {"j", "hat j", "vec j", "hat jmath"}, {"k", "hat k", "vec k"}][
        :width
    ]
    parts: list[Node] = [number(0)] * width
    for term in node.args if node.op == "add" else (node,):
        factors = list(term.args) if term.op == "mul" else [term]
        axis = -1
        for factor in factors:
            if factor.op in ("sym", "const"):
                for at, known in enumerate(names):
                    if factor.value in known:
                        axis = at
                        factors.remove(factor)
                        break
            if axis >= 0:
                break
        if axis < 0:
            return None
        parts[axis] = factors[0] if len(factors) == 1 else Node("mul", tuple(factors)) if factors else number(1)
    return parts


def compare_matrix(asker: Asker, gold: Node, answer: Node, depth: int) -> Found:
    if answer.op == "rel":
        taken = labelled(answer)
        if taken.value is not answer:
            return asker.decide(gold, taken.value, depth + 1)
        return DIFFERENT
    if answer.op == "matrix":
        if answer.value != gold.value:
            return Found(False, "shape")
        return in_order(asker, list(gold.args), list(answer.args), depth)
    if answer.op == "tuple" and answer.args and all(arg.op == "tuple" for arg in answer.args):
        rows = [list(arg.args) for arg in answer.args]
        if (len(rows), len(rows[0])) != gold.value or any(len(row) != len(rows[0]) for row in rows):
            return Found(False, "shape")
        return in_order(asker, list(gold.args), [cell for row in rows for cell in row], depth)
    if answer.op in ("tuple", "list") and 1 in gold.value:
        parts = list(answer.args)
        return in_order(asker, list(gold.args), [unlabelled(part) for part in parts], depth)
    if gold.value == (1, 1) and answer.op in NUMBER_OPS:
        return asker.decide(gold.args[0], answer, depth + 1)
    if 1 in gold.value:
        vector = basis_vector(answer, len(gold.args))
        if vector is not None:
            return in_order(asker, list(gold.args), vector, depth)
    if answer.op == "mul" and answer.args[-1].op == "matrix":
        scaled = answer.args[-1]
        factor = answer.args[:-1]
        cells = [Node("mul", (*factor, cell)) for cell in scaled.args]
        if scaled.value != gold.value:
            return Found(False, "shape")
        return in_order(asker, list(gold.args), cells, depth)
    return DIFFERENT
