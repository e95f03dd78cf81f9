"""Compare the end of one graph with a whole other graph, node by node, from the outputs upwards.

Names, the order of the nodes, and what optimisers do without changing a value make no difference: constants are
compared by their numbers, and values that are passed on as they are, or cast to float32, count as the same value.
"""

from collections.abc import Mapping

import numpy as np
import onnx
import onnx_ir as ir

from dynanoise_export.types import Array

# Folding in another tool may round the last digit of a float.
ROUNDING = 1e-6
# The constants of a defence are numbers and short lists; the tables of keyed noise are weights, and never folded.
LARGEST_FOLDED = 1 << 20
# What a defence computes of its parameters, which optimisers fold.
FOLDED = {
    *("Add", "Cast", "Concat", "Div", "Exp", "Expand", "Identity", "Log", "Mul", "Neg", "Pow", "Reciprocal"),
    *("Reshape", "Sqrt", "Squeeze", "Sub", "Unsqueeze"),
}
# The inputs of these may stand in any order.
COMMUTATIVE = {"Add", "Mul", "Max", "Min"}


class DifferentFormError(Exception):
    """Two graphs differ; the message says where, and has no full stop."""


class SameForm:
    """A comparison of a graph, which must be of the stated form, with the end of a model's graph.

    Args:
        form: whose inputs stand for values of the model.
        model: in which the form is looked for.
        by_shape: the names of the form's weights of which only the shape and the type are compared.

    Attributes:
        found: the values of the model that the form's inputs stand for, as far as they were met.
    """

    def __init__(self, form: ir.Model, model: ir.Model, by_shape: frozenset[str] = frozenset()) -> None:
        self.found: dict[ir.Value, ir.Value] = {}
        self._inputs = set(form.graph.inputs)
        self._by_shape = by_shape
        self._ours, self._theirs = _Constants(form), _Constants(model)
        self._same: set[tuple[ir.Value, ir.Value]] = set()

    def require(self, ours: ir.Value, theirs: ir.Value | None) -> None:
        """Compare a value of the form with a value of the model.

        Raises:
            DifferentFormError: they are not computed in the same way.
        """
        if theirs is None:
            raise DifferentFormError("an input of a node is missing")
        if (ours, theirs) in self._same:
            return
        self._same.add((ours, theirs))
        if (expected := self._ours.tensor(ours)) is not None:
            self._require_constant(expected, theirs, by_shape=self._made_of_shapes(ours))
            return
        ours, theirs = passed_on(ours), passed_on(theirs)
        if ours not in self._inputs:
            self._require_node(ours, theirs)
        elif self.found.setdefault(ours, theirs) is not theirs:
            raise DifferentFormError(f"{_named(theirs)} stands in the place of {_named(self.found[ours])}")

    def _made_of_shapes(self, constant: ir.Value) -> bool:
        """Whether a constant of the form is a weight of which only the shape is compared, or computed from one."""
        node = constant.producer()
        made_of = () if node is None else node.inputs
        return constant.name in self._by_shape or any(one is not None and self._made_of_shapes(one) for one in made_of)

    def _require_constant(self, expected: ir.TensorProtocol, theirs: ir.Value, *, by_shape: bool) -> None:
        held = self._theirs.tensor(theirs)
        if held is None:
            raise DifferentFormError(f"{_named(theirs)} stands in the place of a constant")
        if held.dtype != expected.dtype or list(held.shape) != list(expected.shape):
            raise DifferentFormError(f"the constant {_named(theirs)} has another type or shape")
        if not by_shape and not _equal(held.numpy(), expected.numpy()):
            raise DifferentFormError(f"the constant {_named(theirs)} has other numbers")

    def _require_node(self, ours: ir.Value, theirs: ir.Value) -> None:
        made, other = ours.producer(), theirs.producer()
        if made is None:
            raise ValueError(f"the form has the value {_named(ours)}, which nothing makes")
        if other is None or (made.domain, made.op_type) != (other.domain, other.op_type):
            raise DifferentFormError(f"{_described(theirs)} stands in the place of {made.op_type}")
        if ours.index() != theirs.index() or _attributes(made) != _attributes(other):
            raise DifferentFormError(f"{_described(theirs)} has other attributes than the defence's {made.op_type}")
        expected, given = _operands(made), _operands(other)
        if len(expected) != len(given):
            raise DifferentFormError(f"{_described(theirs)} has {len(given)} inputs in the place of {len(expected)}")
        if made.op_type in COMMUTATIVE and self._swapped(expected, given):
            given.reverse()
        for one, another in zip(expected, given, strict=True):
            if one is not None:
                self.require(one, another)
            elif another is not None:
                raise DifferentFormError(f"{_described(theirs)} has an input that the defence's {made.op_type} has not")

    def _swapped(self, expected: list[ir.Value | None], given: list[ir.Value | None]) -> bool:
        """Whether two inputs stand in the other order, as far as one of them is made by an operator of its own."""
        kinds = [[self._kind(v, constants) for v in values] for values, constants in
                 ((expected, self._ours), (given, self._theirs))]  # fmt: skip
        return len(expected) == 2 and kinds[0] != kinds[1] and kinds[0] == kinds[1][::-1]

    @staticmethod
    def _kind(value: ir.Value | None, constants: "_Constants") -> str:
        if value is None or constants.tensor(passed_on(value)) is not None:
            return ""
        node = passed_on(value).producer()
        return "input" if node is None else f"{node.domain}::{node.op_type}"


def same_values(comparison: SameForm, ours: ir.Value, theirs: ir.Value) -> bool:
    """Whether a value of the model is computed as a value of the form is."""
    wanted, candidate = ours.producer(), theirs.producer()
    if wanted is None or candidate is None or wanted.op_identifier() != candidate.op_identifier():
        return False
    try:
        comparison.require(ours, theirs)
    except Exception:  # it differs, or a foreign node is malformed in any way
        return False
    return True


def _equal(theirs: Array, ours: Array) -> bool:
    if np.array_equal(theirs, ours):
        return True
    # No tool folds a table, whose last digits could tell something else; a number is folded, and its repetitions.
    one_number = ours.size > 0 and all((array == array.flat[0]).all() for array in (theirs, ours))
    return bool(one_number and np.allclose(theirs, ours, rtol=ROUNDING, atol=0))


def passed_on(value: ir.Value) -> ir.Value:
    """Go up to the value that this one is, but for the type of its numbers."""
    while (node := value.producer()) is not None and node.domain == "" and node.inputs[:1] != (None,):
        to_float = node.op_type == "Cast" and node.attributes.get_int("to", 0) == ir.DataType.FLOAT
        if node.op_type != "Identity" and not to_float:
            break
        value = node.inputs[0]  # type: ignore[assignment]  # the condition above
    return value


class _Constants:
    """The numbers of values that depend on no input of a graph."""

    def __init__(self, model: ir.Model) -> None:
        self._opset = model.opset_imports.get("", 0)
        self._inputs = set(model.graph.inputs)
        self._known: dict[ir.Value, ir.TensorProtocol | None] = {}

    def tensor(self, value: ir.Value) -> ir.TensorProtocol | None:
        if value not in self._known:
            self._known[value] = None  # a cycle has no constants
            self._known[value] = self._found(value)
        return self._known[value]

    def _found(self, value: ir.Value) -> ir.TensorProtocol | None:
        if value in self._inputs:
            return None
        node = value.producer()
        if node is None:
            return value.const_value
        if node.op_type == "Constant" and node.domain == "":
            return ir.convenience.get_const_tensor(value)
        if node.domain != "" or not node.inputs or len(node.outputs) != 1:
            return None
        operands = [None if one is None else self.tensor(one) for one in node.inputs]
        if any(one is None or one.size > LARGEST_FOLDED for one in operands):
            return None
        return _computed(node, [one.numpy() for one in operands if one is not None], self._opset)


def _computed(node: ir.Node, operands: list[Array], opset: int) -> ir.TensorProtocol | None:
    """Run one node of constants; None if it can't be run."""
    from onnx.reference import ReferenceEvaluator

    if node.op_type not in FOLDED:
        return None
    names = [f"operand_{number}" for number in range(len(operands))]
    copied = onnx.helper.make_node(node.op_type, names, ["result"])
    copied.attribute.extend(ir.to_proto(attribute) for attribute in node.attributes.values())
    inputs = [onnx.helper.make_tensor_value_info(name, 0, None) for name in names]
    for stated, operand in zip(inputs, operands, strict=True):
        stated.type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(operand.dtype)
    result = onnx.helper.make_tensor_value_info("result", 0, None)
    graph = onnx.helper.make_graph([copied], "one_node", inputs, [result])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    try:
        (array,) = ReferenceEvaluator(model).run(None, dict(zip(names, operands, strict=True)))
    except Exception:  # a foreign node may be malformed in any way
        return None
    return ir.tensor(np.asarray(array))


def _operands(node: ir.Node) -> list[ir.Value | None]:
    operands = list(node.inputs)
    while operands and operands[-1] is None:
        operands.pop()
    return operands


def _attributes(node: ir.Node) -> Mapping[str, object]:
    """Give a node's attributes by name, those with their default values included."""
    found: dict[str, object] = {}
    if node.domain == "" and onnx.defs.has(node.op_type):
        stated = onnx.defs.get_schema(node.op_type).attributes
        found = {k: onnx.helper.get_attribute_value(a.default_value) for k, a in stated.items() if a.default_value.name}
    found |= {name: _plain(attribute) for name, attribute in node.attributes.items()}
    return {name: one.encode() if isinstance(one, str) else one for name, one in found.items()}


def _plain(attribute: ir.Attr) -> object:
    value: object = attribute.value
    if isinstance(value, ir.TensorProtocol):
        return (value.dtype, value.tobytes())
    return tuple(value) if isinstance(value, list | tuple) else value


def _described(value: ir.Value) -> str:
    node = value.producer()
    if node is None:
        return _named(value)
    domain = "" if node.domain == "" else f"{node.domain}::"
    return f"{domain}{node.op_type} {_named(value)}"


def _named(value: ir.Value) -> str:
    return repr(value.name or "a value without a name")
