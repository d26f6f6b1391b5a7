"""Plain bars that stand within bars: which opens and which closes, where there is one sensible way to read them.

A bar looks the same on both sides of what it encloses. Where an operand is expected it can only open, and where none
can follow it can only close; in between, as in |a|b|c|, it may do either. Between two brackets, commas or comparison
signs bars have to match, which usually leaves one way. Where it leaves several, a bar after an operand closes and || is
the end of a factor and the beginning of another, as people write; where that leads nowhere and several other ways are
left, the text stays as it is.

Neighbours: parse.py asks for texts with four bars or more; groups.py reads the simple ones by itself.
"""

from typing import NamedTuple

from graders.math.grammar.tables import ARROWS, RELATIONS, SET_SIGNS
from graders.math.names import names
from graders.math.tokens import GREEK, Token

BARS_MAX = 64
"""Bars between two brackets or commas; with more the text is left alone."""

_OPENING = frozenset(("(", "[", "{", "\\{"))
_CLOSING = frozenset((")", "]", "}", "\\}"))
_APART = frozenset((*RELATIONS, *ARROWS, *SET_SIGNS, ",", ";", ":", "\\\\", "&", "&&", "quad", "in", "notin", "not"))
_ENDS = _CLOSING | {"!", "%", "\\%", "'", "''"}
_VALUES = GREEK | names("pi infty infinity circ degree prime imath rfloor rceil rangle rvert rbrace")
_BETWEEN = names("cdot times ast cdotp star bullet div slash pm mp bmod mod pmod choose")
_SIGNS = frozenset(("+", "-"))


class _Bar(NamedTuple):
    """One bar.

    Args:
        at: its place among the tokens.
        ended: whether an operand ends before it.
        starts: whether an operand begins after it.
        signed: whether that begins with a sign.
        joined: whether the token before it is a bar too; then `ended` follows from that one.
    """

    at: int
    ended: bool
    starts: bool
    signed: bool
    joined: bool


def matched(tokens: list[Token]) -> list[Token]:
    """The tokens with \\lvert and \\rvert for plain bars where it can be told which is which; else as they are."""
    flat: list[Token] = []
    for token in tokens:
        if token.kind == "op" and token.text == "||":
            flat += (Token("op", "|", token.spaced), Token("op", "|"))
        elif token.text == "\\|":
            return tokens
        else:
            flat.append(token)
    opening: dict[int, int] = {}  # From each bar that opens to the one that closes it.
    under_way: list[list[int]] = [[]]
    sets = [False]  # Whether the bracket is a brace: {x | ...} has a bar that says "such that".
    for at, token in enumerate(flat):
        if token.kind == "op" and token.text == "|":
            under_way[-1].append(at)
        elif token.kind == "op" and token.text in _OPENING:
            under_way.append([])
            sets.append(token.text == "\\{")
        elif token.kind in ("word", "end") or (token.kind != "letter" and token.text in _APART | _CLOSING):
            bars = [_bar(flat, i) for i in under_way[-1]]
            if sets[-1] and len(bars) % 2 and bars[0].ended:
                del bars[0]
            if not _pair(bars, opening):
                return tokens
            under_way[-1] = []
            if token.kind == "op" and token.text in _CLOSING:
                under_way.pop()
                sets.pop()
                if not under_way:
                    return tokens
    return _written(flat, opening) if len(under_way) == 1 else tokens


def _bar(tokens: list[Token], at: int) -> _Bar:
    before, after = tokens[at - 1] if at else Token("end", ""), tokens[at + 1]
    joined = before.kind == "op" and before.text == "|"
    signed = after.kind == "op" and after.text in _SIGNS
    starts = (
        signed
        or after.kind in ("num", "letter")
        or (after.kind == "op" and (after.text in _OPENING or after.text == "|"))
        or (after.kind == "cmd" and after.text not in _BETWEEN and after.text not in _APART)
    )
    return _Bar(at, _ends_operand(before), starts, signed, joined)


def _ends_operand(token: Token) -> bool:
    if token.kind == "cmd":
        return token.text in _VALUES
    return token.kind in ("num", "letter") or (token.kind == "op" and token.text in _ENDS)


def _pair(bars: list[_Bar], opening: dict[int, int]) -> bool:
    """Match the bars of one stretch; False where it cannot be told how."""
    if not bars:
        return True
    if len(bars) % 2 or len(bars) > BARS_MAX:
        return False
    # A factor in bars that begins with a sign, as in 3|-2|, is what nobody means who could mean anything else.
    for product_of_signed in (False, True):
        closing = (
            _as_written(bars, product_of_signed, side_by_side=True)
            or _as_written(bars, product_of_signed, side_by_side=False)
            or _only_way(bars, product_of_signed)
        )
        if closing is not None:
            stack: list[int] = []
            for bar, closes in zip(bars, closing, strict=True):
                if closes:
                    opening[stack.pop()] = bar.at
                else:
                    stack.append(bar.at)
            return True
    return False


def _choices(bar: _Bar, depth: int, closed: bool, product_of_signed: bool) -> tuple[bool, bool]:
    """Whether a bar may close, and whether it may open, after one that closed or opened."""
    ended = closed if bar.joined else bar.ended
    return ended and depth > 0, bar.starts and (not ended or not bar.signed or product_of_signed)


def _as_written(bars: list[_Bar], product_of_signed: bool, side_by_side: bool) -> list[bool] | None:
    """Each bar closes where it may; None where that does not match them all.

    Args:
        side_by_side: whether the second of two bars opens where an operand follows, as in |a||b|.
    """
    closing: list[bool] = []
    depth = 0
    for k, bar in enumerate(bars):
        closes, opens = _choices(bar, depth, bool(closing) and closing[-1], product_of_signed)
        if not closes and not opens:
            return None
        if side_by_side and opens and bar.joined and not (k + 1 < len(bars) and bars[k + 1].joined):
            closes = False
        closing.append(closes)
        depth += -1 if closes else 1
    return closing if depth == 0 else None


_Way = tuple["_Way | None", bool]


def _only_way(bars: list[_Bar], product_of_signed: bool) -> list[bool] | None:
    """The only way to match them; None where there is none, or more than one."""
    ways: dict[tuple[int, bool], list[_Way | None]] = {(0, False): [None]}
    for bar in bars:
        longer: dict[tuple[int, bool], list[_Way | None]] = {}
        for (depth, closed), before in ways.items():
            closes, opens = _choices(bar, depth, closed, product_of_signed)
            for allowed, state in ((closes, (depth - 1, True)), (opens, (depth + 1, False))):
                if allowed:  # Two ways to a place are as many as need be known.
                    kept = longer.setdefault(state, [])
                    kept += [(way, state[1]) for way in before[: 2 - len(kept)]]
        ways = longer
    found = ways.get((0, True), [])
    if len(found) != 1:
        return None
    closing: list[bool] = []
    way = found[0]
    while way is not None:
        way, closes = way
        closing.append(closes)
    return closing[::-1]


def _written(tokens: list[Token], opening: dict[int, int]) -> list[Token]:
    """The tokens with the bars told apart; a pair directly within a pair is one, as around a vector."""
    role: dict[int, str] = {}
    for start, end in opening.items():
        if opening.get(start + 1) != end - 1:
            role[start], role[end] = "lvert", "rvert"
        else:
            role[start] = role[end] = ""
    out: list[Token] = []
    for at, token in enumerate(tokens):
        name = role.get(at)
        if name is None:
            out.append(token)
        elif name:
            out.append(Token("cmd", name, token.spaced))
    return out
