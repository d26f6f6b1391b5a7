"""Blocks of a text: its longest paragraph, and whether it has a code fence; R1's rejection sampling looks for both."""

import re

_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_FENCE = re.compile(r"^[ \t]{0,12}(?:```|~~~)", re.MULTILINE)


def longest_paragraph(text: str) -> int:
    """Characters of the longest run of text without a blank line."""
    return max(len(paragraph.strip()) for paragraph in _BLANK_LINE.split(text))


def has_fence(text: str) -> bool:
    """Whether a line opens a code block."""
    return ("```" in text or "~~~" in text) and _FENCE.search(text) is not None
