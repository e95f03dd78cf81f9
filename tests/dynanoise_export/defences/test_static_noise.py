"""Static noise: its law, and its place beside DynaNoise."""

import math

import numpy as np
import pytest
from scipy.special import softmax

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.static_noise import StaticNoise
from dynanoise_export.errors import UsageError
from support.graphs import normals

LOGITS = 4 * normals(50, 7, dtype=np.float64)
NOISE = normals(50, 7, seed=1, dtype=np.float64)


def test_it_is_the_softmax_of_noisy_logits():
    expected = softmax((LOGITS + 0.8 * NOISE) / 3, axis=1)
    np.testing.assert_allclose(StaticNoise(0.8, 3.0).defend(LOGITS, NOISE), expected, rtol=1e-12)


def test_it_is_dynanoise_without_a_sensitivity():
    np.testing.assert_allclose(
        StaticNoise(0.8, 3.0).defend(LOGITS, NOISE), DynaNoise(0.8, 0.0, 3.0).defend(LOGITS, NOISE), rtol=1e-12
    )


def test_its_law_has_one_scale_for_every_query():
    law = StaticNoise(0.8, 3.0).law
    assert (law.scale(LOGITS) == np.full((50, 1), 0.8)).all()
    assert law.temperature == 3.0


def test_the_mean_of_answers_has_the_noise_of_their_mean():
    drawn = StaticNoise(0.8).mean_answer(np.zeros((20_000, 7)), 16, np.random.default_rng(0))
    assert drawn.std() == pytest.approx(0.8 / 4, rel=0.02)


@pytest.mark.parametrize(
    "values", [{"sigma": 0}, {"sigma": -1}, {"sigma": 2e6}, {"sigma": math.nan}, {"temperature": 0}]
)
def test_values_out_of_bounds_are_refused(values):
    with pytest.raises(UsageError, match=next(iter(values))):
        StaticNoise(**values)
