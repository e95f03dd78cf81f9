"""An ONNX file in ONNX Runtime."""

from pathlib import Path

import onnx_ir as ir

from dynanoise_export.defences.dynanoise_onnx import DOMAIN
from dynanoise_export.deployed.deployed_model import DeployedModel, Graph
from dynanoise_export.files import sha256
from dynanoise_export.graph.files import external_files, read_model
from dynanoise_export.graph.leaks import find_leaks
from dynanoise_export.graph.provenance import read_provenance
from dynanoise_export.parameters import Parameters, Provider
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint
from dynanoise_export.sources.onnx_file import input_specs


def open_file(path: Path, provider: Provider = Provider.CPU) -> DeployedModel:
    """Open an ONNX file, defended or not.

    Args:
        path: of the file.
        provider: what ONNX Runtime is to run it on.

    Raises:
        UserError: it is no ONNX model.
    """
    model = read_model(path)
    stated = read_provenance(model)
    noise_input = stated.noise_input if stated else None
    leaks = find_leaks(model, [noise_input] if noise_input else [])
    answers = next((v for v in model.graph.outputs if v.name in leaks.noised), model.graph.outputs[0])
    k = answers.shape[-1] if answers.shape is not None and len(answers.shape) else 0
    specs = input_specs(model)
    return DeployedModel(
        name=str(path),
        sha256=sha256(path, *external_files(model)),
        endpoint=OnnxRuntimeEndpoint(path, provider),
        stated=stated,
        inputs=tuple(spec for spec in specs if spec.name != noise_input),
        noise=next((spec for spec in specs if spec.name == noise_input), None),
        answers=answers.name or "",
        others=tuple(v.name or "" for v in model.graph.outputs if v is not answers),
        classes=k if isinstance(k, int) else 0,
        graph=Graph(path, model, _attributes(model), leaks, provider),
    )


def _attributes(model: ir.Model) -> Parameters | None:
    heads = [node for node in model.graph if node.domain == DOMAIN and "sigma0" in node.attributes]
    if len(heads) != 1:
        return None
    values = heads[0].attributes
    return Parameters(
        values.get_float("sigma0", 0.0), values.get_float("lambda_", 0.0), values.get_float("temperature", 0.0)
    )
