"""Answer text, LaTeX or plain, to tokens: one pass of one regular expression without backtracking over the text.

It settles what depends on letters alone: Unicode lookalikes, spacing commands, the digits that belong to one number,
which runs of letters are functions, words or products of variables. It does not know grammar (grammar/ does).
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from graders.math.names import names


@dataclass(slots=True)
class Token:
    """One token. Tokens are shared between texts, so nobody changes one; slots are read faster than a tuple's fields.

    Args:
        kind: "num" (text as written), "cmd" (a LaTeX command or a known name, without backslash), "letter", "word",
            "op" or "end".
        text: what it says.
        spaced: white space came before it.
        literal: set inside of \\text{...}, so that a single letter is a word.
    """

    kind: str
    text: str
    spaced: bool = False
    literal: bool = False

    def after_space(self) -> "Token":
        """The same with white space before it."""
        return Token(self.kind, self.text, True, self.literal)


class Unreadable(Exception):
    """The text is not an answer in the grammar; it may still be compared as text."""


TOKENS_MAX = 4000
_NESTING_MAX = 12

# Written so often as plain words that they are read as the command of the same meaning.
FUNCTIONS = {
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "tg": "tan", "ctg": "cot",
    "cosec": "csc", "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "arctg": "arctan", "arccot": "arccot",
    "arcsec": "arcsec", "arccsc": "arccsc", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "sh": "sinh", "ch": "cosh", "th": "tanh", "coth": "coth", "arcsinh": "arcsinh",
    "arccosh": "arccosh", "arctanh": "arctanh", "arsinh": "arcsinh", "arcosh": "arccosh", "artanh": "arctanh",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "ln": "ln", "log": "log", "lg": "lg", "lb": "lb",
    "exp": "exp", "gcd": "gcd", "lcm": "lcm", "max": "max", "min": "min", "floor": "floor", "ceil": "ceil",
    "ceiling": "ceil", "abs": "abs", "sgn": "sgn", "sign": "sgn", "Re": "Re", "Im": "Im", "det": "det",
    "arg": "arg", "Arg": "arg", "deg": "degree", "binomial": "nCr", "nCr": "nCr", "comb": "nCr",
    "factorial": "factorial",
    "Sin": "sin", "Cos": "cos", "Tan": "tan", "Log": "log", "Ln": "ln", "Arctan": "arctan", "Arcsin": "arcsin",
    "cbrt": "cbrt", "cis": "cis", "erf": "erf", "Gamma": "gammafn",
}  # fmt: skip
GREEK = names(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi omicron rho varrho"
    " sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega ell hbar"
    " partial nabla"
)
_NAMES = {
    "pi": "pi", "Pi": "pi", "PI": "pi", "sqrt": "sqrt", "infinity": "infty", "infty": "infty", "oo": "infty",
    "inf": "infty", "Infinity": "infty", "frac": "frac", "dfrac": "frac", "tfrac": "frac", "theta": "theta",
    "alpha": "alpha", "beta": "beta", "gamma": "gamma", "delta": "delta", "lambda": "lambda", "phi": "phi",
    "omega": "omega", "sigma": "sigma", "rho": "rho", "mu": "mu", "tau": "tau", "epsilon": "epsilon", "mod": "mod",
    "root": "sqrt", "leq": "le", "geq": "ge", "neq": "ne", "cdot": "cdot", "times": "times", "pm": "pm",
    "cup": "cup", "union": "cup", "Union": "cup", "U": "cup",
}  # fmt: skip
# Short runs of letters that are words wherever they stand, rather than products of variables.
_SHORT_WORDS = names(
    "is are the of for all not no yes or and if to in at by be an as on so it its per km cm mm kg mg ml mL ft yd"
    " mi hr"
    " hrs min mins sec pm am PM AM pct lbs oz kW kJ Hz Pa mol mph kph usd USD dm nm cms kms mls gal any odd day one"
    " two six ten row we let now she he DNE NaN nan None none N/A mod you can may way was dne rs Rs has but nor"
    " let set via had und oder ou"
)

_ORDINALS = frozenset(("st", "nd", "rd", "th"))

_SPACING_COMMANDS = names(
    "\\displaystyle \\textstyle \\scriptstyle \\limits \\nolimits \\thinspace \\negthinspace \\rm \\bf \\it \\sf"
    " \\tt \\cal"
    " \\normalfont \\mathstrut \\strut \\hfill \\noindent \\enspace \\nobreak \\allowbreak \\protect \\nonumber"
    " \\notag"
    " \\boldmath \\footnotesize \\small \\large \\Large \\LARGE \\huge \\Huge \\tiny \\normalsize \\centering \\par"
)
_FENCES = names(
    "\\left \\right \\big \\Big \\bigg \\Bigg \\bigl \\bigr \\Bigl \\Bigr \\biggl \\biggr \\Biggl \\Biggr \\middle"
)
# Commands whose argument is layout too.
_LAYOUT = names("\\hspace \\vspace \\hspace* \\color \\textcolor \\label \\tag \\tag* \\phantom \\hphantom \\vphantom")
_SPACING_OPS = frozenset(("\\,", "\\;", "\\:", "\\!", "\\>", "\\/", "\\ ", "\\(", "\\)", "\\[", "\\]", "\\\n", "\\\t"))
_NUM = (
    r"[0-9]++(?![.,\\{ ~eE(])"  # Nothing that could continue it: most numbers, without a look at the rest.
    r"|[1-9][0-9]{0,2}(?:(?:,\\[!,]?[ ]?|,|\{,\}(?:\\!)?|\\[,; ]|[ ~])[0-9]{3})+(?![0-9]|,[0-9])(?:\.[0-9]+)?"
    r"|[0-9]+(?:\.[0-9]*)?[eE][+-]?[0-9]{1,9}(?![A-Za-z0-9])"
    r"|[0-9]*\.[0-9]*\\(?:overline|bar|dot|overset|widebar)\s*\{?[0-9]+\}?(?:[0-9]*\\dot\s*\{?[0-9]\}?)?"
    r"|[0-9]+\.[0-9]*\([0-9]+\)(?![0-9])"
    r"|[0-9]+\.[0-9]+(?:\s?(?:\.\.\.|\\[lc]?dots(?![A-Za-z])))?|\.[0-9]+|[0-9]+\.(?![0-9.])|[0-9]+"
)
# Every character belongs to a piece, and the kinds of pieces differ in their first characters: marks, numerals,
# commands, words, space, operators. Their order is only a matter of speed.
_TOKEN = re.compile(
    r"[(){}\[\],^_/;:%']"
    rf"|(?=[0-9.])(?:{_NUM})"
    r"|\\[A-Za-z]+\*?"
    r"|[A-Za-z]+|[^\W\d_]+"
    r"|[\s~$\x00\"]+"
    r"|\\.|<=|>=|=<|!=|<>|==|\*\*|->|=>|\.\.\.|\+-|-\+|\+/-|&&|\|\||.",
    re.DOTALL,
)
# The same with the space or fence before a piece, so that a look at it tells whether it is spaced.
_SPACED_TOKEN = re.compile(rf" ?(?:\\(?:left|right)(?![A-Za-z]) ?)?(?:{_TOKEN.pattern})", re.DOTALL)
_TEXT_COMMANDS = names(
    "\\text \\textbf \\textit \\textrm \\mbox \\hbox \\mathrm \\mathbf \\mathit \\mathsf \\mathtt \\operatorname"
    " \\operatorname* \\textsf \\texttt \\textnormal \\bold \\emph \\textup \\mathop \\boldsymbol \\pmb \\bm"
    " \\textsc \\textmd \\mathnormal \\em \\underline \\unit \\si"
)
_MATH_FONTS = names("\\mathrm \\mathbf \\mathit \\mathsf \\mathtt \\boldsymbol \\pmb \\bm \\bold \\mathnormal")

_SUPERSCRIPT = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ", "0123456789+-ni", strict=True))
_SUBSCRIPT = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₙᵢₖₘ", "0123456789+-nikm", strict=True))
_FRACTIONS = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8", "⅐": "1/7", "⅑": "1/9", "⅒": "1/10",
}  # fmt: skip
_GREEK_IN_ORDER = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega"
    " Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega phi theta epsilon"
)
_CHARS: dict[str, str] = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "－": "-", "×": "*", "·": "*", "∙": "*", "⋅": "*",
    "•": "*", "∗": "*", "✕": "*", "✖": "*", "÷": "/", "∕": "/", "⁄": "/", "√": "\\sqrt ", "∛": "\\sqrt[3] ",
    "∜": "\\sqrt[4] ", "∞": "\\infty ", "π": "\\pi ", "Π": "\\Pi ", "≤": "\\le ", "⩽": "\\le ", "≦": "\\le ",
    "≥": "\\ge ", "⩾": "\\ge ", "≧": "\\ge ", "≠": "\\ne ", "≈": "\\approx ", "≃": "\\approx ", "≅": "\\approx ",
    "≡": "\\equiv ", "∼": "\\sim ", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ", "∉": "\\notin ", "∅": "\\emptyset ",
    "ø": "\\emptyset ", "Ø": "\\emptyset ", "ℝ": "\\reals ", "ℤ": "\\ints ", "ℕ": "\\naturals ", "ℚ": "\\rationals ",
    "ℂ": "\\complexes ", "±": "\\pm ", "∓": "\\mp ", "°": "\\degree ", "º": "\\degree ", "˚": "\\degree ",
    "′": "'", "’": "'", "‘": "'", "ʹ": "'", "″": "''", "“": " ", "”": " ", '"': " ", "《": " ", "》": " ",
    "，": ",", "、": ",", "；": ";", "：": ":", "（": "(", "）": ")", "［": "[", "］": "]", "【": "[", "】": "]",
    "｛": "{", "｝": "}", "〈": "\\langle ", "〉": "\\rangle ", "⟨": "\\langle ", "⟩": "\\rangle ", "∣": "|", "│": "|",
    "∑": "\\sum ", "∏": "\\prod ", "∫": "\\int ", "∂": "d", "→": "\\to ", "⇒": "\\Rightarrow ", "⟹": "\\Rightarrow ",
    "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ", "⌉": "\\rceil ", "∧": " and ", "∨": " or ", "…": "\\dots ",
    "⋯": "\\dots ", "∖": "\\setminus ", "⊆": "\\subseteq ", "⊂": "\\subset ", "∠": "\\angle ", "△": "\\triangle ",
    "⊥": "\\perp ", "∥": "\\parallel ", "∀": " for all ", "∴": " ", "¬": " not ", "ℓ": "\\ell ", "℃": "\\degree ",
    "\u200b": "", "\u200c": "", "\u200d": "", "\ufeff": "", "\u2061": "", "\u2062": "*", "\u2063": ",", "\u00ad": "",
    "\u3000": " ", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2007": " ", "\u2002": " ", "\u2003": " ",
    "☐": " ", "□": " ", "✅": " ", "✓": " ", "✔": " ", "。": " ", "！": "!", "％": "%", "¢": " cents ",
    "度": "\\degree ", "或者": " or ", "或": " or ", "和": " and ", "与": " and ", "且": " and ", "及": " and ",
    "∘": "\\circ ", "â": "a", "é": "e", "è": "e",
    **{_: "\\" + name + " " for _, name in zip(
        "αβγδεζηθικλμνξρστυφχψωΓΔΘΛΞΣΦΨΩϕϑϵ",
        _GREEK_IN_ORDER.split(), strict=True)},
}  # fmt: skip
_CIRCLED = {chr(0x2460 + n): str(n + 1) for n in range(20)}


def _folded(char: str) -> str:
    """What one character outside of ASCII stands for."""
    known = _CHARS.get(char)
    if known is not None:
        return known
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    code = ord(char)
    if 0xFF01 <= code <= 0xFF5E:
        return chr(code - 0xFEE0)
    if 0x1D400 <= code <= 0x1D7FF:
        return unicodedata.normalize("NFKC", char)
    return char


@lru_cache(maxsize=4096)
def _stands_for(char: str) -> str:
    return _folded(char)


_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_IN_ROWS = re.compile(f"[{''.join((*_SUPERSCRIPT, *_SUBSCRIPT, *_FRACTIONS, *_CIRCLED))}]")


def folded(text: str) -> str:
    """Unicode lookalikes as the LaTeX or ASCII they stand for; ASCII text comes back as it is."""
    if text.isascii():
        return text
    if _IN_ROWS.search(text) is None:
        return _BEYOND_ASCII.sub(lambda match: _stands_for(match.group()), text)
    out: list[str] = []
    run = ""  # "^" or "_" while inside a run of raised or lowered characters
    circled = False
    for char in text:
        script = "^" if char in _SUPERSCRIPT else "_" if char in _SUBSCRIPT else ""
        if script != run:
            if run:
                out.append("}")
            if script:
                out.append(script + "{")
            run = script
        if script:
            out.append(_SUPERSCRIPT[char] if script == "^" else _SUBSCRIPT[char])
        elif char in _CIRCLED:
            out.append(("," if circled else " ") + _CIRCLED[char])
        elif char in _FRACTIONS:
            top, bottom = _FRACTIONS[char].split("/")
            out.append(f"\\frac{{{top}}}{{{bottom}}}")
        else:
            out.append(char if char.isascii() else _folded(char))
        circled = char in _CIRCLED or (circled and char in " ,，、")
    if run:
        out.append("}")
    return "".join(out)


def tokenize(text: str, letters_only: bool = False) -> list[Token]:
    """Split folded text into tokens; a last token of kind "end" closes the list.

    Args:
        text: at most a few thousand characters, already `folded`.
        letters_only: read every unknown run of letters as a product of variables, never as a word.

    Raises:
        Unreadable: more than TOKENS_MAX tokens.
    """
    bare = text.strip("$ ")
    if bare:
        # Most answers are nothing but pieces whose tokens are ready; brackets may be among them, as they only matter to
        # what is not.
        try:
            pieces = _READY_PIECES if letters_only else _READY_WORDS
            ready = [*map(pieces.__getitem__, _SPACED_TOKEN.findall(bare)), _END]
        except KeyError:
            pass
        else:
            if len(ready) > TOKENS_MAX + 1:
                raise Unreadable("too many tokens")
            if text[0] in "$ ":
                ready[0] = ready[0].after_space()
            return ready
    out: list[Token] = []
    _tokenize(text, 0, len(text), out, letters_only, False)
    if "quad" in text and any(token.text == "quad" for token in out):
        out = _separating(out)
    if len(out) > TOKENS_MAX:
        raise Unreadable("too many tokens")
    out.append(_END)
    return out


_VALUE_ENDS = frozenset(("num", "letter", "word"))


def _separating(tokens: list[Token]) -> list[Token]:
    """Wide space separates two values; between a value and an operator it is only space."""
    out: list[Token] = []
    for i, token in enumerate(tokens):
        if token.text == "quad" and token.kind == "op":
            before = out[-1] if out else None
            after = tokens[i + 1] if i + 1 < len(tokens) else None
            if before is None or after is None:
                continue
            ends = before.kind in _VALUE_ENDS or before.text in (")", "}", "]", "\\}", "pi", "infty")
            starts = after.kind in ("num", "letter", "cmd") or after.text in ("(", "\\{", "{", "[", "-")
            if not (ends and starts) or (after.kind == "cmd" and after.text in _CONTINUES):
                continue
        out.append(token)
    return out


_CONTINUES = names(
    "le ge leq geq lt gt ne neq in cup cap cdot times approx pm mp to Rightarrow implies mid setminus sim equiv div"
    " leqslant geqslant bmod pmod mod rightarrow land lor wedge vee iff"
)


_COMMON = names("frac dfrac tfrac sqrt pi cdot times infty cup in le ge leq geq")


def _ready() -> dict[str, tuple[Token, Token]]:
    """The tokens of the pieces that are written most, without and with space before them."""
    kinds = {
        **dict.fromkeys("{},^_/;:%'+-=*|<>", "op"),
        **dict.fromkeys("0123456789", "num"),
        **{f"\\{name}": "cmd" for name in _COMMON},
    }
    return {
        body: (Token(kind, body.removeprefix("\\")), Token(kind, body.removeprefix("\\"), True))
        for body, kind in kinds.items()
    }


_READY = _ready()
_READY_LETTERS = _READY | {
    chr(code): (Token("letter", chr(code)), Token("letter", chr(code), True))
    for code in (*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1))
}


_END = Token("end", "")


class _Pieces(dict[str, Token]):
    """The tokens of all pieces that mean the same wherever they stand; for any other piece a KeyError."""

    def __missing__(self, piece: str) -> Token:
        body = piece.removeprefix(" ")
        if _PLAIN_NUMBER.fullmatch(body):
            return Token("num", body, body != piece)
        if body[:1] == "\\" and body[1:].isascii() and body[1:].isalpha() and body not in _NO_TOKENS:
            return Token("cmd", body[1:], body != piece)
        fence = _FENCE.match(body)
        if fence is not None and body[fence.end() :][:1] not in ("", "."):  # "\\left." stands for no bracket at all.
            return self[" " + body[fence.end() :]]
        raise KeyError(piece)


class _Words(_Pieces):
    """The same where runs of letters may be words."""

    def __missing__(self, piece: str) -> Token:
        body = piece.removeprefix(" ")
        if body.isascii() and body.isalpha() and body not in _ORDINALS and body != "et":
            out: list[Token] = []
            _letters(body, body != piece, out, False, "")
            if len(out) == 1:
                return out[0]
        return super().__missing__(piece)


_PLAIN_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_OPERATORS = r"( ) [ ] ! \{ \} \% \$ \\ & . <= >= != == ** -> => +- -+ +/- && || ..."
_FENCE = re.compile(r"\\(?:left|right) ?(?![A-Za-z])")
_NO_TOKENS = _FENCES | _SPACING_COMMANDS | _LAYOUT | _TEXT_COMMANDS | {"\\quad", "\\qquad"}


def _ready_pieces() -> _Pieces:
    """The pieces that are written most are there from the start, without and with a space before them."""
    pieces = {body: tokens[0] for body, tokens in _READY_LETTERS.items()}
    pieces |= {body: Token("op", body) for body in _OPERATORS.split()}
    pieces |= {f"\\{name}": Token("cmd", name) for name in (*GREEK, "sin", "cos", "tan", "log", "ln", "ldots", "circ")}
    pieces |= {str(n): Token("num", str(n)) for n in range(100)}
    spaced = {body: token.after_space() for body, token in pieces.items()}
    fenced = {
        f"{space}\\{fence}{body}": spaced[body]
        for body in ("(", ")", "[", "]", "|", "\\{", "\\}")
        for fence in ("left", "right")
        for space in ("", " ")
    }
    return _Pieces(pieces | {f" {body}": token for body, token in spaced.items()} | fenced)


_READY_PIECES = _ready_pieces()
_READY_WORDS = _Words(_READY_PIECES)


def _tokenize(
    text: str, start: int, end: int, out: list[Token], letters_only: bool, literal: bool, nesting: int = 0
) -> None:
    if nesting > _NESTING_MAX:
        raise Unreadable("text inside of text")
    spaced = False
    covered = at = start
    depth = 0
    append = out.append
    ready = _READY if literal else _READY_LETTERS
    for body in _TOKEN.findall(text, start, end):
        begun, at = at, at + len(body)
        if begun < covered:
            continue
        tokens = ready.get(body)
        if tokens is not None:
            append(tokens[spaced])
            spaced = False
            continue
        if body == " ":
            spaced = True
            continue
        first = body[0]
        if first in "0123456789" or (first == "." and body not in (".", "...")):
            if depth > 0 and "," in body and "\\" not in body and "{" not in body and not _thousands(body):
                for part in body.split(","):
                    append(Token("num", part, spaced))
                    append(Token("op", ","))
                out.pop()
            else:
                append(Token("num", body, spaced))
        elif first.isalnum() and not first.isdecimal():
            if len(body) == 1 and body.isascii() and body not in "aA":
                append(Token("letter", body, spaced, True))  # Outside of text it was ready.
            elif literal or not body.isascii():
                append(Token("word", body, spaced, True))
            else:
                _letters(body, spaced, out, letters_only, text[at : at + 1])
        elif first == "\\" and body[1:2].isascii() and body[1:2].isalpha():
            if body in _FENCES:
                # "\\left." and "\\right." stand for no bracket at all.
                dot = _NO_BRACKET.match(text, at, end)
                covered = dot.end() if dot is not None else covered
                spaced = True
                continue
            if body in _SPACING_COMMANDS:
                spaced = True
                continue
            if body in ("\\quad", "\\qquad"):
                if depth == 0 and out and not literal:
                    append(Token("op", "quad", True))
                spaced = True
                continue
            if body in _LAYOUT:
                region = _group(text, at, end)
                covered = region[2] if region is not None else covered
                spaced = True
                continue
            if body in _TEXT_COMMANDS:
                region = _group(text, at, end)
                if region is not None:
                    inner_start, inner_end, covered = region
                    _text_group(text, body, inner_start, inner_end, out, spaced, nesting + 1)
                    spaced = False
                    continue
                if len(out) > TOKENS_MAX:
                    return
                spaced = True
                continue
            append(Token("cmd", body[1:], spaced))
        elif first.isspace() or first in '~$\x00"' or body in _SPACING_OPS:
            spaced = True
            continue
        else:
            depth += _DEPTH.get(body, 0)
            append(Token("op", body, spaced))
        spaced = False
        if len(out) > TOKENS_MAX:
            return


_DEPTH = {"(": 1, "[": 1, "\\{": 1, ")": -1, "]": -1, "\\}": -1}
_NO_BRACKET = re.compile(r"\s*\.(?![0-9])")


def _thousands(body: str) -> bool:
    """Inside brackets 1,234 is two numbers, but nobody writes 000 as the element of a tuple."""
    return any(group.startswith("0") for group in body.split(".")[0].split(",")[1:]) and body.count(",") >= 1


def _group(text: str, at: int, end: int) -> tuple[int, int, int] | None:
    """The inside of the braces that follow, and where they end."""
    while at < end and text[at] in " \t\n":
        at += 1
    if at >= end or text[at] != "{":
        return None
    depth = 0
    i = at
    while i < end:
        char = text[i]
        if char == "\\":
            i += 2
            continue
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return at + 1, i, i + 1
        i += 1
    return None


# Mathematics that was put into \\text{...}: powers, equals signs, coefficients, sums with variables.
_FORMULA = re.compile(r"[\^=]|\d\s?[a-zA-Z](?![a-zA-Z])(?!\s*$)|[-+*(]\s*\d*[a-z](?![a-z])")

_CALL = re.compile(r"(?:\\left|\\[bB]igl?)?\(")


def _text_group(text: str, command: str, start: int, end: int, out: list[Token], spaced: bool, nesting: int) -> None:
    """The content of \\text{...} and its kin: words stay words, a lone letter in a maths font is a variable."""
    inner = text[start:end].strip()
    if command.startswith("\\operatorname") or command == "\\mathop":
        name = re.sub(r"\\[,;:! ]|\s", "", inner)
        if name in FUNCTIONS or name in _NAMES:
            out.append(Token("cmd", FUNCTIONS.get(name) or _NAMES[name], spaced))
            return
    if command in _MATH_FONTS:
        if len(inner) == 1 and inner.isalpha():
            out.append(Token("letter", inner, spaced, command == "\\mathrm"))
            return
        if inner in FUNCTIONS:
            out.append(Token("cmd", FUNCTIONS[inner], spaced))
            return
        if "\\" in inner and " " not in inner:
            _tokenize(text, start, end, out, True, False, nesting)
            return
    # \\text{lcm}(4, 6); but 5 \\text{ min} (about) is a quantity.
    if inner in FUNCTIONS and _CALL.match(text, end + 1) and not (out and out[-1].kind == "num"):
        out.append(Token("cmd", FUNCTIONS[inner], spaced))
        return
    before = len(out)
    _tokenize(text, start, end, out, False, _FORMULA.search(inner) is None, nesting)
    if spaced and len(out) > before:
        out[before] = out[before].after_space()


def _ordinal(digits: str) -> str:
    """What an ordinal number ends in."""
    return "th" if digits[-2:-1] == "1" else {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1], "th")


def _letters(body: str, spaced: bool, out: list[Token], letters_only: bool, following: str) -> None:
    """A run of letters outside of text: a function, a word, or variables side by side."""
    if len(body) == 1:
        out.append(Token("letter", body, spaced))
        return
    if body in _ORDINALS and out and out[-1].kind == "num" and not spaced and body == _ordinal(out[-1].text):
        out.append(Token("word", body))  # 5th
        return
    known = FUNCTIONS.get(body) or _NAMES.get(body)
    if known is not None:
        out.append(Token("cmd", known, spaced))
        return
    if len(body) <= 5 and set(body) <= {"I", "V", "X"}:
        out.append(Token("word", body, spaced, True))  # A Roman numeral: the name of a statement or a quadrant.
        return
    if not letters_only:
        if body == "et" and spaced and following == " ":
            out.append(Token("word", body, spaced))
            return
        titled = body[0].isupper() and body[1:].islower() and body.lower() in _SHORT_WORDS
        if body in _SHORT_WORDS or titled or (len(body) >= 4 and not body.isupper()) or len(body) >= 6:
            for prefix in ("sqrt", "pi"):
                # "pi" and "sqrt" run together with what they apply to, as in "2pi x" or "sqrtx".
                if body.startswith(prefix) and len(body) == len(prefix) + 1:
                    out.append(Token("cmd", prefix, spaced))
                    out.append(Token("letter", body[-1]))
                    return
            out.append(Token("word", body, spaced))
            return
    # "xsinx", "tcos": a function in the middle of the run.
    for name in ("arcsin", "arccos", "arctan", "sqrt", "sin", "cos", "tan", "log", "ln", "pi"):
        at = body.find(name)
        if at >= 0:
            for char in body[:at]:
                out.append(Token("letter", char, spaced))
                spaced = False
            out.append(Token("cmd", FUNCTIONS.get(name) or name, spaced))
            rest = body[at + len(name) :]
            if rest:
                _letters(rest, False, out, letters_only, following)
            return
    for char in body:
        out.append(Token("letter", char, spaced))
        spaced = False
