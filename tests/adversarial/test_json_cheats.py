"""Completions that try to be paid for JSON they did not settle on: one row per trick. None may be correct."""

import time

import pytest

from graders.structured import grade
from graders.task import JsonTask
from graders.verdict import Outcome

ANSWER = {"city": "Paris", "size": 3}
RIGHT = '{"city": "Paris", "size": 3}'
OTHER = '{"city": "Rome", "size": 3}'

CHEATS = [
    ("several, the right one first", RIGHT + "\n" + OTHER),
    ("several fences, the right one first", f"```json\n{RIGHT}\n```\n```json\n{OTHER}\n```"),
    ("the right one in another language's fence", f"```json\n{OTHER}\n```\n```python\n{RIGHT}\n```"),
    ("the right one outside of the fence", f"{RIGHT}\n```json\n{OTHER}\n```\n{RIGHT}"),
    ("the right one outside of the tag", f"<answer>{OTHER}</answer> {RIGHT}"),
    ("an empty tag after it", f"{RIGHT}<answer></answer>"),
    ("all of them in a list", f"[{RIGHT}, {OTHER}]"),
    ("inside another object", '{"a": ' + RIGHT + ', "b": ' + OTHER + "}"),
    ("a key twice", '{"city": "Rome", "city": "Paris", "size": 3}'),
    ("a key twice, the right one first", '{"city": "Paris", "city": "Rome", "size": 3}'),
    ("as a string", '"{\\"city\\": \\"Paris\\", \\"size\\": 3}"'),
    ("a number as a string", '{"city": "Paris", "size": "3"}'),
    ("true for a number", '{"city": "Paris", "size": true}'),
    ("a comment", RIGHT[:-1] + ", /* or */ }"),
    ("single quotes", RIGHT.replace('"', "'")),
    ("thoughts", f"<think>{RIGHT}</think>"),
    ("thoughts that never end", f"<think>{RIGHT}"),
    ("thoughts and another", f"<think>{RIGHT}</think>{OTHER}"),
    ("a schema in its place", '{"type": "object"}'),
    ("cut off", RIGHT[:-1]),
    ("another case", RIGHT.lower()),
    ("a letter that looks alike", RIGHT.replace("a", "\u0430", 1)),
    ("after the end of the turn", f"{OTHER}<|im_end|>{RIGHT}"),
]


@pytest.mark.parametrize(("trick", "completion"), CHEATS, ids=[row[0] for row in CHEATS])
@pytest.mark.parametrize("match", ["equal", "subset"])
def test_a_cheat_is_not_paid(trick: str, completion: str, match: str) -> None:
    """Wrong, whatever the reason."""
    verdict = grade(JsonTask(answer=ANSWER, match=match), completion)
    assert (verdict.outcome, verdict.score) == (Outcome.WRONG, 0.0), (trick, verdict)


FLOODS = {
    "braces": "{",
    "brackets": "[",
    "opened strings": '{"',
    "strings in braces": '{"a"{"a"',
    "pairs": "{}",
    "objects": '{"a":1}',
    "keys": '{"a":',
    "fences": "```\n",
    "json fences": "```json\n",
    "quotes": '"',
    "backslashes": "\\",
    "digits": "9",
    "tags": "<answer>",
    "lists": "[1,",
    "numbers": "[1 ",
    "spaces": "{ ",
    "inline fences": "``` ",
    "escapes": '"\\u00e9',
    "lines": "[\n",
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_anything_is_read_in_linear_time(flood: str) -> None:
    """Ten times as much takes some ten times as long, as it is and within a list."""

    def seconds(size: int) -> float:
        text = flood * (size // len(flood))
        began = time.process_time()
        for completion in (text, f"So: {text} {RIGHT}", f'["{text}"]', f"```json\n{text}\n```"):
            grade(JsonTask(answer=ANSWER), completion)
        return time.process_time() - began

    small, large = seconds(50_000), seconds(500_000)
    assert large < 30 * small + 0.5
    assert large < 4
