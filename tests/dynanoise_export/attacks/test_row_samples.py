import numpy as np
import pytest

from dynanoise_export.attacks.row_samples import row_order, row_sample
from dynanoise_models.shadows.halves import halves


@pytest.mark.parametrize("seed", [0, 1])
def test_a_sample_is_half_known_to_every_shadow_model(seed):
    sample = row_sample(2000, 400)
    shares = halves(2000, 16, seed)[:, sample].mean(axis=1)
    # A share of 400 draws without replacement from 2,000 rows: a standard deviation of 0.022.
    np.testing.assert_allclose(shares, 0.5, atol=0.11)


def test_a_sample_has_each_row_once_in_their_order_and_is_the_same_each_time():
    sample = row_sample(100, 30)
    assert len(sample) == 30
    assert (np.diff(sample) > 0).all()
    np.testing.assert_array_equal(sample, row_sample(100, 30))
    np.testing.assert_array_equal(np.sort(row_order(100)), np.arange(100))
    np.testing.assert_array_equal(row_sample(5, 30), np.arange(5))
