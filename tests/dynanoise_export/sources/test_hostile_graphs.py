"""Graphs that are damaged or malicious: export, inspect and every opener refuse them in one sentence, or use them."""

import warnings

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export import inspect
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import export

GRAPH = """<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,3] z)
    <float[4,3] w = {1,2,3,4,5,6,7,8,9,10,11,12}> { h = MatMul(x, w) z = Softmax<axis=-1>(h) }"""
FUNCTION = """<ir_version: 8, opset_import: ["" : 17, "u" : 1]> g (float[N,4] x) => (float[N,3] z)
    <float[4,3] w = {1,2,3,4,5,6,7,8,9,10,11,12}> { h = MatMul(x, w) z = u.F(h) }
    <domain: "u", opset_import: ["" : 17]> F (a) => (b) { b = LeakyRelu(a) }"""


def reference(attribute, name, kind):
    attribute.Clear()
    attribute.name, attribute.ref_attr_name, attribute.type = name, "alpha", kind


def first_axis(size):
    return lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", size)


def axes(count, **axis):
    return lambda m: [m.graph.input[0].type.tensor_type.shape.dim.add(**axis) for _ in range(count)]


def branches(depth):
    def nest(m):
        inner = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["o"])], "g", [], [m.graph.output[0]])
        for _ in range(depth):
            node = onnx.helper.make_node("If", ["c"], ["o"], then_branch=inner)
            inner = onnx.helper.make_graph([node], "g", [], [m.graph.output[0]])
        m.graph.node.append(node)

    return nest


def elements(kind):
    return lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", kind)


def weight(**changes):
    def change(m):
        tensor = m.graph.initializer[0]
        for name, value in changes.items():
            if isinstance(value, list):
                del getattr(tensor, name)[:]
                getattr(tensor, name).extend(value)
            else:
                setattr(tensor, name, value)

    return change


LARGEST = (1 << 63) - 1
GRAPHS = onnx.AttributeProto.GRAPH
REFUSED = {
    "a cycle": lambda m: m.graph.node[0].input.__setitem__(0, "z"),
    "a value that nothing makes": lambda m: m.graph.node[0].input.__setitem__(1, "nowhere"),
    "an input without a name": lambda m: setattr(m.graph.input[0], "name", ""),
    "an output without a name": lambda m: setattr(m.graph.output[0], "name", ""),
    "a node without an output": lambda m: m.graph.node[1].ClearField("output"),
    "a value made twice": lambda m: m.graph.node[1].output.__setitem__(0, "h"),
    "an input twice": lambda m: m.graph.input.append(m.graph.input[0]),
    "a reference to a graph": lambda m: reference(m.graph.node[1].attribute[0], "then_branch", GRAPHS),
    "no graph": lambda m: m.ClearField("graph"),
    "a node without an operator": lambda m: setattr(m.graph.node[0], "op_type", ""),
    "an unknown domain": lambda m: setattr(m.graph.node[0], "domain", "com.evil"),
    "terabytes in a row": axes(1, dim_value=1 << 42),
    "terabytes of rows": first_axis(1 << 42),
    "the most rows": first_axis(LARGEST),
    "thirty dynamic axes": axes(30, dim_param="d"),
    "thirty axes": axes(30, dim_value=2),
    "branches in branches": branches(28),
    "no type of elements": elements(0),
    "an unknown type of elements": elements(99),
    "a negative type of elements": elements(-1),
    "complex numbers": elements(onnx.TensorProto.COMPLEX64),
    "four bits": elements(onnx.TensorProto.INT4),
    "a weight of terabytes": weight(dims=[1 << 40, 3]),
    "a weight of more than all memory": weight(dims=[1 << 40, 1 << 40, 1 << 40]),
    "a weight of a negative size": weight(dims=[-4, 3]),
    "a weight of two negative sizes": weight(dims=[-4, -3]),
    "a weight without values": weight(float_data=[]),
    "a weight without a type": weight(data_type=0),
    "a weight of an unknown type": weight(data_type=99),
    "a weight of texts": weight(data_type=onnx.TensorProto.STRING),
    "a weight stored twice": weight(raw_data=bytes(48)),
    "a weight that is too long": weight(float_data=[], raw_data=bytes(52)),
    "no input type": lambda m: m.graph.input[0].ClearField("type"),
    "an optional input": lambda m: m.graph.input[0].type.optional_type.elem_type.tensor_type.SetInParent(),
    "a sequence as input": lambda m: m.graph.input[0].type.sequence_type.elem_type.tensor_type.SetInParent(),
    "a sequence as output": lambda m: m.graph.output[0].type.sequence_type.elem_type.tensor_type.SetInParent(),
    "a sparse input": lambda m: setattr(m.graph.input[0].type.sparse_tensor_type, "elem_type", 1),
    "an attribute of another type": lambda m: setattr(m.graph.node[1].attribute[0], "type", 3),
    "a name that is needed": lambda m: (
        setattr(m.graph.input[0], "name", "probabilities"),
        m.graph.node[0].input.__setitem__(0, "probabilities"),
    ),
    **{f"opset {v}": (lambda m, v=v: setattr(m.opset_import[0], "version", v)) for v in (0, -1, 1, 99, LARGEST)},
    **{f"ir {v}": (lambda m, v=v: setattr(m, "ir_version", v)) for v in (0, -1, 2, 99, LARGEST)},
}  # fmt: skip
USED = {
    "metadata with NUL": lambda m: m.metadata_props.add(key="a\0b", value="c\0d"),
    "metadata without a name": lambda m: m.metadata_props.add(),
    "a long name": lambda m: setattr(m.graph.node[0], "name", "n" * 1_000_000),
    "a training algorithm": lambda m: m.training_info.add().algorithm.CopyFrom(m.graph),
    "names that the defence finds": lambda m: setattr(m.graph.node[0], "name", "dynanoise/log_probabilities"),
}
FUNCTIONS = {
    "an attribute that nothing gives": lambda f: reference(
        f.node[0].attribute.add(), "alpha", onnx.AttributeProto.FLOAT
    ),
    "a reference to a graph": lambda f: reference(f.node[0].attribute.add(), "then_branch", GRAPHS),
    "a value that nothing makes": lambda f: f.node[0].input.__setitem__(0, "nowhere"),
    "a cycle": lambda f: f.node[0].input.__setitem__(0, "b"),
    "an output that nothing makes": lambda f: f.output.append("c"),
    "no opset": lambda f: f.ClearField("opset_import"),
    "no inputs": lambda f: f.ClearField("input"),
}


def opened(proto, folder, capfd):
    """Open a file in every way: each succeeds or raises one UserError with one sentence, and nothing is printed."""
    path = folder / "plain.onnx"
    path.write_bytes(proto.SerializeToString())
    outcomes = []
    for call in (lambda: export(path, folder / "defended.onnx"), lambda: inspect(path), lambda: open_deployed(path)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                call()
            except UserError as error:
                outcomes.append(str(error))
            else:
                outcomes.append(None)
    assert capfd.readouterr() == ("", "")
    assert all("plain.onnx" in said and "\n" not in said for said in outcomes if said is not None)
    return outcomes[0]


@pytest.mark.parametrize("damage", REFUSED.values(), ids=REFUSED)
def test_a_hostile_graph_is_refused(tmp_path, capfd, damage):
    proto = onnx.parser.parse_model(GRAPH)
    damage(proto)
    assert opened(proto, tmp_path, capfd) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["plain.onnx"]


@pytest.mark.parametrize("oddity", USED.values(), ids=USED)
def test_an_odd_graph_is_exported(tmp_path, capfd, oddity):
    proto = onnx.parser.parse_model(GRAPH)
    oddity(proto)
    assert opened(proto, tmp_path, capfd) is None


@pytest.mark.parametrize("damage", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_hostile_function_raises_nothing_else(tmp_path, capfd, damage):
    proto = onnx.parser.parse_model(FUNCTION)
    damage(proto.functions[0])
    opened(proto, tmp_path, capfd)


def test_a_size_that_the_graph_computes_is_bounded_by_the_runtime(tmp_path, capfd):
    proto = onnx.parser.parse_model(GRAPH)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.int64([1 << 40, 3]), "s"))
    proto.graph.node.insert(0, onnx.helper.make_node("ConstantOfShape", ["s"], ["big"]))
    proto.graph.node.insert(2, onnx.helper.make_node("Add", ["h", "big"], ["sum"]))
    proto.graph.node[3].input[0] = "sum"
    assert opened(proto, tmp_path, capfd) is not None


def test_a_defended_file_with_a_dangling_value_is_refused(tmp_path):
    onnx.save(onnx.parser.parse_model(GRAPH), tmp_path / "plain.onnx")
    export(tmp_path / "plain.onnx", tmp_path / "defended.onnx")
    proto = onnx.load(tmp_path / "defended.onnx")
    proto.graph.node[0].input[0] = "nowhere"
    (tmp_path / "defended.onnx").write_bytes(proto.SerializeToString())
    for call in (inspect, open_deployed, ir_of):
        with pytest.raises(UserError, match=r"defended\.onnx"):
            call(tmp_path / "defended.onnx")


def ir_of(path) -> ir.Model:
    from dynanoise_export.graph.model_files import read_model

    return read_model(path)
