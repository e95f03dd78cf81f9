import numpy as np
import pytest

from dynanoise_export.errors import UsageError
from dynanoise_models.shadows.halves import halves


@pytest.mark.parametrize("rows", [100, 101])
def test_each_row_is_in_half_of_the_training_sets_and_each_of_them_has_half_of_the_rows(rows):
    in_training = halves(rows, 16, seed=0)
    assert in_training.shape == (16, rows)
    assert (in_training.sum(axis=0) == 8).all()
    assert set(in_training.sum(axis=1)) <= {rows // 2, rows - rows // 2}


def test_the_halves_of_different_pairs_are_independent():
    in_training = halves(10_000, 64, seed=0)[::2].astype(float)
    correlation = np.corrcoef(in_training) - np.eye(32)
    assert np.abs(correlation).max() < 5 / np.sqrt(10_000)


def test_more_models_leave_the_first_ones_unchanged():
    np.testing.assert_array_equal(halves(50, 32, seed=4)[:8], halves(50, 8, seed=4))
    assert (halves(50, 8, seed=4) != halves(50, 8, seed=5)).any()


@pytest.mark.parametrize("count", [-2, 0, 1, 7])
def test_an_odd_number_is_refused(count):
    with pytest.raises(UsageError, match=f"--count {count}"):
        halves(10, count, seed=0)
