"""The undefended model is the same classifier with a softmax at its end, whatever its format."""

import tempfile
from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest
import torch
from scipy.special import softmax

from dynanoise_export.benchmarking.plain_model import plain_model
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import DefenceError, EndpointError, UsageError, UserError
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.graph_session import GraphEndpoint
from dynanoise_export.sources.open_source import open_source
from support.benchmarks import made_model
from support.graphs import parse

ROWS = np.random.default_rng(0).standard_normal((4, 64), dtype=np.float32)


@pytest.fixture(scope="module")
def folder(checkpoint, tmp_path_factory):
    """Give a folder with defended models, and with the undefended one that gives logits and that gives a softmax."""
    made = tmp_path_factory.mktemp("models")
    export(checkpoint, made / "defended.onnx", noise=NoiseSource.INPUT)
    export(checkpoint, made / "temperature.onnx", defence=Temperature())
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
        return torch.softmax(open_source(checkpoint).module.module(torch.from_numpy(ROWS)), dim=1).numpy()


def answers_of(model, **inputs):
    with model.endpoint.open() as predictor:
        (answers,) = predictor.run(inputs).values()
    return answers


@pytest.mark.parametrize("defended", ["defended.onnx", "temperature.onnx"])
@pytest.mark.parametrize("against", [None, "logits.onnx", "softmax.onnx", "the checkpoint"])
def test_every_form_of_the_plain_model_gives_the_softmax_of_its_logits(folder, checkpoint, expected, defended, against):
    path = {None: None, "the checkpoint": checkpoint}.get(against, folder / str(against))
    plain = plain_model(open_deployed(folder / defended), path)
    assert isinstance(plain.endpoint, GraphEndpoint)
    assert [spec.name for spec in plain.all_inputs] == ["input"]
    assert (plain.defence, plain.noise, plain.provenance) == (None, None, None)
    np.testing.assert_allclose(answers_of(plain, input=ROWS), expected, atol=1e-6)


def test_a_model_that_gives_probabilities_without_a_final_softmax_is_left_as_it_is(tmp_path):
    steps = "p = Softmax<axis=-1>(x)\n m = Neg(x)\n q = Softmax<axis=-1>(m)\n y = Mean(p, q)"
    ir.save(parse(f"g (float[n,3] x) => (float[n,3] y) {{ {steps} }}"), tmp_path / "plain.onnx")
    export(tmp_path / "plain.onnx", tmp_path / "defended.onnx")
    plain = plain_model(open_deployed(tmp_path / "defended.onnx"), tmp_path / "plain.onnx")
    x = np.array([[1, 2, 4]], np.float32)
    np.testing.assert_allclose(answers_of(plain, x=x), (softmax(x, axis=1) + softmax(-x, axis=1)) / 2, atol=1e-6)


def test_the_undefended_model_is_not_left_on_disk(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    written = []
    monkeypatch.setattr("dynanoise_export.runtimes.graph_session.write_model", lambda model, path: written.append(path))
    with pytest.raises(EndpointError):  # nothing was written
        plain_model(open_deployed(folder / "defended.onnx"), None).endpoint.open()
    assert written[0].is_relative_to(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with plain_model(open_deployed(folder / "defended.onnx"), None).endpoint.open() as predictor:
        assert not list(tmp_path.iterdir())
        assert predictor.run({"input": ROWS})


def test_a_file_without_a_defence_needs_an_undefended_model(folder):
    with pytest.raises(DefenceError, match=r"logits\.onnx"):
        plain_model(open_deployed(folder / "logits.onnx"), None)


def test_another_model_is_refused(folder, tmp_path):
    ir.save(parse("g (float[n,3] x) => (float[n,3] y) { y = Softmax<axis=-1>(x) }"), tmp_path / "other.onnx")
    with pytest.raises(UsageError, match=r"other\.onnx takes x:n,3:float32 and .*input:"):
        plain_model(open_deployed(folder / "defended.onnx"), tmp_path / "other.onnx")


def test_a_defended_file_can_t_be_the_undefended_model(folder):
    with pytest.raises(UserError, match=r"defended\.onnx"):
        plain_model(open_deployed(folder / "defended.onnx"), folder / "defended.onnx")


def remote(name, **changes):
    """Give a model whose graph can't be seen."""
    return replace(made_model(name, **changes), graph=None)


def test_a_model_on_a_server_is_compared_with_one_on_a_server(monkeypatch):
    models = {
        "http://host/plain": remote("http://host/plain", provenance=None),
        "http://host/defended": remote("http://host/defended"),
        "plain.onnx": made_model("plain.onnx"),
    }
    monkeypatch.setattr("dynanoise_export.benchmarking.plain_model.open_deployed", models.__getitem__)
    defended = models["http://host/defended"]
    assert plain_model(defended, None) is None
    assert plain_model(defended, "http://host/plain") is models["http://host/plain"]
    with pytest.raises(DefenceError, match="http://host/defended"):
        plain_model(defended, "http://host/defended")
    with pytest.raises(UsageError, match=r"plain\.onnx"):
        plain_model(defended, "plain.onnx")
