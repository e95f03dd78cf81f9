"""Files that are damaged or malicious: each raises one UserError, and nothing else."""

import contextlib
import random

import onnx
import pytest

from dynanoise_export.errors import (
    FileAccessError,
    FormatError,
    UnsupportedModelError,
    UntrustedCodeError,
    UserError,
)
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import behind
from dynanoise_export.graph.model_files import read_model, write_model
from dynanoise_export.noise.random_noise import RandomNoise
from support.graphs import DEFENCE


def external(tensor: onnx.TensorProto, dims, **place) -> onnx.TensorProto:
    tensor.name, tensor.data_type, tensor.data_location = "w", onnx.TensorProto.FLOAT, onnx.TensorProto.EXTERNAL
    tensor.dims.extend(dims)
    for key, value in place.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def stored(folder, dims=(4, 5), **place):
    """Write a model whose weight, 80 bytes of float32, lies where `place` says."""
    proto = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,5] z) { z = MatMul(x, w) }'
    )
    external(proto.graph.initializer.add(), dims, **({"location": "w.bin"} | place))
    (folder / "plain.onnx").write_bytes(proto.SerializeToString())
    return folder / "plain.onnx"


@pytest.fixture
def folder(tmp_path):
    """A folder that holds a weight, within one that holds another."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "w.bin").write_bytes(bytes(80))
    (tmp_path / "secret.bin").write_bytes(bytes(80))
    return inside


def test_the_whole_file_can_be_read(folder):
    assert read_model(stored(folder)).graph.initializers["w"].const_value.nbytes == 80


@pytest.mark.parametrize("location", ["../secret.bin", "sub/../../secret.bin", "/etc/hostname", "ABSOLUTE", "link.bin"])
def test_data_outside_the_folder_is_refused(folder, location):
    (folder / "link.bin").symlink_to(folder.parent / "secret.bin")
    location = location.replace("ABSOLUTE", str(folder.parent / "secret.bin"))
    with pytest.raises(UntrustedCodeError, match=r"plain\.onnx"):
        read_model(stored(folder, location=location))


def test_data_outside_the_folder_is_refused_for_a_constant_of_a_function(folder):
    proto = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17, "user" : 1]>
        g (float[N,4] x) => (float[N,5] z) { z = user.Layer(x) }
        <domain: "user", opset_import: ["" : 17]> Layer (x) => (z)
        { w = Constant<value = float[1] {0}>()
          z = MatMul(x, w) }""")
    tensor = proto.functions[0].node[0].attribute[0].t
    tensor.Clear()
    external(tensor, (4, 5), location=str(folder.parent / "secret.bin"))
    (folder / "plain.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(UnsupportedModelError, match=r"plain\.onnx"):
        read_model(folder / "plain.onnx")


@pytest.mark.parametrize(
    ("location", "kind"),
    [("gone.bin", FileAccessError), ("", FileAccessError), (".", FileAccessError), ("w.bin/w.bin", FileAccessError)],
)
def test_missing_data_is_refused(folder, location, kind):
    with pytest.raises(kind, match=r"plain\.onnx"):
        read_model(stored(folder, location=location))


@pytest.mark.parametrize(("place", "size"), [({}, 79), ({"offset": 8}, 80), ({"offset": 8, "length": 80}, 87)])
def test_data_that_is_cut_short_is_refused(folder, place, size):
    (folder / "w.bin").write_bytes(bytes(size))
    with pytest.raises(FormatError, match=r"w\.bin"):
        read_model(stored(folder, **place))


@pytest.mark.parametrize(
    ("dims", "place"),
    [
        ((4, 5), {"offset": -8}),
        ((4, 5), {"offset": "eight"}),
        ((4, 5), {"length": 40}),
        ((4, 5), {"length": -1}),
        ((-4, 5), {}),
        ((-4, -5), {}),
        ((4, 5), {"location": "w\0.bin"}),
        ((4, 5), {"location": "w" * 5000}),
    ],
)
def test_an_invalid_location_of_a_weight_is_refused(folder, dims, place):
    with pytest.raises(FormatError, match=r"plain\.onnx"):
        read_model(stored(folder, dims, **place))


def test_a_size_beyond_all_memory_is_refused(folder):
    with pytest.raises(FormatError, match=r"w\.bin"):
        read_model(stored(folder, dims=(1 << 40, 1 << 20)))


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00", b"PK\x03\x04 no model", b"<html></html>", random.Random(0).randbytes(4096), b"\x08" * 100],
)
def test_bytes_that_are_not_a_model_are_refused(tmp_path, content):
    path = tmp_path / "plain.onnx"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"plain\.onnx"):
        read_model(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_model_is_refused(tmp_path, share):
    proto = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,4] z) { h = Relu(x) z = Softmax(h) }'
    )
    whole = proto.SerializeToString()
    path = tmp_path / "plain.onnx"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FormatError, match=r"plain\.onnx"):
        read_model(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "gone.onnx"):
        with pytest.raises(FileAccessError, match=str(path)):
            read_model(path)


def test_functions_that_call_each_other_are_refused(tmp_path):
    proto = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17, "user" : 1]>
        g (float[N,4] x) => (float[N,4] z) { z = user.A(x) }
        <domain: "user", opset_import: ["" : 17, "user" : 1]> A (x) => (z) { z = user.B(x) }
        <domain: "user", opset_import: ["" : 17, "user" : 1]> B (x) => (z) { z = user.A(x) }""")
    (tmp_path / "plain.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(FormatError, match=r"plain\.onnx"):
        read_model(tmp_path / "plain.onnx")


SMALL = onnx.parser.parse_model(
    '<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,4] z) { h = Relu(x) z = Softmax<axis=1>(h) }'
).SerializeToString()


def test_a_name_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "plain.onnx").write_bytes(SMALL.replace(b"\x01h", b"\x01\xff"))
    with pytest.raises(FormatError):
        write_model(read_model(tmp_path / "plain.onnx"), tmp_path / "copy.onnx")


def test_an_attribute_without_a_type_is_refused(tmp_path):
    proto = onnx.load_from_string(SMALL)
    proto.graph.node[1].attribute[0].ClearField("type")
    (tmp_path / "plain.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(FormatError, match=r"plain\.onnx"):
        read_model(tmp_path / "plain.onnx")


@pytest.mark.parametrize("seed", range(10))
def test_flipped_bytes_never_raise_anything_else(tmp_path, seed):
    draws = random.Random(seed)
    path = tmp_path / "plain.onnx"
    for _ in range(30):
        damaged = bytearray(SMALL)
        for _ in range(draws.choice([1, 2, 4])):
            damaged[draws.randrange(len(damaged))] = draws.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(UserError):
            model = read_model(path)
            attach(model, behind(model.graph.outputs[0]), 4, DEFENCE, RandomNoise())
            write_model(model, tmp_path / "defended.onnx")
