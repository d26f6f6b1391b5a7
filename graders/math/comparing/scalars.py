"""Two numbers or expressions, with their units, percent signs and degrees. Equality itself is asked of rungs.equal, and
of `residue` where no rung can tell.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations

from flint import arb

from graders.math import rungs, units
from graders.math.balls import NoBall, at_precision, ball
from graders.math.comparing.found import COMPARISONS_MAX, MEASURES, Found
from graders.math.comparing.naming import ANY_CONSTANTS, OF_INTEGRATION, decadic, has_bare_log, is_parameter
from graders.math.comparing.rounding import rounds_to
from graders.math.exact import Undefined, rational
from graders.math.tree import Node, holds, number, operations, renamed, surveyed, symbols
from graders.task import Tolerance

_UNEQUAL = Found(False, "rational")
_TEMPERATURES = frozenset((units.TEMPERATURES["C"], units.TEMPERATURES["F"]))


@dataclass(slots=True)
class Scalars:
    """One comparison under way: the task's options, and a count of the work done so far.

    Args:
        parameters: the letters of the reference that it says are any integer.
    """

    tolerance: Tolerance | None = None
    ordered: bool | None = None
    prompt: str = ""
    residue: "Callable[[Node, Node], bool | None] | None" = None
    comparisons: int = 0
    prompt_letters: frozenset[str] = field(default_factory=frozenset)
    parameters: frozenset[str] = frozenset()

    def scalar(self, gold: Node, answer: Node) -> Found:
        """Two numbers or expressions, units and percent signs included."""
        self.comparisons += 1
        if self.comparisons > COMPARISONS_MAX:
            return Found(None, "too_many")
        if gold == answer:
            return Found(True, "structure")
        if gold.op == "num" and answer.op == "num":
            return _UNEQUAL if self.tolerance is None else Found(self._within(gold, answer), "tolerance")
        if gold.op in MEASURES or answer.op in MEASURES:
            return self._measures(gold, answer)
        equal, method = rungs.equal(gold, answer)
        if equal:
            return Found(True, method)
        if equal is False:
            return self._near(gold, answer, method)
        renaming = self._renaming(gold, answer)
        if renaming is not None:
            return renaming
        if (
            self.residue is not None
            and not (holds(gold, "pm") or holds(answer, "pm"))
            and method != "dots"
            and rungs.worth_asking(gold, answer)
        ):
            return Found(self.residue(gold, answer), "residue")
        return Found(None, method)

    def _near(self, gold: Node, answer: Node, method: str) -> Found:
        """Not equal: within the tolerance, equal when rounded, or equal up to the name of a parameter?"""
        names, found = surveyed(gold, answer)
        if names:
            renaming = self._renaming(gold, answer)
            if renaming is not None:
                return renaming
        elif self.tolerance is not None:
            return Found(self._within(gold, answer), "tolerance")
        elif rounds_to(gold, answer):
            return Found(True, "rounded")
        return ("fn:log" in found and self._logs(gold, answer)) or Found(False, method)

    def _within(self, gold: Node, answer: Node) -> bool:
        """|answer - gold| <= max(abs, rel * |gold|)."""
        assert self.tolerance is not None  # noqa: S101  (the caller checked)
        try:
            with at_precision(192):
                left, right = ball(gold, {}), ball(answer, {})
                limit = arb(self.tolerance.abs).max(arb(self.tolerance.rel) * abs(left))
                return bool(abs(left - right) <= limit)
        except (NoBall, Undefined):
            return False

    def _logs(self, gold: Node, answer: Node) -> Found | None:
        """A logarithm without a base is the natural one; where that fails, both sides may mean base ten."""
        if not (has_bare_log(gold) or has_bare_log(answer)):
            return None
        equal, method = rungs.equal(decadic(gold), decadic(answer))
        return Found(True, method) if equal else None

    def _renaming(self, gold: Node, answer: Node) -> Found | None:
        """k*pi and n*pi: an arbitrary parameter may have any name that the problem does not use."""
        names, others = symbols(gold), symbols(answer)
        if names == others:
            return None
        mine, theirs = names - others, others - names
        constants = self._constants(gold, answer, mine, theirs)
        if constants is not None:
            return constants
        if len(mine) != 1 or len(theirs) != 1:
            return None
        old, new = next(iter(theirs)), next(iter(mine))
        if new in self.parameters:
            # The reference says that it is any integer: any other letter will do that is not the problem's own.
            if len(old) != 1 or old in self.prompt_letters or old in "xyzei":
                return None
        elif not (is_parameter(new, self.prompt_letters, gold) and is_parameter(old, self.prompt_letters, answer)):
            return None
        equal, method = rungs.equal(gold, renamed(answer, {old: new}))
        return Found(True, method) if equal else None

    def _constants(self, gold: Node, answer: Node, mine: frozenset[str], theirs: frozenset[str]) -> Found | None:
        """C_1 cos x + C_2 sin x and A cos x + B sin x: constants of integration have any names, each its own.

        Not those of the problem: in CV^2/2 the C is a capacitance. Without the problem a function has to stand beside
        it.
        """
        if not (1 <= len(mine) == len(theirs) <= 3 and mine <= OF_INTEGRATION and theirs <= ANY_CONSTANTS):
            return None
        if any(name[0] in self.prompt_letters for name in mine | theirs):
            return None
        if not self.prompt_letters and not _transcendental(gold):
            return None
        for order in permutations(sorted(theirs)):
            equal, method = rungs.equal(gold, renamed(answer, dict(zip(order, sorted(mine), strict=True))))
            if equal:
                return Found(True, method)
        return None

    def _measures(self, gold: Node, answer: Node) -> Found:
        """Percentages, degrees and units: what the reference says decides how a bare number is read."""
        if gold.op == "pct" or answer.op == "pct":
            return self._percent(gold, answer)
        if gold.op == "deg" or answer.op == "deg":
            return self._degrees(gold, answer)
        if gold.op == "qty" and answer.op == "qty":
            mine, theirs = gold.value, answer.value
            if isinstance(mine, units.Unit) and isinstance(theirs, units.Unit) and mine != theirs:
                if not units.agree(mine, theirs):
                    return Found(False, "unit")
                if mine.dimension != theirs.dimension:
                    return self.scalar(gold.args[0], answer.args[0])
                scale = Node("num", (), theirs.scale / mine.scale)
                found = self.scalar(gold.args[0], Node("mul", (scale, answer.args[0])))
                return Found(found.equal, "unit" if found.equal is False else found.method)
            if mine != theirs and any(isinstance(unit, str) and unit.startswith("mod ") for unit in (mine, theirs)):
                return Found(False, "modulus")
            return self.scalar(gold.args[0], answer.args[0])
        if gold.op == "qty":
            return self.scalar(gold.args[0], answer)
        return self.scalar(gold, answer.args[0])

    def _percent(self, gold: Node, answer: Node) -> Found:
        """28% is 28 percent, 28 and 0.28; but a bare 0.25 is not 0.25%, and 0.5% is not a half."""
        if gold.op == "qty":
            return self._percent(gold.args[0], answer)
        if answer.op == "qty":
            return self._percent(gold, answer.args[0])
        if gold.op == "pct" and answer.op == "pct":
            return self.scalar(gold.args[0], answer.args[0])
        if gold.op == "pct":
            points, bare = gold.args[0], answer
            value = rational(points)
            if value is None or abs(value) > 1:
                found = self.scalar(points, bare)
                if found.equal:
                    return found
            exact, method = rungs.equal(gold, bare)
            if exact:
                return Found(True, method)
            # 6.67% for 1/15: the percent points are the rounded number.
            return self._near(points, Node("mul", (number(100), bare)), method)
        points, bare = answer.args[0], gold
        exact, method = rungs.equal(bare, answer)
        if exact:
            return Found(True, method)
        value = rational(bare)
        if value is not None and abs(value) > 1:
            return self.scalar(bare, points)
        return Found(False, "percent")

    def _degrees(self, gold: Node, answer: Node) -> Found:
        if gold.op == "deg" and answer.op == "deg":
            return self.scalar(gold.args[0], answer.args[0])
        if gold.op == "qty" or answer.op == "qty":
            measured, other = (gold, answer) if gold.op == "qty" else (answer, gold)
            if measured.value in _TEMPERATURES:  # A degree sign alone leaves the scale to the problem.
                pair = (measured.args[0], other.args[0])
                return self.scalar(*(pair if measured is gold else pair[::-1]))
            return Found(False, "unit")
        if gold.op == "deg":
            found = self.scalar(gold.args[0], answer)
            if found.equal:
                return found
            if _radians(answer):
                return Found(*rungs.equal(gold, answer))
            return found
        found = self.scalar(gold, answer.args[0])
        if found.equal:
            return found
        if _radians(gold):
            return Found(*rungs.equal(gold, answer))
        return found


def _radians(node: Node) -> bool:
    """Whether a number without a unit reads as an angle in radians: it has a pi, or is the value of a function."""
    return _transcendental(node)


def _transcendental(node: Node) -> bool:
    """Whether it has an e, a pi, an i or a function."""
    return any(name == "const" or name.startswith("fn:") for name in operations(node))
