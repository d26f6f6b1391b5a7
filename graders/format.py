"""Completion text to a format score: 1 when the text has the demanded shape, else 0.

Each style is one linear scan with `str.find`; no backtracking expression runs over a completion. "think-answer" and
"think" follow the template of DeepSeek-R1 (arXiv 2501.12948, table 1); the paper gives no regular expression, so the
rules are written out here. "open-r1", "open-r1-code", "trl-think" and "swift" accept exactly what the regular
expressions of those projects accept (tests/golden/rewards.json), whatever else they let through. What the parts say is
not judged.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import re2

from graders.code.language import canonical, of_fence

Style = Literal[
    "think-answer",
    "think",
    "open-r1",
    "open-r1-code",
    "trl-think",
    "swift",
    "boxed",
    "answer-tag",
    "code-fence",
    "json",
    "regex",
]

STYLES: tuple[str, ...] = get_args(Style)

PATTERN_CHARS_MAX = 2048


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a style may need besides the text."""

    prefilled: bool
    language: str | None
    pattern: str | None


def score(
    text: str,
    style: Style = "think-answer",
    *,
    prefilled_think: bool = False,
    language: str | None = None,
    pattern: str | None = None,
) -> float:
    r"""Say whether a completion has the shape of a style.

    Args:
        text: the completion.
        style: one of
            "think-answer": `<think>…</think><answer>…</answer>` and nothing else but white space around and between;
            "think": `<think>…</think>` and then something. Of both, each tag stands exactly once, no part is blank;
            "open-r1": starts with `<think>\n`, then `\n</think>\n<answer>\n`, then a line that is `</answer>`;
            "open-r1-code": the same, with a fence of the language in the answer;
            "trl-think": starts with `<think>`, holds no other one, and closes it;
            "swift": `<think>…</think>`, white space, `<answer>…</answer>` to the very end;
            "boxed": a closed, non-blank last `\boxed{…}` after the last `</think>`;
            "answer-tag": after it, one `<answer>…</answer>`, closed and not blank;
            "code-fence": after it, a closed, non-blank fence, of the language if one is named;
            "json": after it, one JSON object or array and nothing else, fenced or not;
            "regex": the pattern is found in the text.
        prefilled_think: the prompt's template already ended in `<think>`, so the completion starts inside it and must
            not open it again.
        language: of the fence, for "code-fence" and "open-r1-code" (default python).
        pattern: RE2, for "regex".

    Returns: 1.0 or 0.0.
    Source: R1-Zero's format reward (arXiv 2501.12948, section 2.2.2), which also asks for the tags around the chain
        of thought; huggingface/open-r1 format_reward and get_code_format_reward; TRL think_format_reward; ms-swift
        Format.
    """
    return 1.0 if _CHECKS[style](text, _Wanted(prefilled_think, language, pattern)) else 0.0


_TAG = re.compile("</?(?:think|answer)>")
_THOUGHT = ["<think>", "</think>"]
_ANSWER = ["<answer>", "</answer>"]


def _split_thought(text: str, prefilled: bool) -> tuple[str, str] | None:
    """The chain of thought and what follows it, of a text that has their tags once; None where one stands elsewhere."""
    head, _, rest = text.partition("</think>")
    if not prefilled:
        head = head.lstrip()
        if not head.startswith("<think>"):
            return None
        head = head[len("<think>") :]
    return None if not head or head.isspace() else (head, rest)


def _answer(text: str) -> str:
    """What follows the last `</think>`; the whole text where there is none."""
    return text[text.rfind("</think>") + len("</think>") :] if "</think>" in text else text


def _think_answer(text: str, wanted: _Wanted) -> bool:
    # All tags are found in one search; in this order they can only be where the scan below looks for them.
    if _TAG.findall(text) != _THOUGHT[wanted.prefilled :] + _ANSWER:
        return False
    parts = _split_thought(text, wanted.prefilled)
    if parts is None:
        return False
    rest = parts[1].strip()
    if not (rest.startswith("<answer>") and rest.endswith("</answer>")):
        return False
    return bool(rest[len("<answer>") : -len("</answer>")].strip())


def _think(text: str, wanted: _Wanted) -> bool:
    if [tag for tag in _TAG.findall(text) if tag not in _ANSWER] != _THOUGHT[wanted.prefilled :]:
        return False
    parts = _split_thought(text, wanted.prefilled)
    return parts is not None and bool(parts[1].strip())


def _after(text: str, piece: str, start: int) -> int:
    """Where a piece ends at its first place from `start` on; -1 where there is none, or `start` is -1."""
    if start < 0:
        return -1
    at = text.find(piece, start)
    return -1 if at < 0 else at + len(piece)


def _closed_line(text: str, start: int) -> bool:
    r"""`\n</answer>` from `start` on, at the end of a line or of the text."""
    if start < 0:
        return False
    while (start := _after(text, "\n</answer>", start)) >= 0:
        if start == len(text) or text[start] == "\n":
            return True
    return False


def _open_r1_answer(text: str, prefilled: bool) -> int:
    r"""Where the answer begins, its line break taken; -1 where the text does not have open-r1's shape before it."""
    # A template that opened the tag wrote its line break too.
    if prefilled:
        return _after(text, "\n</think>\n<answer>\n", 0)
    return _after(text, "\n</think>\n<answer>\n", len("<think>\n")) if text.startswith("<think>\n") else -1


def _open_r1(text: str, wanted: _Wanted) -> bool:
    return _closed_line(text, _open_r1_answer(text, wanted.prefilled))


def _open_r1_code(text: str, wanted: _Wanted) -> bool:
    at = _after(text, "```" + (wanted.language or "python"), _open_r1_answer(text, wanted.prefilled))
    return _closed_line(text, _after(text, "```", at))


def _trl_think(text: str, wanted: _Wanted) -> bool:
    if wanted.prefilled:
        return "<think>" not in text and "</think>" in text
    start = len("<think>")
    return text.startswith("<think>") and text.find("<think>", start) < 0 and text.find("</think>", start) >= 0


def _swift(text: str, wanted: _Wanted) -> bool:
    if not text.endswith("</answer>") or not (wanted.prefilled or text.startswith("<think>")):
        return False
    end = len(text) - len("</answer>")
    at = 0 if wanted.prefilled else len("<think>")
    while (at := _after(text, "</think>", at)) >= 0:
        tag = at
        while tag < end and text[tag].isspace():
            tag += 1
        if text.startswith("<answer>", tag):
            return tag + len("<answer>") <= end
    return False


def _boxed(text: str, wanted: _Wanted) -> bool:
    answer = _answer(text)
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


def _answer_tag(text: str, wanted: _Wanted) -> bool:
    answer = _answer(text)
    if answer.count("<answer>") != 1 or answer.count("</answer>") != 1:
        return False
    inner, closed, _ = answer.partition("<answer>")[2].partition("</answer>")
    return bool(closed and inner.strip())


_FENCE = re.compile(r"^[ \t]*+(`{3,}+)([^`\n]*+)\n", re.MULTILINE)


def _code_fence(text: str, wanted: _Wanted) -> bool:
    answer = _answer(text)
    at = 0
    while (opened := _FENCE.search(answer, at)) is not None:
        closed = answer.find(opened.group(1), opened.end())
        if closed < 0:
            return False
        if _fits(opened.group(2).strip(), wanted.language) and answer[opened.end() : closed].strip():
            return True
        at = closed + len(opened.group(1))
    return False


def _fits(info: str, language: str | None) -> bool:
    return language is None or info.lower() == language.lower() or of_fence(info) == canonical(language)


def _json(text: str, wanted: _Wanted) -> bool:
    answer = _answer(text).strip()
    if answer.startswith("```") and answer.endswith("```") and len(answer) > 6:
        head, _, answer = answer[3:-3].partition("\n")
        if head.strip().lower() not in {"", "json"}:
            return False
    if not answer.lstrip().startswith(("{", "[")):
        return False
    try:
        # Numbers as floats: Python refuses long integers, and reads them in quadratic time.
        json.loads(answer, parse_int=float, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(word: str) -> Any:
    raise ValueError(word)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """An RE2 pattern.

    Raises: ValueError if RE2 refuses it; its message says why.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern.encode("utf-8", "replace"), options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None


def _regex(text: str, wanted: _Wanted) -> bool:
    return compiled(wanted.pattern or "").search(text.encode("utf-8", "replace")) is not None


_CHECKS: dict[str, Callable[[str, _Wanted], bool]] = {
    "think-answer": _think_answer,
    "think": _think,
    "open-r1": _open_r1,
    "open-r1-code": _open_r1_code,
    "trl-think": _trl_think,
    "swift": _swift,
    "boxed": _boxed,
    "answer-tag": _answer_tag,
    "code-fence": _code_fence,
    "json": _json,
    "regex": _regex,
}
