"""A TensorRT plan, by the manifest beside it."""

from pathlib import Path

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.manifest import manifest_beside, read_manifest
from dynanoise_export.runtimes.tensorrt.plan_predictor import PlanEndpoint

SUFFIXES = {".plan", ".engine"}


def is_plan(path: Path) -> bool:
    """Tell a plan from an ONNX file, by what lies beside it or by its name."""
    return path.suffix in SUFFIXES or manifest_beside(path).exists()


def open_plan(path: Path) -> DeployedModel:
    """Open a plan that `compile` made.

    Raises:
        UserError: it has no manifest, or one of another plan.
    """
    manifest = read_manifest(path)
    return DeployedModel(
        name=str(path),
        sha256=manifest.plan_sha256,
        endpoint=PlanEndpoint(path, manifest),
        stated=manifest.stated,
        inputs=manifest.inputs,
        noise=manifest.noise,
        answers=manifest.answers,
        others=(),
        classes=manifest.classes,
        graph=None,
    )
