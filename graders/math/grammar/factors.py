"""One factor of a product: what it may begin with, and the powers, factorials and primes after it."""

from graders.math import units, words
from graders.math.grammar.cursor import DEPTH_MAX
from graders.math.grammar.functions import Functions
from graders.math.grammar.tables import ACCENTS, CONTINUES, CURRENCY, DOTS, POSTFIX, READY, SEVERAL, UNARY
from graders.math.tokens import GREEK, Token, Unreadable
from graders.math.tree import INFINITY, Node, made, negated, number


class Factors(Functions):
    """Reads factors."""

    __slots__ = ()

    def factor(self) -> Node:
        token = self.token
        kind = token.kind
        if kind == "num" or kind == "letter":
            i = self.i + 1
            after = self.tokens[i]
            if after.text not in CONTINUES[kind] and after.kind != "num":
                # A number or a variable and no more, which most factors are: what the rest of this would make of it.
                if self.depth >= DEPTH_MAX:
                    raise Unreadable("too deep")
                self.i = i
                self.token = after
                return READY.get(token.text) or (
                    self.numeral_value(token.text) if kind == "num" else Node("sym", (), token.text)
                )
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Unreadable("too deep")
        if kind == "num":
            base = self.numeral()
        elif kind == "letter":
            base = self.letter()
        else:
            base = self.atom()
        text = self.token.text
        if text in POSTFIX:
            base = self.postfix(base)
        self.depth -= 1
        return base

    def postfix(self, base: Node) -> Node:
        for _ in range(16):
            token = self.token
            text = token.text
            if token.kind == "num" or token.kind == "word":
                return base
            if text in ("^", "**"):
                self.i = i = self.i + 1
                self.token = self.tokens[i]
                base = self.raised(base)
            elif text == "!":
                if self.peek().text == "!":
                    self.next()
                    self.next()
                    base = Node("fn", (base,), "double_factorial")
                else:
                    self.next()
                    base = Node("fact", (base,))
            elif text == "!=" and base.op in ("num", "fact"):
                # "5!=120": after a number this is a factorial and an equals sign.
                self.tokens[self.i] = Token("op", "=")
                self.token = self.tokens[self.i]
                base = Node("fact", (base,))
            elif text in ("%", "\\%"):
                self.next()
                base = Node("pct", (base,))
            elif text in ("circ", "degree", "textcirc", "textdegree") and token.kind == "cmd":
                self.next()
                base = self.degrees(base)
            elif text == "'" and base.op in ("sym", "app"):
                self.next()
                base = Node("sym", (), f"{base.value}'")
            elif text in ("'", "''") and base.op in ("num", "dec") and token.kind == "op":
                # Feet and inches, or minutes of arc: only as a word.
                self.next()
                base = Node("qty", (base,), text)
            elif text == "_" and base.op == "num" and base.value.q == 1:
                base = self.in_base(str(int(base.value.p)))
            elif text == "_":
                base = self.subscript(base)
            elif text == "\\\\" and self.peek().text == "%":
                self.next()
            else:
                return base
            if self.token.text not in POSTFIX and self.token.text != "\\\\":
                return base
        raise Unreadable("too many postfixes")

    def raised(self, base: Node) -> Node:
        token = self.token
        if token.text == "{":
            inner = self.peek()
            if inner.text in (
                "circ",
                "degree",
                "textcirc",
                "textdegree",
                "prime",
                "'",
                "\\circ",
                "th",
                "st",
                "nd",
                "rd",
                "o",
                "*",
                "∗",
            ) and (self.peek(2).text == "}"):
                self.next()
                self.next()
                self.next()
                if inner.text in ("circ", "degree", "textcirc", "textdegree", "o"):
                    return self.degrees(base)
                if inner.text in ("prime", "'"):
                    return Node("sym", (), f"{base.value}'")
                return base
            plain = self.plain_group()
            if plain is None:
                self.next()
                self.enter()
                plain = self.union()
                self.depth -= 1
                self.expect("}")
            exponent = plain
        elif token.text in ("circ", "degree", "textcirc", "textdegree") and token.kind == "cmd":
            self.next()
            return self.degrees(base)
        elif token.text in ("prime", "'"):
            self.next()
            return Node("sym", (), f"{base.value}'")
        elif token.text in ("*", "+") and self.peek().kind in ("end",):
            self.next()
            return base
        elif token.text in ("-", "+") and token.kind == "op":
            self.next()
            exponent = self.exponent()
            exponent = negated(exponent) if token.text == "-" else exponent
        else:
            exponent = self.exponent()
        if base.op == "qty":
            raise Unreadable("power of a quantity")
        if base.op == "pm":
            raise Unreadable("power of plus-minus")
        return made(("pow", (base, exponent), None))

    def exponent(self) -> Node:
        """One TeX argument; in plain text a tower is read from the right."""
        self.enter()
        base = self.numeral_value(self.next().text) if self.token.kind == "num" else self.atom()
        if self.token.text in ("^", "**"):
            self.next()
            base = self.raised(base)
        self.depth -= 1
        return base

    def atom(self) -> Node:
        token = self.token
        kind = token.kind
        text = token.text
        if kind == "letter":
            return self.letter()
        if kind == "cmd":
            reader = self.commands.get(text)
            if reader is not None:
                self.i = i = self.i + 1
                self.token = self.tokens[i]
                return reader(self, text)
            if text in UNARY:
                self.next()
                return self.function(text)
            if text in GREEK:
                self.next()
                return self.named(text)
            if text in SEVERAL:
                self.next()
                return self.function_of_several(text)
            if text in ACCENTS:
                self.next()
                return Node("sym", (), f"{ACCENTS[text]} {self.flat_argument()}")
            raise Unreadable(f"unknown command {text!r}")
        if kind == "num":
            self.i = i = self.i + 1
            self.token = self.tokens[i]
            return self.numeral_value(text)
        if kind == "op":
            if text in ("(", "["):
                return self.brackets()
            if text == "{":
                return self.braces()
            if text == "\\{":
                if self.peek().text == "begin" and self.peek().kind == "cmd":
                    return self.system()
                return self.set_braces("\\}")
            if text in ("|", "\\|", "||"):
                return self.absolute(text)
            if text in CURRENCY:
                self.next()
                value = self.factor()
                return Node("qty", (value,), units.lookup(units.SYMBOLS[text.lstrip("\\")]) or "")
            if text in ("-", "+"):
                self.next()
                inner = self.factor()
                return negated(inner) if text == "-" else inner
            if text == "]":
                return self.brackets()
            if text == "\\#" or text == "#":
                self.next()
                return self.atom()
            if text in DOTS:
                self.next()
                return Node("ellipsis")
        if kind == "word":
            low = text.lower()
            if low in words.NUMERALS:
                self.next()
                tens = words.NUMERALS[low]
                ones = words.NUMERALS.get(self.peek().text.lower(), 0) if self.token.text == "-" else 0
                if tens >= 20 and 0 < ones < 10:
                    self.next()
                    self.next()
                    return number(tens + ones)  # "twenty-one apples" has no minus sign.
                return number(tens)
            if token.literal and low == "i":
                self.next()
                return Node("const", (), "i")
            if low in ("infinity",):
                self.next()
                return INFINITY
            if len(text) > 1 and self.peek().text == "(" and not self.peek().spaced and self._simple_arguments(1):
                self.next()
                return self.named_application(text)
            if low in ("undefined", "dne"):
                self.next()
                return Node("special", (), "undefined")
        raise Unreadable(f"cannot begin with {text!r}")
