from contextlib import ExitStack

import numpy as np
import pytest

from dynanoise_export.benchmarking.calls import openings, prepared
from dynanoise_export.benchmarking.plain_model import plain_model
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.binding import BoundRun
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.runtimes.predictor import Closing
from dynanoise_export.runtimes.provider import ON_CPU, Execution, Provider

ROWS = np.random.default_rng(0).standard_normal((4, 64), dtype=np.float32)


@pytest.fixture(scope="module")
def path(checkpoint, tmp_path_factory):
    return export(checkpoint, tmp_path_factory.mktemp("file") / "defended.onnx", noise=NoiseSource.INPUT).path


def test_each_model_is_opened_with_the_chosen_threads_and_its_own_inputs(path):
    defended = open_deployed(path)
    models = [plain_model(defended, None), defended]
    with ExitStack() as opened:
        calls = [opened.enter_context(opening()) for opening in openings(models, 5, ON_CPU, 3)]
        for call, inputs in zip(calls, ({"input"}, {"input", "noise"}), strict=True):
            session = call.func.__self__
            assert session.get_session_options().intra_op_num_threads == 3
            assert set(call.args[1]) == inputs
            assert np.shape(call()) == (1, 5, 10)


def test_in_onnx_runtime_on_a_gpu_inputs_are_bound(path):
    rows = {"input": ROWS, "noise": np.zeros((4, 10), np.float32)}
    with OnnxRuntimePredictor(path) as predictor:
        assert not isinstance(prepared(predictor, rows), BoundRun)
        assert np.shape(prepared(predictor, rows)()) == (1, 4, 10)
        predictor.execution = Execution(Provider.CUDA)
        with pytest.raises(RuntimeError, match="allocate memory on the device"):  # the installed package has no CUDA
            prepared(predictor, rows)


def test_any_other_predictor_is_called_itself():
    class Other(Closing):
        def run(self, inputs):
            return {"y": inputs["x"]}

    assert prepared(Other(), {"x": ROWS})()["y"] is ROWS
