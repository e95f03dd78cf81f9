import pytest

from dynanoise_export.errors import NoiseError, UnsupportedModelError
from dynanoise_export.noise.input_noise import InputNoise
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.random_noise import NEWEST_OPSET, RandomNoise
from dynanoise_export.noise.source import NoiseSource
from support.graphs import KEY, defend, normals, parse, run

PLAIN = "g (float[N,3] x) => (float[N,3] z) { z = Relu(x) }"


def test_each_source_knows_its_name_and_its_input():
    assert (RandomNoise().source, RandomNoise().input_name) == (NoiseSource.RANDOM, None)
    assert (InputNoise().source, InputNoise().input_name) == (NoiseSource.INPUT, "noise")
    assert (KeyedNoise(KEY).source, KeyedNoise(KEY).input_name) == (NoiseSource.KEYED, None)


def test_opsets_that_onnx_runtime_has_no_random_operator_for_are_refused():
    for noise in (NoiseSource.INPUT, NoiseSource.KEYED):
        defend(parse(PLAIN, opset=NEWEST_OPSET + 1, ir_version=10), "z", 3, noise)
    with pytest.raises(NoiseError):
        defend(parse(PLAIN, opset=NEWEST_OPSET + 1, ir_version=10), "z", 3, NoiseSource.RANDOM)
    newest = parse(PLAIN, opset=NEWEST_OPSET, ir_version=10)
    defend(newest, "z", 3, NoiseSource.RANDOM)
    assert run(newest, x=normals(5, 3))[0].shape == (5, 3)


def test_the_input_is_a_row_of_standard_normals_for_each_query():
    model = parse(PLAIN)
    defend(model, "z", 3, NoiseSource.INPUT)
    noise = model.graph.inputs[-1]
    assert (noise.name, noise.dtype.name, list(noise.shape)) == ("noise", "FLOAT", ["N", 3])


def test_an_input_that_the_model_has_already_is_refused():
    with pytest.raises(UnsupportedModelError, match="noise"):
        defend(parse(PLAIN.replace("x", "noise")), "z", 3, NoiseSource.INPUT)
