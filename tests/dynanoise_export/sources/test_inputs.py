import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.errors import EndpointError, FileAccessError, FormatError, ModelInputError, UsageError, UserError
from dynanoise_export.sources.inputs import draw, parse_spec, read_example
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.exports import refusal
from support.graphs import parse
from support.hostile import Payload


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("x:batch,3,32,32", TensorSpec("x", "float32", ("batch", 3, 32, 32))),
        ("input_ids:batch,sequence:int64", TensorSpec("input_ids", "int64", ("batch", "sequence"))),
        ("x:4,6:float64", TensorSpec("x", "float64", (4, 6))),
        ("x: batch , 3", TensorSpec("x", "float32", ("batch", 3))),
        ("x:batch", TensorSpec("x", "float32", ("batch",))),
        ("x:batch:int64", TensorSpec("x", "int64", ("batch",))),
        ("x:batch,3:half", TensorSpec("x", "float16", ("batch", 3))),
        ("input:0:batch,224,224,3", TensorSpec("input:0", "float32", ("batch", 224, 224, 3))),
        ("input:0:batch,224,224,3:uint8", TensorSpec("input:0", "uint8", ("batch", 224, 224, 3))),
    ],
)
def test_an_input_is_read_and_written(text, spec):
    assert parse_spec(text) == spec
    assert parse_spec(str(spec)) == spec


@pytest.mark.parametrize(
    "text",
    ["", "x", "x:", ":batch,3", "x:batch,,3", "x:batch,3:floot32", "x:batch,3:O", "x:batch,3:complex64", "x:batch,-3",
     "x:batch,3.5", "x:batch 3", "x:0,3", "x:batch,²", "x:batch,3:int64:int64"],
)  # fmt: skip
def test_a_text_that_is_not_an_input_is_refused(text):
    with pytest.raises(UsageError) as refused:
        parse_spec(text)
    assert f"--input {text} " in str(refused.value)


def test_example_values_share_their_dynamic_axes():
    words = TensorSpec("ids", "int64", ("batch", "words")), TensorSpec("mask", "int64", ("batch", "words"))
    image = TensorSpec("image", "float32", ("batch", 3, "side", "side"))
    made = draw((*words, image), rows=5, sizes={"words": 9})
    assert {name: array.shape for name, array in made.items()} == {
        "ids": (5, 9),
        "mask": (5, 9),
        "image": (5, 3, 64, 64),
    }
    assert (made["ids"] == 1).all()
    assert made["image"].dtype == np.float32


@pytest.mark.parametrize("shape", [("batch", "length"), ("batch", 7), (3, 4, 5), ("batch",)])
def test_a_made_up_mask_neither_hides_nor_shows_all_of_a_row(shape):
    made = draw((TensorSpec("mask", "bool", shape),))["mask"]
    assert made.dtype == bool
    assert made.any(axis=-1).all()
    assert not made.all(axis=-1).any()


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def model(tmp_path):
    ir.save(parse("g (float[N,6] x, float[N,6] z) => (float[N,6] y) { y = Add(x, z) }"), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


ROWS = np.arange(24, dtype=np.float64).reshape(4, 6)


def test_an_example_is_taken_by_name_and_in_the_type_of_the_input(tmp_path, model):
    np.savez(tmp_path / "rows.npz", z=-ROWS, more=ROWS, x=ROWS)
    source = open_source(model, SourceOptions(example=tmp_path / "rows.npz"))
    assert list(source.example) == ["x", "z"]
    assert source.example["x"].dtype == np.float32
    np.testing.assert_array_equal(source.example["z"], -ROWS)


def test_a_bundle_is_accepted_as_an_example(tmp_path, model):
    bundle = {"inputs.x": ROWS, "inputs.z": -ROWS, "y": np.zeros(4, np.int64), "member": np.ones(4, bool)}
    np.savez(tmp_path / "bundle.npz", **bundle)
    assert list(read_example(tmp_path / "bundle.npz")) == ["x", "z"]
    assert list(open_source(model, SourceOptions(example=tmp_path / "bundle.npz")).example) == ["x", "z"]


def test_a_single_array_is_taken_for_a_single_input_whatever_its_name(tmp_path):
    ir.save(parse("g (float[N,6] image) => (float[N,6] y) { y = Neg(image) }"), tmp_path / "model.onnx")
    np.savez(tmp_path / "bundle.npz", x=ROWS, y=np.zeros(4, np.int64), member=np.ones(4, bool))
    source = open_source(tmp_path / "model.onnx", SourceOptions(example=tmp_path / "bundle.npz"))
    np.testing.assert_array_equal(source.example["image"], ROWS)


@pytest.mark.parametrize(("rows", "expected"), [(1, 2), (2, 2), (32, 32), (100, 32)])
def test_an_example_has_at_least_two_rows_and_not_too_many(tmp_path, rows, expected):
    np.savez(tmp_path / "rows.npz", x=np.zeros((rows, 6), np.float32))
    assert read_example(tmp_path / "rows.npz")["x"].shape == (expected, 6)


@pytest.mark.parametrize("batch", [1, 3, 9])
def test_an_example_gets_as_many_rows_as_the_model_takes(tmp_path, batch):
    ir.save(parse(f"g (float[{batch},6] x) => (float[{batch},6] y) {{ y = Neg(x) }}"), tmp_path / "model.onnx")
    np.savez(tmp_path / "rows.npz", x=ROWS)
    source = open_source(tmp_path / "model.onnx", SourceOptions(example=tmp_path / "rows.npz"))
    np.testing.assert_array_equal(source.example["x"], ROWS[np.arange(batch) % 4])


@pytest.mark.parametrize(
    ("arrays", "kind", "named"),
    [
        ({"x": ROWS, "other": ROWS}, ModelInputError, "'z'"),
        ({"arr_0": ROWS, "arr_1": ROWS}, ModelInputError, "'x'"),
        ({}, ModelInputError, "rows.npz"),
        ({"x": ROWS[:0], "z": ROWS}, ModelInputError, "rows.npz"),
        ({"x": np.float32(3), "z": ROWS}, EndpointError, "model.onnx"),
        ({"x": ROWS.astype(str), "z": ROWS}, ModelInputError, "'x'"),
        ({"x": ROWS, "z": ROWS.astype(complex)}, ModelInputError, "'z'"),
        ({"y": np.zeros(4), "member": np.ones(4, bool)}, ModelInputError, "rows.npz"),
        ({"x": ROWS[:, :5], "z": ROWS}, EndpointError, "model.onnx"),
    ],
)
def test_an_example_that_does_not_fit_is_refused(tmp_path, model, out, arrays, kind, named):
    np.savez(tmp_path / "rows.npz", **arrays)
    assert named in refusal(model, out, kind, example=tmp_path / "rows.npz", named=False)


def test_an_example_of_pickled_objects_is_refused_and_not_opened(tmp_path, model, out):
    np.savez(tmp_path / "rows.npz", x=np.array([Payload(tmp_path / "payload")]), z=ROWS, allow_pickle=True)
    assert str(tmp_path / "rows.npz") in refusal(model, out, UserError, example=tmp_path / "rows.npz", named=False)
    assert not (tmp_path / "payload").exists()


@pytest.mark.parametrize("content", [None, b"", b"hello", b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00", b"\x80\x04\x95"])
def test_an_example_that_is_not_an_npz_file_is_refused(tmp_path, model, out, content):
    if content is not None:
        (tmp_path / "rows.npz").write_bytes(content)
    kind = FileAccessError if content is None else FormatError
    assert str(tmp_path / "rows.npz") in refusal(model, out, kind, example=tmp_path / "rows.npz", named=False)


def test_an_array_without_a_name_is_refused(tmp_path, model, out):
    np.save(tmp_path / "rows.npy", ROWS)
    assert "rows.npy" in refusal(model, out, FormatError, example=tmp_path / "rows.npy", named=False)
