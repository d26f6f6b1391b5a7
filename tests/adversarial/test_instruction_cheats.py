"""Responses that try to be paid for instructions they do not follow, and floods: one row per trick."""

import time
from typing import Any

import pytest

from graders.instructions import INSTRUCTIONS, grade
from graders.task import InstructionsTask
from graders.verdict import Outcome

# (trick, instruction, arguments, completion)
CHEATS: list[tuple[str, str, dict[str, Any], str]] = [
    ("nothing", "punctuation:no_comma", {}, ""),
    ("white space", "length_constraints:number_words", {"num_words": 5, "relation": "less than"}, " \n\t"),
    ("thoughts alone", "punctuation:no_comma", {}, "<think>no comma</think>"),
    ("thoughts that never end", "punctuation:no_comma", {}, "<think>no comma"),
    ("keywords in thoughts", "keywords:existence", {"keywords": ["kiwi"]}, "<think>kiwi</think>A fruit."),
    ("words in thoughts", "length_constraints:number_words", {"num_words": 50, "relation": "at least"},
     "<think>" + "word " * 60 + "</think>short"),
    ("an empty tag", "punctuation:no_comma", {}, "<answer> </answer>"),
    ("pictures for a language", "language:response_language", {"language": "hi"}, "💥💥💥"),
    ("digits for a language", "language:response_language", {"language": "de"}, "1 2 3 4 5"),
    ("an empty title", "detectable_format:title", {}, "<<  >> text"),
    ("a title over lines", "detectable_format:title", {}, "<<my\ntitle>>"),
    ("twice the same", "combination:two_responses", {}, "Yes.\n******\nYes."),
    ("three responses", "combination:two_responses", {}, "a******b******c"),
    ("asterisks that hold nothing", "detectable_format:number_highlighted_sections", {"num_highlights": 2},
     "** ** ****"),
    ("one quotation mark", "startend:quotation", {}, '"'),
    ("a section without a number", "detectable_format:multiple_sections",
     {"section_spliter": "Section", "num_sections": 2}, "Section Section"),
    ("a placeholder over lines", "detectable_content:number_placeholders", {"num_placeholders": 1}, "[na\nme]"),
    ("after the end of the turn", "keywords:existence", {"keywords": ["kiwi"]}, "A fruit.<|im_end|>kiwi"),
    ("nearly JSON", "detectable_format:json_format", {}, "```json\n{'a': 1}\n```"),
    ("deep JSON", "detectable_format:json_format", {}, "[" * 100_000),
]  # fmt: skip


@pytest.mark.parametrize(("trick", "name", "args", "completion"), CHEATS, ids=[row[0] for row in CHEATS])
@pytest.mark.parametrize("mode", ["strict", "loose"])
def test_a_cheat_is_not_paid(trick: str, name: str, args: dict[str, Any], completion: str, mode: str) -> None:
    """Wrong in both modes."""
    verdict = grade(InstructionsTask(instruction_ids=(name,), kwargs=(args,), mode=mode), completion)
    assert (verdict.outcome, verdict.score) == (Outcome.WRONG, 0.0), trick


ARGUMENTS: dict[str, Any] = {
    "language": "en", "num_sentences": 3, "relation": "at least", "num_placeholders": 1, "num_bullets": 2,
    "num_highlights": 3, "section_spliter": "Section", "num_sections": 2, "num_paragraphs": 3,
    "postscript_marker": "P.S.", "keywords": ["zebra"], "keyword": "zebra", "frequency": 2, "num_words": 10**6,
    "nth_paragraph": 1, "first_word": "x", "forbidden_words": ["zebra"], "prompt_to_repeat": "y", "end_phrase": "z",
    "letter": "q", "let_frequency": 10**6, "let_relation": "at least", "capital_frequency": 10**6,
    "capital_relation": "at least",
}  # fmt: skip
EVERYTHING = InstructionsTask(
    instruction_ids=tuple(INSTRUCTIONS),
    kwargs=tuple({name: ARGUMENTS[name] for name in row.needs} for row in INSTRUCTIONS.values()),
    mode="loose",
)
FLOODS = [
    "word and ", "[", "* ", "*", "- ", "\n", " ", "<<", ". ", "A. ", "!", '"', "'", "CAN'T ", "東", "कि ", "***",
    "Section 1 ", "-", "p. ", "P.S", "é", "a@", "http://a", "<answer>", "i.e. ", "\u2028", "{",
]  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_of_anything_is_checked_in_linear_time(flood: str) -> None:
    """All 25 types loosely; ten times as much takes some ten times as long."""

    def seconds(size: int) -> float:
        began = time.process_time()
        grade(EVERYTHING, flood * (size // len(flood)) + " end")
        return time.process_time() - began

    seconds(100)  # The language tables are loaded once.
    small, large = seconds(20_000), seconds(200_000)
    assert large < 30 * small + 0.5
    assert large < 6
