import pytest

from dynanoise_export.errors import FormatError
from dynanoise_models.datasets.sst2 import load_sst2
from support.exports import data_folder

TRAIN = 'sentence\tlabel\na warm film \t1\ndull\t0\nit \'s "odd" , and long \t0\n'
DEV = "sentence\tlabel\nbright\t1\n"


def write(folder, train=TRAIN, dev=DEV):
    (tables := folder / "SST-2").mkdir()
    for part, text in (("train", train), ("dev", dev)):
        if text is not None:
            (tables / f"{part}.tsv").write_text(text, encoding="utf-8")
    return folder


def test_the_format_of_glue_is_read_unchanged(tmp_path):
    data = load_sst2(write(tmp_path))
    assert data.x.tolist() == ["a warm film ", "dull", 'it \'s "odd" , and long ', "bright"]
    assert data.y.tolist() == [1, 0, 0, 1]
    assert data.own_test.tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    "train",
    [
        None,
        "",
        "a warm film\t1\n",
        "sentence\tlabel\nno label here\n",
        "sentence\tlabel\na warm film\tgood\n",
    ],
)
def test_another_format_is_refused(tmp_path, train):
    with pytest.raises(FormatError, match=r"train\.tsv"):
        load_sst2(write(tmp_path, train))


def test_the_real_data_set_is_complete():
    data = load_sst2(data_folder())
    assert (len(data), data.own_test.sum()) == (67_349 + 872, 872)
    assert data.y[data.own_test].sum() == 444  # of GLUE's dev, 444 are positive
