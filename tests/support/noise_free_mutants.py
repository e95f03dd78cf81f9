"""Files with a defence that takes no noise and one error each, and the check that must find it."""

import onnx
from onnx import helper

from dynanoise_export.validation.check import CheckCode
from support.graph_mutants import add_output, wrong_attribute
from support.mutants import spoilt


def _defence(model: onnx.ModelProto) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.op_type == "Temperature")


def _logits_too(model: onnx.ModelProto) -> None:
    add_output(model, _defence(model).input[0])


def _undefended(model: onnx.ModelProto) -> None:
    node = _defence(model)
    node.CopyFrom(helper.make_node("Softmax", node.input[:1], node.output, axis=-1))


def _flattened_temperature(model: onnx.ModelProto) -> None:
    """Divide once more by T, which the metadata does not state."""
    division = next(node for node in model.graph.node if node.op_type == "Div")
    model.graph.node.insert(
        list(model.graph.node).index(division),
        helper.make_node("Div", [division.input[0], division.input[1]], ["twice"]),
    )
    division.input[0] = "twice"


def _noisy(model: onnx.ModelProto) -> None:
    node = _defence(model)
    before = [
        helper.make_node("RandomNormalLike", node.input[:1], ["drawn"], scale=1e-7),
        helper.make_node("Add", [node.input[0], "drawn"], ["noisy"]),
    ]
    place = list(model.graph.node).index(node)
    node.input[0] = "noisy"
    for offset, new in enumerate(before):
        model.graph.node.insert(place + offset, new)


# Made from a file of `export` with the defence `temperature`.
OF_A_NOISE_FREE_EXPORT = [
    spoilt(
        "without noise: another T in the node",
        CheckCode.STATED_PARAMETERS,
        lambda model: wrong_attribute(model, "temperature", 6.0, "Temperature"),
    ),
    spoilt("without noise: logits as a second output", CheckCode.NO_LEAK, _logits_too),
    spoilt("without noise: undefended answers", CheckCode.ANSWER_PARITY, _undefended),
    spoilt("without noise: a little noise", CheckCode.ANSWERS_REPEAT_BETWEEN_CALLS, _noisy),
]

# Made from a flattened file.
OF_A_FLATTENED_EXPORT = [
    spoilt("without noise, flattened: another T", CheckCode.ANSWER_PARITY, _flattened_temperature),
]
