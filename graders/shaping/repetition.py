"""Repetition of word sequences, and marks of step-by-step reasoning: counts over a text, in one pass each."""

import re
from typing import Literal

Over = Literal["words", "characters", "mixed"]

# Han, kana, Thai, Lao, Khmer and Burmese are written without spaces.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_PIECE = re.compile(f"[{_UNSPACED}]|[^\\s{_UNSPACED}]+")


def pieces(text: str, over: Over) -> list[str]:
    """A text in lower case, cut into what n-grams are made of.

    Args: over: "words": at white space; "characters": each but white space; "mixed": at white space, and each
        character of a script without spaces by itself.
    """
    text = text.lower()
    if over == "words" or (over == "mixed" and text.isascii()):
        return text.split()
    if over == "characters":
        return list("".join(text.split()))
    return _PIECE.findall(text)


def repeated_share(text: str, ngram: int, over: Over) -> float:
    """1 - different n-grams / n-grams; 0 for a text with fewer than n pieces.

    Source: arXiv 2502.03373, appendix C.2.
    """
    found = pieces(text, over)
    total = len(found) - ngram + 1
    if total < 1:
        return 0.0
    # Of a tuple only its hash is kept: 64 bits, keyed anew in each process, so that two of a megabyte's sequences have
    # the same once in ten million times, and nobody can arrange it. Kept tuples would cost the garbage collector's time
    # and, as the text grows, the processor's caches; so do slices longer than a block.
    different: set[int] = set()
    for start in range(0, total, _BLOCK):
        block = found[start : start + _BLOCK + ngram - 1]
        different.update(map(hash, zip(*(block[offset:] for offset in range(ngram)), strict=False)))
    return 1 - len(different) / total


_BLOCK = 8192


_STEP = re.compile(r"Step \d+:")
_NUMBERED = re.compile(r"\d+\.")
_NUMBERED_LINE = re.compile(r"^\d+\.", re.MULTILINE)
_PHRASES = ("\n-", "\n*", "First,", "Second,", "Next,", "Finally,")


def step_marks(text: str, *, every_line: bool = False) -> int:
    """How many marks of a step there are: "Step 1:", "First,", "Second,", "Next,", "Finally,", bullets, a number.

    Args: every_line: numbers ("1.") at the start of each line count, not only at the start of the text.
    Source: open-r1's reasoning_steps; it looks for numbers at the start of the text only.
    """
    marks = sum(text.count(phrase) for phrase in _PHRASES)
    if "Step " in text:
        marks += len(_STEP.findall(text))
    if every_line:
        return marks + len(_NUMBERED_LINE.findall(text))
    return marks + (_NUMBERED.match(text) is not None)
