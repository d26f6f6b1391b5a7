"""Repetition: n-grams are counted by their hashes and in blocks, and the count is that of the n-grams themselves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.shaping.repetition import repeated_share


def counted(words: list[str], ngram: int) -> float:
    """The share as it is defined."""
    grams = [tuple(words[start : start + ngram]) for start in range(len(words) - ngram + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["a", "b", "the", "-1", "-2", "0", "é"]), max_size=60), st.integers(1, 12))
def test_the_share_is_that_of_the_n_grams_themselves(words: list[str], ngram: int) -> None:
    """On short texts of few words, which are full of repetitions."""
    assert repeated_share(" ".join(words), ngram, "words") == counted(words, ngram)


@pytest.mark.parametrize("ngram", [1, 3, 10, 64])
@pytest.mark.parametrize("count", [8191, 8192, 8193, 8255, 30_000])
def test_no_n_gram_is_lost_or_counted_twice_where_blocks_meet(count: int, ngram: int) -> None:
    """Texts about as long as a block and of several, with and without a period."""
    for period in (count, 7, 5000):
        words = [f"w{number % period}" for number in range(count)]
        assert repeated_share(" ".join(words), ngram, "words") == counted(words, ngram)
