import json

import onnx
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployment.triton.repository import write_triton_repository
from dynanoise_export.deployment.triton.triton_backend import TritonBackend
from dynanoise_export.exporting import export
from dynanoise_export.guarding import fit_guard
from dynanoise_export.noise.source import NoiseSource
from support.dynamic_sizes import write_sound
from support.folders import distilbert, save
from support.triton_models import LABELS, defended, model_of_four_rows, model_of_two, plan, text_model

GROUP = model_config_pb2.ModelInstanceGroup


@pytest.fixture(scope="module")
def folder(tmp_path_factory, checkpoint):
    made = tmp_path_factory.mktemp("config")
    for noise in NoiseSource:
        defended(checkpoint, made / f"{noise}.onnx", noise)
    defended(checkpoint, made / "temperature.onnx", None, defence=Temperature())
    for name in ("keyed", "random", "temperature"):
        plan(made / f"{name}.onnx", made / f"{name}.plan")
    return made


@pytest.fixture
def config_of(tmp_path):
    """Give a function that writes a model into a repository and reads its config."""

    def read(path, **options):
        written = write_triton_repository(path, tmp_path / "models", **options)
        return text_format.Parse((written.folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())

    return read


def test_triton_forms_the_batches(config_of, folder):
    config = config_of(folder / "keyed.onnx", max_batch=32)
    assert (config.name, config.backend, config.max_batch_size) == ("keyed", "onnxruntime", 32)
    assert [(i.name, i.data_type, list(i.dims)) for i in config.input] == [("input", model_config_pb2.TYPE_FP32, [64])]
    assert [(o.name, o.data_type, list(o.dims)) for o in config.output] == [
        ("probabilities", model_config_pb2.TYPE_FP32, [10])
    ]
    assert list(config.dynamic_batching.preferred_batch_size) == [32]
    assert config.dynamic_batching.max_queue_delay_microseconds > 0
    assert [sample.batch_size for sample in config.model_warmup] == [1, 32]
    assert config.version_policy.latest.num_versions == 1


def test_the_noise_is_not_an_input(config_of, folder):
    assert [tensor.name for tensor in config_of(folder / "input.onnx").input] == ["input"]


def test_texts_have_dynamic_axes_integers_and_labels(config_of, tmp_path):
    config = config_of(text_model(tmp_path))
    assert [(i.name, i.data_type, list(i.dims)) for i in config.input] == [
        ("input_ids", model_config_pb2.TYPE_INT64, [-1]),
        ("attention_mask", model_config_pb2.TYPE_INT64, [-1]),
    ]
    assert config.output[0].label_filename == "labels.txt"
    for sample in config.model_warmup:
        assert all(query.zero_data and list(query.dims) == [12] for query in sample.inputs.values())
    assert json.loads(config.parameters["dynanoise.labels"].string_value) == list(LABELS)


def test_a_model_that_does_not_run_on_made_up_sizes_is_not_warmed_up(config_of, tmp_path):
    save(distilbert(num_labels=3), tmp_path / "short")
    path = defended(tmp_path / "short", tmp_path / "short.onnx", NoiseSource.KEYED)
    model = onnx.load(path)
    # With only 4 positions, the 12 tokens of the warm-up would keep the server from ever loading it.
    places = next(w for w in model.graph.initializer if tuple(w.dims) == (64, 16))
    places.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(places)[:4], places.name))
    onnx.save(model, path)
    assert not config_of(path).model_warmup


def test_a_model_is_warmed_up_and_queried_with_sizes_that_it_takes(config_of, tmp_path):
    export(write_sound(tmp_path), tmp_path / "sound.onnx", noise=NoiseSource.KEYED)
    config = config_of(tmp_path / "sound.onnx")
    assert [list(sample.inputs["x"].dims) for sample in config.model_warmup] == [[1, 1600]] * 2
    assert '"x": np.zeros([1, 1, 1600], "float32")' in (tmp_path / "models" / "sound" / "README.md").read_text()


def test_triton_leaves_a_fixed_batch_alone(config_of, tmp_path):
    config = config_of(model_of_four_rows(tmp_path))
    assert config.max_batch_size == 0
    assert not config.HasField("dynamic_batching")
    assert list(config.input[0].dims) == [4, 6]
    assert list(config.output[0].dims) == [4, 4]
    (sample,) = config.model_warmup
    assert sample.batch_size == 1
    assert list(sample.inputs["x"].dims) == [4, 6]


def test_both_of_two_inputs_are_inputs(config_of, tmp_path):
    config = config_of(model_of_two(tmp_path))
    assert [tensor.name for tensor in config.input] == ["x", "y"]
    assert config.backend == "python"


def test_a_plan_takes_its_batches_from_its_profile_and_no_cuda_graph(config_of, folder):
    config = config_of(folder / "keyed.plan")
    assert (config.backend, config.max_batch_size) == ("tensorrt", 256)
    assert list(config.dynamic_batching.preferred_batch_size) == [16]
    assert config.optimization.HasField("cuda")
    assert not config.optimization.cuda.graphs
    assert [(sample.batch_size, list(sample.inputs["input"].dims)) for sample in config.model_warmup] == [
        (1, [64]),
        (256, [64]),
    ]


@pytest.mark.parametrize(
    ("file", "backend", "kind", "gpus"),
    [
        ("keyed.onnx", TritonBackend.ONNXRUNTIME, GROUP.KIND_AUTO, []),
        ("keyed.onnx", TritonBackend.PYTHON, GROUP.KIND_CPU, []),
        ("random.onnx", TritonBackend.ONNXRUNTIME, GROUP.KIND_CPU, []),  # a session on each GPU would repeat the noise
        ("random.onnx", TritonBackend.PYTHON, GROUP.KIND_CPU, []),
        ("keyed.plan", None, GROUP.KIND_GPU, []),
        ("random.plan", None, GROUP.KIND_GPU, [0]),
        ("temperature.onnx", None, GROUP.KIND_AUTO, []),
        ("temperature.plan", None, GROUP.KIND_GPU, []),
    ],
)
def test_instances_run_where_they_do_not_repeat_each_others_noise(config_of, folder, file, backend, kind, gpus):
    config = config_of(folder / file, backend=backend)
    (group,) = config.instance_group
    assert (group.kind, group.count, list(group.gpus)) == (kind, 1, gpus)
    assert config.HasField("response_cache")
    assert not config.response_cache.enable


def parameters_of(config):
    return {name: value.string_value for name, value in config.parameters.items()}


def test_it_states_the_defence_and_not_the_key(config_of, folder):
    config = config_of(folder / "keyed.onnx")
    stated = parameters_of(config)
    assert stated["dynanoise.defence"] == "dynanoise"
    assert json.loads(stated["dynanoise.parameters"]) == {"sigma0": 0.5, "lambda": 2.0, "temperature": 3.0}
    assert stated["dynanoise.noise"] == "keyed"
    assert stated["dynanoise.classes"] == "10"
    assert len(stated["dynanoise.file_sha256"]) == 64
    assert (folder / "keyed.onnx.key").read_text().strip() not in str(config)


def test_nothing_is_stated_of_a_guard_with_secrets_and_its_files_are_private(config_of, checkpoint, tmp_path):
    guard = fit_guard(checkpoint, "sphere", data=(0.0, 1.0))
    export(checkpoint, tmp_path / "copies.onnx", defence=Temperature(), guard=guard)
    assert set(parameters_of(config_of(tmp_path / "copies.onnx"))) == {
        "dynanoise.file_sha256",
        "dynanoise.classes",
        "cudnn_conv_algo_search",
    }
    written = [tmp_path / "copies.onnx", *(tmp_path / "models").rglob("model.onnx")]
    assert [file.stat().st_mode & 0o077 for file in written] == [0, 0]


def test_a_defence_without_noise_states_no_noise(config_of, folder):
    stated = parameters_of(config_of(folder / "temperature.onnx"))
    assert stated["dynanoise.defence"] == "temperature"
    assert json.loads(stated["dynanoise.parameters"]) == {"temperature": 10.0}
    assert "dynanoise.noise" not in stated


@pytest.mark.parametrize("name", ["keyed", "random", "temperature"])
def test_on_a_gpu_the_backend_of_onnx_runtime_computes_as_this_library_does(config_of, folder, name):
    config = config_of(folder / f"{name}.onnx", backend="onnxruntime")
    (cuda,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert (cuda.name, dict(cuda.parameters)) == ("cuda", {"use_tf32": "0"})
    # 2 is the backend's own number for DEFAULT; without the parameter, it searches.
    assert config.parameters["cudnn_conv_algo_search"].string_value == "2"


@pytest.mark.parametrize(("name", "options"), [("keyed.onnx", {"backend": "python"}), ("keyed.plan", {})])
def test_other_backends_take_no_options_of_onnx_runtime(config_of, folder, name, options):
    config = config_of(folder / name, **options)
    assert not config.optimization.execution_accelerators.gpu_execution_accelerator
    assert "cudnn_conv_algo_search" not in config.parameters
