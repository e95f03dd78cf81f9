"""Models that were saved in training mode."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import nn

from dynanoise_export import TensorSpec, UnsupportedModelError, export
from dynanoise_export.sources.source_model import SourceOptions
from support.graphs import parse

DROPOUT = """
g (float[n, 4] x) => (float[n, 3] z)
<float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, float ratio = {0.5}, bool live = {MODE}>
{ u = Dropout(x, ratio, live)
  z = MatMul(u, w) }
"""
NORMALISED = """
g (float[n, 4] x) => (float[n, 3] z)
<float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, float[4] one = {1, 1, 1, 1}, float[4] zero = {0, 0, 0, 0}>
{ NODE
  z = MatMul(u, w) }
"""
TRAINING = "u, mean, var = BatchNormalization <training_mode = 1> (x, one, zero, zero, one)"
EVALUATION = "u = BatchNormalization (x, one, zero, zero, one)"


def written(graph, folder):
    path = folder / "model.onnx"
    ir.save(parse(graph), path)
    return path


@pytest.mark.parametrize(
    "graph",
    [DROPOUT.replace("MODE", "1"), NORMALISED.replace("NODE", TRAINING)],
    ids=["dropout", "batch normalisation"],
)
def test_an_onnx_file_in_training_mode_is_refused(tmp_path, graph):
    with pytest.raises(UnsupportedModelError, match="training mode"):
        export(written(graph, tmp_path), tmp_path / "made.onnx")
    assert not (tmp_path / "made.onnx").exists()


@pytest.mark.parametrize("graph", [DROPOUT.replace("MODE", "0"), NORMALISED.replace("NODE", EVALUATION)])
def test_in_evaluation_mode_it_is_exported(tmp_path, graph):
    assert export(written(graph, tmp_path), tmp_path / "made.onnx").source.classes == 3


def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.BatchNorm1d(16)], ids=["dropout", "batch normalisation"])
@pytest.mark.parametrize("form", ["traced", "exported"])
@pytest.mark.filterwarnings("ignore")
def test_a_trace_or_a_program_in_training_mode_is_refused(tmp_path, form, layer):
    torch.manual_seed(0)
    model, rows = nn.Sequential(nn.Linear(4, 16), layer, nn.ReLU(), nn.Linear(16, 3)).train(), torch.randn(8, 4)
    path = tmp_path / ("model.ts" if form == "traced" else "model.pt2")
    if form == "traced":
        torch.jit.trace(model, rows, check_trace=False).save(path)
    else:
        batch = torch.export.Dim("batch")
        torch.export.save(torch.export.export(model, (rows,), dynamic_shapes=({0: batch},)), path)
    with pytest.raises(UnsupportedModelError):
        export(path, tmp_path / "made.onnx")


def test_a_scripted_module_is_put_into_evaluation_mode(tmp_path):
    model = module()
    with torch.no_grad():
        for _ in range(20):
            model(torch.randn(32, 4))
    torch.jit.script(model.train()).save(tmp_path / "model.ts")
    spec = TensorSpec("input", "float32", ("batch", 4))
    export(tmp_path / "model.ts", tmp_path / "made.onnx", noise="input", source_options=SourceOptions(inputs=(spec,)))
    rows = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    expected = model.eval()(torch.from_numpy(rows)).detach().argmax(dim=1).numpy()
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "made.onnx")
    answers = session.run(None, {"input": rows, "noise": np.zeros((16, 3), np.float32)})[0]
    np.testing.assert_array_equal(answers.argmax(axis=1), expected)


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_model_may_take_its_range_from_the_batch(tmp_path):
    from onnxruntime.quantization import quantize_dynamic

    model = module().eval()
    torch.onnx.export(
        model, (torch.randn(8, 4),), tmp_path / "m.onnx", dynamo=False, dynamic_axes={"x": {0: "n"}}, input_names=["x"]
    )
    quantize_dynamic(tmp_path / "m.onnx", tmp_path / "q.onnx")
    assert any(node.op_type == "DynamicQuantizeLinear" for node in onnx.load(tmp_path / "q.onnx").graph.node)
    export(tmp_path / "q.onnx", tmp_path / "made.onnx")
