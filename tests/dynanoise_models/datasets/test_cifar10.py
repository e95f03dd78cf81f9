import pickle

import numpy as np
import pytest

from dynanoise_export.errors import FileAccessError, FormatError
from dynanoise_models.datasets.cifar10 import load_cifar10
from support.data_sets import write_cifar10
from support.exports import data_folder

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_the_public_batches_are_read_pixel_for_pixel(tmp_path):
    written = write_cifar10(tmp_path, np.random.default_rng(0), 50)
    data = load_cifar10(tmp_path)
    assert data.x.shape == (60, 3, 32, 32)
    assert data.x.dtype == np.float32
    assert data.own_test.sum() == 10
    assert data.own_test[-10:].all()
    row, channel, line, column = 3, 1, 5, 7
    pixel = written["data_batch_1"][b"data"][row, channel * 1024 + line * 32 + column]
    expected = (pixel / 255 - MEAN[channel]) / DEVIATION[channel]
    assert data.x[row, channel, line, column] == pytest.approx(expected, abs=1e-6)
    assert data.y[-10:].tolist() == written["test_batch"][b"labels"]


class Payload:
    def __reduce__(self):
        return print, ("this has run",)


def test_a_batch_with_code_is_refused_and_not_run(tmp_path, capsys):
    write_cifar10(tmp_path, np.random.default_rng(0), 50)
    hostile = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    hostile.write_bytes(pickle.dumps({b"data": Payload(), b"labels": []}))
    with pytest.raises(FormatError, match=r"data_batch_3 .*builtins\.print"):
        load_cifar10(tmp_path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"\x80\x03}q\x00.", pickle.dumps([1, 2])])
def test_a_damaged_batch_is_refused(tmp_path, content):
    write_cifar10(tmp_path, np.random.default_rng(0), 50)
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(content)
    with pytest.raises(FormatError, match="test_batch"):
        load_cifar10(tmp_path)


def test_if_it_is_missing_the_error_says_where_to_get_it_and_where_to_put_it(tmp_path):
    with pytest.raises(FileAccessError) as refused:
        load_cifar10(tmp_path)
    sentence = str(refused.value)
    assert "kriz/cifar.html" in sentence
    assert str(tmp_path / "cifar-10-batches-py") in sentence
    assert len(sentence.splitlines()) == 1


def test_a_missing_folder_names_the_option_and_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv("DYNANOISE_DATA", raising=False)
    for given in (None, tmp_path / "nowhere"):
        with pytest.raises(FileAccessError, match=r"--data-dir .*DYNANOISE_DATA"):
            load_cifar10(given)


def test_the_real_data_set_is_complete():
    data = load_cifar10(data_folder())
    assert data.x.shape == (60_000, 3, 32, 32)
    assert np.bincount(data.y[data.own_test]).tolist() == [1000] * 10
    # The mean and deviation of CIFAR-10's training images from the literature.
    images = data.x[~data.own_test]
    mean = images.mean(axis=(0, 2, 3)) * DEVIATION + np.array(MEAN)
    assert mean == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-3)
