"""Names for the dynamic axes of a `torch.export` program, which PyTorch calls s31 or similar."""

import re
from collections.abc import Mapping, Sequence

import onnx_ir as ir
import torch

from dynanoise_export.graph.specs import axis_name

SYMBOL = re.compile(r"[a-z]+\d+")


def axis_names(shapes: Mapping[str, Sequence[int | torch.SymInt]]) -> dict[str, str]:
    """Name each symbol after its first position among the inputs: `batch`, or the input and the axis.

    Args:
        shapes: of the inputs, by name.

    Returns:
        The name of each symbol.
    """
    names: dict[str, str] = {}
    for name, shape in shapes.items():
        for position, size in enumerate(map(str, shape)):
            if SYMBOL.fullmatch(size) and size not in names:
                proposed = axis_name(name, position)
                names[size] = f"{name}_axis_{position}" if proposed in names.values() else proposed
    return names


def renamed(size: int | str | torch.SymInt, names: Mapping[str, str]) -> int | str:
    """Replace the symbols in a size, which may be a sum or a product of symbols, by their names."""
    return size if isinstance(size, int) else SYMBOL.sub(lambda symbol: names.get(symbol[0], symbol[0]), str(size))


def rename_axes(model: ir.Model, names: Mapping[str, str]) -> None:
    """Replace the symbols in every shape of the model, in place."""
    for graph in model.graphs():
        for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
            if value.shape is not None:
                sizes = [size if isinstance(size, int) else size.value for size in value.shape]
                value.shape = ir.Shape(None if size is None else renamed(size, names) for size in sizes)
