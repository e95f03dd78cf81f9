import re

import numpy as np
import pytest

from dynanoise_export.validation.check import Outcome
from dynanoise_export.validation.validating import validate
from support.judged import checks_on, failed_checks
from support.keyed_mutants import OF_A_KEYED_EXPORT


def test_an_exported_file_with_keyed_noise_and_kept_labels_passes(folder):
    assert failed_checks(folder / "keyed.onnx", folder) == []


def test_with_too_few_rows_the_number_of_rows_is_named_that_are_enough(folder, tmp_path):
    x = np.load(folder / "rows.npz")["x"]

    def advised(rows):
        np.savez(tmp_path / "rows.npz", x=rows)
        validation = validate(folder / "keyed.onnx", folder / "digits.pt", data=tmp_path / "rows.npz")
        details = [check.detail for check in validation.checks if check.outcome is Outcome.NOT_RUN]
        assert "--grid" not in " ".join(details)
        return {int(re.search(r"--data with at least (\d+) ", detail)[1]) for detail in details}

    (needed,) = advised(x[:200])
    assert 350 < needed <= 700
    assert advised(x[: needed + 50]) == set()  # the more rows there are, the more share their noise
    (needed,) = advised(np.tile(x[:150], (4, 1)))  # only different rows count
    assert 350 < needed <= 700


@pytest.mark.parametrize("mutant", OF_A_KEYED_EXPORT, ids=lambda mutant: mutant.name)
def test_wrong_keyed_noise_is_caught_by_the_right_check(folder, tmp_path, mutant):
    key = folder / "keyed.onnx.key"
    assert mutant.check in checks_on(mutant, folder, "keyed.onnx", tmp_path, key_file=key)
