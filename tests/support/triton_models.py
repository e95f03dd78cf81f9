"""Defended files for Triton: one for each form of model."""

from pathlib import Path

import torch

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.deployed.manifest import Manifest, manifest_beside, write_manifest
from dynanoise_export.exporting import export
from dynanoise_export.files import sha256
from dynanoise_export.graph.model_files import read_model
from dynanoise_export.graph.provenance import read_provenance
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.tensorrt.backend import TensorRTBackend
from dynanoise_export.sources.inputs import parse_spec
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Precision, TensorSpec
from support.folders import distilbert, save
from support.modules import FixedBatch, InTuple, seeded

DEFENCE = DynaNoise(0.5, 2.0, 3.0)
LABELS = ("bad", "fair", "good")


def defended(
    source: Path,
    output: Path,
    noise: NoiseSource | None,
    *inputs: str,
    logits: str | None = None,
    defence: Defence = DEFENCE,
) -> Path:
    """Export a classifier, with its inputs if its file does not say them."""
    options = SourceOptions(inputs=tuple(map(parse_spec, inputs)), logits=logits)
    return export(source, output, defence=defence, noise=noise, source_options=options).path


def text_model(folder: Path, noise: NoiseSource = NoiseSource.KEYED) -> Path:
    """Make a classifier of texts of any length, with names for its classes."""
    names = dict(enumerate(LABELS))
    save(distilbert(num_labels=3, id2label=names, label2id={v: k for k, v in names.items()}), folder / "text")
    return defended(folder / "text", folder / "text.onnx", noise)


def model_of_two(folder: Path, noise: NoiseSource = NoiseSource.INPUT) -> Path:
    """Make a classifier with two inputs."""
    torch.jit.trace(seeded(InTuple), (torch.zeros(2, 6), torch.zeros(2, 6))).save(folder / "two.pt")
    return defended(folder / "two.pt", folder / "two.onnx", noise, "x:batch,6", "y:batch,6", logits="output_1")


def model_of_four_rows(folder: Path, noise: NoiseSource = NoiseSource.KEYED) -> Path:
    """Make a classifier that takes exactly four rows."""
    torch.jit.trace(seeded(FixedBatch), (torch.zeros(4, 6),)).save(folder / "fixed.pt")
    return defended(folder / "fixed.pt", folder / "fixed.onnx", noise, "x:4,6")


def plan(source: Path, path: Path, backend: TensorRTBackend = TensorRTBackend.TENSORRT, **changed: object) -> Path:
    """Write the manifest that `compile` would write for a file of the digits target, and a few bytes as the plan."""
    path.write_bytes(b"a plan")
    content = {
        "backend": backend,
        "version": "10.7.0",
        "compute_capabilities": ("8.9",),
        "profiles": {"input": ((1, 64), (16, 64), (256, 64))},
        "version_compatible": False,
        "hardware_compatibility": "none",
        "precision": Precision.FP32,
        "read_back": False,
        "constant_seeds": (),
        "build_seconds": 1.0,
        "plan_sha256": sha256(path),
        "source": source.name,
        "source_sha256": sha256(source),
        "inputs": (TensorSpec("input", "float32", ("batch", 64)),),
        "noise_input": None,
        "answers": "probabilities",
        "classes": 10,
        "versions": {},
        "provenance": read_provenance(read_model(source)),
    }
    write_manifest(Manifest(**content | changed), manifest_beside(path))
    return path
