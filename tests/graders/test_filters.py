"""The filters of rejection sampling, as components: what they stop, what they let pass, and in how much time."""

import time
from typing import Any

import pytest

from app.schemas import check_params
from graders.components import COMPONENTS, Item

ENGLISH = "We add the two halves, and the sum of the given fractions is the whole that we were asked to find. "
GERMAN = "Wir addieren die beiden Hälften, und die Summe der Brüche ist das Ganze, nach dem gefragt wurde. "
CHINESE = "我们把这两个分数相加，得到的和就是题目要求的答案。"
LOOP = "Wait, let me check that again, the sum is one after all. "


def score(name: str, completion: str, prompt: str = "", **params: Any) -> float | None:
    """A filter's score."""
    return COMPONENTS[name].score(Item(completion, prompt=prompt), check_params(name, params, name))


PASSES = [
    ("no_mixed_language", f"<think>{ENGLISH * 3}</think>42", {}),
    ("no_mixed_language", f"<think>{CHINESE * 3}</think>42", {}),
    ("no_mixed_language", f"<think>{GERMAN * 3}</think>{CHINESE}", {}),
    ("no_mixed_language", "<think>$1 + 1 = 2$</think>", {}),
    ("no_mixed_language", f"<think>{ENGLISH}\n```\n{CHINESE}\n```</think>", {}),
    ("no_mixed_language", "", {}),
    ("no_long_paragraph", "<think>" + (ENGLISH * 10 + "\n \n") * 20 + "</think>", {}),
    ("no_long_paragraph", f"<think>{ENGLISH}</think>{ENGLISH * 100}", {}),
    ("no_code_block", f"<think>{ENGLISH} `x` and ``` in a line</think>\n```python\nx\n```", {}),
    ("no_repetition", "".join(f"Step {n}: we add {n * n} to {n * 7} and get {n * n + n * 7}. " for n in range(60)), {}),
    ("no_repetition", LOOP, {}),
    ("no_repetition", "", {}),
]
STOPPED = [
    ("no_mixed_language", f"<think>{ENGLISH}{CHINESE}</think>42", {}),
    ("no_mixed_language", f"<think>{ENGLISH * 2}{GERMAN * 2}</think>42", {}),
    ("no_mixed_language", f"{ENGLISH}{CHINESE}", {}),
    ("no_mixed_language", f"<think>{GERMAN}</think>", {"target": "en"}),
    ("no_mixed_language", f"<think>{ENGLISH}</think>{CHINESE}", {"scope": "full"}),
    ("no_long_paragraph", f"<think>{ENGLISH * 30}</think>42", {}),
    ("no_long_paragraph", f"<think>{ENGLISH}</think>", {"characters_max": 20}),
    ("no_long_paragraph", "<think>" + (ENGLISH + "\n") * 30 + "</think>", {}),
    ("no_code_block", f"<think>{ENGLISH}\n```python\nx\n```</think>42", {}),
    ("no_code_block", f"<think>{ENGLISH}\n  ~~~\nx</think>42", {}),
    ("no_code_block", "x\n```\ny", {"scope": "full"}),
    ("no_repetition", LOOP * 30, {}),
    ("no_repetition", CHINESE * 30, {}),
    ("no_repetition", f"<think>{LOOP * 30}</think>42", {"scope": "think"}),
]


@pytest.mark.parametrize(("name", "completion", "params"), PASSES)
def test_honest_reasoning_passes(name: str, completion: str, params: dict[str, Any]) -> None:
    """Names, formulas, a final program, and few words."""
    assert score(name, completion, **params) == 1.0


@pytest.mark.parametrize(("name", "completion", "params"), STOPPED)
def test_what_rejection_sampling_drops_scores_0(name: str, completion: str, params: dict[str, Any]) -> None:
    """In the chain of thought, or in the whole text where nothing marks one."""
    assert score(name, completion, **params) == 0.0


def test_the_prompts_language_can_be_the_target() -> None:
    """A Chinese answer to an English prompt; without words in the prompt the text's own counts."""
    assert score("no_mixed_language", CHINESE * 2, ENGLISH, target="prompt") == 0.0
    assert score("no_mixed_language", ENGLISH * 2, ENGLISH, target="prompt") == 1.0
    assert score("no_mixed_language", CHINESE * 2, "1 + 1", target="prompt") == 1.0


@pytest.mark.parametrize("flood", ["\n", "\n ", "a\n\n", "```", "\n```", "~", " ", "东", "word and ", "<think>"])
@pytest.mark.parametrize("name", ["no_mixed_language", "no_long_paragraph", "no_code_block", "no_repetition"])
def test_a_flood_takes_linear_time(name: str, flood: str) -> None:
    """Ten times as much takes some ten times as long."""

    def seconds(size: int) -> float:
        began = time.process_time()
        score(name, flood * (size // len(flood)))
        return time.process_time() - began

    seconds(1000)
    small, large = seconds(50_000), seconds(500_000)
    assert large < 30 * small + 0.5
    assert large < 4
