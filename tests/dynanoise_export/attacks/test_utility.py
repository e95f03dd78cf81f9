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
