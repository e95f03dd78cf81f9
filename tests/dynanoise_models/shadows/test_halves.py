import numpy as np
import pytest

from dynanoise_export.errors import UserError
from dynanoise_models.shadows.halves import halves


@pytest.mark.parametrize("rows", [100, 101])
def test_each_row_is_kept_by_half_of_the_models_and_each_model_keeps_half_of_the_rows(rows):
    kept = halves(rows, 16, seed=0)
    assert kept.shape == (16, rows)
    assert (kept.sum(axis=0) == 8).all()
    assert set(kept.sum(axis=1)) <= {rows // 2, rows - rows // 2}


def test_the_halves_of_two_pairs_have_nothing_to_do_with_each_other():
    kept = halves(10_000, 64, seed=0)[::2].astype(float)
    correlation = np.corrcoef(kept) - np.eye(32)
    assert np.abs(correlation).max() < 5 / np.sqrt(10_000)


def test_more_models_leave_the_first_ones_as_they_were():
    np.testing.assert_array_equal(halves(50, 32, seed=4)[:8], halves(50, 8, seed=4))
    assert (halves(50, 8, seed=4) != halves(50, 8, seed=5)).any()


@pytest.mark.parametrize("count", [-2, 0, 1, 7])
def test_an_odd_number_is_refused(count):
    with pytest.raises(UserError, match="even number"):
        halves(10, count, seed=0)
