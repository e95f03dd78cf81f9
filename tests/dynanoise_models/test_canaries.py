"""Which rows become canaries, and which labels they get."""

import numpy as np
import pytest
from scipy.stats import chisquare

from dynanoise_export.bundles import Part
from dynanoise_export.errors import UsageError
from dynanoise_models.canaries import choose_canaries, mislabelled

PARTS = np.repeat([str(part) for part in Part], [450, 300, 250])


def test_half_are_members_half_non_members_and_none_auxiliary():
    canary = choose_canaries(PARTS, 40, seed=0)
    assert [canary[part == PARTS].sum() for part in Part] == [20, 20, 0]


def test_the_seed_draws_them():
    first = choose_canaries(PARTS, 40, seed=0)
    np.testing.assert_array_equal(first, choose_canaries(PARTS, 40, seed=0))
    assert (first != choose_canaries(PARTS, 40, seed=1)).any()


def test_every_other_class_is_as_likely():
    y = np.repeat(np.arange(5), 20_000)
    canary = np.arange(len(y)) % 2 == 0
    given = mislabelled(y, canary, 5, seed=0)
    np.testing.assert_array_equal(given[~canary], y[~canary])
    for label in range(5):
        counts = np.bincount(given[canary & (y == label)], minlength=5)
        assert counts[label] == 0
        assert chisquare(np.delete(counts, label)).pvalue > 0.001
    assert (mislabelled(y % 2, canary, 2, seed=0) == np.where(canary, 1 - y % 2, y % 2)).all()


@pytest.mark.parametrize("count", [1, 7, -1, -2, 600, 2000])
def test_a_number_that_can_not_be_drawn_is_refused(count):
    with pytest.raises(UsageError, match=f"--canaries {count} "):
        choose_canaries(PARTS, count, seed=0)
    assert choose_canaries(PARTS, 598, seed=0).sum() == 598
