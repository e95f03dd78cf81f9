import json

import onnx
import pytest
from onnx import TensorProto, helper

from dynanoise_export.graph.draws import DrawKind


@pytest.fixture
def defended(program, checkpoint, tmp_path):
    path = tmp_path / "defended.onnx"
    assert program(checkpoint, "--sigma0", 0.5, "-o", path).status == 0
    return path


def test_the_document_describes_a_defended_file(program, defended):
    document = json.loads(program("inspect", defended, "--json", "-").out)
    assert document["schema"] == "dynanoise-export/inspect/2"
    assert document["passed"]
    assert document["inputs"] == {"input": "float[batch, 64]"}
    assert document["outputs"] == {"probabilities": "float[batch, 10]"}
    assert document["defence"] == document["provenance"]["defence"] == "dynanoise"
    drawing, node = document["defence_nodes"]
    assert (drawing["function"], node["function"]) == ("RandomNormals", "DynaNoise")
    assert node["attributes"]["sigma0"] == pytest.approx(0.5)
    assert document["leaks"] == {
        "passed": True,
        "leaking_outputs": [],
        "defended_outputs": ["probabilities"],
        "overridable_weights": [],
        "draws": [
            {
                "name": "dynanoise/noise",
                "kind": DrawKind.RANDOM,
                "operator": "RandomNormalLike",
                "seeded": False,
                "live": True,
            }
        ],
    }
    assert document["provenance"]["parameters"]["sigma0"] == document["subject"]["parameters"]["sigma0"] == 0.5
    assert (document["provenance"]["noise"], document["provenance"]["keep_label"]) == ("random", False)
    assert document["size"] == defended.stat().st_size


def test_the_table_has_a_row_for_each_finding(program, defended):
    lines = program("inspect", defended).out.splitlines()
    rows = dict(line.split(maxsplit=1) for line in lines if not line.startswith(" "))
    assert list(rows) == [
        "file", "sha256", "content", "format", "producer", "inputs", "outputs", "graph", "defence", "leak", "form",
        "draws", "to", "stated", "noise", "source", "made",
    ]  # fmt: skip
    assert rows["defence"].split() == ["RandomNormals"]
    assert any(line.strip().startswith("DynaNoise (classes 10, sigma0 0.5") for line in lines)
    assert rows["stated"].startswith("dynanoise (sigma0 0.5")
    assert rows["noise"].startswith("random")


def test_logits_added_as_an_output_are_seen(program, defended):
    model = onnx.load(defended)
    defence = next(node for node in model.graph.node if node.op_type == "DynaNoise")
    model.graph.output.append(helper.make_tensor_value_info(defence.input[0], TensorProto.FLOAT, ["batch", 10]))
    onnx.save(model, defended)
    ended = program("inspect", defended, "--json", "-")
    assert ended.status == 0
    document = json.loads(ended.out)
    assert not document["passed"]
    assert document["leaks"]["leaking_outputs"] == [defence.input[0]]


def test_a_flattened_defence_is_stated_and_has_no_node(program, checkpoint, tmp_path):
    assert program(checkpoint, "--inline", "-o", tmp_path / "flat.onnx").status == 0
    document = json.loads(program("inspect", tmp_path / "flat.onnx", "--json", "-").out)
    assert document["passed"]
    assert (document["defence"], document["defence_nodes"]) == ("dynanoise", [])


def test_an_undefended_file_has_no_defence(program, tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Softmax", ["x"], ["y"])],
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "plain.onnx")
    document = json.loads(program("inspect", tmp_path / "plain.onnx", "--json", "-").out)
    assert not document["passed"]
    assert document["defence"] is document["subject"]["parameters"] is document["provenance"] is None
    assert document["defence_nodes"] == []


def test_a_file_that_is_not_a_model_is_one_sentence(program, tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"\x08not a model")
    ended = program("inspect", tmp_path / "x.onnx")
    assert ended.status == 2
    assert "x.onnx" in ended.err
    assert len(ended.err.splitlines()) == 1
