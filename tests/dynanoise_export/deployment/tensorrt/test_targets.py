"""TensorRT-RTX parses and builds every target with every noise source."""

import pytest
import torch

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.exporting import export
from dynanoise_export.graph.model_files import write_model
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.types import Precision
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.plans import compiled

DEFENCE = keeping_label(DynaNoise(), True)
# Writing and reading their weights takes long; building does not.
LARGE = {"alexnet224-cifar10", "alexnet-imagenet10", "distilbert-sst2", "minilm-sst2"}
# The same network with fewer layers.
SMALL = {"config": {"vocab_size": 100, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}}
CASES = [
    *(pytest.param((name, {}), marks=pytest.mark.slow if name in LARGE else (), id=name) for name in TARGETS),
    pytest.param(("distilbert-sst2", SMALL), id="small distilbert-sst2"),
]


@pytest.fixture(scope="module")
def plain(request, tmp_path_factory):
    """Give an untrained target as an ONNX file without a defence."""
    name, changes = request.param
    torch.manual_seed(0)
    checkpoint = tmp_path_factory.mktemp("target") / "target.pt"
    save_checkpoint(checkpoint, name, changes, TARGETS[name].make(**changes))
    path = checkpoint.with_suffix(".onnx")
    write_model(open_source(checkpoint).to_onnx(None), path)
    return path


@pytest.mark.parametrize("plain", CASES, indirect=True)
@pytest.mark.parametrize(
    ("noise", "precision"),
    [*((noise, Precision.FP32) for noise in NoiseSource), (NoiseSource.KEYED, Precision.FP16)],
)
def test_a_plan_is_built(plain, tmp_path, noise, precision):
    path = tmp_path / "defended.onnx"
    export(plain, path, defence=DEFENCE, noise=noise)
    made = compiled(path, precision=precision)
    assert made.manifest.precision is precision
    assert len(made.manifest.constant_seeds) == (1 if noise is NoiseSource.RANDOM else 0)
    weights = sum(file.stat().st_size for file in tmp_path.glob("defended.onnx*"))
    assert made.path.stat().st_size > weights * (0.9 if precision is Precision.FP32 else 0.45)
