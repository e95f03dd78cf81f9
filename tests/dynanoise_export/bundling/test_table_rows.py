import json

import numpy as np
import pytest

from dynanoise_export.errors import DataError, FormatError, MissingPackageError, ModelInputError, UsageError
from support.blobs import Blobs
from support.bundling import bundled

TABLE = {
    "age": [31, 45, 27, 60], "smoker": [True, False, True, False], "height": [1.7, 1.81, 1.66, 1.75],
    "healthy": ["no", "yes", "yes", "no"], "member": [1, 0, 1, 0], "person": ["a", "b", "a", "c"],
}  # fmt: skip
OPTIONS = {"label": "healthy", "member": "member", "group": "person"}


def as_csv(path, delimiter=",", start="", rows=slice(None)):
    lines = [TABLE, *zip(*(column[rows] for column in TABLE.values()), strict=True)]
    path.write_text(start + "\n".join(delimiter.join(map(str, line)) for line in lines) + "\n", encoding="utf-8")


def as_json_lines(path):
    rows = [dict(zip(TABLE, row, strict=True)) for row in zip(*TABLE.values(), strict=True)]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")


def as_parquet(path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    parquet.write_table(pyarrow.table(TABLE), path, row_group_size=3)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("rows.csv", as_csv),
        ("rows.CSV", lambda path: as_csv(path, ";")),
        ("rows.tsv", lambda path: as_csv(path, "\t", "\ufeff")),
        ("rows.jsonl", as_json_lines),
        ("rows.parquet", as_parquet),
    ],
)
def test_a_table_of_every_format_gives_the_same_rows(tmp_path, name, write):
    write(tmp_path / name)
    made = bundled(tmp_path / name, **OPTIONS)
    expected = np.array([TABLE["age"], TABLE["smoker"], TABLE["height"]], np.float32).T
    np.testing.assert_array_equal(made.inputs["x"], expected)
    assert made.inputs["x"].dtype == np.float32
    assert (made.y.tolist(), made.classes) == ([0, 1, 1, 0], ("no", "yes"))
    assert made.member.tolist() == [True, False, True, False]
    assert made.group.tolist() == TABLE["person"]


def test_columns_are_taken_in_the_order_that_they_are_asked_for(tmp_path):
    as_csv(tmp_path / "rows.csv")
    made = bundled(tmp_path / "rows.csv", **OPTIONS, columns=("height", "age"))
    np.testing.assert_array_equal(made.inputs["x"], np.array([TABLE["height"], TABLE["age"]], np.float32).T)


def test_the_numbers_of_the_rows_that_pandas_writes_are_left_out(tmp_path):
    (tmp_path / "rows.csv").write_text(",a,y,m\n0,5,0,1\n1,6,1,0\n")
    made = bundled(tmp_path / "rows.csv", label="y", member="m")
    assert made.inputs["x"].tolist() == [[5], [6]]


def test_a_large_table_is_read_in_parts(tmp_path):
    rows = np.arange(25_000)
    lines = "\n".join(f"{row},{row % 2},{row % 3 == 0}" for row in rows)
    (tmp_path / "rows.csv").write_text(f"a,y,m\n{lines}\n")
    made = bundled(tmp_path / "rows.csv", label="y", member="m")
    np.testing.assert_array_equal(made.inputs["x"][:, 0], rows)
    np.testing.assert_array_equal(made.member, rows % 3 == 0)


def test_each_input_of_a_model_may_be_a_column(tmp_path):
    blobs = Blobs.drawn(3)
    x, y = blobs.rows(40)
    model = blobs.model(tmp_path / "model.onnx", ("b", "c", "a"))
    lines = "\n".join(f"{a},{b},{c},{label},{row % 2}" for row, ((b, c, a), label) in enumerate(zip(x, y, strict=True)))
    (tmp_path / "rows.csv").write_text(f"a,b,c,y,m\n{lines}\n")
    made = bundled(tmp_path / "rows.csv", model=model, inputs=("a", "b", "c"), label="y", member="m")
    np.testing.assert_allclose(made.inputs["c"], x[:, 1:2])
    assert made.inputs["a"].shape == (40, 1)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a,city,y,m\n1,Rome,0,1\n2,Bonn,1,0\n", "city"),
        ("a,y,m\n1,0,1\n,1,0\n", "'a'"),
        ("a,y,m\nNaN,0,1\n1,1,0\n", "'a'"),
        ("a,y,m\ninf,0,1\n1,1,0\n", "'a'"),
        ("y,m\n0,1\n1,0\n", "rows.csv"),
        ("a,y,m\n", "rows.csv"),
        ("5,0,1\n2,1,0\n", "'y'"),  # no line of names
        ("a,y,m\n1,0,1\n2,1,1\n", "non-members"),
        ("a,y,m\n1,0,0\n2,1,0\n", "members"),
        ("a,y,m\n1,0,perhaps\n2,1,0\n", "perhaps"),
        ("a,y,m\n1,0.5,1\n2,cat,0\n3,-1,1\n", None),  # three names of classes
        ("a,y,m\n1,-1,1\n2,1,0\n", "rows.csv"),
        ("a,y,m\n1,0,1\n1,0,0\n", "--drop-shared"),
    ],
)
def test_a_table_that_says_too_little_is_refused(tmp_path, text, name):
    (tmp_path / "rows.csv").write_text(text)
    if name is None:
        assert bundled(tmp_path / "rows.csv", label="y", member="m").classes == ("-1", "0.5", "cat")
        return
    with pytest.raises(DataError, match=name):
        bundled(tmp_path / "rows.csv", label="y", member="m")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", b"a,y,m\n1,0\n"),
        ("rows.csv", b"a,y,m\n1,0,1,1\n"),
        ("rows.csv", b"a,y,y\n1,0,1\n"),
        ("rows.csv", b'a,y,m\n"1,0,1\n'),
        ("rows.csv", b"a,y,m\n\xff,0,1\n"),
        ("rows.csv", b"a,y,m\n" + b"x" * 200_000 + b",0,1\n"),
        ("rows.jsonl", b"{"),
        ("rows.jsonl", b"[1]\n"),
        ("rows.jsonl", b"[" * 200 + b"]" * 200),
        ("rows.parquet", b"PAR1"),
        ("rows.parquet", b""),
        ("rows.txt", b"a,y,m\n"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, name, content):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=name):
        bundled(tmp_path / name, label="y", member="m")


@pytest.mark.parametrize("content", [b"", b"\n\n"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_an_empty_table_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        bundled(tmp_path / name, label="y", member="m")


def test_a_table_needs_the_names_of_its_columns(tmp_path):
    as_csv(tmp_path / "rows.csv")
    with pytest.raises(UsageError, match="--label"):
        bundled(tmp_path / "rows.csv", member="member")
    with pytest.raises(UsageError, match="--member"):
        bundled(tmp_path / "rows.csv", label="healthy", columns=("age",))


def test_another_number_of_features_than_the_model_takes_names_them(tmp_path):
    as_csv(tmp_path / "rows.csv")
    model = Blobs.drawn(2, classes=2).model(tmp_path / "model.onnx")
    with pytest.raises(ModelInputError, match="--columns"):
        bundled(tmp_path / "rows.csv", model=model, **OPTIONS)


def test_rows_that_are_member_and_non_member_can_be_left_out(tmp_path):
    (tmp_path / "rows.csv").write_text("a,y,m\n1,0,1\n1,0,0\n2,0,0\n2,1,auxiliary\n1,1,auxiliary\n")
    made = bundled(tmp_path / "rows.csv", label="y", member="m", drop_shared=True)
    assert made.inputs["x"].tolist() == [[1], [2], [2]]
    assert made.split.tolist() == ["member", "non-member", "auxiliary"]


def test_parquet_without_its_package_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("dynanoise_export.packages.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"\[parquet\]"):
        bundled(tmp_path / "rows.parquet", label="y", member="m")
