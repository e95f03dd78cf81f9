from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.attacks.utility import utility

Y = np.zeros(8, np.int64)
MEMBER = np.arange(8) < 4
# Right for rows 0, 1, 4; the last row of each kind is a canary, and answered with its wrong label.
CORRECT = np.int32([1, 1, 0, 1, 1, 0, 0, 1])
CANARY = np.arange(8) % 4 == 3
AUDIT = Audit(Path("rows.npz"), "digest", {"x": np.zeros((8, 1), np.float32)}, Y, MEMBER, np.ones(8, bool))


def measured(audit):
    log_p = np.log(np.where(CORRECT[:, None] == 1, [[0.9, 0.1]], [[0.1, 0.9]])).astype(np.float32)
    return utility(audit, Responses(log_p, np.zeros(8, np.float32), CORRECT, 1))


def test_accuracy_is_that_of_each_kind_of_rows():
    found = measured(AUDIT)
    assert (found.accuracy_on_members.value, found.accuracy.value) == (0.75, 0.5)


def test_canaries_do_not_count():
    found = measured(replace(AUDIT, canary=CANARY))
    assert found.accuracy_on_members.value == pytest.approx(2 / 3)
    assert found.accuracy.value == pytest.approx(1 / 3)
    # A third of the answers is right, and each states 0.9 for its class.
    assert found.calibration_error == pytest.approx(0.9 - 1 / 3, abs=1e-6)


def test_likelihood_brier_score_and_area_are_those_of_the_non_members():
    found = measured(AUDIT)
    assert measured(replace(AUDIT, y=np.where(MEMBER, 1, Y))) == found
    # Two of four labels get 0.9, and two get 0.1.
    assert found.negative_log_likelihood.value == pytest.approx(-(np.log(0.9) + np.log(0.1)) / 2, rel=1e-6)
    assert found.brier_score.value == pytest.approx((2 * 0.1**2 + 2 * 0.9**2) / 2, rel=1e-5)
    assert found.risk_coverage_area == 0.5


def test_top_5_accuracy_needs_more_than_five_classes():
    assert measured(AUDIT).top_5_accuracy is None
    audit = replace(AUDIT, y=np.arange(8) % 6)
    log_p = np.log(np.tile([0.3, 0.25, 0.2, 0.15, 0.06, 0.04], (8, 1))).astype(np.float32)
    # Of the non-members' labels 4, 5, 0 and 1, the five best classes lack the 5.
    assert utility(audit, Responses(log_p, np.zeros(8, np.float32), CORRECT, 1)).top_5_accuracy == 0.75
