import itertools

import pytest

from dynanoise_export.deployment.triton.noise_advice import advice, instances_may_repeat, require_safe_noise
from dynanoise_export.deployment.triton.triton_backend import TritonBackend
from dynanoise_export.errors import NoiseError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Where, judgement

RANDOM, INPUT, KEYED = NoiseSource
ONNXRUNTIME, TENSORRT, PYTHON = TritonBackend
MAY_REPEAT = {(RANDOM, ONNXRUNTIME), (RANDOM, TENSORRT)}


def test_each_backend_has_a_row_in_the_table_of_noise_strength():
    wheres = [Where.TRITON_ONNXRUNTIME, Where.TRITON_TENSORRT, Where.TRITON_PYTHON]
    assert [backend.where for backend in TritonBackend] == wheres


@pytest.mark.parametrize(("noise", "backend"), [*itertools.product([*NoiseSource, None], TritonBackend)])
def test_instances_may_repeat_random_noise_unless_they_are_processes(noise, backend):
    assert instances_may_repeat(noise, backend) == ((noise, backend) in MAY_REPEAT)
    if noise is not INPUT:
        require_safe_noise("a.onnx", noise, backend, 1)
    if (noise, backend) in MAY_REPEAT:
        with pytest.raises(NoiseError, match=r"a\.onnx"):
            require_safe_noise("a.onnx", noise, backend, 2)
    elif noise is not INPUT:
        require_safe_noise("a.onnx", noise, backend, 2)


def test_only_the_python_backend_draws_noise_that_is_an_input():
    require_safe_noise("a.onnx", INPUT, PYTHON, 2)
    for backend in (ONNXRUNTIME, TENSORRT):
        with pytest.raises(NoiseError, match=r"a\.onnx"):
            require_safe_noise("a.onnx", INPUT, backend, 1)


@pytest.mark.parametrize(("noise", "backend"), [*itertools.product(NoiseSource, TritonBackend)])
def test_the_advice_gives_the_reason_of_the_table(noise, backend):
    first, *_ = sentences = advice(noise, backend)
    assert judgement(noise, backend.where).why[1:] in first
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)
    assert ("response_cache { enable: true }" in " ".join(sentences)) == (noise is KEYED)


@pytest.mark.parametrize("backend", TritonBackend)
def test_a_defence_without_noise_gets_no_advice_on_it(backend):
    assert len(advice(None, backend)) == 1


@pytest.mark.parametrize("backend", [TritonBackend.ONNXRUNTIME, TritonBackend.TENSORRT])
def test_random_noise_is_warned_of_cuda_graphs_and_keyed_noise_is_not(backend):
    graphs = [sum("CUDA graph" in sentence for sentence in advice(noise, backend)) for noise in (RANDOM, KEYED)]
    assert graphs == [1, 0]
