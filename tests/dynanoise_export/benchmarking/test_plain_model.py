"""The plain side is the same model with a softmax at its end, whatever it was given as."""

import tempfile
from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest
import torch
from scipy.special import softmax

from dynanoise_export.benchmarking.plain_model import Runtime, deployed_side, plain_side, prepared
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.parameters import NoiseSource, Parameters, Provider
from dynanoise_export.runtimes.binding import BoundRun
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.sources.open_source import open_source
from support.benchmarks import made_model
from support.graphs import parse

ONE_THREAD = Runtime(threads=1)
ROWS = np.random.default_rng(0).standard_normal((4, 64), dtype=np.float32)


@pytest.fixture(scope="module")
def folder(checkpoint, tmp_path_factory):
    """Give a folder with a defended model, and with the undefended one that gives logits and that gives answers."""
    made = tmp_path_factory.mktemp("sides")
    export(checkpoint, made / "defended.onnx", DynaNoise(Parameters()), ExportOptions(noise=NoiseSource.INPUT))
    model = open_source(checkpoint).to_onnx(None)
    ir.save(model, made / "logits.onnx")
    last = ir.node("Softmax", [model.graph.outputs[0]], attributes={"axis": -1})
    answers = last.outputs[0]
    answers.name, answers.type, answers.shape = "answers", ir.TensorType(ir.DataType.FLOAT), ir.Shape(["batch", 10])
    model.graph.append(last)
    model.graph.outputs[:] = [answers]
    ir.save(model, made / "softmax.onnx")
    return made


@pytest.fixture
def expected(checkpoint):
    with torch.no_grad():
        return torch.softmax(open_source(checkpoint).module(torch.from_numpy(ROWS)), dim=1).numpy()


@pytest.mark.parametrize("against", [None, "logits.onnx", "softmax.onnx", "the checkpoint"])
def test_every_form_of_the_plain_model_gives_the_softmax_of_its_logits(folder, checkpoint, expected, against):
    deployed = open_deployed(folder / "defended.onnx")
    path = {None: None, "the checkpoint": str(checkpoint)}.get(against, f"{folder}/{against}")
    side = plain_side(deployed, path)
    predictor = side.open(ONE_THREAD)
    assert [spec.name for spec in side.inputs] == predictor.inputs == ["input"]
    (answers,) = predictor.run({"input": ROWS}).values()
    np.testing.assert_allclose(answers, expected, atol=1e-6)


def test_a_model_that_gives_probabilities_of_its_own_making_is_taken_as_it_is(tmp_path):
    steps = "p = Softmax<axis=-1>(x)\n m = Neg(x)\n q = Softmax<axis=-1>(m)\n y = Mean(p, q)"
    ir.save(parse(f"g (float[n,3] x) => (float[n,3] y) {{ {steps} }}"), tmp_path / "plain.onnx")
    export(tmp_path / "plain.onnx", tmp_path / "defended.onnx", DynaNoise(Parameters()))
    side = plain_side(open_deployed(tmp_path / "defended.onnx"), str(tmp_path / "plain.onnx"))
    x = np.array([[1, 2, 4]], np.float32)
    (answers,) = side.open(ONE_THREAD).run({"x": x}).values()
    np.testing.assert_allclose(answers, (softmax(x, axis=1) + softmax(-x, axis=1)) / 2, atol=1e-6)


def test_the_defended_side_is_the_file_and_is_fed_its_noise(folder):
    side = deployed_side(open_deployed(folder / "defended.onnx"))
    assert [spec.name for spec in side.inputs] == ["input", "noise"]
    assert side.open(ONE_THREAD).inputs == ["input", "noise"]


@pytest.mark.parametrize(
    "side", [deployed_side, lambda deployed: plain_side(deployed, None)], ids=["defended", "plain"]
)
def test_a_session_has_the_threads_that_are_asked_for(folder, side):
    predictor = side(open_deployed(folder / "defended.onnx")).open(Runtime(threads=3))
    assert predictor.session.get_session_options().intra_op_num_threads == 3


def test_the_undefended_model_is_not_left_on_disk(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    written = []
    monkeypatch.setattr("dynanoise_export.runtimes.graph_session.write_model", lambda model, path: written.append(path))
    with pytest.raises(UserError, match="can't open"):  # for nothing was written
        plain_side(open_deployed(folder / "defended.onnx"), None).open(ONE_THREAD)
    assert written[0].is_relative_to(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    predictor = plain_side(open_deployed(folder / "defended.onnx"), None).open(ONE_THREAD)
    assert not list(tmp_path.iterdir())
    assert predictor.run({"input": ROWS})


def test_a_file_without_a_head_needs_something_to_be_compared_with(folder):
    with pytest.raises(UserError, match=r"In .*logits\.onnx no head is found .*: give .* --against"):
        plain_side(open_deployed(folder / "logits.onnx"), None)


def test_another_model_is_refused(folder, tmp_path):
    ir.save(parse("g (float[n,3] x) => (float[n,3] y) { y = Softmax<axis=-1>(x) }"), tmp_path / "other.onnx")
    with pytest.raises(UserError, match=r"other\.onnx takes x:n,3:float32 and .*input:.*not the same model"):
        plain_side(open_deployed(folder / "defended.onnx"), str(tmp_path / "other.onnx"))


def test_a_defended_model_is_no_plain_one(folder):
    with pytest.raises(UserError, match=r"defended\.onnx carries a DynaNoise head already"):
        plain_side(open_deployed(folder / "defended.onnx"), str(folder / "defended.onnx"))


def elsewhere(name, **changes):
    """Give a model that runs where its graph can't be seen."""
    return replace(made_model(name), graph=None, **changes)


def test_what_runs_elsewhere_is_compared_with_what_runs_there(monkeypatch):
    there = {
        "http://host/plain": elsewhere("http://host/plain", stated=None),
        "http://host/defended": elsewhere("http://host/defended"),
        "plain.onnx": made_model("plain.onnx"),
    }
    monkeypatch.setattr("dynanoise_export.benchmarking.plain_model.open_deployed", there.__getitem__)
    defended = there["http://host/defended"]
    assert plain_side(defended, None) is None
    assert plain_side(defended, "http://host/plain").name == "http://host/plain"
    with pytest.raises(UserError, match=r"http://host/defended carries a defence itself"):
        plain_side(defended, "http://host/defended")
    with pytest.raises(UserError, match=r"is no ONNX file and plain\.onnx is one"):
        plain_side(defended, "plain.onnx")


def test_in_onnx_runtime_on_a_gpu_inputs_are_bound(folder):
    predictor = OnnxRuntimePredictor(folder / "logits.onnx")
    assert not isinstance(prepared(predictor, {"input": ROWS}), BoundRun)
    assert np.shape(prepared(predictor, {"input": ROWS})()) == (1, 4, 10)
    predictor.provider = Provider.CUDA
    with pytest.raises(RuntimeError, match="allocate memory on the device"):  # this package knows no GPU
        prepared(predictor, {"input": ROWS})


def test_anything_else_is_run_as_it_runs():
    class Other:
        def run(self, inputs):
            return {"y": inputs["x"]}

    assert prepared(Other(), {"x": ROWS})()["y"] is ROWS
