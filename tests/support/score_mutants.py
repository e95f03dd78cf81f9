"""Files whose defence takes something other than logits, or that has too little noise, and the check that must find it.

Some are made from DynaNoise in plain operators. Others are made from an export of a model that gives probabilities,
many of them exactly 0, as a vote of trees does.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from dynanoise_export.validation.check import CheckCode
from support.mutants import CLASSES, line, spoilt

# Smaller probabilities get no vote: with the trained classifier of digits, most rows become one-hot.
FEWEST_VOTES = 0.05
FLOOR = "dynanoise/floor"


def write_votes(plain: Path, path: Path) -> None:
    """Write a model that votes: the softmax of a model's logits without the smallest classes, divided by its sum."""
    model = onnx.load(plain)
    logits = model.graph.output[0].name
    model.graph.node.extend(
        [
            helper.make_node("Softmax", [logits], ["softmax"], axis=-1),
            helper.make_node("Sub", ["softmax", "fewest"], ["above"]),
            helper.make_node("Relu", ["above"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "over_classes"], ["all_kept"], keepdims=1),
            helper.make_node("Div", ["kept", "all_kept"], ["votes"]),
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.float32(FEWEST_VOTES), "fewest"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1]), "over_classes"))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("votes", onnx.TensorProto.FLOAT, ["batch", CLASSES]))
    onnx.save(model, path)


def without_floor(model: onnx.ModelProto) -> None:
    """Take the logarithm of the probabilities as they are, and state no floor."""
    node = next(node for node in model.graph.node if node.name == FLOOR)
    node.CopyFrom(helper.make_node("Identity", node.input[:1], node.output))
    stated = next(entry for entry in model.metadata_props if entry.key == "dynanoise.floor")
    model.metadata_props.remove(stated)


def _half_the_floor(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.name == FLOOR)
    held = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    held.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(held) / np.float32(2), held.name))


def _taken(name: str, check: CheckCode, scores: str):
    """Make a mutant whose defence takes `scores`, which these lines compute of the logits."""
    return line(
        name,
        check,
        ("log_p", f"{scores}\nlog_p = LogSoftmax <axis = -1> (scores)"),
        ("noisy", "noisy = Add(scores, eta)"),
    )


DEFENDED, REACHED = CheckCode.LOGITS_ARE_DEFENDED, CheckCode.NOISE_REACHES_EVERY_CLASS
OF_THE_SCORES = [
    _taken("a softmax taken for logits", DEFENDED, "scores = Softmax <axis = -1> (logits)"),
    _taken(
        "a quantised softmax taken for logits",
        DEFENDED,
        "s = Softmax <axis = -1> (logits)\nq = QuantizeLinear(s, step, zero_point)\n"
        "scores = DequantizeLinear(q, step, zero_point)",
    ),
    _taken("percentages taken for logits", DEFENDED, "s = Softmax <axis = -1> (logits)\nscores = Mul(s, hundred)"),
    _taken("sigmoids taken for logits", DEFENDED, "scores = Sigmoid(logits)"),
    _taken("a class with a logit of −∞", REACHED, "scores = Where(is_first, lowest, logits)"),
]

# Made from a file of `export`.
OF_A_FLOORED_EXPORT = [
    spoilt("the logarithm of probabilities without a floor", REACHED, without_floor),
    spoilt("another floor than the stated one", CheckCode.MODEL_PARITY, _half_the_floor),
]
