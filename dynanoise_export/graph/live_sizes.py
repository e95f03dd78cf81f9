"""Shapes that a graph computes from the number of rows that it gets."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import onnx_ir as ir

from dynanoise_export.graph.values import add_constant, unused_name
from dynanoise_export.types import Array


class LiveBatch:
    """The number of rows of each call, within a graph.

    Args:
        model: changed in place.
        counted: the input whose rows are counted.
    """

    def __init__(self, model: ir.Model, counted: ir.Value) -> None:
        self._model, self._counted = model, counted

    @cached_property
    def rows(self) -> ir.Value:
        """The number of rows, int64 [1]."""
        first = next(iter(self._model.graph))
        shape = self._node(first, "Shape", [self._counted])
        axis = add_constant(self._model, "dynamic_batch_axis", np.array([0], np.int64))
        return self._node(first, "Gather", [shape, axis], {"axis": 0})

    def shape(self, node: ir.Node, constant: Array) -> ir.Value:
        """Put the number of rows in the first place of a constant shape.

        Args:
            node: that takes the shape.
            constant: int64 [r].
        """
        others = [add_constant(self._model, "dynamic_batch_shape", constant[1:])] if constant.size > 1 else []
        return self._node(node, "Concat", [self.rows, *others], {"axis": 0})

    def repeated(self, node: ir.Node, constant: Array) -> ir.Value:
        """Repeat the first row of a constant for each row.

        Args:
            node: that takes the result.
            constant: of any shape.
        """
        row = add_constant(self._model, "dynamic_batch_row", constant[:1])
        return self._node(node, "Expand", [row, self.shape(node, np.array(constant.shape, np.int64))])

    def _node(
        self, before: ir.Node, operator: str, inputs: Sequence[ir.Value], attributes: dict[str, int] | None = None
    ) -> ir.Value:
        node = ir.node(operator, inputs, attributes)
        node.outputs[0].name = unused_name(self._model, f"dynamic_batch_{operator.lower()}")
        self._model.graph.insert_before(before, node)
        return node.outputs[0]
