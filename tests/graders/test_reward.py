"""Scores and weights to one reward, branch by branch."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.reward import Term, reward


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([Term(1.0)], 1.0),
        ([Term(1.0), Term(1.0)], 2.0),
        ([Term(1.0, 2.0), Term(0.5, -1.0)], 1.5),
        ([Term(None)], None),
        ([Term(1.0), Term(None)], None),
        ([Term(1.0), Term(None, 0.0)], 1.0),
        ([Term(1.0), Term(0.0, gate=True)], 0.0),
        ([Term(1.0), Term(0.5, gate=True)], 1.5),
        ([Term(1.0), Term(None, 0.0, gate=True)], None),
        ([Term(None), Term(0.0, gate=True)], 0.0),
        ([Term(1e308, 1e9), Term(1e308, 1e9)], None),
        ([], 0.0),
    ],
)
def test_rewards_are_weighted_sums_and_none_stays_none(terms: list[Term], expected: float | None) -> None:
    """Each row is one clause of the docstring."""
    assert reward(terms) == expected


scores = st.none() | st.floats(-1e6, 1e6)


@given(st.lists(st.builds(Term, scores, st.floats(-1e3, 1e3), st.booleans())))
def test_a_reward_is_finite_or_none(terms: list[Term]) -> None:
    """Whatever the scores and weights."""
    total = reward(terms)
    assert total is None or math.isfinite(total)


@pytest.mark.parametrize(
    ("terms", "clip", "expected"),
    [
        ([Term(1.0, 5.0)], (-1.0, 2.0), 2.0),
        ([Term(1.0, -5.0)], (-1.0, 2.0), -1.0),
        ([Term(1.0)], (-1.0, 2.0), 1.0),
        ([Term(None)], (-1.0, 2.0), None),
        ([Term(1.0), Term(0.0, gate=True)], (0.5, 2.0), 0.0),
        ([Term(1e308, 1e9), Term(1e308, 1e9)], (-1.0, 1.0), None),
    ],
)
def test_clip_holds_the_sum_and_nothing_else(
    terms: list[Term], clip: tuple[float, float], expected: float | None
) -> None:
    """What is missing stays missing, and a gate's 0 stays 0."""
    assert reward(terms, clip) == expected
