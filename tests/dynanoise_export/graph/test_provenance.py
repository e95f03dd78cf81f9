"""What a defended file states about how it was made."""

import importlib.metadata
import json
from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import dynanoise_export
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import DefenceError, UsageError
from dynanoise_export.exporting import export
from dynanoise_export.graph.provenance import (
    Provenance,
    entries_of,
    provenance_of,
    read_provenance,
    tool_versions,
    write_provenance,
)
from dynanoise_export.noise.source import NoiseSource
from support.graphs import parse

STATED = Provenance(
    defence="dynanoise",
    parameters={"sigma0": 0.55, "lambda": 2.0, "temperature": 1e-3},
    noise=NoiseSource.INPUT,
    noise_input="noise",
    source_format="an ONNX file",
    source_sha256="0" * 64,
    versions={"dynanoise-export": "0.1.0", "torch": "2.13.0"},
    labels=("Katze", 'a "dog"'),
)

HOSTILE = [
    "dynanoise.key",
    "dynanoise.grids",
    "dynanoise.labels",
    "dynanoise.noise_input",
    "DynaNoise.Key",
    " dynanoise.x",
]


def model():
    return parse("g (float[N,3] x) => (float[N,3] z) { z = Relu(x) }")


def on_disk(written: ir.Model, path) -> dict[str, str]:
    """Write a model, and read its metadata with ONNX's own reader."""
    ir.save(written, path)
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_it_is_written_beside_the_metadata_that_the_file_has(tmp_path):
    written = model()
    written.metadata_props["labels"] = "cat,dog"
    write_provenance(written, STATED)
    metadata = on_disk(written, tmp_path / "m.onnx")
    assert metadata["labels"] == "cat,dog"
    assert metadata["dynanoise.defence"] == "dynanoise"
    assert metadata["dynanoise.noise"] == "input"
    assert metadata["dynanoise.noise_input"] == "noise"
    assert json.loads(metadata["dynanoise.parameters"]) == {"sigma0": 0.55, "lambda": 2.0, "temperature": 0.001}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"noise": NoiseSource.RANDOM, "noise_input": None},
        {"noise": NoiseSource.KEYED, "noise_input": None, "key": "0" * 16, "grids": (0.05, 0.5), "keep_label": True},
        {"defence": "temperature", "parameters": {"temperature": 2.0}, "noise": None, "noise_input": None},
    ],
)
def test_a_written_provenance_is_read_back(tmp_path, changed):
    written = model()
    stated = replace(STATED, **changed)
    write_provenance(written, stated)
    ir.save(written, tmp_path / "m.onnx")
    assert read_provenance(ir.load(tmp_path / "m.onnx")) == stated


def test_parameters_are_read_back_to_the_last_digit():
    written = model()
    write_provenance(written, replace(STATED, parameters={"sigma0": 0.1 + 0.2, "lambda": 1 / 3}))
    read = read_provenance(written)
    assert read is not None
    assert read.parameters == {"sigma0": 0.1 + 0.2, "lambda": 1 / 3}


def test_a_model_without_metadata_states_nothing():
    assert read_provenance(model()) is None


@pytest.mark.parametrize("missing", ["defence", "parameters", "source_format", "source_sha256", "versions"])
def test_an_incomplete_provenance_is_none(missing):
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


@pytest.mark.parametrize(("key", "damaged"), [("noise", "loud"), ("grids", "fine"), ("grids", "3"), ("labels", "{")])
def test_a_damaged_optional_field_makes_it_none(key, damaged):
    written = model()
    write_provenance(written, replace(STATED, grids=(0.5,)))
    written.metadata_props[f"dynanoise.{key}"] = damaged
    assert read_provenance(written) is None


def test_the_stated_defence_is_made():
    assert STATED.made_defence() == DynaNoise(0.55, 2.0, 1e-3)
    assert replace(STATED, keep_label=True).made_defence() == KeptLabel(DynaNoise(0.55, 2.0, 1e-3))
    stated = replace(STATED, defence="temperature", parameters={"temperature": 2.0})
    assert stated.made_defence() == Temperature(2.0)


@pytest.mark.parametrize(
    "changed",
    [
        {"defence": "unheard-of"},
        {"parameters": {"sigma0": 0.5, "epsilon": 1}},
        {"parameters": {"sigma0": "0.5"}},
        {"parameters": {"sigma0": 0}},
        {"defence": "temperature"},
    ],
)
def test_a_defence_that_can_not_be_made_is_refused(changed):
    with pytest.raises(UsageError):
        replace(STATED, **changed).made_defence()


def test_the_versions_are_those_installed():
    versions = tool_versions()
    assert versions["dynanoise-export"] == dynanoise_export.__version__
    assert versions["onnx"] == onnx.__version__
    assert versions["torch"] == importlib.metadata.version("torch")


@pytest.mark.parametrize(
    ("key", "damaged"),
    [
        ("defence", ""),
        ("defence", "d" * 2000),
        ("defence", 3),
        ("parameters", '{"sigma0": "0.5"}'),
        ("parameters", '{"sigma0": NaN}'),
        ("parameters", '{"sigma0": Infinity}'),
        ("parameters", '{"sigma0": 1e999}'),
        ("parameters", '{"sigma0": true}'),
        ("parameters", '{"sigma0": null}'),
        ("parameters", '{"sigma0": [1]}'),
        ("parameters", "[" * 100_000),
        ("parameters", '{"sigma0": ' + "9" * 5000 + "}"),
        ("parameters", {"sigma0": 0.5}),
        ("noise", ""),
        ("noise", "Keyed"),
        ("noise", None),
        ("noise_input", ""),
        ("noise_input", ["noise"]),
        ("source_sha256", "0" * 63),
        ("source_sha256", "0" * 64 + "\n"),
        ("source_sha256", "g" * 64),
        ("versions", '{"torch": 2}'),
        ("key", "0" * 15),
        ("key", "0" * 64),
        ("key", "\x1b[2K" + "0" * 12),
        ("key", 7),
        ("grids", "[-1]"),
        ("grids", "[0]"),
        ("grids", "[0.5, NaN]"),
        ("grids", "[1e300]"),
        ("grids", "[true]"),
        ("grids", '["0.5"]'),
        ("grids", '{"0.5": 1}'),
        ("grids", json.dumps([0.5] * 1000)),
        ("grids", "null"),
        ("keep_label", "1"),
        ("keep_label", '"false"'),
        ("keep_label", "[]"),
        ("labels", "[1, 2]"),
        ("labels", '"cat"'),
        ("labels", '[["cat"]]'),
        ("labels", '["\\ud800"]'),
        ("labels", "true"),
        ("floor", "0"),
        ("floor", "-1"),
        ("floor", "0.5"),
        ("floor", "NaN"),
        ("floor", '"0.01"'),
        ("floor", "[]"),
        ("treated_as", "votes"),
        ("binary", "2"),
        ("binary", "{}"),
    ],
)
def test_a_part_of_another_form_makes_it_none(key, damaged):
    entries = entries_of(replace(STATED, grids=(0.5,))) | {f"dynanoise.{key}": damaged}
    assert provenance_of(entries) is None


def test_foreign_metadata_under_our_prefix_do_not_survive(tmp_path):
    model = parse(
        "g (float[N,3] x) => (float[N,3] z) { h = user.F(x)\n z = MatMul(h, w) }",
        more=', "user" : 1',
        functions='<domain: "user", opset_import: ["" : 17]> F (a) => (b) { c = Neg(a)\n b = Neg(c) }',
    )
    weight = ir.Value(name="w", const_value=ir.tensor(np.eye(3, dtype=np.float32), name="w"))
    model.graph.register_initializer(weight)
    model.graph.node(1).replace_input_with(1, weight)
    (function,) = model.functions.values()
    holders = [model, model.graph, model.graph.node(0), function, function[0], weight, weight.const_value]
    holders += [model.graph.inputs[0], model.graph.node(0).outputs[0], function[0].outputs[0]]
    for holder in holders:
        for key in HOSTILE:
            holder.metadata_props[key] = "theirs"
        holder.metadata_props["author"] = "them"
    ir.save(model, tmp_path / "plain.onnx")
    export(tmp_path / "plain.onnx", tmp_path / "defended.onnx")
    content = (tmp_path / "defended.onnx").read_bytes().lower()
    assert b"theirs" not in content
    read = ir.load(tmp_path / "defended.onnx")
    stated = read_provenance(read)
    assert stated is not None
    assert (stated.key, stated.grids, stated.labels, stated.noise_input) == (None, (), (), None)
    assert read.metadata_props["author"] == "them"


@pytest.mark.parametrize("domain", ["ai.dynanoise", "AI.DynaNoise"])
def test_a_model_with_functions_of_our_domain_counts_as_defended(tmp_path, domain):
    model = parse(
        "g (float[N,3] x) => (float[N,3] z) { z = user.F(x) }",
        more=', "user" : 1',
        functions=f"""<domain: "user", opset_import: ["" : 17, "{domain}" : 1]>
        F (a) => (b) {{ b = {domain}.DynaNoise(a) }}
        <domain: "{domain}", opset_import: ["" : 17]> DynaNoise (a) => (b) {{ b = Neg(a) }}""",
    )
    ir.save(model, tmp_path / "plain.onnx")
    with pytest.raises(DefenceError):
        export(tmp_path / "plain.onnx", tmp_path / "defended.onnx")
