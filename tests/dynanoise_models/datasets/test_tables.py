import numpy as np
import pytest

from dynanoise_export.errors import DataError, FormatError
from dynanoise_models.datasets.tables import load_location30, load_purchase100, load_texas100
from support.data_sets import write_location30, write_table
from support.exports import data_folder

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("load", "name", "features"), [(load_purchase100, "purchase100", 600), (load_texas100, "texas100", 6169)]
)
def test_the_public_files_are_read(tmp_path, load, name, features):
    x, y = write_table(tmp_path / f"{name}.npz", GENERATOR, 200, features)
    data = load(tmp_path)
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.y, y)
    assert not data.own_test.any()


def test_labels_can_be_numbers_from_one_on(tmp_path):
    x = GENERATOR.integers(0, 2, (200, 600))
    np.savez(tmp_path / "purchase100.npz", features=x, labels=np.arange(200) % 100 + 1)
    assert load_purchase100(tmp_path).y.tolist() == (np.arange(200) % 100).tolist()


@pytest.mark.parametrize(
    ("arrays", "kind", "named"),
    [
        ({"features": np.zeros((5, 599)), "labels": np.arange(5)}, FormatError, "[5, 599], float64"),
        ({"features": np.zeros((0, 600)), "labels": np.arange(0)}, FormatError, "0 labels"),
        ({"features": np.zeros((5, 600)), "labels": np.arange(4)}, DataError, "5 rows and labels of shape [4]"),
        ({"features": np.full((5, 600), np.nan), "labels": np.arange(5)}, DataError, "finite"),
        ({"features": np.zeros((5, 600)), "labels": np.zeros(5)}, DataError, "classes"),
        ({"features": np.zeros((5, 600))}, FormatError, "labels"),
        ({"features": np.full((5, 600), "a"), "labels": np.arange(5)}, FormatError, "<U1"),
        ({"features": np.zeros((5, 600)), "labels": np.full(5, "a")}, FormatError, "5 labels of <U1"),
        ({"features": np.array([{}] * 5), "labels": np.arange(5)}, FormatError, "features"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused(tmp_path, arrays, kind, named):
    np.savez(tmp_path / "purchase100.npz", **arrays)
    with pytest.raises(kind) as refused:
        load_purchase100(tmp_path)
    assert "purchase100.npz" in str(refused.value)
    assert named in str(refused.value)


def test_a_file_cut_short_is_refused(tmp_path):
    write_table(tmp_path / "whole.npz", GENERATOR, 20, 600)
    (tmp_path / "purchase100.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:2000])
    with pytest.raises(FormatError, match=r"purchase100\.npz"):
        load_purchase100(tmp_path)


def test_the_bits_of_location30_are_unpacked(tmp_path):
    x, y = write_location30(tmp_path, GENERATOR, 90)
    data = load_location30(tmp_path)
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.y, y - 1)


def test_the_real_data_set_is_complete():
    data = load_location30(data_folder())
    assert data.x.shape == (5010, 446)
    assert set(np.unique(data.x)) == {0, 1}
    assert set(np.unique(data.y)) == set(range(30))
