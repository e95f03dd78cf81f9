"""Open an ONNX file as a deployed model."""

from pathlib import Path

from dynanoise_export.deployed.deployed_model import DeployedModel, Graph
from dynanoise_export.deployed.stated_defence import node_defence, noise_source, stated_defence
from dynanoise_export.files import sha256
from dynanoise_export.graph.content_digest import content_sha256
from dynanoise_export.graph.leaks import leaks_as_stated
from dynanoise_export.graph.model_files import external_files, read_model
from dynanoise_export.graph.provenance import read_provenance
from dynanoise_export.graph.specs import input_specs
from dynanoise_export.records import reading
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint
from dynanoise_export.runtimes.provider import ON_CPU, Execution
from dynanoise_export.sources.naming import naming


def open_file(path: Path, execution: Execution = ON_CPU) -> DeployedModel:
    """Open an ONNX file, defended or not.

    Args:
        path: of the file.
        execution: how ONNX Runtime runs it.

    Raises:
        UserError: it is not an ONNX model, or states a defence that is not installed here.
    """
    with reading(path, "an ONNX model"):
        return _opened(path, execution)


def _opened(path: Path, execution: Execution) -> DeployedModel:
    model = read_model(path)
    digest = content_sha256(model)
    provenance = read_provenance(model)
    leaks = leaks_as_stated(model, provenance)
    answers = next((v for v in model.graph.outputs if v.name in leaks.defended), model.graph.outputs[0])
    k = answers.shape[-1] if answers.shape is not None and len(answers.shape) else 0
    noise_input = provenance.noise_input if provenance else None
    with naming(path):
        specs = input_specs(model)
    held = node_defence(model, leaks)
    return DeployedModel(
        name=str(path),
        sha256=sha256(path, *external_files(model)),
        content_sha256=digest,
        endpoint=OnnxRuntimeEndpoint(path, execution),
        inputs=tuple(spec for spec in specs if spec.name != noise_input),
        noise_input=next((spec for spec in specs if spec.name == noise_input), None),
        answers=answers.name or "",
        others=tuple(v.name or "" for v in model.graph.outputs if v is not answers and v.name not in leaks.logarithms),
        classes=k if isinstance(k, int) else 0,
        labels=provenance.labels if provenance else (),
        defence=stated_defence(str(path), provenance) or held,
        noise=noise_source(provenance, leaks),
        provenance=provenance,
        graph=Graph(path, model, leaks, held),
    )
