"""What a file states about its scores holds for the reference that it is compared with."""

import json

import numpy as np
import onnx
import pytest

from dynanoise_export.benchmarking.plain_model import plain_model
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.deployed.reference_options import reference_options
from dynanoise_export.exporting import export
from dynanoise_export.sources.score_options import ScoreOptions, TreatAs
from dynanoise_export.sources.source_model import SourceOptions
from support.graphs import DEFENCE, normals


@pytest.fixture
def binary(tmp_path):
    """Give a model with one score, and its defended file."""
    path = tmp_path / "plain.onnx"
    onnx.save(
        onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] x) => (float[N,1] y) <float[3,1] w = {1,2,3}> '
            "{ z = MatMul(x, w)\n y = Sigmoid(z) }"
        ),
        path,
    )
    scores = ScoreOptions(binary=True)
    made = export(path, tmp_path / "defended.onnx", defence=DEFENCE, source_options=SourceOptions(scores=scores))
    return path, made.path


def test_the_file_states_what_the_user_said(binary):
    options = reference_options(open_deployed(binary[1]), SourceOptions(logits="y"))
    assert options == SourceOptions(logits="y", scores=ScoreOptions(binary=True))


def test_what_the_user_says_comes_first(binary):
    said = SourceOptions(scores=ScoreOptions(treat_as=TreatAs.LOGITS))
    assert reference_options(open_deployed(binary[1]), said) == said


def test_a_file_without_provenance_states_nothing(binary):
    assert reference_options(open_deployed(binary[0]), None) == SourceOptions()


def test_a_file_that_states_an_impossible_floor_states_nothing(binary, tmp_path):
    model = onnx.load(binary[1])
    entry = model.metadata_props.add()
    entry.key, entry.value = "dynanoise.floor", json.dumps(7.0)
    onnx.save(model, tmp_path / "changed.onnx")
    assert reference_options(open_deployed(tmp_path / "changed.onnx"), None) == SourceOptions()


def test_the_undefended_model_of_bench_has_the_same_two_classes(binary):
    defended = open_deployed(binary[1])
    rows = normals(5, 3)
    p = 1 / (1 + np.exp(-rows.astype(np.float64) @ [1, 2, 3]))
    for against in (None, binary[0]):
        with plain_model(defended, against).endpoint.open() as predictor:
            (answers,) = predictor.run({"x": rows}).values()
        np.testing.assert_allclose(answers, np.stack([1 - p, p], axis=1), atol=1e-6)
