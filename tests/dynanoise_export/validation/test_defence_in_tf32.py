"""The defence's own answers where a GPU computes in TF32, which moves the scale of the noise by less than 0.5%."""

import numpy as np
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.validation.parity_checks import defence_parity


@pytest.mark.parametrize(
    ("scale", "in_float32", "in_tf32"), [(1.0, True, True), (1.004, False, True), (1.05, False, False)]
)
def test_noise_of_a_slightly_other_scale_is_allowed_in_tf32_alone(scale, in_float32, in_tf32):
    logits, noise = np.random.default_rng(0).normal(size=(2, 500, 10))
    answers = DynaNoise(2.0 * scale, 2.0, 4.0).defend(logits, noise)
    for tf32, passes in ((False, in_float32), (True, in_tf32)):
        assert defence_parity(answers, logits, logits, noise, DynaNoise(2.0, 2.0, 4.0), tf32=tf32).passed == passes


def test_a_defence_without_noise_has_no_such_allowance():
    logits = np.random.default_rng(0).normal(size=(500, 10))
    answers = Temperature(4.01).defend(logits, logits)
    assert not defence_parity(answers, logits, logits, np.zeros_like(logits), Temperature(4.0), tf32=True).passed
