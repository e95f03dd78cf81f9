import numpy as np
import onnx
import pytest

import dynanoise_export
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.parameters import NoiseSource, Parameters
from dynanoise_export.sources.source_model import SourceOptions
from support.exports import session_of
from support.kserve import served

TWO_INPUTS = """
<ir_version: 10, opset_import: ["" : 18]>
g (float[n,3] x, int64[n,l] ids) => (float[n,3] z) {
  axes = Constant <value_ints = [1]> ()
  floats = Cast <to = 1> (ids)
  sums = ReduceSum <keepdims = 1> (floats, axes)
  z = Add (x, sums)
}
"""


def made(source, path, noise=NoiseSource.KEYED, **opening):
    export(source, path, DynaNoise(Parameters()), ExportOptions(noise=noise), SourceOptions(**opening))
    return path


@pytest.fixture(scope="module")
def keyed(checkpoint, tmp_path_factory):
    return made(checkpoint, tmp_path_factory.mktemp("keyed") / "keyed.onnx")


@pytest.fixture(scope="module")
def two_inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    onnx.save(onnx.parser.parse_model(TWO_INPUTS), folder / "plain.onnx")
    return made(folder / "plain.onnx", folder / "defended.onnx")


def rows(count):
    return np.random.default_rng(0).standard_normal((count, 64), dtype=np.float32)


def test_any_number_of_rows_gets_the_files_answers(keyed):
    model = dynanoise_export.load(keyed)
    assert model.classes == 10
    for count in (1, 300):
        answers = model.predict(rows(count))
        assert (answers.shape, answers.dtype) == ((count, 10), np.float32)
        np.testing.assert_allclose(answers, session_of(keyed).run(None, {"input": rows(count)})[0], atol=1e-6)


def test_lists_of_doubles_will_do(keyed):
    model = dynanoise_export.load(str(keyed))
    np.testing.assert_array_equal(model.predict(rows(2).tolist()), model.predict(rows(2)))


def test_a_model_that_takes_its_noise_is_fed(checkpoint, tmp_path):
    model = dynanoise_export.load(made(checkpoint, tmp_path / "input.onnx", NoiseSource.INPUT))
    assert [spec.name for spec in model.inputs] == ["input"]
    answers = np.stack([model.predict(rows(4)) for _ in range(50)])
    assert len(np.unique(answers.reshape(50, -1), axis=0)) == 50
    np.testing.assert_allclose(answers.sum(axis=2), 1, atol=1e-5)


def test_a_fixed_batch_is_filled_and_cut(tmp_path):
    plain = tmp_path / "plain.onnx"
    onnx.save(onnx.parser.parse_model(TWO_INPUTS.replace("[n,3]", "[4,3]").replace("[n,l]", "[4,l]")), plain)
    model = dynanoise_export.load(made(plain, tmp_path / "defended.onnx"))
    x, ids = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]], np.zeros((5, 2), np.int64)
    answers = model.predict({"x": x, "ids": ids})
    assert answers.shape == (5, 3)
    np.testing.assert_allclose(answers[:2], answers[3:], atol=1e-6)  # the same rows, and so the same keyed noise


def test_several_inputs_go_by_their_names(two_inputs):
    model = dynanoise_export.load(two_inputs)
    sent = {"x": np.eye(3, dtype=np.float32), "ids": np.zeros((3, 5), np.int64)}
    np.testing.assert_allclose(model.predict(sent), session_of(two_inputs).run(None, sent)[0], atol=1e-6)


def test_a_server_that_says_nothing_of_a_defence_is_not_loaded(keyed):
    # Such a server says nothing of the defence, so that nobody can tell that there is one.
    with served(keyed) as server, pytest.raises(UserError, match=r"http://.* carries no defence that this tool knows"):
        dynanoise_export.load(server.url)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (np.zeros((2, 63), np.float32), r"takes input:batch,64:float32, and was given an array of shape \[2, 63\]"),
        (np.zeros(64, np.float32), r"given an array of shape \[64\]"),
        (np.zeros((0, 64), np.float32), "one at least, not 0 as input"),
        ([["a"] * 64], "given as input is no array of numbers"),
        ([[1, 2], [1]], "given as input is no array of numbers"),
        ({"pixels": np.zeros((2, 64), np.float32)}, "takes input, and was given pixels"),
        ({}, "takes input, and was given nothing"),
    ],
)
def test_other_inputs_are_told(keyed, sent, told):
    with pytest.raises(UserError, match=told):
        dynanoise_export.load(keyed).predict(sent)


def test_inputs_that_do_not_go_together_are_told(two_inputs):
    model = dynanoise_export.load(two_inputs)
    with pytest.raises(UserError, match="2 as x, 3 as ids"):
        model.predict({"x": np.zeros((2, 3)), "ids": np.zeros((3, 5))})
    with pytest.raises(UserError, match=r"several inputs: give an array for each by its name \(x, ids\)"):
        model.predict(np.zeros((2, 3)))


def test_what_can_not_be_loaded_is_told(tmp_path, keyed):
    onnx.save(onnx.parser.parse_model(TWO_INPUTS), tmp_path / "plain.onnx")
    with pytest.raises(UserError, match=r"plain\.onnx carries no defence"):
        dynanoise_export.load(tmp_path / "plain.onnx")
    with pytest.raises(UserError, match=r"missing\.onnx is not an ONNX model"):
        dynanoise_export.load(tmp_path / "missing.onnx")
    with pytest.raises(UserError, match="tpu is none of ONNX Runtime's providers"):
        dynanoise_export.load(keyed, provider="tpu")
    with pytest.raises(UserError, match=r"has no CUDAExecutionProvider.*dynanoise-export\[gpu\]"):
        dynanoise_export.load(keyed, provider="cuda")
