import shutil

import numpy as np
import pytest

from dynanoise_export.errors import FormatError
from dynanoise_models.datasets.imagenet10 import load_imagenet10
from support.data_sets import write_imagenette
from support.exports import data_folder


@pytest.fixture
def folder(tmp_path):
    write_imagenette(tmp_path, np.random.default_rng(0), each=3)
    return tmp_path


def test_the_public_folders_are_read_at_64_pixels(folder):
    data = load_imagenet10(folder)
    assert data.x.shape == (50, 3, 64, 64)
    assert np.bincount(data.y).tolist() == [5] * 10
    assert data.own_test.sum() == 20
    # A class is brighter than the one before by 15 of 255.
    brightness = np.array([data.x[data.y == y].mean() for y in range(10)])
    assert np.diff(brightness) == pytest.approx(np.full(9, 15 / 255 / 0.2260), rel=0.1)


def test_a_missing_class_is_refused(folder):
    shutil.rmtree(folder / "imagenette2-160" / "train" / "n00000003")
    with pytest.raises(FormatError, match="9 folders"):
        load_imagenet10(folder)


def test_a_file_that_is_not_an_image_is_refused(folder):
    (folder / "imagenette2-160" / "train" / "n00000003" / "0.JPEG").write_bytes(b"no image")
    with pytest.raises(FormatError, match=r"0\.JPEG"):
        load_imagenet10(folder)


def test_the_real_data_set_is_complete():
    data = load_imagenet10(data_folder())
    assert data.x.shape == (13_394, 3, 64, 64)
    assert data.own_test.sum() == 500
    assert len(np.unique(data.y)) == 10
