"""What a file says about the shapes of its values, corrected where it can't be true."""

import contextlib
import logging
from collections.abc import Iterator

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.graph.external_data import scopes

Dim = int | ir.SymbolicDim

# Begins the name that an axis without a name has while shapes are inferred.
TEMPORARY = "dynanoise/"
# Begins the names that ONNX's inference makes up; tf2onnx gives such names to inputs.
MADE_UP = "unk__"


def forget_invalid_axes(model: ir.Model) -> None:
    """Make sizes below 1, empty names and names that say nothing unknown, in place.

    Older exporters write −1, 0, "?" or "None" for an axis of any size. Axes of the same name would count as equal.
    """
    for value in declared(model):
        shape = value.shape
        if shape is not None and value.const_value is None and any(_is_invalid(axis) for axis in shape):
            value.shape = ir.Shape(None if _is_invalid(axis) else axis for axis in shape)


def _is_invalid(axis: Dim) -> bool:
    if isinstance(axis, int):
        return axis < 1
    name = axis.value
    return name is not None and (name == "None" or not any(letter.isalpha() for letter in name))


def declared(model: ir.Model) -> Iterator[ir.Value]:
    """Iterate over the inputs and the nodes' outputs of all graphs and functions."""
    for scope in scopes(model):
        for graph in (scope, *scope.subgraphs()):
            yield from graph.inputs
            for node in graph:
                yield from node.outputs


def is_dynamic(value: ir.Value) -> bool:
    """Whether a value's first axis may have any size."""
    return value.shape is not None and len(value.shape) > 0 and not isinstance(value.shape[0], int)


def batch_of(model: ir.Model) -> Dim | None:
    """Give the first axis of the model's inputs; the dynamic one if they differ."""
    inputs = [v for v in model.graph.inputs if v.name not in model.graph.initializers and v.shape]
    return next((v.shape[0] for v in sorted(inputs, key=is_dynamic, reverse=True) if v.shape), None)


def correct_shapes(model: ir.Model, *, stale: bool = False) -> bool:
    """Infer the shapes that a file leaves out, and correct those that its operators contradict, in place.

    Some exporters state the sizes of the one batch that they traced, and make only the inputs dynamic.

    Args:
        model: whose inputs are what the file says.
        stale: whether the file is known to be wrong, although its operators do not show it.

    Returns:
        Whether a stated shape was wrong.
    """
    inputs = set(model.graph.inputs)
    stated = {value: value.shape for value in declared(model)}
    for value in stated:
        value.shape = _named(value) if value in inputs else None
    infer_shapes(model)
    wrong = stale or any(_contradicts(value, shape) for value, shape in stated.items() if value not in inputs)
    for value, shape in stated.items():
        keep = value in inputs or (shape is not None and not wrong)
        value.shape = shape if keep else _unnamed(value.shape)
    return wrong


def infer_shapes(model: ir.Model) -> None:
    """Infer shapes and types from the operators, as far as ONNX can, in place; where it fails, nothing changes."""
    # It raises if a value inside is a map, whose type onnx-ir can't read.
    with quiet(common.ShapeInferencePass.__module__), contextlib.suppress(ir.serde.SerdeError):
        common.ShapeInferencePass(check_type=False, strict_mode=False)(model)
    _forget_made_up_names(model)


@contextlib.contextmanager
def quiet(module: str) -> Iterator[None]:
    """Let a library log nothing in the block: a file that it complains about is refused, or can be used."""
    logger = logging.getLogger(module)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _forget_made_up_names(model: ir.Model) -> None:
    """Take away the names that inference makes up for axes that it knows nothing about."""
    known = {axis for value in model.graph.inputs for axis in value.shape or () if isinstance(axis, ir.SymbolicDim)}
    for value in declared(model):
        shape = value.shape
        made_up = [a for a in shape or () if isinstance(a, ir.SymbolicDim) and str(a).startswith(MADE_UP)]
        if shape is not None and not known.issuperset(made_up):
            value.shape = ir.Shape(None if axis in made_up and axis not in known else axis for axis in shape)


def _named(value: ir.Value) -> ir.Shape | None:
    """Name the axes that have no name, so that inference follows them."""
    if value.shape is None:
        return None
    return ir.Shape(
        axis if isinstance(axis, int) or axis.value else f"{TEMPORARY}{value.name}_{position}"
        for position, axis in enumerate(value.shape)
    )


def _unnamed(shape: ir.Shape | None) -> ir.Shape | None:
    """Take the temporary names away."""
    if shape is None:
        return None
    return ir.Shape(None if str(axis).startswith(TEMPORARY) else axis for axis in shape)


def _contradicts(value: ir.Value, stated: ir.Shape | None) -> bool:
    """Whether a stated shape has a number where the inferred one has a name or another number, or another rank."""
    inferred = value.shape
    if stated is None or inferred is None:
        return False
    return len(stated) != len(inferred) or any(
        isinstance(a, int) and a != b and (isinstance(b, int) or b.value is not None)
        for a, b in zip(stated, inferred, strict=True)
    )
