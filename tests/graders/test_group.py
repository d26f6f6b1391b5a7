"""Statistics of a group: what GRPO makes of it."""

import math
import statistics as reference

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.group import statistics


def test_a_groups_numbers_are_those_of_the_textbook() -> None:
    """Mean, the sample's deviation, the share of correct ones, and each one's distance in deviations."""
    found = statistics([1.0, 0.0, 0.0, 1.0], [True, False, False, True])
    assert (found.size, found.mean, found.pass_rate) == (4, 0.5, 0.5)
    assert found.std == pytest.approx(math.sqrt(1 / 3))
    assert found.advantages == pytest.approx((0.866025, -0.866025, -0.866025, 0.866025), abs=1e-6)


def test_what_has_no_reward_counts_for_nothing_but_the_size() -> None:
    """A fault of ours moves nobody's advantage."""
    found = statistics([1.0, None, 0.0], [True, None, False])
    assert (found.size, found.mean, found.pass_rate) == (3, 0.5, 0.5)
    assert found.advantages[1] is None
    assert found.advantages[0] == statistics([1.0, 0.0], [True, False]).advantages[0]


@pytest.mark.parametrize("rewards", [[0.3], [0.1] * 16, [1e9, None, 1e9]])
def test_equal_rewards_have_no_advantage(rewards: list[float | None]) -> None:
    """Exactly 0, not the rounding error of a mean over a tiny deviation."""
    found = statistics(rewards, [None] * len(rewards))
    assert found.std == 0.0
    assert {advantage for advantage in found.advantages if advantage is not None} == {0.0}


def test_nothing_known_is_nothing_said() -> None:
    """No number for our failure."""
    found = statistics([None, None], [None, None])
    assert (found.mean, found.std, found.pass_rate, found.advantages) == (None, None, None, (None, None))


@given(st.lists(st.none() | st.floats(-1e150, 1e150), min_size=1, max_size=40))
def test_every_number_is_finite_and_near_the_references(rewards: list[float | None]) -> None:
    """Whatever the rewards; advantages add up to nothing."""
    found = statistics(rewards, [None] * len(rewards))
    known = [reward for reward in rewards if reward is not None]
    assert all(math.isfinite(value) for value in found.advantages if value is not None)
    if len(known) > 1 and found.std:
        assert found.mean == pytest.approx(reference.fmean(known), rel=1e-6, abs=1e-6 * max(map(abs, known)))
        assert abs(math.fsum(value for value in found.advantages if value is not None)) < 1e-6 * len(known)
