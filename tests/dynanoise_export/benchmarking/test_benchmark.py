from dataclasses import replace
from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest

from dynanoise_export.benchmarking import benchmark
from dynanoise_export.benchmarking.benchmark import Options, bench
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import ExportOptions, export
from dynanoise_export.parameters import NoiseSource, Parameters, Provider
from dynanoise_export.sources.inputs import TensorSpec
from dynanoise_export.sources.source_model import SourceOptions
from support.benchmarks import STATED, TEXT, made_model

FEW = partial(Options, pairs=10, threads=1)


@pytest.fixture(scope="module", params=list(NoiseSource))
def defended(request, checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("suite") / f"{request.param}.onnx"
    export(checkpoint, path, DynaNoise(Parameters()), ExportOptions(noise=request.param))
    return path


def test_a_file_is_compared_with_its_own_graph(defended):
    told = []
    report = bench(str(defended), options=FEW(batches=(1, 8)), step=told.append)
    assert [run.batch for run in report.runs] == [1, 8]
    assert told == ["Batch 1 on cpu", "Batch 8 on cpu"]
    for run in report.runs:
        assert (run.provider, run.pairs, run.sessions, run.transfers) == (Provider.CPU, 10, 10, False)
        assert run.plain.calls == run.defended.calls >= 10
        assert 0 < run.ratio.low <= run.ratio.value <= run.ratio.high
    assert (report.threads, report.sizes) == (1, {})
    assert report.machine.versions["onnxruntime"] == onnxruntime.__version__
    assert report.machine.processor


class Elsewhere:
    """A place that tells what it was asked."""

    generator, sessions_repeat = "", False

    def __init__(self):
        self.asked = []

    def open(self):
        return self

    def run(self, inputs):
        self.asked.append({name: (array.shape, array.dtype.name) for name, array in inputs.items()})
        return {"y": np.zeros(1)}


@pytest.fixture
def elsewhere(monkeypatch):
    """Let a model run where its graph can't be seen, and give a function that says which."""

    def there(**changes):
        place = Elsewhere()
        model = replace(made_model("http://host/model"), graph=None, endpoint=place, **changes)
        monkeypatch.setattr(benchmark, "open_deployed", lambda where, provider: model)
        return place

    return there


def test_a_model_elsewhere_is_timed_alone(elsewhere):
    elsewhere()
    report = bench("http://host/model", options=Options(pairs=10, batches=[2]))
    (run,) = report.runs
    assert (run.provider, run.plain, run.ratio, run.transfers) == (None, None, None, True)
    assert report.against is None


def test_texts_have_128_tokens_and_noise_is_fed(elsewhere):
    noise = TensorSpec("noise", "float32", ("batch", 3))
    place = elsewhere(stated=replace(STATED, noise="input", noise_input="noise"), noise=noise)
    report = bench("http://host/model", options=Options(pairs=10, batches=[2]))
    assert place.asked[0] == {"input_ids": ((2, 128), "int64"), "noise": ((2, 3), "float32")}
    assert report.sizes == {"sequence": 128}


def test_images_of_any_size_are_small(elsewhere):
    place = elsewhere(inputs=(TensorSpec("x", "float32", ("batch", 3, "height", "width")),))
    report = bench("http://host/model", options=Options(pairs=10, batches=[2]))
    assert place.asked[0] == {"x": ((2, 3, 64, 64), "float32")}
    assert report.sizes == {"height": 64, "width": 64}


def test_an_axis_that_is_as_long_as_the_batch_stays_so(elsewhere):
    place = elsewhere(inputs=(TensorSpec("x", "float32", ("n", "n")),))
    assert bench("http://host/model", options=Options(pairs=10, batches=[2])).sizes == {}
    assert place.asked[0] == {"x": ((2, 2), "float32")}


def test_without_batches_it_takes_those_that_the_issue_names(elsewhere):
    place = elsewhere()
    report = bench("http://host/model", options=Options(pairs=10))
    assert [run.batch for run in report.runs] == [1, 8, 64, 256]
    assert {asked["input_ids"][0][0] for asked in place.asked} == {1, 8, 64, 256}


def test_a_fixed_batch_is_the_only_one(elsewhere):
    elsewhere(inputs=(TensorSpec("x", "float32", (4, 5)), *TEXT))
    assert [run.batch for run in bench("http://host/model", options=Options(pairs=10)).runs] == [4]
    assert [run.batch for run in bench("http://host/model", options=Options(pairs=10, batches=[4])).runs] == [4]
    with pytest.raises(UserError, match="http://host/model takes batches of 4 alone, and not of 8"):
        bench("http://host/model", options=Options(batches=[4, 8]))


def test_threads_are_for_onnx_files(elsewhere):
    elsewhere()
    with pytest.raises(UserError, match="--threads is for ONNX files, and http://host/model runs elsewhere"):
        bench("http://host/model", options=Options(threads=1))


def test_a_provider_that_is_not_there_is_told(checkpoint, tmp_path):
    export(checkpoint, tmp_path / "defended.onnx", DynaNoise(Parameters()))
    with pytest.raises(UserError, match=r"no CUDAExecutionProvider"):
        bench(str(tmp_path / "defended.onnx"), options=FEW(providers=[Provider.CUDA]))


def test_inputs_that_a_model_does_not_take_are_told(tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[n,m] x) => (float[n,4] z) '
        "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}> { z = MatMul(x, w) }"
    )
    onnx.save(model, tmp_path / "plain.onnx")
    np.savez(tmp_path / "rows.npz", x=np.zeros((2, 3), np.float32))
    opening = SourceOptions(example=tmp_path / "rows.npz")
    export(tmp_path / "plain.onnx", tmp_path / "defended.onnx", DynaNoise(Parameters()), opening=opening)
    with pytest.raises(UserError, match=r"can't run the model on x \[1, 128\]"):
        bench(str(tmp_path / "defended.onnx"), options=FEW())
