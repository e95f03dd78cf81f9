"""Signals, against their formulas with four hundred digits."""

from dataclasses import fields
from decimal import Decimal, localcontext
from functools import cache

import numpy as np
import pytest

from dynanoise_export.attacks.signals import Signals, signals, stacked

DIGITS = 400
EVEN = (0.0, 0.0, 0.0)
# The largest class has all but 1e-13 of the probability, all but 1e-26, and all but less than float64 can hold.
SURE, SURER, SUREST = (30.0, 0.0, -1.0), (60.0, 0.0, -2.0), (800.0, 0.0, -50.0)
USUAL = (0.3, 2.0, -1.5)


@cache
def exact(logits, label):
    """Compute log-probabilities and signals by the papers' formulas."""
    with localcontext(prec=DIGITS):
        powers = [Decimal(z).exp() for z in logits]
        p = [power / sum(powers) for power in powers]
        log_p = [one.ln() for one in p]
        ordered = sorted(p)
        own = p[label]
        # Song and Mittal 2021, equation 6.
        wrong = sum(one * (1 - one).ln() for i, one in enumerate(p) if i != label)
        found = {
            "confidence": ordered[-1].ln(),
            "margin": ordered[-1] - ordered[-2],
            "label": own.ln(),
            "logit": (own / (1 - own)).ln(),
            "entropy": -sum(one * one.ln() for one in p),
            "modified_entropy": -(1 - own) * own.ln() - wrong,
        }
    return [float(one) for one in log_p], {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("logits", [EVEN, USUAL, SURE, SURER, SUREST], ids=["even", "usual", "sure", "surer", "surest"])
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("name", ["confidence", "margin", "label", "logit", "entropy"])
def test_each_is_its_formula_to_twelve_digits(logits, label, name):
    log_p, expected = exact(logits, label)
    found = getattr(signals(np.array([log_p]), np.array([label])), name)
    assert found[0] == pytest.approx(expected[name], rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("logits", [EVEN, USUAL, SURE, SURER, SUREST], ids=["even", "usual", "sure", "surer", "surest"])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_modified_entropy_is_song_and_mittals_however_sure_of_whichever_class(logits, label):
    log_p, expected = exact(logits, label)
    found = signals(np.array([log_p]), np.array([label])).modified_entropy
    assert found[0] == pytest.approx(expected["modified_entropy"], rel=1e-12, abs=1e-300)


def test_many_classes_are_as_exact_as_few():
    rng = np.random.default_rng(0)
    for label in range(3):
        log_p, expected = exact(tuple(rng.normal(scale=3, size=20)), label)
        found = signals(np.array([log_p]), np.array([label]))
        for name, value in expected.items():
            assert getattr(found, name)[0] == pytest.approx(value, rel=1e-12), name


def test_answers_in_float32_keep_the_order_of_confident_rows():
    """If p of the label rounds to 1, the other classes' probabilities still show how near it is."""
    rest = np.linspace(-12, -80, 30)
    log_p = np.zeros((30, 2), dtype=np.float32)
    log_p[:, 1] = rest
    found = signals(log_p, np.zeros(30, dtype=int))
    np.testing.assert_allclose(found.logit, -rest, rtol=1e-6)
    assert (np.diff(found.logit) > 0).all()


def test_correct_is_whether_the_label_has_the_largest_probability():
    log_p = np.log([[0.2, 0.5, 0.3], [0.6, 0.2, 0.2]])
    np.testing.assert_array_equal(signals(log_p, np.array([1, 1])).correct, [1, 0])


def test_an_answer_does_not_depend_on_the_others_in_its_batch():
    rng = np.random.default_rng(0)
    log_p = np.log(rng.dirichlet(np.ones(4), 20))
    y = rng.integers(0, 4, 20)
    whole = signals(log_p, y)
    for i in range(20):
        alone = signals(log_p[[i]], y[[i]])
        for field in fields(Signals):
            assert getattr(whole[[i]], field.name) == pytest.approx(getattr(alone, field.name), rel=1e-14)


def test_models_are_stacked_and_selected_again():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 6)
    models = [signals(np.log(rng.dirichlet(np.ones(4), 6)), y) for _ in range(3)]
    together = stacked(models)
    for field in fields(Signals):
        assert getattr(together, field.name).shape == (3, 6)
        np.testing.assert_array_equal(getattr(together[1], field.name), getattr(models[1], field.name))
