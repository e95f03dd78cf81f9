"""DynaNoise whose noise grows with the spread of the logits: its scale by hand, and what it is for."""

import math

import numpy as np
import pytest
import torch

from dynanoise_export.defences.catalogue import make_defence
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.dynanoise_spread import DynaNoiseSpread, spread
from dynanoise_export.errors import UsageError
from support.every_defence import rows_of_logits
from support.graphs import normals

DEFENCE = DynaNoiseSpread(0.7, 1.5, 4.0, usual_spread=2.0)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([1, 3, 2, 2], 0.5),  # distances from 2: 1, 1, 0, 0
        ([-4, 4], 4),
        ([10, 0, 0, 0, 0], 3.2),  # distances from 2: 8, and four times 2
        ([5, 5, 5], 0),
        ([-np.inf, 1, 3], 1),  # a masked class does not count
        ([-np.inf, -np.inf], 0),
        ([1e30, 1e30, 1e30], 0),
    ],
)
def test_the_spread_is_the_mean_distance_from_the_mean(logits, expected):
    row = np.array([logits], np.float64)
    assert spread(row) == pytest.approx(expected)
    assert spread(row + 7.5) == pytest.approx(expected)


def test_below_the_usual_spread_it_is_dynanoise():
    logits, noise = normals(50, 7, dtype=np.float64), normals(50, 7, seed=1, dtype=np.float64)
    assert (spread(logits) < 2).all()
    plain = DynaNoise(0.7, 1.5, 4.0)
    np.testing.assert_allclose(DEFENCE.defend(logits, noise), plain.defend(logits, noise), rtol=1e-12)
    assert (DEFENCE.law.scale(logits) == plain.law.scale(logits)).all()


def test_amplified_logits_have_amplified_noise():
    logits = 20 * normals(50, 7, dtype=np.float64)
    # Beyond a spread where the model is sure, R is 1 and stays.
    scales = [DEFENCE.law.scale(factor * logits)[:, 0] / factor for factor in (50, 100, 1000)]
    for scale in scales:
        np.testing.assert_allclose(scale, 0.7 * np.sqrt(2.5) * spread(logits)[:, 0] / 2, rtol=1e-6)
    assert DynaNoise(0.7, 1.5, 4.0).law.scale(1000 * logits).max() <= 0.7 * np.sqrt(2.5) + 1e-9


def test_pytorch_answers_alike_with_gradients():
    for kind, logits in rows_of_logits().items():
        z, noise = logits.astype(np.float64), normals(*logits.shape, dtype=np.float64)
        tensor = torch.tensor(z, requires_grad=kind == "ordinary")
        answers = DEFENCE.defend_tensors(tensor, torch.tensor(noise))
        if kind == "ordinary":
            answers.square().sum().backward()
            assert tensor.grad is not None
            assert tensor.grad.abs().max() > 0
        if kind not in {"infinite", "equal"}:  # like DynaNoise's own, it adds noise to the limit of an infinite logit
            np.testing.assert_allclose(answers.detach(), DEFENCE.defend(z, noise), atol=1e-9, err_msg=kind)


def test_base_variance_stands_for_sigma0():
    made = make_defence("dynanoise-spread", {"base_variance": 0.49, "usual_spread": 3})
    assert made == DynaNoiseSpread(math.sqrt(0.49), usual_spread=3)


@pytest.mark.parametrize("values", [{"usual_spread": 0}, {"usual_spread": 1e7}, {"sigma0": 0}, {"temperature": -1}])
def test_values_out_of_bounds_are_refused(values):
    with pytest.raises(UsageError, match=next(iter(values))):
        DynaNoiseSpread(**values)
