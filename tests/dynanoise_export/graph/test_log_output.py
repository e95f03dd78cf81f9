"""The logarithm of the answers as a second output."""

import json

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper
from scipy.special import softmax

from dynanoise_export import DynaNoise, Temperature, export, inspect, load
from dynanoise_export.graph.leaks import find_leaks
from dynanoise_export.graph.model_files import read_model
from support.graphs import parse

GRAPH = """
g (float[n, 4] x) => (float[n, 5] logits)
<float[4, 5] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2}> { logits = MatMul(x, w) }
"""
ROWS = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)


@pytest.fixture
def source(tmp_path):
    ir.save(parse(GRAPH), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("defence", [DynaNoise(0.5, 2, 1), Temperature(0.01)], ids=["noise", "certain answers"])
def test_its_softmax_is_the_answer(source, tmp_path, defence, inline):
    made = tmp_path / "made.onnx"
    export(source, made, defence=defence, inline=inline, with_logits=True)
    session = onnxruntime.InferenceSession(made)
    assert [output.name for output in session.get_outputs()] == ["probabilities", "logits"]
    answers, log_p = session.run(None, {"x": ROWS})
    assert np.isfinite(log_p).all()
    np.testing.assert_allclose(softmax(log_p, axis=1), answers, atol=1e-6)
    assert inspect(made).leaks.logarithms == ("logits",)
    assert inspect(made).passed
    with load(made) as model:
        assert model.predict(ROWS).sum(axis=1) == pytest.approx(1)


def test_every_command_takes_the_file(program, source, tmp_path):
    made, report = tmp_path / "made.onnx", tmp_path / "report.json"
    assert program(source, "--with-logits", "-o", made).status == 0
    np.savez(tmp_path / "rows.npz", x=ROWS, y=np.arange(300) % 5, member=np.arange(300) < 150)
    data = ("--data", tmp_path / "rows.npz", "--json", report)
    assert program("validate", made, "--reference", source, *data).status == 0
    assert json.loads(report.read_text())["passed"]
    assert program("attack", made, *data, "--queries", 1, "--force").status == 0
    assert "outputs-bypass-defence" not in {one["code"] for one in json.loads(report.read_text())["warnings"]}
    assert program("bench", made, "--batch", 1).status == 0
    assert program("triton", made, "--repository", tmp_path / "repository").status == 0


@pytest.mark.parametrize("form", ["undefended", "with digits of the undefended", "of another floor"])
def test_another_output_of_that_name_leaks(source, tmp_path, form):
    made = tmp_path / "made.onnx"
    export(source, made, with_logits=True)
    proto = onnx.load(made)
    log = next(node for node in proto.graph.node if node.op_type == "Log")
    if form == "undefended":
        log.input[0] = next(node for node in proto.graph.node if node.op_type == "DynaNoise").input[0]
    elif form == "of another floor":
        smallest = next(tensor for tensor in proto.graph.initializer if tensor.name == "dynanoise_smallest")
        smallest.CopyFrom(onnx.numpy_helper.from_array(np.float32(1e-3), smallest.name))
    else:
        proto.graph.initializer.append(helper.make_tensor("tiny", TensorProto.FLOAT, [], [1e-6]))
        scores = next(node for node in proto.graph.node if node.op_type == "DynaNoise").input[0]
        proto.graph.node.insert(-1, helper.make_node("Mul", [scores, "tiny"], ["channel"]))
        log.output[0] = "plain_log"
        proto.graph.node.append(helper.make_node("Add", ["plain_log", "channel"], ["logits"]))
    onnx.save(proto, made)
    report = find_leaks(read_model(made))
    assert report.logarithms == ()
    assert not (report.passed and len(report.defended) == 1)
