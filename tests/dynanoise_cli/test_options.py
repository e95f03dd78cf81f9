"""The defence that the options of a command choose."""

import onnx
import pytest

from dynanoise_cli.options import other_defence, parameters
from dynanoise_export import DynaNoise, Temperature, UsageError, export

NONE = (None, None, None, None)


def test_the_own_options_of_dynanoise_are_parameters():
    assert parameters(None, *NONE) == {}
    assert parameters(["level=0.5"], None, 0.25, 3, 2) == {
        "level": 0.5,
        "base_variance": 0.25,
        "lambda": 3,
        "temperature": 2,
    }
    assert parameters(["sigma0=1e-3", "lambda=2"], *NONE) == {"sigma0": 0.001, "lambda": 2}


@pytest.mark.parametrize("text", ["sigma0", "=1", "sigma0=", "sigma0=much", ""])
def test_a_parameter_has_a_name_and_a_number(text):
    with pytest.raises(UsageError, match="NAME=VALUE"):
        parameters([text], *NONE)


@pytest.mark.parametrize(
    ("given", "own"),
    [
        (["temperature=1", "temperature=1"], NONE),
        (["sigma0=1"], (1, None, None, None)),
        (["base_variance=1"], (None, 1, None, None)),
        (["lambda=1"], (None, None, 1, None)),
        (["temperature=1"], (None, None, None, 1)),
    ],
)
def test_a_parameter_is_given_once(given, own):
    with pytest.raises(UsageError, match="--parameter"):
        parameters(given, *own)


@pytest.fixture(scope="module")
def tempered(checkpoint, tmp_path_factory):
    """Give a file with another defence than the default."""
    return export(checkpoint, tmp_path_factory.mktemp("options") / "tempered.onnx", defence=Temperature(5)).path


def test_without_options_the_model_states_its_defence():
    assert other_defence("missing.onnx", None, {}) is None


def test_a_defence_is_given_by_its_name():
    assert other_defence("missing.onnx", "temperature", {}) == Temperature()
    assert other_defence("missing.onnx", "dynanoise", {"sigma0": 1}) == DynaNoise(1)


def test_parameters_without_a_name_are_those_of_the_stated_defence(tempered):
    assert other_defence(str(tempered), None, {"temperature": 2}) == Temperature(2)
    with pytest.raises(UsageError, match="sigma0"):
        other_defence(str(tempered), None, {"sigma0": 2})


def test_parameters_without_a_name_are_those_of_dynanoise_if_the_model_states_no_defence(tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[n,3] x) => (float[n,3] z) { z = Softmax <axis = 1> (x) }'
    )
    onnx.save(model, tmp_path / "plain.onnx")
    assert other_defence(str(tmp_path / "plain.onnx"), None, {"temperature": 2}) == DynaNoise(temperature=2)
