"""A model on a server that speaks the Open Inference Protocol, by what the server tells of it."""

from typing import Any

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.errors import UserError
from dynanoise_export.graph.attach import OUTPUT_NAME
from dynanoise_export.graph.provenance import Provenance, provenance_of
from dynanoise_export.parameters import NoiseSource
from dynanoise_export.runtimes.addresses import parse_address
from dynanoise_export.runtimes.kserve import KServeEndpoint, TensorSeen
from dynanoise_export.runtimes.onnx_runtime import CPU_GENERATOR
from dynanoise_export.sources.inputs import TensorSpec

# Under this name `triton` writes the digest of the ONNX file or plan into the model's config.
FILE_SHA256 = "dynanoise.file_sha256"


def open_server(url: str) -> DeployedModel:
    """Ask a server what it tells of a model.

    Triton gives back the config that `triton` wrote, and in it what the model says of its defence. Of other servers
    nothing but the inputs and outputs is known.

    Raises:
        UserError: no server answers, or it has no such model, or that is not ready.
    """
    address = parse_address(url)
    seen = KServeEndpoint(address).open().description
    said = {name: value.get("string_value", "") for name, value in seen.config.get("parameters", {}).items()}
    stated = provenance_of(said)
    noise_input = stated.noise_input if stated else None  # which is no input where the server itself feeds it
    specs = tuple(_spec(url, tensor) for tensor in seen.inputs)
    names = [tensor.name for tensor in seen.outputs]
    if not names:
        raise UserError(f"The server of {url} tells of no output of the model.")
    answers = OUTPUT_NAME if OUTPUT_NAME in names else names[0]
    width = next(tensor.shape[-1:] for tensor in seen.outputs if tensor.name == answers)
    return DeployedModel(
        name=url,
        sha256=said.get(FILE_SHA256),
        endpoint=KServeEndpoint(address, _weakness(stated, seen.config)),
        stated=stated,
        inputs=tuple(spec for spec in specs if spec.name != noise_input),
        noise=next((spec for spec in specs if spec.name == noise_input), None),
        answers=answers,
        others=tuple(name for name in names if name != answers),
        classes=max((0, *width)),
        graph=None,
    )


def _spec(url: str, tensor: TensorSeen) -> TensorSpec:
    from tritonclient.utils import triton_to_np_dtype

    dtype = triton_to_np_dtype(tensor.datatype)
    if dtype is None or dtype is object:
        raise UserError(f"The input {tensor.name!r} of {url} takes {tensor.datatype}, and numbers are what is sent.")
    # The server does not say which dynamic axes are the same; those in the same place mostly are.
    named = ("batch" if axis == 0 else f"axis_{axis}" for axis in range(len(tensor.shape)))
    axes = tuple(name if size < 0 else size for name, size in zip(named, tensor.shape, strict=True))
    return TensorSpec(tensor.name, dtype().dtype.name, axes)


def _weakness(stated: Provenance | None, config: dict[str, Any]) -> str:
    """Tell what is weak about the numbers that a server draws, where it says what it runs."""
    drawn = stated is not None and stated.noise == NoiseSource.RANDOM
    return CPU_GENERATOR if drawn and config.get("backend") in ("onnxruntime", "python") else ""
