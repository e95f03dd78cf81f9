"""Files of `export` whose answers carry more than their defence gives, and the check that must find it."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dynanoise_export.validation.check import CheckCode
from support.mutants import CLASSES, spoilt

# A share of the answers that no check of their values sees.
SHARE = 2e-6
ANSWERS = "probabilities"


def _defence(model: onnx.ModelProto) -> onnx.NodeProto:
    ours = (node for node in model.graph.node if node.domain == "ai.dynanoise")
    return next(node for node in ours if not node.name.startswith("dynanoise/noise"))


def _mixed_in(model: onnx.ModelProto, logits: str, noise: str | None) -> None:
    """Add a share of the undefended answers to the answers, behind noise so small that it covers nothing."""
    for node in model.graph.node:
        node.output[:] = ["defended" if name == ANSWERS else name for name in node.output]
    constants = {"share": SHARE, "rest": 1 - SHARE, "next_to_nothing": 1e-30}
    model.graph.initializer.extend(numpy_helper.from_array(np.float32(v), k) for k, v in constants.items())
    hidden = "undefended" if noise is None else "covered"
    model.graph.node.append(helper.make_node("Softmax", [logits], ["undefended"], axis=-1))
    if noise is not None:
        model.graph.node.append(helper.make_node("Mul", [noise, "next_to_nothing"], ["hardly_any"]))
        model.graph.node.append(helper.make_node("Add", ["undefended", "hardly_any"], ["covered"]))
    model.graph.node.extend(
        [
            helper.make_node("Mul", [hidden, "share"], ["last_digits"]),
            helper.make_node("Mul", ["defended", "rest"], ["first_digits"]),
            helper.make_node("Add", ["first_digits", "last_digits"], [ANSWERS]),
        ]
    )


def mixed_into_an_export(model: onnx.ModelProto) -> None:
    """Add the undefended answers behind the defence's function."""
    node = _defence(model)
    _mixed_in(model, node.input[0], node.input[1] if len(node.input) > 1 else None)


def mixed_into_a_flattened_export(model: onnx.ModelProto) -> None:
    """Add the undefended answers behind a flattened defence without noise."""
    division = next(node for node in model.graph.node if node.op_type == "Div")
    _mixed_in(model, division.input[0], None)


def mixed_into_the_function(model: onnx.ModelProto) -> None:
    """Add the undefended answers within the defence's own function."""
    body = model.functions[[f.name for f in model.functions].index("DynaNoise")]
    answers = body.output[0]
    for node in body.node:
        node.output[:] = ["defended" if name == answers else name for name in node.output]
    logarithm = next(node for node in body.node if node.op_type == "LogSoftmax").output[0]
    values = {"share": SHARE, "next_to_nothing": 1e-30}
    for name, value in values.items():
        tensor = helper.make_tensor(name, TensorProto.FLOAT, [], [value])
        body.node.append(helper.make_node("Constant", [], [name], value=tensor))
    body.node.extend(
        [
            helper.make_node("Exp", [logarithm], ["undefended"]),
            helper.make_node("Mul", [body.input[1], "next_to_nothing"], ["hardly_any"]),
            helper.make_node("Add", ["undefended", "hardly_any"], ["covered"]),
            helper.make_node("Mul", ["covered", "share"], ["last_digits"]),
            helper.make_node("Add", ["defended", "last_digits"], [answers]),
        ]
    )


def rounded_noise(model: onnx.ModelProto) -> None:
    """Clear the last digits of the noise, so that the logits' own show through."""
    node = _defence(model)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(2.0**-14), "fine_step"))
    before = [
        helper.make_node("Div", [node.input[1], "fine_step"], ["in_steps"]),
        helper.make_node("Round", ["in_steps"], ["whole_steps"]),
        helper.make_node("Mul", ["whole_steps", "fine_step"], ["rounded"]),
    ]
    place = list(model.graph.node).index(node)
    node.input[1] = "rounded"
    for offset, new in enumerate(before):
        model.graph.node.insert(place + offset, new)


def _last_digits_of_a_table(model: onnx.ModelProto) -> None:
    """Write the number of each row into the last digits of its noise, which tells the query's cell."""
    tensor = next(t for t in model.graph.initializer if t.name == "dynanoise_table_normals")
    normals = numpy_helper.to_array(tensor).copy()
    normals += 1e-6 * np.linspace(-1, 1, len(normals), dtype=np.float32).reshape(-1, *[1] * (normals.ndim - 1))
    tensor.CopyFrom(numpy_helper.from_array(normals, tensor.name))


def _behind(model: onnx.ModelProto, logits: str, nodes: list[onnx.NodeProto], made: str) -> None:
    """Put nodes behind the logits, and let what follows take what they made."""
    place = next(i for i, one in enumerate(model.graph.node) if logits in one.output) + 1
    for offset, new in enumerate(nodes):
        model.graph.node.insert(place + offset, new)
    for one in model.graph.node[place + len(nodes) :]:
        one.input[:] = [made if name == logits else name for name in one.input]


def _other_width_let_through(model: onnx.ModelProto) -> None:
    """Give the model seven more classes than the file declares, behind a shape that no inference knows."""
    logits = _defence(model).input[0]
    constants = {"wide_start": [0], "wide_end": [CLASSES + 7], "wide_axis": [1], "wide_zero": 0}
    model.graph.initializer.extend(numpy_helper.from_array(np.array(v), k) for k, v in constants.items())
    before = [
        helper.make_node("Shape", [model.graph.input[0].name], ["wide_shape"]),
        helper.make_node("Mul", ["wide_shape", "wide_zero"], ["wide_zeros"]),
        helper.make_node("ReduceMax", ["wide_zeros"], ["wide_none"], keepdims=1),
        helper.make_node("Add", ["wide_end", "wide_none"], ["wide_until"]),
        helper.make_node("Concat", [logits, logits], ["wide_twice"], axis=1),
        helper.make_node("Slice", ["wide_twice", "wide_start", "wide_until", "wide_axis"], ["wide"]),
    ]
    _behind(model, logits, before, "wide")
    del model.graph.value_info[:]


def _other_width(model: onnx.ModelProto) -> None:
    """Do so with the node that holds the logits to the declared classes, as `export` puts it behind such scores."""
    _other_width_let_through(model)
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, CLASSES]), "rows_shape"))
    _behind(model, "wide", [helper.make_node("Reshape", ["wide", "rows_shape"], ["held"])], "held")


def _confidence_in_zeros(model: onnx.ModelProto) -> None:
    """Lower as many of a row's classes by 1e8 as the model is unsure, so that the count of zeros tells it."""
    logits = _defence(model).input[0]
    constants = {"tenths": np.float32(6), "far_down": np.float32(-1e8), "class_axis": [1]}
    constants["places"] = np.arange(CLASSES, dtype=np.float32)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())
    before = [
        helper.make_node("Softmax", [logits], ["undefended"], axis=-1),
        helper.make_node("ReduceMax", ["undefended", "class_axis"], ["confidence"], keepdims=1),
        helper.make_node("Mul", ["confidence", "tenths"], ["count"]),
        helper.make_node("Less", ["places", "count"], ["chosen"]),
        helper.make_node("Cast", ["chosen"], ["one_or_nothing"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["one_or_nothing", "far_down"], ["lowered"]),
        helper.make_node("Add", [logits, "lowered"], ["masked"]),
    ]
    _behind(model, logits, before, "masked")


ONLY_THE_DEFENCE = CheckCode.NOTHING_BUT_THE_DEFENCE
OF_THE_CHANNEL = [
    spoilt("undefended answers in the last digits of the answers", ONLY_THE_DEFENCE, mixed_into_an_export),
    spoilt("undefended answers in the last digits, within the function", ONLY_THE_DEFENCE, mixed_into_the_function),
    spoilt("noise without last digits of its own", ONLY_THE_DEFENCE, rounded_noise),
    spoilt("more classes than the file declares", CheckCode.BATCH_AXIS, _other_width),
    spoilt("more classes than the file declares, let through", ONLY_THE_DEFENCE, _other_width_let_through),
    spoilt(
        "classes that the model masks, other ones in each row",
        CheckCode.NOISE_REACHES_EVERY_CLASS,
        _confidence_in_zeros,
    ),
]
OF_A_KEYED_CHANNEL = [
    spoilt("the number of the cell in the last digits of its noise", ONLY_THE_DEFENCE, _last_digits_of_a_table),
]
OF_A_FLATTENED_CHANNEL = [
    spoilt(
        "without noise, flattened: undefended answers in the last digits",
        ONLY_THE_DEFENCE,
        mixed_into_a_flattened_export,
    ),
]
