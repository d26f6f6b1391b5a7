"""The catalogue of reward components: from what is known of one item to one number, or None for "no score".

A component is a function, a frozen dataclass of parameters and a row in COMPONENTS. To add one: write the three here
(or the function in a file of its own, as format.py). It does not add up; reward.py does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from graders import format as format_style
from graders.verdict import Outcome, Verdict

_STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False, "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True)
class Item:
    """What a component may look at: the completion's text and, where accuracy is asked for, the verdict on it."""

    completion: str
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyParams:
    """How a verdict becomes a number."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    values: Literal["unit", "signed"] = "unit"
    """"unit": 0 for wrong, 1 for correct; "signed": -1 and 1 (DAPO)."""
    undecided: Literal["wrong", "null"] = "wrong"
    """What an answer is worth that is too costly to decide: as a wrong one, or no score at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatParams:
    """Which shape a completion must have."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    style: format_style.Style = "think-answer"
    """The shape; see graders.format.score."""
    prefilled_think: bool = False
    """The prompt's template already opened the `<think>` tag."""


def accuracy(item: Item, params: AccuracyParams) -> float | None:
    """The verdict's score in [0, 1], or 2 * score - 1 when signed.

    Returns: None where there is no verdict, and for an undecided one when the parameters say so.
    Source: the accuracy reward of DeepSeek-R1 (arXiv 2501.12948, section 2.2.2); signed as in DAPO (arXiv 2503.14476).
    """
    if item.verdict is None:
        return None
    if item.verdict.outcome is Outcome.UNDECIDED and params.undecided == "null":
        return None
    return 2 * item.verdict.score - 1 if params.values == "signed" else item.verdict.score


def format_score(item: Item, params: FormatParams) -> float | None:
    """1 when the completion has the style's shape, else 0 (graders.format.score).

    Source: the format reward of DeepSeek-R1 (arXiv 2501.12948, section 2.2.2).
    """
    return format_style.score(item.completion, params.style, prefilled_think=params.prefilled_think)


@dataclass(frozen=True, slots=True)
class Component:
    """One row of the catalogue.

    Args:
        name: what requests call it.
        params: the dataclass of its parameters; every field has a default.
        score: from an item and such parameters to a finite number or None.
        judges: True when it needs the verdict, so that an item with it must have a task.
    """

    name: str
    params: type
    score: Callable[[Item, Any], float | None]
    judges: bool = False


COMPONENTS: dict[str, Component] = {
    component.name: component
    for component in (
        Component("accuracy", AccuracyParams, accuracy, judges=True),
        Component("format", FormatParams, format_score),
    )
}
