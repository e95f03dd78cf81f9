"""Make one ONNX function of several: for steps that are repeated a fixed number of times, without a loop."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from dynanoise_export.onnx_functions import DOMAIN


class Unrolled:
    """An ONNX function under construction.

    Args:
        name: of the function.
        opset: of the model, 13 or later.
        inputs: the names of its inputs.
        parameters: the names of its attributes, all of them floats; it also has `classes`.
    """

    def __init__(self, name: str, opset: int, inputs: Sequence[str], parameters: Sequence[str]) -> None:
        self._name, self._opset = name, opset
        self.inputs = {given: ir.Value(name=given) for given in inputs}
        self._nodes: list[ir.Node] = []
        self._attributes = [ir.Attr("classes", ir.AttributeType.INT, None)]
        self._attributes += [ir.Attr(parameter, ir.AttributeType.FLOAT, None) for parameter in parameters]

    def parameter(self, name: str) -> ir.Value:
        """Give the value of a float attribute."""
        return self._added(ir.Node("", "Constant", [], [ir.RefAttr("value_float", name, ir.AttributeType.FLOAT)]))

    def whole(self, name: str) -> ir.Value:
        """Give the value of an integer attribute."""
        return self._added(ir.Node("", "Constant", [], [ir.RefAttr("value_int", name, ir.AttributeType.INT)]))

    def number(self, number: float) -> ir.Value:
        """Give a constant of float32."""
        value = ir.AttrTensor("value", ir.tensor(np.float32(number)))
        return self._added(ir.Node("", "Constant", [], [value]))

    def call(self, function: ir.Function, *inputs: ir.Value) -> Sequence[ir.Value]:
        """Put the nodes of another function here, and give its outputs."""
        values: dict[ir.Value, ir.Value] = dict(zip(function.inputs, inputs, strict=True))
        for node in function:
            taken = [None if value is None else values[value] for value in node.inputs]
            attributes = list(node.attributes.values())
            copied = ir.Node(node.domain, node.op_type, taken, attributes, num_outputs=len(node.outputs))
            self._nodes.append(copied)
            values |= dict(zip(node.outputs, copied.outputs, strict=True))
        return [values[value] for value in function.outputs]

    def made(self, output: ir.Value) -> ir.Function:
        """Finish the function, which gives this output."""
        for number, value in enumerate(value for node in self._nodes for value in node.outputs):
            value.name = f"v{number}"
        graph = ir.Graph(
            list(self.inputs.values()), [output], nodes=self._nodes, opset_imports={"": self._opset}, name=self._name
        )
        return ir.Function(DOMAIN, self._name, "", graph=graph, attributes=self._attributes)

    def _added(self, node: ir.Node) -> ir.Value:
        self._nodes.append(node)
        return node.outputs[0]
