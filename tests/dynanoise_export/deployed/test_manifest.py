import json
from dataclasses import replace

import pytest

from dynanoise_export.deployed.from_plan import is_plan
from dynanoise_export.deployed.manifest import Manifest, manifest_beside, read_manifest, write_manifest
from dynanoise_export.errors import FileAccessError, FormatError
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from dynanoise_export.types import Precision, TensorSpec


@pytest.fixture
def manifest():
    stated = Provenance("dynanoise", {"sigma0": 0.5}, NoiseSource.INPUT, "noise", "ONNX", "0" * 64, {"torch": "2.13.0"})
    return Manifest(
        backend=TensorRTBackend.RTX,
        version="1.7.1",
        compute_capabilities=("8.9", "12.0"),
        profiles={"x": ((1, 3), (8, 3), (64, 3)), "noise": ((1, 10), (8, 10), (64, 10))},
        version_compatible=False,
        hardware_compatibility="NONE",
        precision=Precision.FP32,
        constant_seeds=(),
        read_back=False,
        build_seconds=0.25,
        plan_sha256="1" * 64,
        source="defended.onnx",
        source_sha256="2" * 64,
        inputs=(TensorSpec("x", "float32", ("batch", 3)),),
        noise_input=TensorSpec("noise", "float32", ("batch", 10)),
        answers="probabilities",
        classes=10,
        versions={"onnx": "1.23.2"},
        provenance=stated,
    )


@pytest.mark.parametrize(
    "change",
    [{}, {"noise_input": None}, {"provenance": None}, {"constant_seeds": None}, {"constant_seeds": (1, 2**63)}],
)
def test_a_written_manifest_is_read_back(tmp_path, manifest, change):
    plan = tmp_path / "defended.plan"
    write_manifest(replace(manifest, **change), manifest_beside(plan))
    assert read_manifest(plan) == replace(manifest, **change)


def test_a_plan_is_recognised_by_its_name_or_its_manifest(tmp_path, manifest):
    assert is_plan(tmp_path / "defended.plan")
    assert is_plan(tmp_path / "defended.engine")
    assert not is_plan(tmp_path / "defended.trt")
    write_manifest(manifest, manifest_beside(tmp_path / "defended.trt"))
    assert is_plan(tmp_path / "defended.trt")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace("plan/2", "plan/1"),
        lambda text: text.replace('"classes"', '"glasses"'),
        lambda text: json.dumps(json.loads(text) | {"profiles": {"x": [[1], [2]]}}),
        lambda text: json.dumps(json.loads(text) | {"inputs": ["x"]}),
        lambda text: json.dumps(json.loads(text) | {"backend": "onnxruntime"}),
        lambda text: json.dumps(json.loads(text) | {"constant_seeds": ["x"]}),
        lambda text: "\udcff",
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path, manifest, damage):
    plan = tmp_path / "defended.plan"
    write_manifest(manifest, manifest_beside(plan))
    beside = manifest_beside(plan)
    beside.write_bytes(damage(beside.read_text()).encode("utf-8", "surrogateescape"))
    with pytest.raises(FormatError, match=r"defended\.plan\.json"):
        read_manifest(plan)


def test_a_plan_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(FileAccessError, match=r"defended\.plan\.json"):
        read_manifest(tmp_path / "defended.plan")
