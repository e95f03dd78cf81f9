import numpy as np
import onnx
import pytest

import dynanoise_export
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.deployed.session import Session
from dynanoise_export.errors import DefenceError, EndpointError, FileAccessError, ModelInputError, UsageError
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
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


def made(source, path, noise=NoiseSource.KEYED, defence=None):
    return export(source, path, defence=defence, noise=noise).path


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


def test_any_number_of_rows_gets_the_answers_of_the_file(keyed):
    with dynanoise_export.load(keyed) as session:
        assert session.model.classes == 10
        assert session.batch == 256
        for count in (1, 300):
            answers = session.predict(rows(count))
            assert (answers.shape, answers.dtype) == ((count, 10), np.float32)
            np.testing.assert_allclose(answers, session_of(keyed).run(None, {"input": rows(count)})[0], atol=1e-6)


def test_lists_of_doubles_are_accepted(keyed):
    with dynanoise_export.load(str(keyed)) as session:
        np.testing.assert_array_equal(session.predict(rows(2).tolist()), session.predict(rows(2)))


def test_a_closed_session_answers_no_more(keyed):
    session = dynanoise_export.load(keyed, provider="cpu")
    session.predict(rows(2))
    session.close()
    session.close()
    with pytest.raises(EndpointError):
        session.predict(rows(2))


def test_a_batch_is_answered_as_it_is(keyed):
    with Session(open_deployed(keyed)) as session:
        answers = session.answer({"input": rows(5)})
        np.testing.assert_array_equal(answers, session.predict(rows(5)))


def test_a_defence_without_noise_answers_the_same_again(checkpoint, tmp_path):
    with dynanoise_export.load(made(checkpoint, tmp_path / "t.onnx", None, Temperature(2.5))) as session:
        assert session.model.defence == Temperature(2.5)
        np.testing.assert_array_equal(session.predict(rows(5)), session.predict(rows(5)))


def test_a_model_that_takes_its_noise_as_an_input_gets_fresh_noise(checkpoint, tmp_path):
    model = dynanoise_export.load(made(checkpoint, tmp_path / "input.onnx", NoiseSource.INPUT))
    assert [spec.name for spec in model.model.inputs] == ["input"]
    answers = np.stack([model.predict(rows(4)) for _ in range(50)])
    assert len(np.unique(answers.reshape(50, -1), axis=0)) == 50
    np.testing.assert_allclose(answers.sum(axis=2), 1, atol=1e-5)


def test_a_fixed_batch_is_padded_and_cut(tmp_path):
    plain = tmp_path / "plain.onnx"
    onnx.save(onnx.parser.parse_model(TWO_INPUTS.replace("[n,3]", "[4,3]").replace("[n,l]", "[4,l]")), plain)
    model = dynanoise_export.load(made(plain, tmp_path / "defended.onnx"))
    x, ids = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]], np.zeros((5, 2), np.int64)
    assert model.batch == 4
    answers = model.predict({"x": x, "ids": ids})
    assert answers.shape == (5, 3)
    np.testing.assert_allclose(answers[:2], answers[3:], atol=1e-6)  # the same rows, and so the same keyed noise


def test_several_inputs_are_given_by_name(two_inputs):
    model = dynanoise_export.load(two_inputs)
    sent = {"x": np.eye(3, dtype=np.float32), "ids": np.zeros((3, 5), np.int64)}
    np.testing.assert_allclose(model.predict(sent), session_of(two_inputs).run(None, sent)[0], atol=1e-6)


def test_a_server_that_states_no_defence_is_not_loaded(keyed):
    with served(keyed) as server, pytest.raises(DefenceError, match=server.url):
        dynanoise_export.load(server.url)


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        (np.zeros((2, 63), np.float32), r"input:batch,64:float32.*\[2, 63\]"),
        (np.zeros(64, np.float32), r"input:batch,64:float32.*\[64\]"),
        (np.zeros((0, 64), np.float32), r"keyed\.onnx"),
        ([["a"] * 64], "input"),
        ([[1, 2], [1]], "input"),
        ({"pixels": np.zeros((2, 64), np.float32)}, "input.*pixels"),
        ({}, "input"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_name(keyed, sent, named):
    with dynanoise_export.load(keyed) as session, pytest.raises(ModelInputError, match=named):
        session.predict(sent)


def test_several_inputs_with_different_numbers_of_rows_or_without_names_are_refused(two_inputs):
    with dynanoise_export.load(two_inputs) as session:
        with pytest.raises(ModelInputError, match=r"2 for x, 3 for ids"):
            session.predict({"x": np.zeros((2, 3)), "ids": np.zeros((3, 5))})
        with pytest.raises(ModelInputError, match="x, ids"):
            session.predict(np.zeros((2, 3)))


def test_models_that_can_not_be_loaded_are_refused(tmp_path, keyed):
    onnx.save(onnx.parser.parse_model(TWO_INPUTS), tmp_path / "plain.onnx")
    with pytest.raises(DefenceError, match=r"plain\.onnx"):
        dynanoise_export.load(tmp_path / "plain.onnx")
    with pytest.raises(FileAccessError, match=r"missing\.onnx"):
        dynanoise_export.load(tmp_path / "missing.onnx")
    with pytest.raises(UsageError, match="tpu"):
        dynanoise_export.load(keyed, provider="tpu")
    with pytest.raises(EndpointError):
        dynanoise_export.load(keyed, provider="cuda")
