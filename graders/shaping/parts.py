"""Which part of a completion is meant, and how long it is.

The parts are those of graders.extract: text up to the last `</think>` is the chain of thought, what follows it the
answer. Where no tag tells them apart, the whole text is both.
"""

from typing import Literal

Scope = Literal["think", "answer", "full"]
Unit = Literal["tokens", "characters", "words"]

_OPEN, _CLOSE = "<think>", "</think>"


def part(text: str, scope: Scope) -> str:
    """A part of a completion.

    Args:
        text: the completion; a template may have opened its `<think>`.
        scope: "think": up to the last `</think>`, all of it where a `<think>` was never closed; "answer": what follows,
            nothing where a `<think>` was never closed; "full": everything. Without any tag all three are the text.

    Returns: the part, with a leading `<think>` taken off.
    """
    if scope == "full":
        return text
    closed = text.rfind(_CLOSE)
    rest = closed + len(_CLOSE) if closed >= 0 else 0
    unfinished = text.find(_OPEN, rest) >= 0
    if scope == "answer":
        return "" if unfinished else text[rest:]
    thought = text if unfinished or closed < 0 else text[:closed]
    return thought.lstrip().removeprefix(_OPEN)


def length(text: str, unit: Literal["characters", "words"]) -> int:
    """How long a text is: in characters (code points), or in words (separated by white space)."""
    return len(text) if unit == "characters" else len(text.split())
