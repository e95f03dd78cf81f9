"""The calibration error, against a plain loop and scikit-learn's calibration curve."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.calibration import calibration_curve

from dynanoise_export.attacks.metrics.calibration import calibration_error


def answers(rows=2000, classes=5):
    rng = np.random.default_rng(0)
    log_p = log_softmax(rng.normal(scale=2, size=(rows, classes)), axis=1)
    return log_p, rng.integers(0, classes, rows)


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_it_is_guos_formula_bin_by_bin(bins):
    log_p, y = answers()
    confidence, correct = np.exp(log_p).max(axis=1), log_p.argmax(axis=1) == y
    expected = 0.0
    for index in range(bins):
        inside = [i for i in range(len(y)) if index / bins < confidence[i] <= (index + 1) / bins]
        if inside:
            expected += len(inside) / len(y) * abs(correct[inside].mean() - confidence[inside].mean())
    assert calibration_error(log_p, y, bins) == pytest.approx(expected, rel=1e-12)


def test_it_is_scikit_learns_curve_weighted_by_the_bins_counts():
    log_p, y = answers()
    confidence, correct = np.exp(log_p).max(axis=1), log_p.argmax(axis=1) == y
    share_correct, mean_confidence = calibration_curve(correct, confidence, n_bins=15)
    counts = np.histogram(confidence, np.linspace(0, 1, 16))[0]
    expected = np.average(np.abs(share_correct - mean_confidence), weights=counts[counts > 0])
    assert calibration_error(log_p, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("confidence", "correct"), [(0.8, 6), (0.6, 10), (0.9, 9)])
def test_a_single_confidence_has_its_distance_from_the_accuracy_as_error(confidence, correct):
    log_p = np.log(np.tile([confidence, 1 - confidence], (10, 1)))
    y = (np.arange(10) >= correct).astype(int)
    assert calibration_error(log_p, y) == pytest.approx(abs(confidence - correct / 10), abs=1e-12)


def test_a_confidence_of_1_has_a_bin():
    log_p = np.log(np.float32([[1, 1e-30], [1, 1e-30]]))
    assert calibration_error(log_p, np.array([0, 1])) == pytest.approx(0.5)
