"""`export` as a function: what it returns, what it refuses, and what it leaves behind."""

import numpy as np
import onnx
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.errors import DefenceError, FileAccessError, ModelInputError, UsageError
from dynanoise_export.exporting import export
from dynanoise_export.files import sha256
from dynanoise_export.graph.content_digest import content_sha256
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.inspecting import inspect
from dynanoise_export.noise.keyed.key import read_key
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.types import Precision, Step
from support.exports import session_of
from support.graphs import normals


@pytest.fixture
def plain(tmp_path):
    """Give an ONNX classifier in a folder of its own."""
    folder = tmp_path / "source"
    folder.mkdir()
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] x) => (float[N,3] y) { z = Mul(x, x) y = Softmax(z) }'
    )
    onnx.save(model, folder / "plain.onnx")
    return folder / "plain.onnx"


@pytest.fixture
def output(tmp_path):
    """Give a path in an empty folder."""
    folder = tmp_path / "made"
    folder.mkdir()
    return folder / "defended.onnx"


def test_the_defaults_are_the_papers_defence_with_random_noise(plain, output):
    made = export(str(plain), str(output))
    assert made.path == output
    assert made.sha256 == sha256(output)
    assert made.defence == DynaNoise()
    assert made.key_file is None
    assert made.dropped == ()
    provenance = made.provenance
    assert (provenance.defence, provenance.parameters) == ("dynanoise", DynaNoise().parameters)
    assert (provenance.noise, provenance.noise_input, provenance.keep_label) == (NoiseSource.RANDOM, None, False)
    assert provenance.source_sha256 == content_sha256(read_model(plain))
    assert inspect(output).provenance == provenance
    assert [path.name for path in output.parent.iterdir()] == ["defended.onnx"]


def test_every_choice_is_stated(plain, output):
    made = export(plain, output, defence=KeptLabel(DynaNoise(0.5, 1, 4)), noise="keyed", grids=(0.05, 0.5), inline=True)
    provenance = made.provenance
    assert (provenance.noise, provenance.grids, provenance.keep_label) == (NoiseSource.KEYED, (0.05, 0.5), True)
    assert made.key_file.path == output.with_name("defended.onnx.key")
    assert provenance.key == read_key(made.key_file.path).fingerprint
    assert inspect(output).functions == ()


def test_a_given_key_is_used_again(plain, output, tmp_path):
    key = tmp_path / "the.key"
    first = export(plain, output, noise=NoiseSource.KEYED, key_file=key)
    second = export(plain, output.with_name("second.onnx"), noise=NoiseSource.KEYED, key_file=str(key))
    assert (first.key_file.new, second.key_file.new) == (True, False)
    assert first.provenance.key == second.provenance.key
    x = normals(20, 3)
    answers = [session_of(made.path).run(None, {"x": x})[0] for made in (first, second)]
    np.testing.assert_array_equal(*answers)


def test_a_body_in_float16(plain, output):
    weights = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,2] x) => (float[N,2] z) '
        "<float[2,2] w = {1,2,3,4}> { z = MatMul(x, w) }"
    )
    onnx.save(weights, plain)
    export(plain, output, precision=Precision.FP16)
    types = {weight.data_type for weight in onnx.load(output).graph.initializer}
    assert types == {onnx.TensorProto.FLOAT16, onnx.TensorProto.INT64}  # the second is of a shape


def test_steps_are_reported_in_order(plain, output):
    steps = []
    export(plain, output, progress=steps.append)
    assert len(steps) == 4
    assert all(isinstance(step, Step) and step.what for step in steps)
    assert str(plain) in steps[0].what


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"noise": "pink"}, UsageError),
        ({"noise": "random", "grids": (0.5,)}, UsageError),
        ({"noise": "input", "key_file": "key"}, UsageError),
        ({"noise": "keyed", "grids": (100.0,)}, UsageError),
        ({"precision": "fp8"}, UsageError),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_written(plain, output, options, kind):
    with pytest.raises(kind):
        export(plain, output, **options)
    assert not list(output.parent.iterdir())


def test_the_input_is_never_the_output(plain):
    before = plain.read_bytes()
    with pytest.raises(UsageError, match=r"plain\.onnx"):
        export(plain, plain)
    assert plain.read_bytes() == before


def test_a_missing_folder_and_a_missing_model_are_refused(plain, tmp_path):
    with pytest.raises(FileAccessError, match="nowhere"):
        export(plain, tmp_path / "nowhere" / "defended.onnx")
    with pytest.raises(FileAccessError, match=r"missing\.onnx"):
        export(tmp_path / "missing.onnx", tmp_path / "defended.onnx")


def test_a_defended_model_is_refused(plain, output):
    export(plain, output)
    with pytest.raises(DefenceError, match=r"defended\.onnx"):
        export(output, output.with_name("twice.onnx"))


def test_a_model_that_answers_nan_to_the_example_is_refused(plain, output):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] x) => (float[N,3] y) '
        "{ n = Sub(x, x) q = Div(n, n) z = Add(x, q) y = Softmax(z) }"
    )
    onnx.save(model, plain)
    with pytest.raises(ModelInputError):
        export(plain, output)
    assert not list(output.parent.iterdir())


def test_no_key_is_written_if_the_export_fails(plain, output):
    plain.write_bytes(b"")
    with pytest.raises(Exception, match=r"plain\.onnx"):
        export(plain, output, noise="keyed")
    assert not list(output.parent.iterdir())
