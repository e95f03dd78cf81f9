import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.deployed.model_key import keyed_noise_of
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import NoiseError
from dynanoise_export.exporting import export
from dynanoise_export.noise.keyed.key import KeyFile, new_key, read_key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise


@pytest.fixture
def keyed(checkpoint, tmp_path):
    return export(checkpoint, tmp_path / "keyed.onnx", defence=DynaNoise(), noise="keyed", grids=(0.05, 1.0))


@pytest.fixture
def random(checkpoint, tmp_path):
    return export(checkpoint, tmp_path / "random.onnx", defence=DynaNoise())


def test_the_key_beside_the_file_is_read_with_the_grids_that_the_file_states(keyed, tmp_path):
    expected = KeyedNoise(read_key(tmp_path / "keyed.onnx.key"), (0.05, 1.0))
    assert keyed_noise_of(open_deployed(keyed.path), None) == expected
    (tmp_path / "keyed.onnx.key").rename(tmp_path / "moved.key")
    assert keyed_noise_of(open_deployed(keyed.path), tmp_path / "moved.key") == expected


def test_noise_that_is_not_keyed_has_no_key(random, tmp_path):
    assert keyed_noise_of(open_deployed(random.path), None) is None
    with pytest.raises(NoiseError, match=r"random\.onnx"):
        keyed_noise_of(open_deployed(random.path), tmp_path / "any.key")


def test_a_missing_key_and_another_model_s_key_are_refused(keyed, tmp_path):
    KeyFile(tmp_path / "other.key", new_key(), new=True).save()
    with pytest.raises(NoiseError, match=r"other\.key"):
        keyed_noise_of(open_deployed(keyed.path), tmp_path / "other.key")
    (tmp_path / "keyed.onnx.key").unlink()
    for path in (None, tmp_path / "keyed.onnx.key"):
        with pytest.raises(NoiseError, match=r"keyed\.onnx\.key"):
            keyed_noise_of(open_deployed(keyed.path), path)
