import pytest

from support.judged import checks_on
from support.mutants import OF_THE_NOISE


@pytest.mark.parametrize("mutant", OF_THE_NOISE, ids=lambda mutant: mutant.name)
def test_wrong_noise_is_caught_by_the_right_check(folder, tmp_path, paper, mutant):
    assert mutant.check in checks_on(mutant, folder, "plain.onnx", tmp_path, defence=paper)
