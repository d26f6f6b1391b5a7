"""The signs, commands and names that the grammar knows. A new spelling is a new entry.

Neighbours: tokens.py says which text becomes which token; commands.py holds the commands that take arguments.
"""

from graders.math.names import names
from graders.math.tree import Node, number

RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", "=<": "<=", ">=": ">=", "!=": "!=", "<>": "!=",
    "lt": "<", "gt": ">", "le": "<=", "leq": "<=", "leqslant": "<=", "leqq": "<=", "ge": ">=", "geq": ">=",
    "geqslant": ">=", "geqq": ">=", "ne": "!=", "neq": "!=", "approx": "≈", "simeq": "≈", "doteq": "≈",
    "approxeq": "≈", "thickapprox": "≈", "equiv": "≡", "cong": "≈", "sim": "≈", "perp": "⊥", "parallel": "∥",
    "propto": "∝", "subset": "⊂", "subseteq": "⊆", "supset": "⊃", "supseteq": "⊇", "mid": "|", "lesssim": "<=",
}  # fmt: skip
ARROWS = names(
    "Rightarrow implies Longrightarrow iff Leftrightarrow => rightarrow to -> longrightarrow mapsto Longleftrightarrow"
    " leadsto"
)
UNARY = names(
    "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth arcsinh arccosh arctanh ln"
    " log lg lb exp sgn Re Im arg erf gammafn abs floor ceil cbrt det factorial degree cis"
)
SEVERAL = frozenset(("gcd", "lcm", "max", "min", "nCr"))
INVERSES = {name: f"arc{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")}
SPECIAL = {
    "emptyset": "empty", "varnothing": "empty", "reals": "reals", "ints": "integers", "naturals": "positive integers",
    "rationals": "rationals", "complexes": "complexes", "R": "reals", "Reals": "reals", "N": "positive integers",
}  # fmt: skip
DOUBLE_STRUCK = {
    "R": "reals", "Z": "integers", "N": "positive integers", "Q": "rationals", "C": "complexes",
}  # fmt: skip
ACCENTS = {
    **{name: name for name in names("hat vec tilde dot ddot underline mathring breve check acute grave")},
    "overrightarrow": "vec", "overleftarrow": "vec", "widehat": "hat", "widetilde": "tilde", "overline": "bar",
    "bar": "bar", "overarc": "arc", "wideparen": "arc", "overparen": "arc", "widebar": "bar",
}  # fmt: skip
MATRICES = names("matrix pmatrix bmatrix Bmatrix smallmatrix array vmatrix Vmatrix")
FUNCTION_LETTERS = frozenset("fghFGHPp")
COMPARING = frozenset((*RELATIONS, ":", "not"))
# After one of these nothing of a clause can follow.
CLOSING = frozenset((",", ")", "]", "}", ";", ""))
# No factor begins with one of these.
TERM_ENDS = CLOSING | {"+", "-", "=", "<", ">"}
SET_SIGNS = frozenset(("cup", "bigcup", "U", "cap", "bigcap", "setminus", "backslash", "smallsetminus", "\\\\"))
SIGNS = frozenset(("-", "+", "+-", "-+", "pm", "mp", "+/-"))
REMARKS = frozenset(("(", "forall", "because", "therefore", "qquad", "quad"))
ARGUMENTS = frozenset(("(", "{", "\\{", "[", "_"))
# After a letter: it is a variable or a function.
AFTER_NAMES = frozenset(("^", "_", "(", "'", "="))
DOTS = frozenset(("dots", "ldots", "cdots", "...", "vdots", "ddots", "dotsc", "dotsb"))
CURRENCY = frozenset(("\\$", "€", "£", "¥", "₹"))
STARTS = frozenset(("(", "{", "\\{"))
NOT_SUMMANDS = frozenset(("rel", "list", "set", "union", "in", "text", "builder", "ellipsis"))
NOT_FACTORS = frozenset(("rel", "list", "union", "in", "text", "builder", "tuple", "set", "ellipsis"))
SPECIAL_ATOMS = frozenset(("emptyset", "varnothing", "mathbb", *DOTS))
POSTFIX = frozenset(("^", "**", "!", "!=", "%", "\\%", "circ", "degree", "textcirc", "textdegree", "'", "''", "_"))
# What may go on after a number or a letter; after anything else it is a factor by itself.
CONTINUES = {
    "num": POSTFIX | {"\\\\", "frac", "dfrac", "tfrac", "cfrac"},
    "letter": POSTFIX | {"\\\\", "("},
}
# The trees of the numbers and variables that are written most. Trees are values, so one may stand in many places.
READY = {
    **{str(n): number(n) for n in range(101)},
    **{letter: Node("sym", (), letter) for letter in "abcdfghjklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{letter: Node("const", (), letter) for letter in "ei"},
}
