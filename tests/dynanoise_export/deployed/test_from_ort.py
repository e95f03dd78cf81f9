"""Files in ONNX Runtime's own format."""

import json

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from dynanoise_export import EndpointError, export, inspect, load, validate
from dynanoise_export.deployed.open_deployed import open_deployed
from support.graphs import parse

GRAPH = """
g (float[n, 6] x) => (float[n, 5] z)
<float[6, 5] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 1, 4, 1, 5, 9, 2, 6, 5, 3}>
{ z = MatMul(x, w) }
"""
ROWS = np.random.default_rng(0).normal(size=(1500, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a model, its defended file, and that in the runtime's format."""
    folder = tmp_path_factory.mktemp("ort")
    ir.save(parse(GRAPH), folder / "model.onnx")
    export(folder / "model.onnx", folder / "defended.onnx", noise="input")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "defended.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(folder / "defended.onnx", options)
    np.savez(folder / "rows.npz", x=ROWS)
    return folder


def test_it_is_known_as_the_file_that_it_was_made_from(folder):
    ort, onnx = (open_deployed(folder / f"defended.{suffix}") for suffix in ("ort", "onnx"))
    known = ("inputs", "noise_input", "answers", "classes", "defence", "noise", "provenance")
    assert [getattr(ort, name) for name in known] == [getattr(onnx, name) for name in known]
    assert ort.graph is None


def test_it_is_loaded_and_validated(folder):
    with load(folder / "defended.ort") as model:
        np.testing.assert_allclose(model.predict(ROWS).sum(axis=1), 1, atol=1e-5)
    validated = validate(folder / "defended.ort", folder / "model.onnx", data=folder / "rows.npz")
    assert validated.passed


def test_what_the_runtime_tells_is_inspected_and_nothing_is_called_passed(folder, program):
    seen, whole = inspect(folder / "defended.ort"), inspect(folder / "defended.onnx")
    assert (seen.inputs, seen.outputs, seen.provenance) == (whole.inputs, whole.outputs, whole.provenance)
    assert not seen.graph_seen
    assert not seen.passed
    shown = program("inspect", folder / "defended.ort")
    assert shown.status == 0
    assert "not made" in shown.out
    document = json.loads(program("inspect", folder / "defended.ort", "--json", "-").out)
    assert (document["passed"], document["graph_seen"], document["subject"]["content_sha256"]) == (False, False, None)


def test_a_damaged_one_is_refused(folder, tmp_path):
    (tmp_path / "cut.ort").write_bytes((folder / "defended.ort").read_bytes()[:500])
    with pytest.raises(EndpointError, match=r"cut\.ort"):
        open_deployed(tmp_path / "cut.ort")
