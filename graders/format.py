"""Completion text to a format score: 1 when the text has the demanded shape, else 0.

Each style is one linear scan with `str.find`; no regular expression runs over a completion. The styles follow the
template of DeepSeek-R1 (arXiv 2501.12948, table 1); the paper gives no regular expression, so the rules are written
out here. What the parts say is not judged.
"""

from collections.abc import Callable
from typing import Literal, get_args

Style = Literal["think-answer", "think", "boxed"]

STYLES: tuple[str, ...] = get_args(Style)


def score(text: str, style: Style = "think-answer", *, prefilled_think: bool = False) -> float:
    """Say whether a completion has the shape of a style.

    Args:
        text: the completion.
        style: "think-answer": `<think>…</think><answer>…</answer>` and nothing else but white space around and between;
            "think": `<think>…</think>` and then something; "boxed": a closed, non-empty last `\\boxed{…}` after the
            last `</think>`. Each tag stands exactly once, and no part is blank.
        prefilled_think: the prompt's template already ended in `<think>`, so the completion starts inside it and must
            not open it again.

    Returns: 1.0 or 0.0.
    Source: R1-Zero's format reward (arXiv 2501.12948, section 2.2.2), which also asks for the tags around the chain
        of thought.
    """
    return 1.0 if _CHECKS[style](text, prefilled_think) else 0.0


def _split_thought(text: str, prefilled_think: bool) -> tuple[str, str] | None:
    """The chain of thought and what follows it, or None where the tags are not as they should be."""
    if text.count("</think>") != 1 or text.count("<think>") != (0 if prefilled_think else 1):
        return None
    head, _, rest = text.partition("</think>")
    if not prefilled_think:
        head = head.lstrip()
        if not head.startswith("<think>"):
            return None
        head = head[len("<think>") :]
    return (head, rest) if head.strip() else None


def _think_answer(text: str, prefilled_think: bool) -> bool:
    parts = _split_thought(text, prefilled_think)
    if parts is None or text.count("<answer>") != 1 or text.count("</answer>") != 1:
        return False
    rest = parts[1].strip()
    if not (rest.startswith("<answer>") and rest.endswith("</answer>")):
        return False
    return bool(rest[len("<answer>") : -len("</answer>")].strip())


def _think(text: str, prefilled_think: bool) -> bool:
    parts = _split_thought(text, prefilled_think)
    return parts is not None and bool(parts[1].strip())


def _boxed(text: str, prefilled_think: bool) -> bool:
    answer = text[text.rfind("</think>") + 1 :] if "</think>" in text else text
    start = answer.rfind("\\boxed{")
    if start < 0:
        return False
    start += len("\\boxed{")
    depth = 1
    for position in range(start, len(answer)):
        character = answer[position]
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return bool(answer[start:position].strip())
    return False


_CHECKS: dict[str, Callable[[str, bool], bool]] = {"think-answer": _think_answer, "think": _think, "boxed": _boxed}
