import shutil
import sys
from unittest.mock import Mock

import numpy as np
import onnx
import pytest

from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployed import from_file, from_plan
from dynanoise_export.deployed.manifest import read_manifest
from dynanoise_export.deployment.triton import repository as repositories
from dynanoise_export.deployment.triton.noise_advice import advice
from dynanoise_export.deployment.triton.repository import write_triton_repository
from dynanoise_export.deployment.triton.triton_backend import TritonBackend
from dynanoise_export.errors import (
    DefenceError,
    FileAccessError,
    FormatError,
    MissingPackageError,
    NoiseError,
    UsageError,
)
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from dynanoise_export.types import TensorSpec
from support.exports import session_of
from support.triton_models import defended, model_of_four_rows, plan, text_model

NOISE_INPUT = TensorSpec("noise", "float32", ("batch", 10))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, checkpoint):
    """Give a folder with files of each noise source, one without noise, and plans."""
    made = tmp_path_factory.mktemp("files")
    for noise in NoiseSource:
        defended(checkpoint, made / f"{noise}.onnx", noise)
    defended(checkpoint, made / "temperature.onnx", None, defence=Temperature(2.5))
    keyed = made / "keyed.onnx"
    plan(keyed, made / "keyed.plan")
    plan(keyed, made / "rtx.plan", TensorRTBackend.RTX)
    plan(keyed, made / "dead.plan", constant_seeds=(7,))
    plan(keyed, made / "other.plan", plan_sha256="0" * 64)
    plan(keyed, made / "gone.plan").unlink()
    plan(made / "input.onnx", made / "input.plan", noise_input=NOISE_INPUT)
    plan(made / "random.onnx", made / "random.plan")
    (made / "bare.plan").write_bytes(b"a plan")
    (made / "short.txt").write_text("zero\none\n")
    (made / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    return made


@pytest.mark.parametrize(
    ("file", "backend"),
    [
        ("keyed.onnx", TritonBackend.ONNXRUNTIME),
        ("random.onnx", TritonBackend.ONNXRUNTIME),
        ("temperature.onnx", TritonBackend.ONNXRUNTIME),
        ("input.onnx", TritonBackend.PYTHON),
        ("keyed.plan", TritonBackend.TENSORRT),
    ],
)
def test_the_defaults(folder, tmp_path, file, backend):
    written = write_triton_repository(folder / file, tmp_path)
    serving = written.serving
    name, largest = file.split(".")[0], 256 if backend is TritonBackend.TENSORRT else 64
    assert (serving.path, serving.name, serving.backend) == (folder / file, name, backend)
    assert (serving.max_batch, serving.instances, serving.labels) == (largest, 1, ())
    assert written.folder == tmp_path / name
    assert written.model.name == str(folder / file)


def test_choices_may_be_plain_texts(folder, tmp_path):
    (tmp_path / "names.txt").write_text("\n".join("abcdefghij"))
    written = write_triton_repository(
        str(folder / "keyed.onnx"),
        str(tmp_path / "models"),
        name="shop.v1",
        backend="python",
        max_batch=8,
        instances=2,
        labels=str(tmp_path / "names.txt"),
    )
    serving = written.serving
    assert (serving.name, serving.backend, serving.max_batch) == ("shop.v1", TritonBackend.PYTHON, 8)
    assert (serving.instances, serving.labels) == (2, tuple("abcdefghij"))
    assert (tmp_path / "models" / "shop.v1" / "labels.txt").read_text().split() == list("abcdefghij")


@pytest.mark.parametrize(
    ("file", "options", "kind"),
    [
        ("input.onnx", {"backend": "onnxruntime"}, NoiseError),
        ("input.plan", {}, NoiseError),
        ("random.onnx", {"instances": 2}, NoiseError),
        ("random.plan", {"instances": 2}, NoiseError),
        ("dead.plan", {}, NoiseError),
        ("rtx.plan", {}, UsageError),
        ("other.plan", {}, FormatError),
        ("bare.plan", {}, FileAccessError),
        ("gone.plan", {}, FileAccessError),
        ("missing.plan", {}, FileAccessError),
        ("keyed.plan", {"max_batch": 257}, UsageError),
        ("keyed.plan", {"backend": "python"}, UsageError),
        ("keyed.onnx", {"backend": "tensorrt"}, UsageError),
        ("keyed.onnx", {"backend": "pytorch"}, UsageError),
        ("keyed.onnx", {"name": "../up"}, UsageError),
        ("keyed.onnx", {"name": ".hidden"}, UsageError),
        ("keyed.onnx", {"max_batch": 0}, UsageError),
        ("keyed.onnx", {"instances": 0}, UsageError),
        ("keyed.onnx", {"labels": "short.txt"}, UsageError),
        ("keyed.onnx", {"labels": "bytes.txt"}, FormatError),
        ("keyed.onnx", {"labels": "missing.txt"}, FileAccessError),
    ],
)
def test_a_model_that_can_t_be_served_is_refused_and_nothing_is_written(
    folder, tmp_path, monkeypatch, file, options, kind
):
    monkeypatch.chdir(folder)
    with pytest.raises(kind) as refused:
        write_triton_repository(file, tmp_path / "models", **options)
    assert len(str(refused.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_undefended_file_is_refused(tmp_path):
    plain = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 18]> g (float[n,3] x) => (float[n,3] z) { z = Softmax <axis = 1> (x) }'
    )
    onnx.save(plain, tmp_path / "plain.onnx")
    with pytest.raises(DefenceError, match=r"plain\.onnx"):
        write_triton_repository(tmp_path / "plain.onnx", tmp_path / "models")


def test_a_fixed_batch_can_t_be_chosen(tmp_path):
    path = model_of_four_rows(tmp_path)
    with pytest.raises(UsageError, match=str(path)):
        write_triton_repository(path, tmp_path / "models", max_batch=8)


def test_without_tritonclient_the_error_names_the_package(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tritonclient.grpc.model_config_pb2", None)
    with pytest.raises(MissingPackageError, match=r"dynanoise-export\[triton\]"):
        write_triton_repository(folder / "keyed.onnx", tmp_path)


def test_a_model_with_weights_beside_it_is_read_once(folder, tmp_path, monkeypatch):
    apart, models = tmp_path / "apart", tmp_path / "models"
    apart.mkdir()
    onnx.save(onnx.load(folder / "keyed.onnx"), apart / "big.onnx", save_as_external_data=True, location="w.bin")
    read = Mock(wraps=read_model)
    monkeypatch.setattr(from_file, "read_model", read)
    write_triton_repository(apart / "big.onnx", models)
    read.assert_called_once_with(apart / "big.onnx")
    assert not hasattr(repositories, "read_model")
    shutil.rmtree(apart)
    x = np.random.default_rng(0).random((5, 64), dtype=np.float32)
    answers = [
        session_of(path).run(None, {"input": x})[0]
        for path in (models / "big" / "1" / "model.onnx", folder / "keyed.onnx")
    ]
    np.testing.assert_array_equal(*answers)


def test_the_manifest_of_a_plan_is_read_once(folder, tmp_path, monkeypatch):
    read = Mock(wraps=read_manifest)
    monkeypatch.setattr(from_plan, "read_manifest", read)
    write_triton_repository(folder / "keyed.plan", tmp_path)
    read.assert_called_once_with(folder / "keyed.plan")


@pytest.mark.parametrize(
    ("file", "facts"),
    [
        ("keyed.onnx", ["dynanoise", "sigma0 0.5", "lambda 2", "temperature 3", "noise: keyed"]),
        ("temperature.onnx", ["temperature 2.5", "noise: none"]),
        ("keyed.plan", ["dynanoise", "TensorRT 10.7.0"]),
    ],
)
def test_the_readme_lists_the_defence_and_the_advice(folder, tmp_path, file, facts):
    written = write_triton_repository(folder / file, tmp_path)
    readme = (written.folder / "README.md").read_text()
    assert all(fact in readme for fact in facts)
    assert all(f"- {sentence}\n" in readme for sentence in advice(written.model.noise, written.serving.backend))


def test_labels_come_from_the_model(tmp_path):
    assert write_triton_repository(text_model(tmp_path), tmp_path / "models").serving.labels == ("bad", "fair", "good")
