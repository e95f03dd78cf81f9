"""Find what of a model float16 can't hold: by its weights, and by the values that it computes on some rows."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.graph.values import add_constant, unused_name
from dynanoise_export.types import Array, Arrays

LARGEST = float(np.finfo(np.float16).max)
# Below the first, float16 has fewer than 11 digits; below the second, the converter rounds up to it.
SMALLEST_NORMAL, SMALLEST = float(np.finfo(np.float16).smallest_normal), float(np.finfo(np.float16).smallest_subnormal)

# Equal weights from here on mean "minus infinity" to these operators, as in an attention mask. The converter makes them
# the largest that float16 has, which means the same.
INFINITE = 1e9
MASKING = {"Add", "Sub", "Mul", "Where", "Expand", "Pad"}
# A bound that no float16 reaches is no bound.
BOUNDING = {"Clip", "Max", "Min"}
# How much of its standard deviation an input may lose.
COARSE = 0.01
# A factor counts for itself; in a matrix, the largest weights decide.
SCALING, MIXING = {"Mul", "Div"}, {"MatMul", "Gemm", "Conv", "ConvTranspose"}


@dataclass(frozen=True)
class KeptNode:
    """A node that stays in float32.

    Attributes:
        name: of the node.
        operator: its type.
        why: what float16 can't hold, as in "a weight of 1.2e+07".
    """

    name: str
    operator: str
    why: str

    def __str__(self) -> str:
        return f"{self.operator} {self.name} ({self.why})"


def nodes_with_large_weights(model: ir.Model) -> dict[str, KeptNode]:
    """Find the nodes with weights that float16 can't hold, by name.

    Args:
        model: as `precision.prepared` gives it.

    Raises:
        UnsupportedModelError: such a node is in a branch or a loop, where nothing can stay in float32.
    """
    found = {}
    for graph in model.graphs():
        for node in graph:
            reasons = [reason for value in node.inputs if value and (reason := _why_not(node, value))]
            if not reasons:
                continue
            _, why = max(reasons)
            if graph is not model.graph:
                raise UnsupportedModelError(
                    f"float16 can't hold {why} of {node.op_type} {node.name}, within a branch or a loop: leave "
                    "--precision out."
                )
            found[str(node.name)] = KeptNode(str(node.name), node.op_type, why)
    return found


def _why_not(node: ir.Node, value: ir.Value) -> tuple[float, str] | None:
    """Say why float16 can't hold the weights that a node takes, after the largest of them; None if it can."""
    if not value.is_initializer() or value.const_value is None or value.const_value.dtype is not ir.DataType.FLOAT:
        return None
    sizes = np.abs(value.const_value.numpy())
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if sizes.size == 0 or node.op_type in BOUNDING:
        return None
    largest, smallest = float(sizes.max()), float(sizes.min())
    if largest > LARGEST:
        masks = node.op_type in MASKING and smallest == largest >= INFINITE
        return None if masks else (largest, f"a weight of {largest:.1e}")
    if node.op_type in SCALING and smallest < SMALLEST:
        return largest, f"a weight of {smallest:.1e}"
    if node.op_type in MIXING and largest < SMALLEST_NORMAL:
        return largest, f"weights of at most {largest:.1e}"
    return None


def measuring(model: ir.Model) -> tuple[ir.Model, dict[str, str]]:
    """Make a model that answers with the largest finite size of each float32 value of the main graph.

    Args:
        model: as `precision.prepared` gives it; it is not changed.

    Returns:
        The model, and the name of the value that each of its outputs belongs to.
    """
    copy = model.clone()
    made = [value for node in copy.graph for value in node.outputs]
    values = [value for value in (*copy.graph.inputs, *made) if value.dtype is ir.DataType.FLOAT]
    prefix = unused_name(copy, "dynanoise_size")
    names = {f"{prefix}_{count}": str(value.name) for count, value in enumerate(values)}
    infinite, zero = (add_constant(copy, f"{prefix}_{n}", np.array(n, np.float32)) for n in (np.inf, 0.0))
    sizes = [_append_size(copy.graph, value, infinite, zero) for value in values]
    for size, name in zip(sizes, names, strict=True):
        size.name, size.type, size.shape = name, ir.TensorType(ir.DataType.FLOAT), ir.Shape([])
    copy.graph.outputs[:] = sizes
    return copy, names


def _append_size(graph: ir.Graph, value: ir.Value, infinite: ir.Value, zero: ir.Value) -> ir.Value:
    """Append the largest size of a value, without what is infinite or NaN."""
    size = ir.node("Abs", [value])
    finite = ir.node("Less", [size.outputs[0], infinite])
    counted = ir.node("Where", [finite.outputs[0], size.outputs[0], zero])
    largest = ir.node("ReduceMax", [counted.outputs[0]], attributes={"keepdims": 0})
    graph.extend([size, finite, counted, largest])
    return largest.outputs[0]


def nodes_with_large_values(model: ir.Model, sizes: Arrays) -> dict[str, KeptNode]:
    """Find the nodes that make or take values that float16 can't hold, by name.

    Args:
        model: as `precision.prepared` gives it.
        sizes: the largest finite size of each value, by its name.
    """
    found = {}
    for node in model.graph:
        values = [value for value in (*node.outputs, *node.inputs) if value is not None]
        large = [float(sizes[str(v.name)]) for v in values if _is_large(sizes.get(str(v.name)))]
        if large:
            found[str(node.name)] = KeptNode(str(node.name), node.op_type, f"a value of {max(large):.1e}")
    return found


def nodes_with_coarse_inputs(model: ir.Model, inputs: Arrays) -> dict[str, KeptNode]:
    """Find the nodes that take inputs of the model that float16 rounds coarsely, compared with how they vary, by name.

    Args:
        model: as `precision.prepared` gives it.
        inputs: rows for its inputs.
    """
    coarse = {name for name, rows in inputs.items() if rows.dtype == np.float32 and _is_coarse(rows)}
    takers = [node for node in model.graph if any(value is not None and value.name in coarse for value in node.inputs)]
    why = "an input of which float16 loses too many digits"
    return {str(node.name): KeptNode(str(node.name), node.op_type, why) for node in takers}


def _is_coarse(rows: Array) -> bool:
    with np.errstate(over="ignore"):
        lost = np.abs(rows - rows.astype(np.float16).astype(np.float32))
    return bool((lost.max(axis=0) > COARSE * rows.std(axis=0)).any())


def _is_large(size: Array | None) -> bool:
    return size is not None and float(size) > LARGEST
