"""The digest of a model's content: what changes it, and what does not."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export.graph.content_digest import content_sha256
from dynanoise_export.graph.model_files import read_model
from support.graphs import parse

GRAPH = """
g (float[n, 3] x, bool c) => (float[n, 3] z)
<float[3, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}, float[3] b = {1, 2, 3}>
{
  u = MatMul(x, w)
  v = Add(u, b)
  s = LeakyRelu <alpha = 0.5> (x)
  t = If (c) <
    then_branch = yes () => (float[n, 3] p) { p = Neg(v) }, else_branch = no () => (float[n, 3] q) { q = Abs(v) }
  >
  z = Sub(t, s)
}
"""


def made():
    model = parse(GRAPH)
    model.metadata_props["dynanoise.defence"] = "dynanoise"
    return ir.to_proto(model)


def digest(proto, folder, **options):
    path = Path(folder) / "model.onnx"
    onnx.save(proto, path, **options)
    return content_sha256(read_model(path))


def test_another_tool_that_saves_the_file_again_changes_nothing(tmp_path):
    proto = made()
    before = digest(proto, tmp_path)
    again = onnx.load(tmp_path / "model.onnx")
    again.producer_name, again.producer_version, again.ir_version = "registry", "3", 9
    again.doc_string = again.graph.doc_string = "stored by a registry"
    again.metadata_props.add(key="owner", value="team")
    again.graph.node[2].name = "renamed"
    first = again.graph.node.pop(2)
    again.graph.node.insert(0, first)  # no other operator needs it before
    bias = again.graph.initializer.pop(1)
    again.graph.initializer.insert(0, bias)
    assert digest(again, tmp_path) == before
    outside = {"save_as_external_data": True, "size_threshold": 0, "location": "weights.bin"}
    assert digest(again, tmp_path, **outside) == before
    for tensor in again.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor, str(tmp_path))
        tensor.CopyFrom(onnx.helper.make_tensor(tensor.name, tensor.data_type, array.shape, array.ravel().tolist()))
    assert digest(again, tmp_path) == before


def with_weight(proto):
    array = onnx.numpy_helper.to_array(proto.graph.initializer[0]).copy()
    array[0, 0] = np.nextafter(array[0, 0], 2, dtype=np.float32)
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(array, "w"))


def with_branch(proto):
    branch = proto.graph.node[3].attribute[0].g
    branch.node[0].op_type = "Exp"


def with_statement(proto):
    proto.metadata_props[0].value = "temperature"


CHANGES = {
    "a weight": with_weight,
    "an attribute": lambda proto: setattr(proto.graph.node[2].attribute[0], "f", 0.25),
    "an operator": lambda proto: setattr(proto.graph.node[1], "op_type", "Sub"),
    "an operator in a branch": with_branch,
    "a connection": lambda proto: proto.graph.node[4].input.__setitem__(1, "v"),
    "the name of an input": lambda proto: (
        setattr(proto.graph.input[0], "name", "rows"),
        proto.graph.node[0].input.__setitem__(0, "rows"),
        proto.graph.node[2].input.__setitem__(0, "rows"),
    ),
    "the shape of an input": lambda proto: setattr(proto.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 1),
    "the opset": lambda proto: setattr(proto.opset_import[0], "version", 18),
    "what it states": with_statement,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_the_model_computes_or_states_changes_it(tmp_path, change):
    proto = made()
    before = digest(proto, tmp_path)
    change(proto)
    assert digest(proto, tmp_path) != before


def test_the_reports_of_a_file_and_of_its_copy_carry_the_same_digest(program, checkpoint, tmp_path):
    made_file, copy, report = tmp_path / "defended.onnx", tmp_path / "copy.onnx", tmp_path / "report.json"
    program(checkpoint, "-o", made_file, "--json", report)
    exported = json.loads(report.read_text())["subject"]
    proto = onnx.load(made_file)
    proto.producer_name = "registry"
    onnx.save(proto, copy)
    program("inspect", copy, "--json", report)
    inspected = json.loads(report.read_text())["subject"]
    assert inspected["content_sha256"] == exported["content_sha256"]
    assert inspected["sha256"] != exported["sha256"]
