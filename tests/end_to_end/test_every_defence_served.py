"""Every defence that needs no fitting passes every command, with and without kept labels."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from support.every_defence import WITHOUT_TENSORS, named

ROWS, FEATURES, CLASSES = 300, 8, 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Give a folder with an ONNX model whose logits are linear in its rows, and a bundle of rows."""
    folder, generator = tmp_path_factory.mktemp("served"), np.random.default_rng(0)
    weight = generator.standard_normal((CLASSES, FEATURES)).astype(np.float32)
    graph = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> g (float[n, {FEATURES}] x) => (float[n, {CLASSES}] z) '
        "{ z = Gemm<transB = 1>(x, weight) }"
    )
    graph.graph.initializer.append(onnx.numpy_helper.from_array(weight, "weight"))
    onnx.save(graph, folder / "model.onnx")
    x = generator.standard_normal((ROWS, FEATURES)).astype(np.float32)
    np.savez(folder / "rows.npz", x=x, y=(x @ weight.T).argmax(axis=1), member=np.arange(ROWS) % 2 == 0)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("keep", [[], ["--keep-label"]], ids=["", "kept"])
@pytest.mark.parametrize("defence", WITHOUT_TENSORS, ids=named)
def test_it_passes_every_command(program, folder, tmp_path, defence, keep):
    made, model, rows = tmp_path / "defended.onnx", folder / "model.onnx", folder / "rows.npz"
    values = [part for name, value in defence.parameters.items() for part in ("--parameter", f"{name}={value}")]
    for command in (
        ["export", model, "-o", made, "--defence", defence.name, *values, *keep],
        ["inspect", made],
        ["validate", made, "--reference", model, "--data", rows],
        ["attack", made, "--data", rows, "--reference", model, "--quick"],
        ["bench", made, "--batch", "8", "--pairs", "10"],
        ["triton", made, "--repository", tmp_path / "models"],
    ):
        ended = program(*command)
        assert ended.status == 0, (command[0], ended.out, ended.err)
