"""What an ONNX file is: its inputs and outputs, its head, its leaks and its provenance."""

from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from dynanoise_export.defences.dynanoise_onnx import DOMAIN
from dynanoise_export.files import sha256
from dynanoise_export.graph.files import external_files, read_model
from dynanoise_export.graph.leaks import LeakReport, find_leaks
from dynanoise_export.graph.provenance import Provenance, read_provenance


@dataclass(frozen=True)
class HeadSeen:
    """A head that stands in the graph as a node.

    Attributes:
        name: of the function that it calls.
        node: its own name.
        attributes: the parameters, as the graph holds them.
    """

    name: str
    node: str
    attributes: dict[str, float]


@dataclass(frozen=True)
class Inspection:
    """What was seen in a file.

    Attributes:
        path: of the file.
        sha256: of it and its external data.
        size: of the file, in bytes, external data included.
        ir_version: of the format.
        producer: what wrote the undefended model, by its own word.
        opsets: the version of each domain of operators.
        inputs: the name and the type of each.
        outputs: likewise.
        operators: how many nodes the main graph has.
        functions: the model-local functions, as domain::name.
        heads: our heads; none in a flattened file, for there they are plain operators.
        leaks: the taint walk.
        provenance: what the file says of its making, or None.
    """

    path: Path
    sha256: str
    size: int
    ir_version: int
    producer: str
    opsets: dict[str, int]
    inputs: dict[str, str]
    outputs: dict[str, str]
    operators: int
    functions: tuple[str, ...]
    heads: tuple[HeadSeen, ...]
    leaks: LeakReport
    provenance: Provenance | None


def inspect(path: Path) -> Inspection:
    """Look into an ONNX file, defended or not.

    Raises:
        UserError: it is no ONNX model, or damaged.
    """
    model = read_model(path)
    files = [path, *external_files(model)]
    provenance = read_provenance(model)
    noise_input = provenance.noise_input if provenance else None
    return Inspection(
        path=path,
        sha256=sha256(*files),
        size=sum(file.stat().st_size for file in files),
        ir_version=model.ir_version,
        producer=f"{model.producer_name or ''} {model.producer_version or ''}".strip(),
        opsets={domain or "ai.onnx": version for domain, version in model.opset_imports.items()},
        inputs={v.name or "": _type(v) for v in model.graph.inputs if v.name not in model.graph.initializers},
        outputs={v.name or "": _type(v) for v in model.graph.outputs},
        operators=len(model.graph),
        functions=tuple(f"{function.domain}::{function.name}" for function in model.functions.values()),
        heads=tuple(_heads(model)),
        leaks=find_leaks(model, [noise_input] if noise_input else []),
        provenance=provenance,
    )


def _heads(model: ir.Model) -> list[HeadSeen]:
    nodes = [node for node in model.graph.all_nodes() if node.domain == DOMAIN]
    return [
        HeadSeen(node.op_type, node.name or "", {name: a.value for name, a in node.attributes.items()})
        for node in nodes
    ]


def _type(value: ir.Value) -> str:
    dtype = "?" if value.dtype is None else value.dtype.name.lower()
    if value.shape is None:
        return f"{dtype}[?]"
    axes = (str(axis) if isinstance(axis, int) else axis.value or "?" for axis in value.shape)
    return f"{dtype}[{', '.join(axes)}]"
