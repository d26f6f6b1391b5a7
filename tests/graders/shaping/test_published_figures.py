"""Equal to the originals: the figures that open-r1's, TRL's and ms-swift's own functions gave.

They are in tests/golden/rewards.json.

The functions were run once, outside of this project, on completions of the development data, on shapes made of them and
on edge cases; only their figures are kept. Where we differ on purpose, docs/rewards.md names it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from graders.components import COMPONENTS, Item, Member
from graders.verdict import Outcome, Reason, Verdict

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "rewards.json").read_text(encoding="utf-8"))

RIGHT = Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0)
WRONG = Verdict(Outcome.WRONG, Reason.DIFFERENT, 0.0)

SAME_AS: dict[str, tuple[str, dict[str, Any]]] = {
    "open-r1 format": ("format", {"style": "open-r1"}),
    "open-r1 tag_count": ("tag_count", {}),
    "open-r1 reasoning_steps": ("reasoning_steps", {}),
    "open-r1 code_format python": ("format", {"style": "open-r1-code", "language": "python"}),
    "open-r1 repetition 3": ("repetition", {"over": "words"}),
    "open-r1 repetition 2": ("repetition", {"over": "words", "ngram": 2, "max_penalty": -0.5}),
    "open-r1 soft_overlong": ("soft_overlong", {"max_length": 300, "cache": 120}),
    "open-r1 cosine": ("cosine_length", {"min_value_wrong": 0.0, "max_value_wrong": -0.5, "clamp": False}),
    "trl think_format": ("format", {"style": "trl-think"}),
    "trl repetition 3": ("repetition", {"over": "words"}),
    "trl soft_overlong": ("soft_overlong", {"max_length": 300, "cache": 120}),
    "trl cosine": ("cosine_length", {"max_length": 400, "unit": "tokens"}),
    "swift format": ("format", {"style": "swift"}),
    "swift repetition": ("repetition", {"over": "words"}),
    "swift soft_overlong": ("soft_overlong", {"max_length": 300, "cache": 120, "clamp": False}),
    "swift cosine": (
        "cosine_length",
        {"max_length": 400, "unit": "tokens", "clamp": False, "min_value_wrong": -0.5, "max_value_wrong": 0.0},
    ),
}
"""Each published function with the component and the parameters that give its figures."""


def text_of(row: dict[str, Any], completions: dict[str, dict[str, str]]) -> str:
    """A row's text: written out, or a completion of the development data in the row's wrapping."""
    if "text" in row:
        return str(row["text"])
    completion = completions[row["file"]][row["id"]]
    return str(row["wrap"]).replace("{0}", completion).replace("{1}", row.get("gold", ""))


@pytest.fixture(scope="module")
def completions() -> dict[str, dict[str, str]]:
    """Completions by file and id; of a checkout without the data beside it none."""
    data = Path(__file__).resolve().parents[4] / "shared" / "data"
    found: dict[str, dict[str, str]] = {}
    for name in {row["file"] for row in GOLDEN["rows"] if "file" in row}:
        if (data / name).is_file():
            lines = (data / name).read_text(encoding="utf-8").splitlines()
            found[name] = {row["id"]: row["completion"] for row in map(json.loads, lines)}
    return found


@pytest.fixture(scope="module")
def rows(completions: dict[str, dict[str, str]]) -> list[tuple[str, dict[str, Any]]]:
    """Each row that can be had here, with its text."""
    known = [row for row in GOLDEN["rows"] if "text" in row or row["file"] in completions]
    assert len(known) >= 60  # The edge cases are always there.
    return [(text_of(row, completions), row) for row in known]


GROUPED = "open-r1 len groups of 8"
"""The one published function that looks at a whole group."""

LAST_BIT = {"swift cosine"}
"""Where the original adds up in another order, so that the last bit may differ."""


@pytest.mark.parametrize("function", SAME_AS)
def test_a_published_function_and_ours_give_the_same_figure(
    function: str, rows: list[tuple[str, dict[str, Any]]]
) -> None:
    """To the last bit, on every row; within a few units of the last place where the order of a sum differs."""
    name, given = SAME_AS[function]
    component, at = COMPONENTS[name], GOLDEN["functions"].index(function)
    params = component.params(**given)
    different = []
    for text, row in rows:
        verdict = RIGHT if row["correct"] else WRONG
        assert component.score is not None
        score = component.score(Item(text, verdict, tokens=len(text.split())), params)
        assert score is not None
        expected = row["figures"][at]
        if score != expected and not (function in LAST_BIT and abs(score - expected) < 1e-15):
            different.append((text[:80], score, expected))
    assert not different


def test_every_published_figure_is_compared() -> None:
    """No function of the table is left aside."""
    assert {*SAME_AS, GROUPED} == set(GOLDEN["functions"])


def test_a_groups_lengths_give_the_published_figures(rows: list[tuple[str, dict[str, Any]]]) -> None:
    """Groups are eight rows of the table in order, the last one smaller; whole groups only are compared."""
    at, relative = GOLDEN["functions"].index(GROUPED), COMPONENTS["kimi_length"].relative
    assert relative is not None
    texts = {id(row): text for text, row in rows}
    compared = 0
    for start in range(0, len(GOLDEN["rows"]), 8):
        group = GOLDEN["rows"][start : start + 8]
        if any(id(row) not in texts for row in group):
            continue
        members = [Member(len(texts[id(row)]), row["correct"]) for row in group]
        scores = relative(members, COMPONENTS["kimi_length"].params())
        assert scores == [row["figures"][at] for row in group]
        compared += len(group)
    assert compared >= 55
