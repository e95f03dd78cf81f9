"""Make the fixed batch of a graph dynamic. Whether the result is right is for a run to say."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.graph.declared_shapes import declared, infer_shapes
from dynanoise_export.graph.live_sizes import LiveBatch
from dynanoise_export.graph.specs import taken, with_dynamic_batch
from dynanoise_export.graph.values import add_constant
from dynanoise_export.types import Array, Arrays, TensorSpec

RECURRENT = {"LSTM", "GRU", "RNN"}
# The operand that holds a shape, a size or a number of repeats.
SHAPE_OPERAND = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0, "Resize": 3}
BROADCASTING = {"Add", "Sub", "Mul", "Div"}
TO_THE_END = np.iinfo(np.int64).max


class Extent(IntEnum):
    """How much of a graph is rewritten; each includes those before it.

    In most models the first axis of every value holds the batch. In some, such as PyTorch's own transformer, the axis
    has to be guessed for each value.
    """

    INPUTS = 0
    RESHAPES = 1
    SIZES = 2
    ANY_AXIS = 3


@dataclass(frozen=True)
class Observed:
    """What a model with a fixed batch computes.

    Attributes:
        size: of the batch.
        values: in one batch, by name.
        others: the same values in the same batch with another first row.
    """

    size: int
    values: Arrays
    others: Arrays


def to_observe(model: ir.Model) -> list[ir.Value]:
    """List the values that `free_batch` must know."""
    queried = _queried(model)
    found: dict[ir.Value | None, None] = {}
    for node in model.graph:
        if node.op_type in ("Reshape", "Expand"):
            found |= dict.fromkeys([*node.inputs[:1], *node.outputs])
        if node.op_type in {*SHAPE_OPERAND, *RECURRENT, *BROADCASTING, "Concat", "Slice"}:
            found |= dict.fromkeys(value for value in node.inputs if value not in queried)
    return [value for value in found if value is not None and value.producer() is not None]


def free_batch(model: ir.Model, inputs: Sequence[TensorSpec], observed: Observed, extent: Extent) -> ir.Model:
    """Make a copy of a model with a dynamic batch.

    Args:
        model: with a fixed batch.
        inputs: of the model.
        observed: the values of `to_observe`.
        extent: how much of the graph to rewrite.
    """
    freed = model.clone()
    axes = {spec.name: spec.shape for spec in with_dynamic_batch(inputs)}
    for value in declared(freed):
        value.shape = None
    for value in taken(freed):
        value.shape = ir.Shape(axes[value.name or ""])
    if extent >= Extent.RESHAPES:
        _Rewriting(freed, observed, extent).rewrite()
        common.RemoveUnusedNodesPass()(freed)
    infer_shapes(freed)
    return freed


def _queried(model: ir.Model) -> set[ir.Value | None]:
    """Find the values of the main graph that depend on the inputs."""
    queried: set[ir.Value | None] = set(taken(model))
    for node in model.graph:
        if queried.intersection(node.inputs) or any(_reads(graph, queried) for graph in _subgraphs(node)):
            queried.update(node.outputs)
    return queried


def _subgraphs(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.type is ir.AttributeType.GRAPH:
            yield attribute.as_graph()
        elif attribute.type is ir.AttributeType.GRAPHS:
            yield from attribute.as_graphs()


def _reads(graph: ir.Graph, queried: set[ir.Value | None]) -> bool:
    return any(queried.intersection(node.inputs) for node in graph.all_nodes())


class _Rewriting:
    """Rewrites the constants of one graph that hold the size of its batch."""

    def __init__(self, model: ir.Model, observed: Observed, extent: Extent) -> None:
        self.model, self.observed, self.extent, self.size = model, observed, extent, observed.size
        self.live = LiveBatch(model, taken(model)[0])
        self.queried = _queried(model)
        self.sizes_are_fixed = all(isinstance(axis, int) for value in taken(model) for axis in (value.shape or ())[1:])

    def rewrite(self) -> None:
        for node in list(self.model.graph):
            if node.domain not in ("", "ai.onnx") or self.queried.isdisjoint(node.outputs):
                continue
            if node.op_type == "Reshape":
                self._reshape(node)
            if node.op_type == "Expand":
                self._expand(node)
            if self.extent >= Extent.SIZES:
                self._resize(node)

    def _reshape(self, node: ir.Node) -> None:
        """Let the axis with the batch have any size, if the shape is a constant."""
        shapes = self._shapes(node)
        if shapes is None:
            return
        (before, after), target = shapes, self._constant(node.inputs[1])
        free = list(after) if self.sizes_are_fixed or target is None else target.tolist()
        axis = 0
        if self.size > 1 or self.extent >= Extent.ANY_AXIS:
            axis = batch_axis(before, after, self._outer(node.inputs[0]), self.size)
        free[axis] = -1
        if free.count(-1) == 1:
            node.replace_input_with(1, add_constant(self.model, "dynamic_batch_shape", np.array(free, np.int64)))
        elif axis == 0:
            self._live_shape(node, 1)

    def _expand(self, node: ir.Node) -> None:
        """Let the axes that an Expand leaves as they are have any size, if its shape is a constant."""
        shapes = self._shapes(node)
        if shapes is None:
            return
        before, after = shapes
        before = (1,) * (len(after) - len(before)) + before
        free = [1 if b == a else a for b, a in zip(before, after, strict=True)]
        node.replace_input_with(1, add_constant(self.model, "dynamic_batch_shape", np.array(free, np.int64)))

    def _shapes(self, node: ir.Node) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Give the shapes before and after a node; None if it must stay as it is."""
        data, target, made = node.inputs[0], node.inputs[1], node.outputs[0]
        if data is None or data not in self.queried or not self._is_fixed(target):
            return None
        before, after = (self.observed.values[str(value.name)].shape for value in (data, made))
        return (before, after) if after else None

    def _is_fixed(self, shape: ir.Value | None) -> bool:
        """Whether a shape is a constant, or is computed from sizes that can't change, other than the batch."""
        return self._constant(shape) is not None or (self.sizes_are_fixed and self.extent >= Extent.SIZES)

    def _outer(self, value: ir.Value | None) -> int | None:
        """Count the blocks of a value that each hold all rows, one after the other; None if they can't be counted."""
        name = "" if value is None else str(value.name)
        changed = np.ravel(self.observed.values[name] != self.observed.others[name])
        if self.size == 1 or not changed.any():
            return None
        for outer in range(1, changed.size // self.size + 1):
            if changed.size % (outer * self.size) == 0 and not changed.reshape(outer, self.size, -1)[:, 1:].any():
                return outer
        return None

    def _resize(self, node: ir.Node) -> None:
        if node.op_type == "Concat":
            self._repeat_constants(node)
        elif node.op_type in BROADCASTING:
            self._broadcast_constants(node)
        elif node.op_type == "Slice":
            self._slice_all(node)
        elif node.op_type in RECURRENT:
            self._forget_zero_states(node)
        elif node.op_type in SHAPE_OPERAND:
            index = SHAPE_OPERAND[node.op_type]
            target = node.inputs[index] if len(node.inputs) > index else None
            if target in self.queried or node.op_type == "Resize":
                self._live_shape(node, index)

    def _live_shape(self, node: ir.Node, index: int) -> None:
        """Let the size of the live batch stand first in a constant shape, or in a computed one that begins with it."""
        target = node.inputs[index]
        computed = target.producer() if target is not None and target in self.queried else None
        if computed is not None and computed.op_type == "Concat":
            self._live_shape(computed, 0)
            return
        sizes = self._constant(target)
        if sizes is not None and sizes.ndim == 1 and sizes[:1] == self.size:
            node.replace_input_with(index, self.live.shape(node, sizes))

    def _repeat_constants(self, node: ir.Node) -> None:
        """Repeat the constant operands for each row of the batch."""
        if node.attributes.get_int("axis", 0) == 0:
            return
        for index, value in enumerate(node.inputs):
            constant = self._constant(value)
            if constant is not None and constant.shape[:1] == (self.size,):
                node.replace_input_with(index, self.live.repeated(node, constant))

    def _broadcast_constants(self, node: ir.Node) -> None:
        """Leave one row of a constant operand that holds the same row for each row of the batch."""
        for index, value in enumerate(node.inputs):
            constant = self._constant(value)
            if constant is None or self.size == 1 or constant.shape[:1] != (self.size,) or constant.ndim < 2:
                continue
            if (constant == constant[:1]).all():
                node.replace_input_with(index, add_constant(self.model, "dynamic_batch_row", constant[:1]))

    def _slice_all(self, node: ir.Node) -> None:
        """Let a slice up to the end of the batch go on to the end."""
        if len(node.inputs) < 4 or node.inputs[0] not in self.queried:
            return
        starts, ends, axes = (self._constant(value) for value in node.inputs[1:4])
        if starts is None or ends is None or axes is None:
            return
        whole = (axes == 0) & (starts == 0) & (ends == self.size)
        if whole.any():
            node.replace_input_with(
                2, add_constant(self.model, "dynamic_batch_ends", np.where(whole, TO_THE_END, ends))
            )

    def _forget_zero_states(self, node: ir.Node) -> None:
        """Leave out initial states of zeros, which are the default for any batch."""
        for index in range(5, min(len(node.inputs), 7)):
            if self._is_zero(node.inputs[index]):
                node.replace_input_with(index, None)

    def _is_zero(self, value: ir.Value | None) -> bool:
        constant, node = self._constant(value), value.producer() if value is not None else None
        if constant is None and node is not None and node.op_type == "Expand":
            return self._is_zero(node.inputs[0])
        if constant is None and node is not None and node.op_type == "ConstantOfShape":
            filled = node.attributes.get("value")
            return filled is None or not filled.as_tensor().numpy().any()
        return constant is not None and not constant.any()

    def _constant(self, value: ir.Value | None) -> Array | None:
        """Give a value that does not depend on the inputs."""
        if value is None or value in self.queried:
            return None
        tensor = ir.convenience.get_const_tensor(value)
        return self.observed.values.get(str(value.name)) if tensor is None else tensor.numpy()


def batch_axis(before: Sequence[int], after: Sequence[int], outer: int | None, size: int) -> int:
    """Find which axis of a reshaped value holds the batch; for a batch of 1, that is a guess.

    Args:
        before: the shape of the value before.
        after: its shape afterwards.
        outer: how many blocks of all rows the value has; None if that is not known.
        size: of the batch.
    """
    if outer is not None:
        return next((a for a in range(len(after)) if outer * size <= math.prod(after[: a + 1])), 0)
    if size in after:
        return list(after).index(size)
    if size in before and len(before) == len(after):  # [length, 1, width] to [length, heads, width / heads]
        axis = list(before).index(size)
        return axis if before[:axis] == after[:axis] else 0
    return 0
