"""Products, sums, and sets joined by signs."""

from graders.math import derive, units
from graders.math.grammar.building import compound, product, quotient, summed
from graders.math.grammar.cursor import DEPTH_MAX
from graders.math.grammar.factors import Factors
from graders.math.grammar.tables import (
    ACCENTS,
    ARGUMENTS,
    CURRENCY,
    SET_SIGNS,
    SEVERAL,
    SIGNS,
    SPECIAL_ATOMS,
    STARTS,
    TERM_ENDS,
    UNARY,
)
from graders.math.tokens import GREEK, Token, Unreadable
from graders.math.tree import Node, negated


class Expressions(Factors):
    """Reads expressions."""

    __slots__ = ()

    def union(self) -> Node:
        """Sets joined by ∪, ∩ and ∖; a sum where there are none."""
        left = self.sum()
        while True:
            token = self.token
            if token.text not in SET_SIGNS:
                return left
            if token.kind == "cmd" and token.text in ("cup", "bigcup", "U"):
                name = "union"
            elif token.kind == "cmd" and token.text in ("cap", "bigcap"):
                name = "inter"
            elif (token.kind == "cmd" and token.text in ("setminus", "backslash", "smallsetminus")) or (
                token.text == "\\\\" and left.op == "special"
            ):
                name = "minus"
            elif token.text == "U" and left.op in ("tuple", "union", "set"):
                name = "union"
            else:
                return left
            self.next()
            right = self.sum()
            if name == "union" and left.op == "union":
                left = Node("union", (*left.args, right))
            else:
                left = Node(name, (left, right))

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Unreadable("too deep")
        token = self.token
        if token.text not in SIGNS:
            left = self.term()
        elif token.kind == "op" and token.text != "+/-":
            self.i = i = self.i + 1
            self.token = self.tokens[i]
            first = self.term()
            left = first if token.text == "+" else negated(first)
        elif token.kind == "cmd" or token.text == "+/-":
            self.next()
            left = Node("pm", (self.term(),), "-+" if token.text == "mp" else "+-")
        else:
            left = self.term()
        if self.token.text not in SIGNS and left.op != "qty":
            self.depth -= 1
            return left
        terms = [left]
        while True:
            token = self.token
            if token.kind == "op":
                if token.text == "+":
                    self.i = i = self.i + 1
                    self.token = self.tokens[i]
                    terms.append(self.signed_term())
                    continue
                if token.text == "-":
                    if left.op in ("special", "set", "tuple") and left.op != "tuple":
                        self.next()
                        terms = [Node("minus", (summed(terms), self.signed_term()))]
                        continue
                    self.i = i = self.i + 1
                    self.token = self.tokens[i]
                    terms.append(negated(self.signed_term()))
                    continue
                if token.text in ("+-", "-+"):
                    self.next()
                    terms.append(negated(self.term()))
                    continue
                if token.text != "+/-":
                    break
            if (token.kind == "cmd" and token.text in ("pm", "mp")) or token.text == "+/-":
                self.next()
                terms = [Node("pm", (summed(terms), self.term()), "-+" if token.text == "mp" else "+-")]
                continue
            break
        if len(terms) == 1 and terms[0].op == "qty" and self.token.kind == "num":
            parts = [terms[0]]
            while self.token.kind == "num" and len(parts) < 4:
                parts.append(self.term())
            together = compound(parts)
            if together is None:
                raise Unreadable("two quantities side by side")
            terms = [together]
        self.depth -= 1
        return summed(terms)

    def signed_term(self) -> Node:
        if self.token.text not in SIGNS:
            return self.term()
        if self.token.kind == "op" and self.token.text in ("-", "+"):
            return negated(self.term()) if self.next().text == "-" else self.term()
        return self.term()

    def term(self) -> Node:
        left = self.factor()
        while True:
            token = self.token
            kind = token.kind
            text = token.text
            if text in TERM_ENDS:
                return left
            if kind == "op":
                if text == "*":
                    self.next()
                    left = product(left, self.factor())
                    continue
                if text == "/":
                    self.next()
                    left = quotient(left, self.factor())
                    continue
                if text == ":" and self.parens and not self.in_set and self.peek().text != "=":
                    self.next()
                    left = quotient(left, self.factor())
                    continue
                if text in STARTS or (text == "[" and not token.spaced and left.op not in ("num", "tuple")):
                    if text == "(" and self.peek().kind == "word" and left.op != "sym":
                        return left  # A remark in parentheses.
                    if text == "(" and (self.peek().text == "mod" or (self.related and self.compares())):
                        return left
                    if text == "\\{":
                        return left
                    left = product(left, self.factor())
                    continue
                if text == "|" and not self.bars and not self.in_set and self._abs_closes():
                    left = product(left, self.factor())
                    continue
                if text == "^":
                    left = self.postfix(left)
                    continue
                if text in CURRENCY and left.op in ("num", "dec"):
                    self.next()
                    return Node("qty", (left,), units.lookup(units.SYMBOLS[text.lstrip("\\")]) or "")
                return left
            if kind == "letter":
                if text == "d" and self.in_integral and self.peek().kind in ("letter", "cmd"):
                    return left
                if text == "U" and left.op in ("tuple", "union", "set"):
                    return left
                if text == "y" and self.spanish_and():
                    return left
                if text == "x" and left.op in ("num", "dec", "base") and self.peek().kind == "num" and token.spaced:
                    self.next()  # "3 x 4": between two numbers the letter is a multiplication sign.
                    left = product(left, self.factor())
                    continue
                if (
                    token.literal
                    and left.op in ("num", "dec", "mul", "div", "root", "add", "deg")
                    and (units.lookup(text) is not None)
                ):
                    return self.measured(left)
                left = product(left, self.factor())
                continue
            if kind == "cmd":
                if text in ("cdot", "times", "ast", "cdotp", "star", "bullet"):
                    self.i = i = self.i + 1
                    self.token = self.tokens[i]
                    left = product(left, self.factor())
                    continue
                if text in ("div", "slash"):
                    self.next()
                    left = quotient(left, self.factor())
                    continue
                if text in ("bmod", "mod"):
                    self.next()
                    left = Node("fn", (left, self.factor()), "mod")
                    continue
                if text == "pmod":
                    return left
                if text in ("choose", "brack"):
                    self.next()
                    left = Node("binom", (left, self.factor()))
                    continue
                if text == "min" and left.op in ("num", "dec") and self.peek().text not in ARGUMENTS:
                    self.tokens[self.i] = self.token = Token("word", "min", token.spaced)  # 30 min
                    return self.measured(left)
                if text in self.commands or text in UNARY or text in SEVERAL or text in GREEK or text in ACCENTS:
                    if text in SPECIAL_ATOMS:
                        return left
                    left = product(left, self.factor())
                    continue
                return left
            if kind == "num":
                after_group = self.tokens[self.i - 1].text == ")" and not token.spaced
                if left.op != "fact" and not after_group and derive.operator(left) is None:
                    raise Unreadable("a number after a factor")  # "1 \\frac{2}{3} 4" names three values, not one.
                left = product(left, self.factor())
                continue
            if kind == "word":
                return self.measured(left)
            return left

    def _abs_closes(self) -> bool:
        """Whether a later bar closes the one at hand."""
        return any(token.text == "|" for token in self.tokens[self.i + 1 : self.i + 200])
