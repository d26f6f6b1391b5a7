"""What follows a number and measures it: units with their powers, percent, degrees, multiples in words."""

from graders.math import units, words
from graders.math.grammar.building import product
from graders.math.grammar.numerals import Numerals
from graders.math.grammar.tables import AFTER_NAMES
from graders.math.tokens import Unreadable
from graders.math.tree import Node, number


class Measures(Numerals):
    """Reads units."""

    __slots__ = ()

    def measured(self, left: Node) -> Node:
        """A value with the words after it read as its unit."""
        word = self.token.text.lower()
        if word in words.CONNECTIVES or word in words.CONDITIONS or word in words.VERBS:
            return left
        if word == "to" and self.peek().kind == "num":
            return left  # "3 to 4" is a ratio.
        if word in words.PERCENT:
            self.next()
            return Node("pct", (left,))
        if word == "per" and self.peek().text.lower() in ("cent", "cents"):
            self.next()
            self.next()
            return Node("pct", (left,))
        if word in words.DEGREES:
            self.next()
            return self.temperature(Node("deg", (left,)))
        if word in ("million", "billion", "thousand", "hundred", "trillion", "dozen"):
            self.next()
            scale = {
                "million": 10**6,
                "billion": 10**9,
                "thousand": 1000,
                "hundred": 100,
                "trillion": 10**12,
                "dozen": 12,
            }
            scaled = product(left, number(scale[word]))
            return self.measured(scaled) if self.token.kind == "word" else scaled
        if word in ("choose",):
            self.next()
            return Node("binom", (left, self.factor()))
        unit = self.unit()
        self.condition()
        return Node("qty", (left,), unit)

    def unit(self) -> "units.Unit | str":
        """One or more unit words with powers, products and quotients; an unknown word makes the whole only a word."""
        total: units.Unit | None = None
        unknown: list[str] = []
        sign = 1
        prefix = 1
        steps = 0
        while steps < 24:
            steps += 1
            token = self.token
            if token.kind == "op" and token.text == "/" and self.peek().kind in ("word", "letter"):
                self.next()
                sign = -1
                continue
            if token.kind == "cmd" and token.text == "cdot" and self.peek().kind in ("word", "letter"):
                self.next()
                continue
            if token.text == "." and self.peek().kind == "word":
                self.next()
                continue
            if token.text == "-" and self.peek().kind == "word":
                self.next()
                continue
            if token.kind not in ("word", "letter") or (token.kind == "letter" and not (token.literal or sign == -1)):
                break
            word = token.text
            low = word.lower()
            if low in words.CONNECTIVES or low in words.CONDITIONS or low in words.VERBS:
                break
            self.next()
            if low == "per":
                sign = -1
                continue
            if low in words.UNIT_PREFIXES:
                prefix = words.UNIT_PREFIXES[low]
                continue
            if low in ("of", "in", "each", "a", "an", "the", "total", "more"):
                if low in ("of", "in"):
                    unknown.append(low)
                continue
            if low in ("squared", "cubed") and total is not None:
                continue
            found = units.lookup(word)
            exponent = prefix * self.unit_power()
            prefix = 1
            if found is None:
                unknown.append(low)
                sign = 1
                continue
            raised = units.power(found, exponent * sign)
            total = raised if total is None else units.product(total, raised)
            sign = 1
        if unknown or total is None:
            return " ".join(unknown)
        return total

    def unit_power(self) -> int:
        if self.token.text == "^":
            self.next()
            braces = self.token.text == "{"
            if braces:
                self.next()
            minus = self.token.text == "-"
            if minus:
                self.next()
            text = self.next().text
            if braces:
                self.expect("}")
            if text.isdigit() and len(text) == 1:
                return -int(text) if minus else int(text)
            raise Unreadable("unit power")
        if self.token.kind == "num" and self.token.text in ("2", "3") and not self.token.spaced:
            return int(self.next().text)
        if self.token.kind == "word" and self.token.text.lower() in ("squared", "cubed"):
            return 2 if self.next().text.lower() == "squared" else 3
        return 1

    def degrees(self, base: Node) -> Node:
        """Degrees, with the minutes and seconds of arc that may follow."""
        total = base
        for scale in (60, 3600):
            if self.token.kind != "num" or base.op not in ("num", "dec"):
                break
            marks = self.peek().text
            if marks not in ("'", "prime") and not (marks == "^" and self.peek(2).text in ("prime", "{", "'")):
                break
            amount = self.numeral_value(self.next().text)
            if self.next().text == "^":
                if self.token.text == "{":
                    while self.token.text in ("{", "}", "prime", "'") and self.token.kind != "end":
                        self.next()
                else:
                    self.next()
            while self.token.text == "'":
                self.next()
            total = Node("add", (total, Node("div", (amount, number(scale)))))
        return self.temperature(Node("deg", (total,)))

    def temperature(self, degrees: Node) -> Node:
        """60°C is a temperature, not a number of coulombs."""
        scale = units.TEMPERATURES.get(self.token.text) or units.TEMPERATURES.get(self.token.text.lower())
        if scale is None or self.token.kind not in ("letter", "word") or self.peek().text in AFTER_NAMES:
            return degrees
        self.next()
        return Node("qty", degrees.args, scale)
