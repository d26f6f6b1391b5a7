"""Answers that are words: compared by their words, without case, articles, punctuation and LaTeX around them.

Also the two things words do to any answer: deny it ("not 42") or leave it open ("either 3 or 4", "maybe 42").

Not covered: synonyms, spelling, translation. A paraphrase of a reference is not recognised, except that the subject of
a one-sentence reference is enough ("Petya" for "Petya will receive the last token").
"""

import re

from graders.math.names import names
from graders.math.tokens import folded

_COMMAND = re.compile(
    r"\\(?:text|mathrm|textbf|textit|mbox|mathbf|operatorname|textrm|textnormal|emph|boxed|left|right)\b\*?"
)
_SPACE = re.compile(r"\\[,;:!> ]|\\q?quad\b|~")
_WORD = re.compile(r"[^\W_]+(?:[.'][^\W_]+)*|[-+*/=<>^|]")
_ARTICLES = frozenset(("a", "an", "the"))
_TIGHT = re.compile(
    r"[\s$~\\](?:(?<!\\)|left(?![A-Za-z])|right(?![A-Za-z])|[,;:!> ]|q?quad(?![A-Za-z])|displaystyle"
    r"|[()\[\]](?!.*\\\\))"
)
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])(?:\s|\\[,;:!> ]|\\q?quad(?![A-Za-z])|[~$])+(?=[0-9])")
_DIGITS = frozenset("0123456789")
_DFRAC = re.compile(r"\\[dtc]frac")

DENIALS = re.compile(
    r"\b(?:not|never|neither|nor|wrong|incorrect|incorrectly|false|mistaken|mistake|invalid|except|unlikely"
    r"|cannot|untrue"
    r"|anything but|other than|rather than|instead of|refuse|refuses|refusing|decline|unable|give up|skip"
    r"|disregard|ignore|reject|rejected|ruled out|no longer"
    r"|n['’]t|isnt|wasnt|arent|dont|doesnt|cant)\b|(?<=[a-z])n['’]t\b|\\(?:not|neg|lnot|cancel|xcancel|bcancel"
    r"|sout|st)(?![a-z])"
    r"|不是|不对|错误|并非|而不是|\bpas\b|\bnicht\b|\bkein\b|\bне\b",
    re.IGNORECASE,
)
OPEN = re.compile(
    r"\b(?:either|maybe|perhaps|possibly|probably|might|could be|may be|or maybe|not sure|unsure|i think|i guess"
    r"|guess|"
    r"one of|between|alternatively|any of|whichever|unless|unknown|unclear|depends|pick|could|hopefully|if not|vs"
    r"|versus|\?)\b"
    r"|\?|^\W*(?:is|are|was|were|does|do|did|could|can|would|should|might|may|will)\s(?:it|this|that|the|they|there)\b|或者|可能|也许|\bpeut-être\b|\bvielleicht\b|\bquizás?\b",
    re.IGNORECASE,
)


# A word that each match in ASCII has, except for the marks below: looking words up is much faster than the patterns.
_DENYING = names(
    "not never neither nor wrong incorrect incorrectly false mistaken mistake invalid except unlikely cannot untrue"
    " anything other rather instead refuse refuses refusing decline unable give skip disregard ignore reject rejected"
    " ruled no isnt wasnt arent dont doesnt cant pas nicht kein t neg lnot cancel xcancel bcancel sout st"
)
_OPENING = names(
    "either maybe perhaps possibly probably might could may not unsure think guess one between alternatively any"
    " whichever unless unknown unclear depends pick hopefully if vs versus"
)
_ASKING = names("is are was were does do did could can would should might may will")
_WORD_RUN = re.compile(r"[a-z]+")
# What a denial, or doubt, has beyond ASCII, and letters that are another's equal without having its lower case.
_DENYING_ABROAD = re.compile("[’不错并而нНſıİ]")
_OPENING_ABROAD = re.compile("[或可也êÊáÁſıİ]")


def denies(text: str) -> bool:
    """Whether the words deny something."""
    return _may_deny(text, _WORD_RUN.findall(text.lower())) and DENIALS.search(text) is not None


def _may_deny(text: str, runs: list[str]) -> bool:
    return not _DENYING.isdisjoint(runs) or (not text.isascii() and _DENYING_ABROAD.search(text) is not None)


def _may_doubt(text: str, runs: list[str]) -> bool:
    if "?" in text or not _OPENING.isdisjoint(runs) or (runs and runs[0] in _ASKING):
        return True
    return not text.isascii() and ("vielleicht" in runs or _OPENING_ABROAD.search(text) is not None)


def hedges(text: str) -> bool:
    """Whether the words deny something or leave it open."""
    runs = _WORD_RUN.findall(text.lower())
    if _may_doubt(text, runs) and OPEN.search(text) is not None:
        return True
    return _may_deny(text, runs) and DENIALS.search(text) is not None


def tight(text: str) -> str:
    """The text without anything that only lays it out; equal tight texts are equal answers."""
    text = _TIGHT.sub("", _BETWEEN_DIGITS.sub("\x01", text))
    if "frac" in text:
        text = _DFRAC.sub(r"\\frac", text)
    return text.rstrip(".,;").replace("{,}", ",")


def alike(left: str, right: str) -> bool:
    """Whether two texts differ in nothing but layout: whether they are equal when tight."""
    if left == right:
        return True
    if left and right:
        # A letter or digit at the very beginning, or a digit at the very end, is never layout.
        first, other = left[0], right[0]
        if first != other and first.isalnum() and other.isalnum():
            return False
        last, other = left[-1], right[-1]
        if last != other and last in _DIGITS and other in _DIGITS:
            return False
    return tight(left) == tight(right)


def words(text: str) -> list[str]:
    """The words and numbers of a text, case-folded, without articles."""
    text = folded(_SPACE.sub(" ", _COMMAND.sub(" ", text))).replace("\\%", " percent ").replace("%", " percent ")
    found = [word.casefold() for word in _WORD.findall(text.replace("\\", " "))]
    return [word for word in found if word not in _ARTICLES]


def sensible(text: str) -> bool:
    """Whether an unreadable reference is at least words: then it is compared as words."""
    bare = re.sub(r"\\[A-Za-z]+", " ", text)
    return re.search(r"[^\W\d_]{2}", bare) is not None or "\\text" in text


_VERBS = names(
    "is are was were will has have had can served won wins receives received gets got does did should must would goes"
    " lives lies ran runs"
)


def same(gold: str, answer: str) -> bool:
    """Whether two texts say the same."""
    mine, theirs = words(gold), words(answer)
    if mine == theirs:
        return bool(mine)
    if not mine or not theirs:
        return False
    if "".join(mine) == "".join(theirs) and not any(word.isdigit() for word in mine + theirs):
        return True
    if len(mine) == len(theirs) and all(_singular(a) == _singular(b) for a, b in zip(mine, theirs, strict=True)):
        return True
    # A list of names in another order: "line segment, circle" and "circle and line segment".
    parts, others = _parts(gold), _parts(answer)
    if len(parts) > 1 and len(parts) == len(others) and sorted(parts) == sorted(others):
        return True
    # The subject of a sentence whose verb follows at once.
    return (
        len(mine) >= 4
        and len(theirs) <= 2
        and mine[: len(theirs)] == theirs
        and mine[len(theirs)] in _VERBS
        and _COMMAND.sub("", gold).strip(" ${}")[:1].isupper()
        and not DENIALS.search(gold)
    )


_STOP_WORDS = names(
    "any all every each of number numbers only is are be will it they there in on for to that which with has"
    " have at by"
    " as must can this these those and value values"
)


def says(gold: str, answer: str, prompt: str) -> bool:
    """Whether the answer says all that the reference adds to the problem: "odd" for "any odd number of participants".

    Every word of the answer is the reference's, every other word of the reference is the problem's, and at least one
    word of the answer is news.
    """
    if not prompt:
        return False
    mine, theirs, known = words(gold), words(answer), frozenset(words(prompt[:20_000]))
    if not theirs or len(mine) > 40 or DENIALS.search(gold):
        return False
    rest = set(mine) - set(theirs) - _STOP_WORDS
    news = set(theirs) - _STOP_WORDS - known
    return set(theirs) <= set(mine) and bool(news) and rest <= known


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _parts(text: str) -> list[str]:
    pieces = re.split(r",|;|\band\b|\bor\b|&", _COMMAND.sub(" ", text), flags=re.IGNORECASE)
    return [" ".join(words(piece)) for piece in pieces if words(piece)]
