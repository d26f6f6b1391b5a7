"""One statement: a value, a chain of comparisons, a membership or a ratio, with the words before and after it."""

from graders.math import words
from graders.math.grammar.cursor import DEPTH_MAX
from graders.math.grammar.expressions import Expressions
from graders.math.grammar.tables import CLOSING, COMPARING, DOTS, READY, RELATIONS, REMARKS
from graders.math.tokens import Unreadable
from graders.math.tree import Node, negated
from graders.math.tree import text as node_text


class Clauses(Expressions):
    """Reads statements."""

    __slots__ = ()

    def clause(self) -> Node:
        """A value, a chain of comparisons, a membership or a ratio, with the words around it."""
        bare = self.bare()
        if bare is not None:
            return bare
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Unreadable("too deep")
        if self.token.kind == "word":
            self.preamble()
        text = self.token.text
        if text in DOTS and self.peek().text == "=":
            self.next()
            text = self.token.text
        if text in COMPARING and self.comparison() in ("=", "≈"):
            self.next()  # "= 5", "≈ 3.14": what it equals was left out.
        left = self.union()
        token = self.token
        if token.text in CLOSING:
            self.depth -= 1
            return left
        if token.kind in ("op", "cmd"):
            if token.text == ":" and not self.in_set and self.peek().text != "=":
                left = self.ratio(left)
                if self.comparison() is not None:
                    left = self.chain(left)
            elif token.text in ("in", "ni"):
                self.next()
                left = Node("in", (left, self.union()))
            elif token.text in ("notin",):
                self.next()
                left = Node("minus", (Node("special", (), "reals"), self.union()))
            elif token.text == "pmod" and token.kind == "cmd":
                self.next()
                modulus = self.argument() if self.token.text == "{" else self.factor()
                left = Node("qty", (left,), f"mod {node_text(modulus)}")
            elif self.comparison() is not None:
                left = self.chain(left)
        if self.token.kind == "word" and self.token.text.lower() == "to" and left.op in ("num", "dec", "ratio"):
            left = self.ratio(left)
        if self.token.kind == "word" and self.token.text.lower() in words.VERBS:
            self.next()
            right = self.clause()
            left = right if right.op in ("rel", "list") else Node("rel", (left, right), ("=",))
        self.condition()
        self.depth -= 1
        return left

    def bare(self) -> Node | None:
        """A number or a variable that is all there is before the next comma or bracket; else nothing is taken.

        Most elements of lists and tuples are one; this is what the layers below would make of it.
        """
        token, i = self.token, self.i + 1
        minus = token.text == "-"
        if minus:
            token = self.tokens[i]
            i += 1
        kind = token.kind
        if (kind != "num" and kind != "letter") or self.tokens[i].text not in CLOSING or self.depth > DEPTH_MAX - 3:
            return None
        self.i = i
        self.token = self.tokens[i]
        node = READY.get(token.text)
        if node is None:
            node = self.numeral_value(token.text) if kind == "num" else Node("sym", (), token.text)
        return negated(node) if minus else node

    def comparison(self) -> str | None:
        """The comparison sign at hand, without taking it."""
        token = self.token
        if token.kind == "op":
            if token.text == ":" and self.peek().text == "=":
                return "="
            return RELATIONS.get(token.text)
        if token.kind == "cmd":
            if token.text == "not":
                return "!=" if self.peek().text == "=" else None
            if token.text == "mid" and self.in_set:
                return None
            return RELATIONS.get(token.text)
        return None

    def chain(self, left: Node) -> Node:
        sides = [left]
        signs: list[str] = []
        while True:
            sign = self.comparison()
            if sign is None:
                break
            if self.next().text in ("not", ":"):
                self.next()
            if self.token.kind == "word":
                self.preamble()
            if self.token.kind == "end":
                break  # "x =": what follows was cut off.
            signs.append(sign)
            self.related = True
            side = self.union()
            if self.token.text == ":" and not self.in_set and self.token.kind == "op":
                side = self.ratio(side)
            sides.append(side)
            if len(sides) > 64:
                raise Unreadable("too long a chain")
        if self.token.text in ("pmod", "mod") and self.token.kind == "cmd":
            self.next()
            modulus = self.argument() if self.token.text == "{" else self.factor()
            return Node("rel", (*sides, modulus), (*signs, "mod"))
        if self.token.text == "(" and self.peek().text == "mod":
            self.next()
            self.next()
            modulus = self.union()
            self.expect(")")
            return Node("rel", (*sides, modulus), (*signs, "mod"))
        if not signs:
            return left
        return Node("rel", tuple(sides), tuple(signs))

    def ratio(self, left: Node) -> Node:
        parts = [left]
        texts = [self.tokens[self.i - 1].text]
        while (self.token.text == ":" or self.token.text.lower() == "to") and len(parts) < 16:
            self.next()
            texts.append(self.token.text)
            half = self.peek().text.lower()
            if self.token.kind == "num" and half in ("a", "p", "am", "pm"):
                parts.append(self.numeral_value(self.next().text))
            else:
                parts.append(self.union())
        half = ""
        if len(parts) == 2:
            half = self.half_of_day()
        return Node("ratio", tuple(parts), ":".join(texts) + half)

    def half_of_day(self) -> str:
        """A.M. or P.M. after a time."""
        letters = ""
        i = self.i
        while i < len(self.tokens) and len(letters) < 2:
            token = self.tokens[i]
            if token.kind in ("word", "letter", "cmd") and token.text.lower() in ("a", "p", "m", "am", "pm"):
                letters += token.text.lower()
            elif token.text != ".":
                break
            i += 1
        if letters in ("a", "p"):
            letters += "m"
        if letters not in ("am", "pm"):
            return ""
        while i < len(self.tokens) and self.tokens[i].text == ".":
            i += 1
        self.i = i
        self.token = self.tokens[i]
        return letters

    def preamble(self) -> None:
        """Skip "The area of triangle ABC is", "only", "approximately", ...: words that lead to a value."""
        start = self.i
        verb = -1
        i = start
        while self.tokens[i].kind != "end" and i - start < 64:
            token = self.tokens[i]
            if token.kind == "word" and token.text.lower() in words.VERBS:
                verb = i
            if token.text == ":" and token.kind == "op":
                verb = i
                break
            if token.text == "=" and all(before.kind == "word" for before in self.tokens[start:i]):
                verb = i  # "Profit = 12": the words are its name.
            if token.text in (",", ";", "=", "\\\\") or (token.kind == "cmd" and token.text in RELATIONS):
                break
            i += 1
        if verb >= 0 and self.tokens[verb + 1].kind != "end":
            self.i = verb + 1
            self.token = self.tokens[self.i]
        while self.token.kind == "word":
            word = self.token.text.lower()
            if word in words.NUMERALS or word in words.PERCENT:
                return
            if word not in words.FILLERS:
                return
            self.next()

    def condition(self) -> None:
        """Skip "for all integers n", "where x > 0", a remark in parentheses."""
        while True:
            token = self.token
            if token.kind != "word" and token.text not in REMARKS:
                return
            if token.kind == "word" and token.text.lower() in words.CONDITIONS:
                self.skip_clause()
            elif token.text == "(" and (self.peek().kind == "word" or (self.related and self.compares())):
                self.skip_group()
            elif token.kind == "cmd" and token.text in ("forall", "because", "therefore", "qquad", "quad"):
                self.skip_clause()
            else:
                return

    def skip_clause(self) -> None:
        level = 0
        while self.token.kind != "end":
            token = self.token
            if token.text in ("(", "[", "{", "\\{"):
                level += 1
            elif token.text in (")", "]", "}", "\\}"):
                if level == 0:
                    return
                level -= 1
            following = self.peek()
            if level == 0:
                joint = following.kind == "word" and following.text.lower() in ("and", "or")
                if token.text == ";" or token.text == "\\\\" or (token.text == "," and joint):
                    return
                if token.kind == "word" and token.text.lower() in ("and", "or") and self._starts_equation(self.i + 1):
                    return
            self.next()

    def _starts_equation(self, at: int) -> bool:
        """Whether a new "f(x) =" begins there."""
        for token in self.tokens[at : at + 8]:
            if token.text == "=":
                return True
            if token.kind == "word" or token.text in (",", ";"):
                return False
        return False

    def skip_group(self) -> None:
        """Skip the parentheses at hand; unclosed, they take the rest with them."""
        end = self.closing(self.i, len(self.tokens))
        self.i = len(self.tokens) - 1 if end is None else end + 1
        self.token = self.tokens[self.i]
