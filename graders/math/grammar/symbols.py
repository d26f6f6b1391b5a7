"""Names: variables with subscripts and primes, unknown functions and what they are applied to."""

from graders.math.grammar.measures import Measures
from graders.math.grammar.tables import FUNCTION_LETTERS
from graders.math.tokens import GREEK, Unreadable
from graders.math.tree import Node, made


class Symbols(Measures):
    """Reads names."""

    __slots__ = ()

    def letter(self) -> Node:
        token = self.next()
        text = token.text
        if text == "e" and self.token.text != "_":
            return Node("const", (), "e")
        if text == "i" and self.token.text != "_":
            return Node("const", (), "i")
        return self.named(text)

    def named(self, name: str) -> Node:
        """A variable, with subscript and primes, or an unknown function applied to arguments."""
        node = made(("sym", (), name))
        while self.token.text == "'" and self.token.kind == "op":
            self.next()
            node = Node("sym", (), f"{node.value}'")
        if self.token.text == "_":
            node = self.subscript(node)
        if self.token.text == "(" and node.op == "sym" and not self.token.spaced:
            if (name in FUNCTION_LETTERS and self._simple_arguments()) or self._defines() or self._several():
                self.next()
                # The probability of a statement: P(X = 2), P(A | B).
                inside = self.event if name == "P" else self.union
                args = [inside()]
                while self.token.text == ",":
                    self.next()
                    args.append(inside())
                self.expect(")")
                if name == "C" and len(args) == 2 and all(arg.op == "num" for arg in args):
                    return Node("binom", tuple(args))  # C(10, 3)
                return Node("app", tuple(args), node.value)
        elif (
            self.token.text == "^"
            and name in ("f", "g", "h")
            and self.peek().text == "{"
            and self.peek(2).text == "-"
            and self.peek(3).text == "1"
            and self.peek(4).text == "}"
            and self.peek(5).text == "("
        ):
            for _ in range(6):
                self.next()
            argument = self.union()
            self.expect(")")
            return Node("app", (argument,), f"{name}^-1")
        return node

    def named_application(self, name: str) -> Node:
        """rank(A), Cov(X, Y): a word applied to arguments."""
        self.expect("(")
        args = [self.union()]
        while self.token.text == ",":
            self.next()
            args.append(self.union())
        self.expect(")")
        return Node("app", tuple(args), name)

    def event(self) -> Node:
        """What a probability is of: a statement, perhaps under a condition."""
        left = self.clause()
        if self.token.text in ("|", "mid"):
            self.next()
            left = Node("app", (left, self.clause()), "given")
        return left

    def _simple_arguments(self, ahead: int = 0) -> bool:
        """Whether the parentheses that many tokens on close at all, as the arguments of f do."""
        return self.closing(self.i + ahead, 60) is not None

    def _several(self) -> bool:
        """Whether several arguments follow: nobody multiplies by a pair, so N(0, 1) is a function or a distribution."""
        return any(token.text == "," for token in self.directly_inside(40))

    def _defines(self) -> bool:
        """Whether this is the T(10) of "T(10) = 2": a name, one or more plain arguments, then an equals sign."""
        i = self.i + 1
        for _ in range(6):
            token = self.tokens[i]
            if token.kind not in ("letter", "num", "word") and token.text not in (",",) and token.text not in GREEK:
                break
            i += 1
            if self.tokens[i].kind == "end":
                return False
        return i > self.i + 1 and self.tokens[i].text == ")" and self.peek_at(i + 1).text in ("=", ":")

    def subscript(self, base: Node) -> Node:
        """x_1 and x_{max} are names; a_{n-1} is an unknown function of its index."""
        self.next()
        token = self.token
        if token.text == "{":
            flat = self._flat_until_brace()
            if flat is not None:
                return Node("sym", (), f"{base.value}_{flat}")
            self.next()
            index = self.union()
            more = [index]
            while self.token.text == ",":
                self.next()
                more.append(self.union())
            self.expect("}")
            return Node("app", tuple(more), f"{base.value}_")
        if token.kind == "num" or token.kind == "word":
            self.next()
            return Node("sym", (), f"{base.value}_{token.text}")
        if token.kind == "letter":
            self.next()
            return Node("app", (Node("sym", (), token.text),), f"{base.value}_")
        if token.kind == "cmd":
            self.next()
            return Node("sym", (), f"{base.value}_{token.text}")
        raise Unreadable("subscript")

    def _flat_until_brace(self) -> str | None:
        """The subscript in braces if it is only a number or a word; nothing is taken otherwise."""
        parts: list[str] = []
        i = self.i + 1
        for _ in range(12):
            token = self.tokens[i]
            if token.text == "}":
                break
            if token.kind == "end" or token.kind == "op":
                return None
            single = len(parts) == 0 and self.tokens[i + 1].text == "}"
            if single and len(token.text) == 1 and token.kind in ("letter", "word"):
                return None
            parts.append(token.text)
            i += 1
        else:
            return None
        if not parts:
            return None
        self.i = i + 1
        self.token = self.tokens[self.i]
        return "".join(parts)

    def flat_argument(self) -> str:
        """The text of one argument: what a bar or an arrow stands over."""
        if self.token.text != "{":
            return self.next().text
        level = 0
        parts: list[str] = []
        for _ in range(60):
            token = self.next()
            if token.kind == "end":
                raise Unreadable("unclosed brace")
            if token.text == "{":
                level += 1
            elif token.text == "}":
                level -= 1
                if level == 0:
                    return "".join(parts)
            else:
                parts.append(token.text)
        raise Unreadable("long argument")
