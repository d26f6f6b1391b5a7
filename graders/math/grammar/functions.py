"""Functions that are known by name, with powers, bases and arguments with or without parentheses."""

from flint import fmpq

from graders.math.grammar.building import applied, product, quotient
from graders.math.grammar.groups import Groups
from graders.math.grammar.tables import INVERSES
from graders.math.tokens import GREEK, Unreadable
from graders.math.tree import Node, negated


class Functions(Groups):
    """Reads applied functions."""

    __slots__ = ()

    def function(self, name: str) -> Node:
        """A known function of one argument: \\sin^2 2x, \\log_2 8, \\ln(x+1), \\tan^{-1} x."""
        self.enter()
        base: Node | None = None
        exponent: Node | None = None
        for _ in range(2):
            if self.token.text == "_" and name == "log":
                self.next()
                base = self.argument_digits()
            elif self.token.text in ("^", "**") and name not in ("factorial",):
                self.next()
                minus = self.token.text == "-"
                if minus:
                    self.next()
                exponent = self.argument() if self.token.text == "{" else self.exponent()
                exponent = negated(exponent) if minus else exponent
        inverse = INVERSES.get(name) if exponent == Node("num", (), fmpq(-1)) else None
        if inverse is not None:
            name, exponent = inverse, None
        if self.token.text == "(" and self.token.kind == "op":
            argument = self.brackets()
            if argument.op == "tuple" and name == "log" and len(argument.args) == 2:
                argument, base = argument.args
        elif self.token.text in ("{", "|", "lvert") and self.token.kind in ("op", "cmd"):
            argument = self.factor()
        else:
            argument = self.bare_argument()
        if argument.op in ("tuple", "set", "list", "rel") and not (argument.op == "rel" and name == "Pr"):
            raise Unreadable("function of a structure")
        self.depth -= 1
        node = applied(name, argument, base)
        return node if exponent is None else Node("pow", (node, exponent))

    def argument_digits(self) -> Node:
        """The base of a logarithm: \\log_2 8, \\log_{10} x, \\log_{1/2} x, and log_10(x) with all its digits."""
        if self.token.kind == "num":
            token = self.token
            following = self.peek()
            if (
                len(token.text) > 1
                and following.text not in ("(", "{", "|")
                and following.kind not in ("letter", "num", "cmd")
            ):
                return self.argument()  # \log_28 is log base 2 of 8.
            return self.numeral_value(self.next().text)
        return self.argument()

    def bare_argument(self) -> Node:
        """What a function without parentheses applies to: the factors up to a sign, a dot or another function."""
        if self.token.kind == "op" and self.token.text == "-":
            self.next()
            return negated(self.bare_argument())
        argument = self.factor()
        while True:
            token = self.token
            if token.kind == "letter" or (
                token.kind == "cmd" and (token.text in GREEK or token.text in ("pi", "frac", "dfrac", "tfrac", "sqrt"))
            ):
                if token.text == "d" and self.in_integral:
                    break
                argument = product(argument, self.factor())
            elif token.kind == "op" and token.text == "/" and self.peek().kind in ("num", "letter"):
                self.next()
                argument = quotient(argument, self.factor())
            else:
                break
        return argument

    def function_of_several(self, name: str) -> Node:
        if self.token.text == "_":
            self.next()
            self.flat_argument()
        if self.token.text == "{" and name == "nCr":
            return Node("binom", (self.argument(), self.argument()))
        if self.token.kind == "letter":
            return Node("fn", (self.factor(),), name)  # "max f": the name of a value.
        inside = self.brackets() if self.token.text in ("(", "[") else self.braces_or_set()
        args = inside.args if inside.op in ("tuple", "set") else (inside,)
        if name == "nCr":
            if len(args) != 2:
                raise Unreadable("binomial")
            return Node("binom", args)
        return Node("fn", args, name)

    def braces_or_set(self) -> Node:
        if self.token.text == "\\{":
            return self.set_braces("\\}")
        if self.token.text == "{":
            return self.braces()
        raise Unreadable("arguments")
