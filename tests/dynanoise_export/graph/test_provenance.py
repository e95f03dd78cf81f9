"""What a defended file says of its making."""

import importlib.metadata
import json

import onnx
import onnx_ir as ir
import pytest

import dynanoise_export
from dynanoise_export.graph.provenance import Provenance, read_provenance, tool_versions, write_provenance
from support.graphs import parse

STATED = Provenance(
    head="DynaNoise",
    parameters={"sigma0": 0.55, "lambda": 2.0, "temperature": 1e-3},
    noise="input",
    noise_input="noise",
    source_format="an ONNX file",
    source_sha256="0" * 64,
    versions={"dynanoise-export": "0.1.0", "torch": "2.13.0"},
    labels=("Katze", 'a "dog"'),
)


def model():
    return parse("g (float[N,3] x) => (float[N,3] z) { z = Relu(x) }")


def on_disk(written: ir.Model, path) -> dict[str, str]:
    """Write a model, and read its metadata with ONNX's own reader."""
    ir.save(written, path)
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_it_is_written_in_plain_words_beside_what_is_there(tmp_path):
    written = model()
    written.metadata_props["labels"] = "cat,dog"
    write_provenance(written, STATED)
    metadata = on_disk(written, tmp_path / "m.onnx")
    assert metadata["labels"] == "cat,dog"
    assert metadata["dynanoise.head"] == "DynaNoise"
    assert metadata["dynanoise.noise_input"] == "noise"
    assert json.loads(metadata["dynanoise.parameters"]) == {"sigma0": 0.55, "lambda": 2.0, "temperature": 0.001}


@pytest.mark.parametrize("noise_input", ["noise", None])
def test_what_was_written_is_read(tmp_path, noise_input):
    written = model()
    stated = Provenance(**(vars(STATED) | {"noise_input": noise_input}))
    write_provenance(written, stated)
    ir.save(written, tmp_path / "m.onnx")
    assert read_provenance(ir.load(tmp_path / "m.onnx")) == stated


def test_parameters_come_back_to_the_last_digit():
    written = model()
    write_provenance(written, Provenance(**(vars(STATED) | {"parameters": {"sigma0": 0.1 + 0.2, "lambda": 1 / 3}})))
    read = read_provenance(written)
    assert read is not None
    assert read.parameters == {"sigma0": 0.1 + 0.2, "lambda": 1 / 3}


def test_a_model_without_one_states_none():
    assert read_provenance(model()) is None


@pytest.mark.parametrize("missing", ["head", "parameters", "noise", "source_format", "source_sha256", "versions"])
def test_half_a_provenance_is_none(missing):
    written = model()
    write_provenance(written, STATED)
    del written.metadata_props[f"dynanoise.{missing}"]
    assert read_provenance(written) is None


@pytest.mark.parametrize("key", ["parameters", "versions"])
@pytest.mark.parametrize("damaged", ["", "{", "sigma0=1", "[1, 2]", "3", "null", '"text"'])
def test_a_damaged_provenance_is_none(key, damaged):
    written = model()
    write_provenance(written, STATED)
    written.metadata_props[f"dynanoise.{key}"] = damaged
    assert read_provenance(written) is None


def test_the_versions_are_those_installed():
    versions = tool_versions()
    assert versions["dynanoise-export"] == dynanoise_export.__version__
    assert versions["onnx"] == onnx.__version__
    assert versions["torch"] == importlib.metadata.version("torch")
