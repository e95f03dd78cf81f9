import json

import onnx
import pytest
from onnx import TensorProto, helper


@pytest.fixture
def defended(program, checkpoint, tmp_path):
    path = tmp_path / "defended.onnx"
    assert program(checkpoint, "--sigma0", 0.5, "-o", path).status == 0
    return path


def test_a_defended_file_is_told_in_full(program, defended):
    document = json.loads(program("inspect", defended, "--json", "-").out)
    assert document["schema"] == "dynanoise-export/inspect/1"
    assert document["passed"]
    assert document["inputs"] == {"input": "float[batch, 64]"}
    assert document["outputs"] == {"probabilities": "float[batch, 10]"}
    assert document["heads"][0]["attributes"]["sigma0"] == pytest.approx(0.5)
    assert document["leaks"]["draws"] == [
        {"name": "dynanoise/noise", "operator": "RandomNormalLike", "seeded": False, "live": True}
    ]
    assert document["provenance"]["parameters"]["sigma0"] == 0.5
    assert document["size"] == defended.stat().st_size


def test_the_table_names_the_head_and_the_verdict(program, defended):
    shown = program("inspect", defended).out
    assert "DynaNoise (classes 10, sigma0 0.5" in shown
    assert "passed: every output is covered by the noise" in shown


def test_logits_added_as_an_output_are_seen(program, defended):
    model = onnx.load(defended)
    head = next(node for node in model.graph.node if node.op_type == "DynaNoise")
    model.graph.output.append(helper.make_tensor_value_info(head.input[0], TensorProto.FLOAT, ["batch", 10]))
    onnx.save(model, defended)
    ended = program("inspect", defended, "--json", "-")
    assert ended.status == 0
    assert json.loads(ended.out)["leaks"]["leaking_outputs"] == [head.input[0]]


def test_an_undefended_file_is_told_as_such(program, tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Softmax", ["x"], ["y"])],
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "plain.onnx")
    document = json.loads(program("inspect", tmp_path / "plain.onnx", "--json", "-").out)
    assert not document["passed"]
    assert document["heads"] == []
    assert document["provenance"] is None


def test_a_file_that_is_no_model_is_one_sentence(program, tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"\x08no model")
    ended = program("inspect", tmp_path / "x.onnx")
    assert ended.status == 2
    assert "x.onnx" in ended.err
    assert len(ended.err.splitlines()) == 1
