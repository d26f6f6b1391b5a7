"""Where sentences and words end: the counts that instructions ask for, and the sentence that states an answer.

Sentences are split by the decisions of the Punkt algorithm, with a short list of English abbreviations and sentence
openers in the place of its trained tables; words are cut as the Penn Treebank does. Every function is one linear scan.

Not covered: other languages' abbreviations; sentences that end without `.`, `!` or `?`, such as headings.

Source: Kiss and Strunk, "Unsupervised Multilingual Sentence Boundary Detection", Computational Linguistics 32(4), 2006.
"""

import re
import unicodedata

from graders.math.names import names

_ABBREVIATIONS = names(
    "mr mrs ms dr prof st rev hon gen col lt sgt capt cpt maj gov sen rep pres jr sr messrs mme inc ltd co corp "
    "bros llc plc dept univ assn est jan feb mar apr aug sept sep oct nov dec e.g i.e cf vs viz al ca approx vol "
    "vols fig figs eq eqs ed eds pp ch u.s u.k u.n u.s.a e.u d.c p.m a.m b.c a.d ph.d m.d b.a m.a b.s m.s j.d "
    "d.d.s ave blvd rd ft mt"
)
"""Lower case, without their last full stop."""

_OPENERS = names(
    "the this that these those it its he she they we you i there here his her their our my your what when where "
    "why how who which if in on at as but and or so for from with while although though because since after "
    "before however therefore moreover furthermore additionally finally also then thus hence overall to an a no "
    "not yes each some many most all both once one another by during despite under over until unless let please "
    "remember do does did is are was were can could should would will may might have has had"
)
"""Words that are written with a capital only where they open a sentence; their lower-case forms."""

# Marks that end a sentence, together with the quotes, brackets and emphasis that they stand in. Matched as whole runs,
# so that a megabyte of dots is one match.
_MARKS = re.compile(r"[.?!\"'”’»)\]}*_`]+")
_CLOSED = re.compile(r"[.?!][\"')\]}*]")
_TOKEN_CHARS_MAX = 64
_LEADING = "\"'“”‘’«([{*_`-–—#>"


def sentences(text: str) -> list[str]:
    """The sentences of a text, stripped; none is empty."""
    text = text.strip()
    found: list[str] = []
    start = 0
    for match in _MARKS.finditer(text):
        end = match.end()
        # White space must follow, or what closes around the stop: '"Stop!", he said' counts as two, as in Punkt.
        closed = _CLOSED.search(match.group())
        if end < len(text) and (text[end].isspace() or closed) and _ends(text, match.start(), end):
            found.append(text[start:end].strip())
            start = end
    rest = text[start:].strip()
    if rest:
        found.append(rest)
    return found


def _ends(text: str, start: int, end: int) -> bool:
    """Whether a sentence ends at a run of marks, by the token before it and the one after."""
    marks = text[start:end].lstrip("\"'”’»)]}*_`")
    # Case 1: no stop among the marks; a question or exclamation mark always ends a sentence.
    if not marks:
        return False
    if "?" in marks or "!" in marks:
        return True
    following = _following(text, end)
    capital = following[:1].isupper()
    opens = capital and following.lower() in _OPENERS
    # Case 2: dots that stand for something left out end a sentence only before a capital.
    if marks.startswith(".."):
        return capital
    head = text[max(0, start - _TOKEN_CHARS_MAX) : start]
    token = "" if head[-1:].isspace() or not head else head.split()[-1].lstrip(_LEADING)
    lowered = token.lower()
    # Case 3: an abbreviation, unless what follows opens sentences.
    if lowered in _ABBREVIATIONS or lowered.rsplit("-", 1)[-1] in _ABBREVIATIONS or _dotted(lowered):
        return opens
    # Case 4: the label of a list at the start of a line; an initial before a name, or a unit before lower case.
    if len(token) == 1 and token.isalpha():
        label = not head[head.rfind("\n") + 1 : -1].strip() and (len(head) < _TOKEN_CHARS_MAX or "\n" in head)
        return opens or not following[:1].isalpha() or (capital and len(following) > 1 and label)
    # Case 5: the number of a list or a date, before a word in lower case.
    if token.isdigit():
        return not following[:1].islower()
    return True


def _dotted(token: str) -> bool:
    """Single letters with dots between them, as in "n.y.c", but not what announces a postscript."""
    return (
        token not in ("p.s", "p.p.s")
        and len(token) >= 3
        and all(len(part) == 1 and part.isalpha() for part in token.split("."))
    )


def _following(text: str, at: int) -> str:
    """The word after a place, without quotes and brackets before it."""
    match = _NEXT.match(text, at)
    chunk = text[match.end() : match.end() + _TOKEN_CHARS_MAX].lstrip(_LEADING) if match else ""
    word = _WORD.match(chunk)
    return word.group() if word else ""


_NEXT = re.compile(r"\s*")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def count_words(text: str) -> int:
    """Runs of letters, digits and underscores. A vowel sign is part of its word, so that Hindi is not cut at each."""
    if not text.isascii():
        text = text.translate(_UNMARKED)
    return sum(1 for _ in _RUN.finditer(text))


class _Unmarked(dict[int, int | None]):
    """Code points to None for combining marks, to themselves for the rest; filled as they are met."""

    def __missing__(self, code: int) -> int | None:
        found = None if unicodedata.category(chr(code))[0] == "M" else code
        self[code] = found
        return found


_UNMARKED = _Unmarked()
_RUN = re.compile(r"\w+")


# Cut as the Treebank cuts, as far as capitals can tell: at white space and punctuation; a colon or comma inside a
# number, a full stop, a hyphen and an apostrophe stay.
_TOKEN = re.compile(r"(?:[^\s;@#$%&?!*\[\](){}<>\"“”«»„`‘’:,.-]|[:,](?=[0-9])|\.(?!\.)|-(?!-))++")
_CONTRACTION = re.compile(r"(?:'[SsMmDd]|'(?:ll|LL|re|RE|ve|VE)|n't|N'T|')$")
_FUSED = names("CANNOT GIMME GONNA GOTTA LEMME WANNA D'YE MORE'N 'TIS 'TWAS")


def capital_words(text: str) -> int:
    """Words written in capitals; of DON'T and CANNOT both halves count, as the Treebank has it."""
    found = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token.islower():
            continue
        tail = _CONTRACTION.search(token, max(len(token) - 3, 1))
        if tail is not None:
            found += token[: tail.start()].isupper() + tail.group().isupper()
        else:
            found += token.isupper() + (token in _FUSED)
    return found
