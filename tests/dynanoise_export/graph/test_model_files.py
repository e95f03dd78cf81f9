"""ONNX files with external data: read, defended and written again."""

import os

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest

from dynanoise_export.graph import model_files
from dynanoise_export.graph.checker import check_form
from dynanoise_export.graph.model_files import external_files, read_model, write_model
from support.algorithm import algorithm_1
from support.graphs import LAMBDA, SIGMA0, TEMPERATURE, defend, normals, parse

WEIGHT = normals(50, 100, seed=1)


def model_with_weight():
    model = parse("g (float[N,50] x, float[50,100] w) => (float[N,100] z) { z = MatMul(x, w) }")
    weight = model.graph.inputs.pop()
    weight.const_value = ir.tensor(WEIGHT, name="w")
    model.graph.register_initializer(weight)
    return model


def stored(folder, name="plain.onnx", data="plain.weights"):
    ir.save(model_with_weight(), folder / name, external_data=data)
    assert (folder / data).stat().st_size == WEIGHT.nbytes
    return folder / name


def defended_answer(path, x, noise):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x, "noise": noise})[0]


def assert_defended(path):
    x, noise = normals(4, 50), normals(4, 100, seed=2)
    expected = algorithm_1(x.astype(np.float64) @ WEIGHT, noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(defended_answer(path, x, noise), expected, atol=1e-5)


def test_external_data_goes_beside_the_new_file_under_its_name(tmp_path):
    model = read_model(stored(tmp_path))
    assert external_files(model) == [tmp_path / "plain.weights"]
    defend(model, "z", 100)
    folder = tmp_path / "out"
    folder.mkdir()
    write_model(model, folder / "defended.onnx")
    check_form(folder / "defended.onnx")
    assert sorted(p.name for p in folder.iterdir()) == ["defended.onnx", "defended.onnx.data"]
    assert (folder / "defended.onnx.data").read_bytes() == WEIGHT.tobytes()
    assert_defended(folder / "defended.onnx")


def test_a_model_in_one_file_stays_in_one_file(tmp_path):
    ir.save(model_with_weight(), tmp_path / "plain.onnx")
    model = read_model(tmp_path / "plain.onnx")
    assert external_files(model) == []
    defend(model, "z", 100)
    (tmp_path / "out").mkdir()
    write_model(model, tmp_path / "out" / "defended.onnx")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["defended.onnx"]
    assert_defended(tmp_path / "out" / "defended.onnx")


def test_large_weights_leave_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(model_files, "LARGEST_SINGLE_FILE", WEIGHT.nbytes - 1)
    model = model_with_weight()
    defend(model, "z", 100)
    write_model(model, tmp_path / "defended.onnx")
    assert (tmp_path / "defended.onnx").stat().st_size < 10_000
    assert (tmp_path / "defended.onnx.data").read_bytes() == WEIGHT.tobytes()
    assert_defended(tmp_path / "defended.onnx")


def test_writing_leaves_the_model_as_it_was(tmp_path):
    model = read_model(stored(tmp_path))
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_model(model, tmp_path / name / "m.onnx")
        assert external_files(model) == [tmp_path / "plain.weights"]
    assert (tmp_path / "first" / "m.onnx.data").read_bytes() == (tmp_path / "second" / "m.onnx.data").read_bytes()


def test_strings_stay_in_the_file_beside_external_weights(tmp_path):
    model = model_with_weight()
    labels = onnx.helper.make_tensor("labels", onnx.TensorProto.STRING, [300], [b"label"] * 300)
    value = ir.Value(name="labels", const_value=ir.serde.deserialize_tensor(labels))
    model.graph.register_initializer(value)
    model.graph.outputs.append(value)
    value.type, value.shape = ir.TensorType(ir.DataType.STRING), ir.Shape([300])
    write_model(model, tmp_path / "before.onnx")
    files_model = read_model(tmp_path / "before.onnx")
    files_model.graph.initializers["w"].const_value = read_model(stored(tmp_path)).graph.initializers["w"].const_value
    write_model(files_model, tmp_path / "after.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "after.onnx", providers=["CPUExecutionProvider"])
    assert list(session.run(["labels"], {"x": normals(1, 50)})[0]) == ["label"] * 300


def test_a_constant_may_lie_in_another_file(tmp_path):
    model = parse("g (float[N,50] x) => (float[N,100] z) { w = Constant<value = float[1] {0}>()\n z = MatMul(x, w) }")
    constant = model.graph[0]
    constant.attributes["value"] = ir.AttrTensor(
        "value", ir.ExternalTensor("w.bin", 0, WEIGHT.nbytes, ir.DataType.FLOAT, shape=ir.Shape([50, 100]), name="w")
    )
    ir.save(model, tmp_path / "plain.onnx")
    (tmp_path / "w.bin").write_bytes(WEIGHT.tobytes())
    model = read_model(tmp_path / "plain.onnx")
    assert external_files(model) == [tmp_path / "w.bin"]
    defend(model, "z", 100)
    write_model(model, tmp_path / "defended.onnx")
    assert_defended(tmp_path / "defended.onnx")


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_links_are_followed_as_in_the_caches_of_package_managers(tmp_path, link):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    snapshot.mkdir()
    stored(blobs)
    for name in ("plain.onnx", "plain.weights"):
        link(blobs / name, snapshot / name)
    model = read_model(snapshot / "plain.onnx")
    defend(model, "z", 100)
    write_model(model, tmp_path / "defended.onnx")
    assert_defended(tmp_path / "defended.onnx")


def test_the_long_name_of_the_standard_domain_is_known(tmp_path):
    proto = onnx.parser.parse_model('<ir_version: 8, opset_import: ["ai.onnx" : 17]> g (float[N,3] x) => (float[N,3] z)'
                                    "{ z = ai.onnx.Softmax<axis=-1>(x) }")  # fmt: skip
    (tmp_path / "plain.onnx").write_bytes(proto.SerializeToString())
    model = read_model(tmp_path / "plain.onnx")
    defend(model, "z", 3)
    assert model.opset_imports[""] == 17
    assert "ai.onnx" not in model.opset_imports


def test_nodes_may_stand_in_any_order(tmp_path):
    # A converter to float16 puts the casts that the first nodes take at the end.
    model = parse("g (float[N,3] x) => (float[N,3] z) { a = Neg(x)\n b = Exp(a)\n z = Add(a, b) }")
    proto = ir.to_proto(model)
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(nodes))
    onnx.save(proto, tmp_path / "plain.onnx")
    assert [node.op_type for node in read_model(tmp_path / "plain.onnx").graph] == ["Neg", "Exp", "Add"]
