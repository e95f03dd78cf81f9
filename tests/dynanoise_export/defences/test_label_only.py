"""Label only: two numbers in every answer, at the right places."""

import numpy as np
import pytest

from dynanoise_export.attacks.metrics.calibration import calibration_error
from dynanoise_export.defences.label_only import LabelOnly
from dynanoise_export.errors import UsageError
from support.graphs import normals

LOGITS = 3 * normals(500, 5, dtype=np.float64)


def test_an_answer_says_the_label_and_nothing_else():
    answers = LabelOnly(0.6).defend(LOGITS, np.zeros_like(LOGITS))
    expected = np.where(np.eye(5)[LOGITS.argmax(axis=1)] == 1, 0.6, 0.1)
    np.testing.assert_allclose(answers, expected, rtol=1e-12)


def test_of_equal_logits_the_first_is_the_label():
    assert LabelOnly().defend(np.zeros((1, 3)), np.zeros((1, 3))).argmax() == 0


def test_the_accuracy_is_the_calibrated_confidence():
    y = np.where(np.random.default_rng(0).random(500) < 0.7, LOGITS.argmax(axis=1), 0)
    accuracy = float((LOGITS.argmax(axis=1) == y).mean())
    answers = LabelOnly(accuracy).defend(LOGITS, np.zeros_like(LOGITS))
    assert calibration_error(np.log(answers), y) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("confidence", [0, -0.1, 1.1, float("nan")])
def test_a_confidence_out_of_bounds_is_refused(confidence):
    with pytest.raises(UsageError, match="confidence"):
        LabelOnly(confidence)


@pytest.mark.parametrize("confidence", [0.1, 0.2])
def test_a_confidence_that_would_name_another_class_is_refused(confidence):
    with pytest.raises(UsageError, match="confidence"):
        LabelOnly(confidence).attributes(5)
    with pytest.raises(UsageError, match="confidence"):
        LabelOnly(confidence).defend(LOGITS, np.zeros_like(LOGITS))
