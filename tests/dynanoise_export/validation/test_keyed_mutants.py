import pytest

from support.judged import checks_on, failed_checks
from support.keyed_mutants import OF_A_KEYED_EXPORT


def test_an_exported_file_with_keyed_noise_and_kept_labels_passes(folder):
    assert failed_checks(folder / "keyed.onnx", folder) == []


@pytest.mark.parametrize("mutant", OF_A_KEYED_EXPORT, ids=lambda mutant: mutant.name)
def test_wrong_keyed_noise_is_caught_by_the_right_check(folder, tmp_path, mutant):
    key = folder / "keyed.onnx.key"
    assert mutant.check in checks_on(mutant, folder, "keyed.onnx", tmp_path, key_file=key)
