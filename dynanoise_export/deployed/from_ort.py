"""Open a file in ONNX Runtime's own format (.ort) as a deployed model: its graph can't be read, as on a server."""

from pathlib import Path

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.stated_defence import noise_source, stated_defence
from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.files import sha256
from dynanoise_export.graph.provenance import provenance_of
from dynanoise_export.graph.values import OUTPUT_NAME
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint, OnnxRuntimePredictor
from dynanoise_export.runtimes.provider import ON_CPU, Execution
from dynanoise_export.types import TensorSpec

SUFFIX = ".ort"
# The runtime's names of the types that a model may take, and NumPy's.
TYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(int64)": "int64",
    "tensor(int32)": "int32", "tensor(int16)": "int16", "tensor(int8)": "int8", "tensor(uint8)": "uint8",
    "tensor(bool)": "bool", "tensor(string)": "str",
}  # fmt: skip


def is_ort(path: Path) -> bool:
    """Whether a file has ONNX Runtime's own format, by its suffix."""
    return path.suffix.lower() == SUFFIX


def open_ort(path: Path, execution: Execution = ON_CPU) -> DeployedModel:
    """Open a file in ONNX Runtime's own format; the provenance of the file that it was made from is still in it.

    Args:
        path: of the file.
        execution: how ONNX Runtime runs it.

    Raises:
        UserError: the runtime can't open it, or it states a defence that is not installed here.
    """
    digest = sha256(path)
    with OnnxRuntimePredictor(path, execution=execution) as predictor:
        session = predictor.session
        provenance = provenance_of(session.get_modelmeta().custom_metadata_map)
        specs = [_spec(path, value) for value in session.get_inputs()]
        outputs = {value.name: value.shape for value in session.get_outputs()}
    answers = OUTPUT_NAME if OUTPUT_NAME in outputs else next(iter(outputs))
    noise_input = provenance.noise_input if provenance else None
    shape = outputs[answers]
    return DeployedModel(
        name=str(path),
        sha256=digest,
        endpoint=OnnxRuntimeEndpoint(path, execution),
        inputs=tuple(spec for spec in specs if spec.name != noise_input),
        noise_input=next((spec for spec in specs if spec.name == noise_input), None),
        answers=answers,
        others=tuple(name for name in outputs if name != answers),
        classes=shape[-1] if len(shape) == 2 and isinstance(shape[-1], int) else 0,
        labels=provenance.labels if provenance else (),
        defence=stated_defence(str(path), provenance),
        noise=noise_source(provenance, None),
        provenance=provenance,
        graph=None,
    )


def _spec(path: Path, value: object) -> TensorSpec:
    name, kind, shape = (getattr(value, attribute) for attribute in ("name", "type", "shape"))
    if kind not in TYPES:
        raise UnsupportedModelError(f"{path} takes the input {name!r} of the type {kind}, and only tensors are known.")
    return TensorSpec(name, TYPES[kind], tuple(size if isinstance(size, int) else str(size) for size in shape))
