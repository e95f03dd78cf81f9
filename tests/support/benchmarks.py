"""Deployed models and benchmark reports made up for tests."""

from pathlib import Path

import onnx_ir as ir

from dynanoise_export.benchmarking.benchmark import BenchReport
from dynanoise_export.benchmarking.figures import Latency, Run
from dynanoise_export.benchmarking.machine import Machine
from dynanoise_export.deployed.deployed_model import DeployedModel, Graph
from dynanoise_export.graph.leaks import find_leaks
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.intervals import Interval
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint
from dynanoise_export.runtimes.provider import ON_CPU, Provider
from dynanoise_export.types import TensorSpec
from support.graphs import DEFENCE, parse

STATED = Provenance(DEFENCE.name, DEFENCE.parameters, NoiseSource.RANDOM, None, "ONNX", "0", {})
MACHINE = Machine("A processor", 2, "A system", {"python": "3.11", "onnxruntime": "1.31"})
TEXT = (TensorSpec("input_ids", "int64", ("batch", "sequence")),)


def made_report(name: str = "defended.onnx") -> BenchReport:
    """Make a report on an ONNX file: two batches on the CPU, and the second was too slow for percentiles."""
    fast = Run(Provider.CPU, 1, 200, 10, _latency(1234.6, 2000, 1), _latency(1200.2, 2000, 1), _RATIO)
    slow = Run(Provider.CPU, 256, 10, 2, _latency(None, 10, 256), _latency(None, 10, 256), _RATIO)
    return BenchReport(made_model(name), "the plain one", 1, {"sequence": 128}, MACHINE, (ON_CPU,), (fast, slow))


def made_model(
    name: str, *, inputs: tuple[TensorSpec, ...] = TEXT, provenance: Provenance | None = STATED
) -> DeployedModel:
    """Make a deployed ONNX file that is not on disk."""
    model: ir.Model = parse("g (float[n,3] x) => (float[n,3] y) { y = Softmax<axis=-1>(x) }")
    path = Path(name)
    return DeployedModel(
        name=name,
        sha256="0" * 64,
        endpoint=OnnxRuntimeEndpoint(path),
        inputs=inputs,
        noise_input=None,
        answers="y",
        others=(),
        classes=3,
        labels=(),
        defence=provenance and provenance.made_defence(),
        noise=provenance and provenance.noise,
        provenance=provenance,
        graph=Graph(path, model, find_leaks(model), None),
    )


_RATIO = Interval(1.0123, 1.0045, 1.0201)


def _latency(milliseconds: float | None, calls: int, batch: int) -> Latency:
    return Latency(calls, dict.fromkeys((50, 95, 99), milliseconds), 1e3 * batch / (milliseconds or 40_000))
