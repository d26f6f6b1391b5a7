"""A whole answer: one clause, or several with commas, "and" or "or" between them."""

from graders.math import words
from graders.math.grammar.building import compound, only_a_domain
from graders.math.grammar.clauses import Clauses
from graders.math.grammar.cursor import ITEMS_MAX
from graders.math.grammar.tables import ARROWS
from graders.math.tokens import Unreadable
from graders.math.tree import Node

_SKIPPED = frozenset((",", ";", "\\\\", "&", "quad"))


class Lists(Clauses):
    """Reads whole answers."""

    __slots__ = ()

    def top(self) -> Node:
        """The whole answer: one clause, or several separated by commas, "and" or "or"."""
        items: list[Node] = []
        separators: set[str] = set()
        while True:
            while self.token.text in _SKIPPED and self.token.kind == "op":
                self.next()
            if self.token.kind == "end":
                break
            item = self.clause()
            if self.token.kind == "end" and not items:
                return item  # Most answers are one clause.
            items.append(item)
            if len(items) > ITEMS_MAX:
                raise Unreadable("too many items")
            if self.token.kind == "end":
                break
            if self.token.text in ARROWS and self.token.kind != "letter":
                # "x^2 = 4 => x = 2": what is concluded is the answer.
                self.next()
                items.clear()
                separators.clear()
                continue
            found = self.separator()
            if found is None:
                break
            separators.add(found)
            while True:
                more = self.separator()
                if more is None:
                    break
                separators.add(more)
        if not items:
            raise Unreadable("empty")
        if len(items) > 1:
            # "x = 2k pi, k in Z": what says where a parameter lives is no value of its own.
            kept = [item for item in items if not only_a_domain(item)]
            items = kept or items
        if len(items) == 1:
            return items[0]
        if separators <= {",", "and"}:
            together = compound(items)
            if together is not None:
                return together
        return Node("list", tuple(items), frozenset(separators))

    def separator(self) -> str | None:
        token = self.token
        if token.kind == "op":
            if token.text in (",", ";"):
                self.next()
                return token.text
            if token.text in ("\\\\", "&", "quad", "&&"):
                self.next()
                return "and" if token.text == "&&" else ","
            if token.text == "||" and not self.bars and self.peek().kind != "end":
                self.next()
                return "or"
        elif token.kind == "word":
            joint = words.CONNECTIVES.get(token.text.lower())
            if joint is not None:
                self.next()
                return joint
        elif token.kind == "letter":
            if token.text == "y" and self.spanish_and():
                self.next()
                return "and"
        elif token.kind == "cmd" and token.text in ("and", "or", "land", "lor", "wedge", "vee"):
            self.next()
            return "and" if token.text in ("and", "land", "wedge") else "or"
        return None
