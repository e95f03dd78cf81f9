"""Names for the dynamic axes of a `torch.export` program, which PyTorch calls s31 and the like."""

import re
from collections.abc import Mapping, Sequence

import onnx_ir as ir
import torch

from dynanoise_export.sources.inputs import axis_name

SYMBOL = re.compile(r"[a-z]+\d+")


def axis_names(shapes: Mapping[str, Sequence[int | torch.SymInt]]) -> dict[str, str]:
    """Give each symbol the name of its first place among the inputs: `batch`, or the input's and the axis's.

    Args:
        shapes: of the inputs, by name.
    """
    names: dict[str, str] = {}
    for name, shape in shapes.items():
        for place, size in enumerate(map(str, shape)):
            if SYMBOL.fullmatch(size) and size not in names:
                spelled = axis_name(name, place)
                names[size] = f"{name}_axis_{place}" if spelled in names.values() else spelled
    return names


def renamed(size: int | str | torch.SymInt, names: Mapping[str, str]) -> int | str:
    """Put the names into a size, which may be a sum or a product of symbols."""
    return size if isinstance(size, int) else SYMBOL.sub(lambda symbol: names.get(symbol[0], symbol[0]), str(size))


def rename_axes(model: ir.Model, names: Mapping[str, str]) -> None:
    """Put the names into every shape of the model, in place."""
    for graph in model.graphs():
        for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
            if value.shape is not None:
                sizes = [size if isinstance(size, int) else size.value for size in value.shape]
                value.shape = ir.Shape(None if size is None else renamed(size, names) for size in sizes)
