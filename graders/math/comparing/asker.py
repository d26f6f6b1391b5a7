"""Deciding between an answer and a reference of any kind: numbers here, everything else by the table of kinds.

The labels of values (the x of x = 3) are taken off here too, because a chain of equal values has to be decided first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from graders.math.comparing.found import HEDGED, Found, rational_or_none
from graders.math.comparing.naming import is_name, may_be_asked, names_differ
from graders.math.comparing.rounding import approximates
from graders.math.comparing.scalars import Scalars
from graders.math.comparing.settling import settled
from graders.math.tree import NUMBER_OPS, Node, holds, number, symbols

_SCALARS = NUMBER_OPS - {"pm", "ratio"}


@dataclass(slots=True)
class Asker(Scalars):
    """Decides, by the kind of the reference."""

    def decide(self, gold: Node, answer: Node, depth: int = 0) -> Found:
        """Compare an answer with a reference of any kind."""
        if gold == answer:
            return Found(True, "structure")
        if depth > 12:
            return Found(None, "too_deep")
        if gold.op in _SCALARS and answer.op in _SCALARS:
            found = self.scalar(gold, answer)
            if found.equal is not None or not (holds(gold, "pm") or holds(answer, "pm")):
                return found  # No rung decides anything about a plus-minus sign.
        if (gold.op == "rel" or gold.op == "qty") and answer.op in ("rel", "qty"):
            congruent = _congruent(gold, answer)
            if congruent is not None:
                return congruent
        gold, answer = settled(gold), settled(answer)
        if answer.op == "rel" and not labelled(answer).consistent:
            return HEDGED
        return KINDS.get(gold.op, KINDS["num"])(self, gold, answer, depth)


KINDS: dict[str, Callable[[Asker, Node, Node, int], Found]] = {}
"""By the reference's operation; kinds.py fills it. What is not in it is compared as a number."""


def _congruence(node: Node) -> tuple[Node | None, Node, Node] | None:
    """The name, residue and modulus of x ≡ 3 (mod 7) or of 3 (mod 7)."""
    if node.op == "rel" and node.value in (("≡", "mod"), ("=", "mod")):
        return node.args[0], node.args[1], node.args[2]
    if node.op == "qty" and isinstance(node.value, str) and node.value.startswith("mod "):
        modulus = node.value[4:]
        return (None, node.args[0], number(int(modulus))) if modulus.isdigit() and len(modulus) < 100 else None
    return None


def _congruent(gold: Node, answer: Node) -> Found | None:
    """Two congruences of numbers: the same modulus, and residues that differ by a multiple of it."""
    mine, theirs = _congruence(gold), _congruence(answer)
    if mine is None or theirs is None:
        return None
    known = [rational_or_none(node) for node in (*mine[1:], *theirs[1:])]
    if any(value is None or value.q != 1 for value in known) or names_differ(mine[0], theirs[0]):
        return None
    if mine[0] is not None and theirs[0] is not None and mine[0] != theirs[0]:
        return None
    residue, modulus, other, same = (int(value.p) for value in known if value is not None)
    return Found(modulus == same and modulus != 0 and (residue - other) % modulus == 0, "modulus")


class Labelled(NamedTuple):
    """A value and what it was called, if anything."""

    label: Node | None
    value: Node
    consistent: bool = True


_EQUAL_SIGNS = frozenset(("=", "≈"))


def unlabelled(node: Node) -> Node:
    """The value of `x = value`, or the node as it is."""
    return labelled(node).value if node.op == "rel" else node


def labelled(node: Node) -> Labelled:
    """Take "x = " and "f(n) = " off a value; a chain of equal values counts as its last, if it is true."""
    if node.op != "rel" or not _EQUAL_SIGNS.issuperset(node.value):
        return Labelled(None, node)
    sides = list(node.args)
    label: Node | None = None
    if (is_name(sides[0]) and len(sides) >= 2) or (
        may_be_asked(sides[0]) and len(sides) >= 2 and not symbols(sides[-1])
    ):
        label = sides.pop(0)
    elif len(sides) == 2 and sides[1].op in ("sym", "app") and not symbols(sides[0]):
        return Labelled(sides[1], sides[0])  # 3 = x
    elif len(sides) == 2 and symbols(sides[0]) and not symbols(sides[1]):
        return Labelled(None, node)
    if len(sides) == 1:
        return Labelled(label, sides[0])
    constant = [side for side in sides if not symbols(side)]
    if len(constant) != len(sides) and label is None:
        return Labelled(None, node)
    # Every side must be the same value: "41 = 42" names two and means neither.
    asker: Asker | None = None
    consistent = True
    start = len(node.value) - len(sides) + 1
    for at, (left, right) in enumerate(pairwise(sides)):
        close = node.value[start + at] == "≈"
        if symbols(left) and not symbols(right) and label is not None:
            continue
        asker = asker or Asker()
        found = asker.decide(left, right)
        if found.equal or (close and approximates(left, right)):
            continue
        consistent = False
    last = sides[-1]
    if node.value[-1] == "≈" and len(sides) >= 2:
        last = sides[-2]
    return Labelled(label, last, consistent)
