"""What is held together: TeX groups and arguments, parentheses, tuples, intervals, sets, absolute values."""

from graders.math import words
from graders.math.grammar.cursor import ITEMS_MAX
from graders.math.grammar.symbols import Symbols
from graders.math.grammar.tables import READY
from graders.math.tokens import Token, Unreadable
from graders.math.tree import Node, made, negated, number


class Groups(Symbols):
    """Reads groups."""

    __slots__ = ()

    def plain_group(self) -> Node | None:
        """A group with nothing but a number or a variable in it, which is most of them; else nothing is taken."""
        i = self.i + 1
        first = self.tokens[i]
        minus = first.text == "-" and first.kind == "op"
        if minus:
            i += 1
            first = self.tokens[i]
        if first.kind == "end" or self.tokens[i + 1].text != "}":
            return None
        if first.kind == "num":
            node = self.numeral_value(first.text)
        elif first.kind == "letter" and first.text not in "ei" and not first.literal:
            node = READY[first.text] if first.text in READY else Node("sym", (), first.text)
        else:
            return None
        self.i = i + 2
        self.token = self.tokens[self.i]
        return negated(node) if minus else node

    def argument(self) -> Node:
        """One TeX argument: a group, or a single digit, letter or command."""
        token = self.token
        if token.text == "{" and token.kind == "op":
            plain = self.plain_group()
            if plain is not None:
                return plain
            self.next()
            self.enter()
            inner = self.union()
            if self.token.kind == "cmd" and self.token.text == "choose":
                self.next()
                inner = Node("binom", (inner, self.union()))
            self.depth -= 1
            self.expect("}")
            return inner
        if token.kind == "num":
            if len(token.text) > 1 and token.text.isdigit():
                # \frac12: TeX takes one digit.
                self.tokens[self.i] = Token("num", token.text[1:])
                self.token = self.tokens[self.i]
                return number(int(token.text[0]))
            return self.numeral_value(self.next().text)
        self.enter()
        inner = self.atom()
        self.depth -= 1
        return inner

    def radicand(self) -> Node:
        """What stands under a root sign: a group, or all of the next factor without its powers."""
        if self.token.kind == "num":
            return self.numeral_value(self.next().text)
        return self.argument() if self.token.text == "{" else self.atom()

    def brackets(self) -> Node:
        """Parentheses around an expression, a tuple, or an interval."""
        self.enter()
        opener = self.token.text
        self.i = i = self.i + 1
        self.token = self.tokens[i]
        bars, in_set = self.bars, self.in_set
        self.bars = self.in_set = 0
        items: list[Node] = []
        if self.token.text in (")", "]"):
            raise Unreadable("empty brackets")
        self.parens += 1
        while True:
            items.append(self.clause())
            if self.token.text in (",", ";") and self.token.kind == "op":
                self.next()
                if self.token.text in (")", "]"):
                    break
            elif (self.token.kind == "word" and self.token.text.lower() in words.CONNECTIVES) or (
                self.token.text in ("\\\\",) and len(items) >= 1
            ):
                self.next()
            else:
                break
            if len(items) > ITEMS_MAX:
                raise Unreadable("too many items")
        self.parens -= 1
        closer = self.token.text
        if closer == "." and self.peek().text in (")", "]"):
            self.next()
            closer = self.token.text
        if closer not in (")", "]", "[") or (closer == "[" and opener not in ("]", "[")):
            raise Unreadable("unclosed bracket")
        self.i = i = self.i + 1
        self.token = self.tokens[i]
        self.bars, self.in_set = bars, in_set
        self.depth -= 1
        if opener == "]":
            opener = "("
        if closer == "[":
            closer = ")"
        if len(items) == 1 and opener + closer in ("()", "[]"):
            return items[0]
        return made(("tuple", tuple(items), opener + closer))

    def braces(self) -> Node:
        """A TeX group; with commas in it, a set whose backslashes were forgotten."""
        self.next()
        self.enter()
        bars = self.bars
        self.bars = 0
        if self.token.text == "}":
            raise Unreadable("empty group")
        self.in_set += 1
        items = [self.clause()]
        if self.token.text in ("|", "mid", ":"):
            return self._builder(items[0], "}", bars)
        while self.token.text in (",", ";"):
            self.next()
            items.append(self.clause())
            if len(items) > ITEMS_MAX:
                raise Unreadable("too many items")
        if self.token.kind == "cmd" and self.token.text == "choose":
            self.next()
            items = [Node("binom", (items[0], self.union()))]
        self.expect("}")
        self.in_set -= 1
        self.bars = bars
        self.depth -= 1
        if len(items) == 1:
            return items[0]
        return Node("set", tuple(items))

    def set_braces(self, closer: str) -> Node:
        """{1, 2} or {x | x > 1}."""
        self.next()
        self.enter()
        bars = self.bars
        self.bars = 0
        self.in_set += 1
        items: list[Node] = []
        if self.token.text == closer:
            self.next()
            self.in_set -= 1
            self.bars = bars
            self.depth -= 1
            return Node("special", (), "empty")
        while True:
            items.append(self.clause())
            if len(items) == 1 and self.token.text in ("|", "mid", ":"):
                return self._builder(items[0], closer, bars)
            if self.separator() is None:
                break
            while self.separator() is not None:
                pass
            if self.token.text == closer:
                break
            if len(items) > ITEMS_MAX:
                raise Unreadable("too many items")
        self.expect(closer)
        self.in_set -= 1
        self.bars = bars
        self.depth -= 1
        return Node("set", tuple(items))

    def _builder(self, element: Node, closer: str, bars: int) -> Node:
        self.next()
        conditions: list[Node] = []
        kinds: set[str] = set()
        while self.token.text != closer:
            conditions.append(self.clause())
            found = self.separator()
            if found is None:
                break
            kinds.add(found)
            if len(conditions) > 64:
                raise Unreadable("too many conditions")
        self.expect(closer)
        self.in_set -= 1
        self.bars = bars
        self.depth -= 1
        if not conditions:
            raise Unreadable("no condition")
        condition = conditions[0] if len(conditions) == 1 else Node("list", tuple(conditions), frozenset(kinds))
        return Node("builder", (element, condition))

    def system(self) -> Node:
        """One brace before rows: a system of equations, or a function given in pieces."""
        self.next()
        rows = self.atom()
        if self.token.text == "\\}":
            self.next()
        if rows.op == "matrix" and rows.value[1] == 2 and all(cell.op in ("rel", "in") for cell in rows.args[1::2]):
            return Node("cases", rows.args)
        return rows

    def absolute(self, opener: str) -> Node:
        self.next()
        self.enter()
        self.bars += 1
        in_set = self.in_set
        self.in_set = 0
        inner = self.union()
        self.in_set = in_set
        self.bars -= 1
        self.depth -= 1
        if self.token.text not in ("|", "\\|", "||") or (opener == "||") != (self.token.text == "||"):
            raise Unreadable("unclosed bar")
        self.next()
        return Node("fn", (inner,), "abs")

    def fenced(self, closer: str, name: str) -> Node:
        self.enter()
        inner = self.union()
        if self.token.text != closer:
            raise Unreadable(f"expected {closer}")
        self.next()
        self.depth -= 1
        return Node("fn", (inner,), name)
