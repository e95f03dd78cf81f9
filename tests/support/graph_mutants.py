"""Defended graphs with one error each outside their defence, or in what they state, and the check that must find it."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dynanoise_export.validation.check import CheckCode
from support.mutants import CLASSES, CONSTANTS, spoilt
from support.random_draws import draw_of


def _weight(model: onnx.ModelProto, change: Callable[[np.ndarray], np.ndarray], name: str = "2.weight") -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)).astype(np.float32), name))


def _nudged(weight: np.ndarray) -> np.ndarray:
    nudged = weight.copy()
    nudged[0, np.abs(weight).sum(axis=0).argmax()] += 1e-3  # of a unit that is alive
    return nudged


def add_output(model: onnx.ModelProto, name: str, width: int = CLASSES) -> None:
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width]))


def _leak_in_if(model: onnx.ModelProto) -> None:
    branches = {}
    for name, value in (("then_branch", "logits"), ("else_branch", "probabilities")):
        out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, ["batch", CLASSES])
        branches[name] = helper.make_graph([helper.make_node("Identity", [value], [f"{name}_out"])], name, [], [out])
    model.graph.node.append(helper.make_node("If", ["always"], ["chosen"], **branches))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "always"))
    add_output(model, "chosen")


def _leak_in_function(model: onnx.ModelProto) -> None:
    body = [helper.make_node("Identity", ["p"], ["q"]), helper.make_node("Identity", ["z"], ["side"])]
    opsets = [helper.make_opsetid("", model.opset_import[0].version)]
    model.functions.append(helper.make_function("local", "Both", ["p", "z"], ["q", "side"], body, opsets))
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.graph.node.append(
        helper.make_node("Both", ["probabilities", "logits"], ["passed_on", "side"], domain="local")
    )
    add_output(model, "side")


def _noise_as_output(model: onnx.ModelProto) -> None:
    add_output(model, "eta")


def _overridable(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("base_variance", TensorProto.FLOAT, []))


def _fixed_batch(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1


def _permuted(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.input[:] = ["permuted" if name == "logits" else name for name in node.input]
    index = next(i for i, node in enumerate(model.graph.node) if "logits" in node.output)
    model.graph.node.insert(index + 1, helper.make_node("Gather", ["logits", "swapped"], ["permuted"], axis=1))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 0, *range(2, CLASSES)]), "swapped"))


def _without(model: onnx.ModelProto, operator: str) -> None:
    node = next(node for node in model.graph.node if node.op_type == operator)
    node.CopyFrom(helper.make_node("Identity", node.input[:1], node.output))


def _half_defence(model: onnx.ModelProto) -> None:
    index = next(i for i, node in enumerate(model.graph.node) if node.output[0] == "log_p")
    for node in model.graph.node[index:]:
        for names in (node.input, node.output):
            names[:] = ["half_out" if n == "probabilities" else "half_in" if n == "logits" else n for n in names]
    for tensor in model.graph.initializer:
        if tensor.name in CONSTANTS and tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    to_half = helper.make_node("Cast", ["logits"], ["half_in"], to=TensorProto.FLOAT16)
    model.graph.node.insert(index, to_half)
    model.graph.node.append(helper.make_node("Cast", ["half_out"], ["probabilities"], to=TensorProto.FLOAT))


def _unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "NoSuchOperator"


# Made from a defence in plain operators.
OF_THE_GRAPH = [
    spoilt("a weight changed by 1e-3", CheckCode.MODEL_PARITY, lambda m: _weight(m, _nudged, "4.weight")),
    spoilt("a transposed layer", CheckCode.MODEL_PARITY, lambda m: _weight(m, np.transpose)),
    spoilt("weights rounded to float16", CheckCode.MODEL_PARITY, lambda m: _weight(m, lambda w: w.astype(np.float16))),
    spoilt("a bias lost", CheckCode.MODEL_PARITY, lambda m: _weight(m, np.zeros_like, "4.bias")),
    spoilt("an activation lost", CheckCode.MODEL_PARITY, lambda m: _without(m, "Relu")),
    spoilt("two classes swapped", CheckCode.SAME_LABELS, _permuted),
    spoilt("logits as a second output", CheckCode.NO_LEAK, lambda m: add_output(m, "logits")),
    spoilt("the input as a second output", CheckCode.NO_LEAK, lambda m: add_output(m, m.graph.input[0].name, 64)),
    spoilt("the noise as a second output", CheckCode.NO_LEAK, _noise_as_output),
    spoilt("an undefended answer as a second output", CheckCode.NO_LEAK, lambda m: add_output(m, "p")),
    spoilt("logits through an If", CheckCode.NO_LEAK, _leak_in_if),
    spoilt("logits through a local function", CheckCode.NO_LEAK, _leak_in_function),
    spoilt("σ₀ that a caller may replace", CheckCode.NO_OVERRIDABLE_WEIGHT, _overridable),
    spoilt("the batch axis fixed to 1", CheckCode.BATCH_AXIS, _fixed_batch),
    spoilt("the defence in float16", CheckCode.DEFENCE_PARITY, _half_defence),
    spoilt("an operator that does not exist", CheckCode.WELL_FORMED, _unknown_operator),
]


def wrong_metadata(defended: onnx.ModelProto) -> None:
    """Let the metadata state a smaller σ₀ than the graph has."""
    entry = next(p for p in defended.metadata_props if p.key == "dynanoise.parameters")
    entry.value = '{"sigma0": 0.4, "lambda": 2.0, "temperature": 10.0}'


def wrong_attribute(defended: onnx.ModelProto, name: str, value: float, function: str = "DynaNoise") -> None:
    """Let the defence's node hold another parameter than the metadata states."""
    node = next(node for node in defended.graph.node if node.op_type == function)
    next(a for a in node.attribute if a.name == name).f = value


def seeded(defended: onnx.ModelProto) -> None:
    """Give the draw of an exported file a seed."""
    draw_of(defended).attribute.append(helper.make_attribute("seed", 1.0))


# Made from a file of `export`.
OF_AN_EXPORT = [
    spoilt("another σ₀ in the metadata", CheckCode.STATED_PARAMETERS, wrong_metadata),
    spoilt("another σ₀ in the node", CheckCode.STATED_PARAMETERS, lambda m: wrong_attribute(m, "sigma0", 0.4)),
    spoilt("another λ in the node", CheckCode.STATED_PARAMETERS, lambda m: wrong_attribute(m, "lambda_", 1.0)),
    spoilt("another T in the node", CheckCode.STATED_PARAMETERS, lambda m: wrong_attribute(m, "temperature", 6.0)),
    spoilt("an exported file's draw with a seed", CheckCode.NO_SEED, seeded),
]
