from dataclasses import replace
from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest

import dynanoise_export.benchmarking.benchmark as benchmark_module
from dynanoise_export.benchmarking.benchmark import bench
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import EndpointError, UsageError
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.predictor import Closing
from dynanoise_export.runtimes.provider import Provider
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from support.benchmarks import STATED, TEXT, made_model
from support.dynamic_sizes import write_sound

URL = "http://host/model"
few = partial(bench, pairs=10, threads=1)


@pytest.fixture(scope="module", params=[*NoiseSource, None])
def defended(request, checkpoint, tmp_path_factory):
    """Give a defended file with each noise source, and one with a defence that takes no noise."""
    path = tmp_path_factory.mktemp("bench") / f"{request.param}.onnx"
    export(checkpoint, path, defence=None if request.param else Temperature(), noise=request.param)
    return path


def test_a_file_is_compared_with_its_own_graph(defended):
    steps = []
    report = few(defended, batches=(1, 8), progress=steps.append)
    assert [run.batch for run in report.runs] == [1, 8]
    assert list(dict.fromkeys(step.what for step in steps)) == ["Batch 1 on cpu", "Batch 8 on cpu"]
    for run in report.runs:
        assert (run.provider, run.pairs, run.sessions, run.transfers) == (Provider.CPU, 10, 10, False)
        assert run.plain.calls == run.defended.calls >= 10
        assert 0 < run.ratio.low <= run.ratio.value <= run.ratio.high
    assert (report.threads, report.sizes) == (1, {})
    assert report.model.name == str(defended)
    assert report.machine.versions["onnxruntime"] == onnxruntime.__version__
    assert report.machine.processor


def test_progress_counts_the_pairs_of_each_batch(checkpoint, tmp_path):
    export(checkpoint, tmp_path / "defended.onnx")
    steps = []
    few(tmp_path / "defended.onnx", batches=(1, 8), progress=steps.append)
    assert [(step.done, step.total, step.unit) for step in steps] == [(n, 10, "pairs") for n in range(11)] * 2


class RemoteEndpoint(Closing):
    """An endpoint that records its queries and counts its open sessions."""

    where = Where.SERVER

    def __init__(self):
        self.queries, self.opened, self.closed = [], 0, 0

    def open(self):
        self.opened += 1
        return self

    def close(self):
        self.closed += 1

    def run(self, inputs):
        self.queries.append({name: (array.shape, array.dtype.name) for name, array in inputs.items()})
        return {"y": np.zeros((len(next(iter(inputs.values()))), 2))}


@pytest.fixture
def remote(monkeypatch):
    """Give a function that puts a model at `URL`, without a graph, and returns its endpoint."""

    def put(**changes):
        endpoint = RemoteEndpoint()
        model = replace(made_model(URL), graph=None, endpoint=endpoint, **changes)
        monkeypatch.setattr(benchmark_module, "open_deployed", lambda name, execution: model)
        return endpoint

    return put


def test_a_model_on_a_server_is_timed_alone(remote):
    remote()
    report = bench(URL, pairs=10, batches=[2])
    (run,) = report.runs
    assert (run.provider, run.plain, run.ratio, run.transfers) == (None, None, None, True)
    assert report.against is None


def test_every_session_is_closed(remote):
    endpoint = remote()
    bench(URL, pairs=10, batches=[2, 4])
    assert endpoint.opened == endpoint.closed == 20


def test_a_session_is_closed_if_its_model_fails(remote, monkeypatch):
    endpoint = remote()
    monkeypatch.setattr(RemoteEndpoint, "run", lambda self, inputs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench(URL, pairs=10, batches=[2])
    assert endpoint.opened == endpoint.closed == 1


def test_texts_have_128_tokens_and_noise_is_fed(remote):
    noise = TensorSpec("noise", "float32", ("batch", 3))
    provenance = replace(STATED, noise=NoiseSource.INPUT, noise_input="noise")
    endpoint = remote(provenance=provenance, noise=NoiseSource.INPUT, noise_input=noise)
    report = bench(URL, pairs=10, batches=[2])
    assert endpoint.queries[0] == {"input_ids": ((2, 128), "int64"), "noise": ((2, 3), "float32")}
    assert report.sizes == {"sequence": 128}


def test_images_of_any_size_are_small(remote):
    endpoint = remote(inputs=(TensorSpec("x", "float32", ("batch", 3, "height", "width")),))
    report = bench(URL, pairs=10, batches=[2])
    assert endpoint.queries[0] == {"x": ((2, 3, 64, 64), "float32")}
    assert report.sizes == {"height": 64, "width": 64}


def test_an_axis_that_is_as_long_as_the_batch_stays_so(remote):
    endpoint = remote(inputs=(TensorSpec("x", "float32", ("n", "n")),))
    assert bench(URL, pairs=10, batches=[2]).sizes == {}
    assert endpoint.queries[0] == {"x": ((2, 2), "float32")}


def test_the_default_batches(remote):
    endpoint = remote()
    report = bench(URL, pairs=10)
    assert [run.batch for run in report.runs] == [1, 8, 64, 256]
    assert {query["input_ids"][0][0] for query in endpoint.queries} == {1, 8, 64, 256}


def test_a_fixed_batch_is_the_only_one(remote):
    remote(inputs=(TensorSpec("x", "float32", (4, 5)), *TEXT))
    assert [run.batch for run in bench(URL, pairs=10).runs] == [4]
    assert [run.batch for run in bench(URL, pairs=10, batches=[4]).runs] == [4]
    with pytest.raises(UsageError, match=URL):
        bench(URL, batches=[4, 8])


def test_threads_are_for_onnx_files(remote):
    remote()
    with pytest.raises(UsageError, match=URL):
        bench(URL, threads=1)


@pytest.mark.parametrize(
    "options",
    [{"batches": [0]}, {"threads": 0}, {"pairs": 9}, {"providers": ["gpu"]}, {"providers": [Provider.CPU, "x"]}],
)
def test_options_out_of_bounds_are_refused(remote, options):
    endpoint = remote()
    with pytest.raises(UsageError):
        bench(URL, **options)
    assert not endpoint.opened


@pytest.mark.parametrize("provider", [Provider.CUDA, "cuda"])
def test_a_missing_provider_is_an_error(checkpoint, tmp_path, provider):
    export(checkpoint, tmp_path / "defended.onnx")
    with pytest.raises(EndpointError, match="CUDAExecutionProvider"):
        few(tmp_path / "defended.onnx", providers=[provider])


def test_inputs_that_a_model_does_not_take_are_an_error(tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[n,m] x) => (float[n,4] z) '
        "<float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}> { z = MatMul(x, w) }"
    )
    onnx.save(model, tmp_path / "plain.onnx")
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(0).standard_normal((4, 3)))
    options = SourceOptions(example=tmp_path / "rows.npz")
    export(tmp_path / "plain.onnx", tmp_path / "defended.onnx", source_options=options)
    with pytest.raises(EndpointError, match=r"x \[1, 128\]") as refused:
        few(tmp_path / "defended.onnx")
    assert str(tmp_path / "defended.onnx") in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_model_that_needs_longer_inputs_gets_them(tmp_path):
    export(write_sound(tmp_path), tmp_path / "defended.onnx")
    assert few(tmp_path / "defended.onnx", batches=(1, 3)).sizes == {"T": 128}
    model = onnx.load(tmp_path / "model.onnx")
    next(w for w in model.graph.initializer if w.name == "kernel").CopyFrom(
        onnx.numpy_helper.from_array(np.ones((4, 1, 500), np.float32), "kernel")
    )
    onnx.save(model, tmp_path / "model.onnx")
    export(tmp_path / "model.onnx", tmp_path / "long.onnx")
    report = few(tmp_path / "long.onnx", batches=(1, 3))
    assert report.sizes == {"T": 1600}
    assert [run.batch for run in report.runs] == [1, 3]
