import shutil

import pytest

from support.channel_mutants import OF_A_FLATTENED_CHANNEL, OF_A_KEYED_CHANNEL, OF_THE_CHANNEL
from support.judged import checks_on


@pytest.mark.parametrize("mutant", OF_THE_CHANNEL, ids=lambda mutant: mutant.name)
def test_a_channel_in_an_export_is_found(folder, tmp_path, mutant):
    assert mutant.check in checks_on(mutant, folder, "defended.onnx", tmp_path)


@pytest.mark.parametrize("mutant", OF_A_KEYED_CHANNEL, ids=lambda mutant: mutant.name)
def test_a_channel_in_keyed_noise_is_found(folder, tmp_path, mutant):
    shutil.copy(folder / "keyed.onnx.key", tmp_path / "wrong.onnx.key")
    assert mutant.check in checks_on(mutant, folder, "keyed.onnx", tmp_path)


@pytest.mark.parametrize("mutant", OF_A_FLATTENED_CHANNEL, ids=lambda mutant: mutant.name)
def test_a_channel_in_a_flattened_defence_is_found(folder, tmp_path, mutant):
    assert mutant.check in checks_on(mutant, folder, "flattened.onnx", tmp_path)
