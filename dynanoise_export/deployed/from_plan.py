"""Open a TensorRT plan as a deployed model, by the manifest beside it."""

from pathlib import Path

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.manifest import manifest_beside, read_manifest
from dynanoise_export.deployed.stated_defence import noise_source, stated_defence
from dynanoise_export.runtimes.tensorrt.plan_predictor import PlanEndpoint

SUFFIXES = {".plan", ".engine"}


def is_plan(path: Path) -> bool:
    """Whether a file is a plan, by its suffix or the manifest beside it; otherwise it is an ONNX file."""
    return path.suffix in SUFFIXES or manifest_beside(path).exists()


def open_plan(path: Path) -> DeployedModel:
    """Open a plan that `compile` made.

    Raises:
        UserError: it has no manifest or a damaged one, or states a defence that is not installed here.
    """
    manifest = read_manifest(path)
    return DeployedModel(
        name=str(path),
        sha256=manifest.plan_sha256,
        endpoint=PlanEndpoint(path, manifest),
        inputs=manifest.inputs,
        noise_input=manifest.noise_input,
        answers=manifest.answers,
        others=(),
        classes=manifest.classes,
        labels=manifest.provenance.labels if manifest.provenance else (),
        defence=stated_defence(str(path), manifest.provenance),
        noise=noise_source(manifest.provenance, None),
        provenance=manifest.provenance,
        graph=None,
    )
