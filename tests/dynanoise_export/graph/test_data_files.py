"""The files that a model's external data may come from."""

import os

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export.errors import FileAccessError, FormatError, UnsupportedModelError, UntrustedCodeError
from dynanoise_export.graph.model_files import external_files, read_model
from support.graphs import normals

DIGITS = bytes(range(100, 132)).hex()
CONTENT = normals(4, 5).tobytes()
GRAPH = '<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,5] z) { z = MatMul(x, w) }'


def tensor(name, count, dtype=onnx.TensorProto.UINT8, **place):
    made = onnx.TensorProto(name=name, data_type=dtype, dims=[count], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in place.items():
        made.external_data.add(key=key, value=str(value))
    return made


def reading(folder, content, *tensors, location="w.bin"):
    """Write a model whose weights are in a file of this content, beside it; by default one takes all of it."""
    proto = onnx.parser.parse_model(GRAPH)
    (folder / location).write_bytes(content)
    proto.graph.initializer.extend(tensors or [tensor("w", len(content), location=location)])
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    return folder / "model.onnx"


def test_a_file_that_the_model_s_tensors_fill_is_read(tmp_path):
    path = reading(tmp_path, CONTENT)
    assert external_files(read_model(path)) == [tmp_path / "w.bin"]


@pytest.mark.parametrize(
    "content",
    [
        DIGITS,
        f"{DIGITS}\n",
        DIGITS.upper(),
        f"\t\n {DIGITS} \r\n\r\n",
        " ".join(DIGITS[i : i + 2] for i in range(0, 64, 2)),
        "\n".join(DIGITS[i : i + 7] for i in range(0, 64, 7)),
        "0" * 64,
        DIGITS[:40] + DIGITS[40:].upper(),
        DIGITS + "\0" * 100,
        "\0".join(DIGITS),
    ],
)
def test_a_key_by_any_name_is_never_a_weight(tmp_path, content):
    with pytest.raises(UntrustedCodeError, match=r"model\.onnx") as caught:
        read_model(reading(tmp_path, content.encode("ascii"), location="weights.bin"))
    assert DIGITS[:8] not in str(caught.value)


@pytest.mark.parametrize("before", [0, 1, 63, 4097, 70_001, (1 << 20) - 30, (1 << 20) + 4097 - 20])
def test_a_key_within_other_bytes_is_found(tmp_path, before):
    noise = np.random.default_rng(0).integers(128, 256, before + 5000, np.uint8).tobytes()
    content = noise[:before] + DIGITS.encode() + noise[before:]
    with pytest.raises(UntrustedCodeError):
        read_model(reading(tmp_path, content))


@pytest.mark.parametrize("name", ["kept.onnx.key", "w.key", "W.KEY", ".key.key", "sub/w.key"])
def test_a_key_by_its_name_is_never_a_weight(tmp_path, name):
    (tmp_path / "sub").mkdir()
    with pytest.raises(UntrustedCodeError):
        read_model(reading(tmp_path, CONTENT, location=name))


@pytest.mark.parametrize(
    "content",
    [b"user: me\npassword: 1234\n", b'{"passed": true, "checks": []}', b"<html>caf\xc3\xa9</html>",
     b"PK\x03\x04" + CONTENT, b"\x93NUMPY" + CONTENT, b"-----BEGIN OPENSSH PRIVATE KEY-----\n" * 200],
)  # fmt: skip
def test_texts_and_archives_are_no_weights(tmp_path, content):
    with pytest.raises(UntrustedCodeError):
        read_model(reading(tmp_path, content))


def test_equal_weights_that_look_like_a_text_are_weights(tmp_path):
    content = np.full(4096, 0x3434, np.uint16).tobytes()  # 0.263 in float16
    assert external_files(read_model(reading(tmp_path, content)))


@pytest.mark.parametrize(
    "tensors",
    [
        [("w", 40, 0)],
        [("w", 40, 40)],
        [("w", 30, 0), ("b", 30, 50)],
        [("w", 50, 0), ("b", 50, 30)],
        [("w", 80, 0), ("b", 20, 30)],
        [("w", 0, 0)],
        [("w", 0, 80)],
    ],
)
def test_a_file_of_which_a_model_reads_parts_is_refused(tmp_path, tensors):
    held = [tensor(name, count, location="w.bin", offset=offset) for name, count, offset in tensors]
    with pytest.raises(UntrustedCodeError):
        read_model(reading(tmp_path, CONTENT, *held))


def test_tensors_may_share_their_bytes_and_be_padded_with_zeros(tmp_path):
    held = [
        tensor("w", 80, location="w.bin"),
        tensor("b", 80, location="w.bin"),
        tensor("c", 80, location="w.bin", offset=4096),
    ]
    padded = CONTENT + bytes(4096 - 80) + CONTENT + bytes(100)
    assert external_files(read_model(reading(tmp_path, padded, *held)))
    for damaged in (padded[:100] + b"\1" + padded[101:], padded[:-1] + b"\1", padded + bytes(1 << 17)):
        with pytest.raises(UntrustedCodeError):
            read_model(reading(tmp_path, damaged, *held))


@pytest.mark.parametrize("location", ["./w.bin", "w.bin/", "sub/../w.bin", "sub//w.bin", "..\\w.bin", "C:\\w.bin"])
def test_a_location_that_goes_up_is_refused_wherever_it_ends(tmp_path, location):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(CONTENT)
    path = reading(tmp_path, CONTENT, tensor("w", 80, location=location))
    if location in ("./w.bin", "w.bin/", "sub//w.bin"):
        assert external_files(read_model(path))
        return
    with pytest.raises(UntrustedCodeError):
        read_model(path)


@pytest.mark.skipif(os.name != "posix", reason="other systems have other files")
def test_what_is_not_a_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for location, kind in (("folder", FileAccessError), ("pipe", FileAccessError), ("device", UntrustedCodeError)):
        with pytest.raises(kind, match=r"model\.onnx"):
            read_model(reading(tmp_path, CONTENT, tensor("w", 80, location=location)))


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_the_model_itself_is_no_weight(tmp_path, link):
    path = reading(tmp_path, CONTENT)
    (tmp_path / "w.bin").unlink()
    link(path, tmp_path / "w.bin")
    with pytest.raises(UntrustedCodeError):
        read_model(path)


def test_a_link_to_a_key_is_refused(tmp_path):
    path = reading(tmp_path, CONTENT)
    (tmp_path / "kept.onnx.key").write_text(DIGITS)
    for link in (os.symlink, os.link):
        (tmp_path / "w.bin").unlink()
        link(tmp_path / "kept.onnx.key", tmp_path / "w.bin")
        with pytest.raises(UntrustedCodeError):
            read_model(reading_as_it_is(path))


def reading_as_it_is(path):
    """Let the weight be as long as the file that it is a link to."""
    proto = onnx.load(path, load_external_data=False)
    proto.graph.initializer[0].dims[0] = (path.parent / "w.bin").stat().st_size
    onnx.save(proto, path)
    return path


def test_only_links_of_a_linked_model_lead_to_the_folder_of_that_model(tmp_path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    snapshot.mkdir()
    (blobs / "other").write_bytes(CONTENT)
    path = reading(snapshot, CONTENT)
    (snapshot / "w.bin").unlink()
    (snapshot / "w.bin").symlink_to(blobs / "other")
    with pytest.raises(UntrustedCodeError):  # the model is a file of the folder
        read_model(path)
    path.rename(blobs / "model")
    path.symlink_to(blobs / "model")
    assert external_files(read_model(path)) == [blobs / "other"]
    (blobs / "deeper").mkdir()
    (blobs / "other").rename(blobs / "deeper" / "other")
    (snapshot / "w.bin").unlink()
    (snapshot / "w.bin").symlink_to(blobs / "deeper" / "other")
    with pytest.raises(UntrustedCodeError):
        read_model(path)


def test_a_tensor_with_two_places_is_refused(tmp_path):
    twice = tensor("w", 80, location="w.bin")
    twice.external_data.add(key="location", value="other.bin")
    both = tensor("w", 80, location="w.bin")
    both.raw_data = CONTENT
    inside = tensor("w", 80, location="w.bin")
    inside.data_location = onnx.TensorProto.DEFAULT
    for held in (twice, both, inside):
        with pytest.raises(FormatError, match=r"model\.onnx"):
            read_model(reading(tmp_path, CONTENT, held))


def test_a_sparse_tensor_is_refused(tmp_path):
    path = reading(tmp_path, CONTENT)
    proto = onnx.load(path, load_external_data=False)
    proto.graph.sparse_initializer.add().values.CopyFrom(tensor("s", 80, location="w.bin"))
    onnx.save(proto, path)
    with pytest.raises(UnsupportedModelError, match=r"model\.onnx"):
        read_model(path)


def with_two_weights():
    proto = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,300] x) => (float[N,5] z) '
        "{ h = MatMul(x, v) z = MatMul(h, w) }"
    )
    for name, shape in (("v", (300, 1000)), ("w", (1000, 5))):
        proto.graph.initializer.append(onnx.numpy_helper.from_array(normals(*shape), name))
    return proto


@pytest.mark.parametrize("one_file", [True, False])
def test_what_onnx_saves_is_read(tmp_path, one_file):
    form = {"all_tensors_to_one_file": one_file, "location": "m.data" if one_file else None}
    onnx.save(with_two_weights(), tmp_path / "m.onnx", save_as_external_data=True, **form)
    assert len(external_files(read_model(tmp_path / "m.onnx"))) == (1 if one_file else 2)


@pytest.mark.parametrize("alignment", [None, 4096, 65536])
def test_what_onnx_ir_saves_is_read(tmp_path, alignment):
    model = ir.from_proto(with_two_weights())
    values = list(model.graph.initializers.values())
    moved = ir.external_data.convert_tensors_to_external(
        [value.const_value for value in values], tmp_path, "m.data", alignment=alignment, align_threshold=0
    )
    for value, external in zip(values, moved, strict=True):
        value.const_value = external
    ir.save(model, tmp_path / "m.onnx")
    assert external_files(read_model(tmp_path / "m.onnx")) == [tmp_path / "m.data"]


def test_what_onnx_runtime_saves_is_read(tmp_path):
    import onnxruntime

    onnx.save(with_two_weights(), tmp_path / "plain.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "m.onnx")
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "m.data")
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "100")
    onnxruntime.InferenceSession(tmp_path / "plain.onnx", options, providers=["CPUExecutionProvider"])
    assert external_files(read_model(tmp_path / "m.onnx")) == [tmp_path / "m.data"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_torch_exports_is_read(tmp_path):
    import torch

    module = torch.nn.Sequential(torch.nn.Linear(300, 1000), torch.nn.ReLU(), torch.nn.Linear(1000, 5)).eval()
    torch.onnx.export(
        module, (torch.randn(2, 300),), tmp_path / "m.onnx", dynamo=True, external_data=True, verbose=False
    )
    assert len(external_files(read_model(tmp_path / "m.onnx"))) == 1
