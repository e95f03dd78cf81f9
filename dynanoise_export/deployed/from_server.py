"""Open a model on a server with the Open Inference Protocol, by the server's description of it."""

from typing import Any

import numpy as np

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.stated_defence import noise_source, stated_defence
from dynanoise_export.errors import EndpointError, ModelInputError
from dynanoise_export.graph.provenance import provenance_of
from dynanoise_export.graph.values import OUTPUT_NAME
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.addresses import parse_address
from dynanoise_export.runtimes.descriptions import TensorSeen
from dynanoise_export.runtimes.kserve import KServeEndpoint
from dynanoise_export.types import TensorSpec

# The name under which `triton` writes the digest of the ONNX file or plan into the model's config.
FILE_SHA256 = "dynanoise.file_sha256"


def open_server(url: str) -> DeployedModel:
    """Get a server's description of a model.

    Triton returns the config that `triton` wrote, which states the defence. Other servers describe only the inputs and
    outputs.

    Raises:
        UserError: no server answers, or it does not have the model, or the model is not ready.
    """
    address = parse_address(url)
    with KServeEndpoint(address).open() as predictor:
        seen = predictor.description
    said = {name: value.get("string_value", "") for name, value in seen.config.get("parameters", {}).items()}
    stated = provenance_of(said)
    noise_input = stated.noise_input if stated else None  # the server has no such input if it draws the noise itself
    specs = tuple(_spec(url, tensor) for tensor in seen.inputs)
    names = [tensor.name for tensor in seen.outputs]
    if not names:
        raise EndpointError(f"The server of {url} lists no output of the model.")
    answers = OUTPUT_NAME if OUTPUT_NAME in names else names[0]
    width = next(tensor.shape[-1:] for tensor in seen.outputs if tensor.name == answers)
    return DeployedModel(
        name=url,
        sha256=said.get(FILE_SHA256),
        endpoint=KServeEndpoint(address, _where(seen.config)),
        inputs=tuple(spec for spec in specs if spec.name != noise_input),
        noise_input=next((spec for spec in specs if spec.name == noise_input), None),
        answers=answers,
        others=tuple(name for name in names if name != answers),
        classes=max((0, *width)),
        labels=stated.labels if stated else (),
        defence=stated_defence(url, stated),
        noise=noise_source(stated, None),
        provenance=stated,
        graph=None,
    )


def _spec(url: str, tensor: TensorSeen) -> TensorSpec:
    from tritonclient.utils import triton_to_np_dtype

    dtype = triton_to_np_dtype(tensor.datatype)
    if dtype is None or np.dtype(dtype).kind not in "biuf":
        raise ModelInputError(
            f"The input {tensor.name!r} of {url} takes {tensor.datatype}, and only numbers are supported."
        )
    # The server does not say which dynamic axes are equal; those at the same position usually are.
    named = ("batch" if axis == 0 else f"axis_{axis}" for axis in range(len(tensor.shape)))
    axes = tuple(name if size < 0 else size for name, size in zip(named, tensor.shape, strict=True))
    return TensorSpec(tensor.name, dtype().dtype.name, axes)


_BACKENDS = {
    "onnxruntime": Where.TRITON_ONNXRUNTIME,
    "python": Where.TRITON_PYTHON,
    "tensorrt": Where.TRITON_TENSORRT,
}


def _where(config: dict[str, Any]) -> Where:
    """Find what runs the model, from the server's config."""
    return _BACKENDS.get(str(config.get("backend")), Where.SERVER)
