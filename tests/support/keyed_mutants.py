"""Files with keyed noise, kept labels and one error each, and the check that must find it."""

import json
from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dynanoise_export.validation.check import CheckCode
from support.mutants import spoilt


def _table(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == f"dynanoise_table_{name}")
    was = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(change(was.copy()).astype(was.dtype), tensor.name))


def _body(model: onnx.ModelProto, function: str = "KeyedNormals") -> list[onnx.NodeProto]:
    return next(f for f in model.functions if f.name == function).node


def _node(model: onnx.ModelProto, operator: str) -> onnx.NodeProto:
    return next(node for node in _body(model) if node.op_type == operator)


def _before(model: onnx.ModelProto, operator: str, *nodes: onnx.NodeProto) -> None:
    """Put nodes before the first node of an operator in the body of the noise."""
    body = _body(model)
    index = next(i for i, node in enumerate(body) if node.op_type == operator)
    for offset, node in enumerate(nodes):
        body.insert(index + offset, node)


def _constant_hash(model: onnx.ModelProto) -> None:
    place = _node(model, "Div").input[0]
    _before(model, "Div", helper.make_node("Sub", [place, place], ["spoilt"]))
    _node(model, "Div").input[0] = "spoilt"


def _each_step_a_cell(model: onnx.ModelProto) -> None:
    _node(model, "Div").op_type = "Mod"


def _class_left_out(signs: np.ndarray) -> np.ndarray:
    signs[3] = 0
    return signs


def _group_left_out(hashes: np.ndarray) -> np.ndarray:
    hashes[:, 0] = 0
    return hashes


def _half_the_rows(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "KeyedNormals")
    rows = next(attribute for attribute in node.attribute if attribute.name == "rows")
    rows.i //= 2


def _position_in_the_batch(model: onnx.ModelProto) -> None:
    """Move each row's cells by its position in the batch."""
    place = _node(model, "Div").input[0]
    one, axis = (helper.make_tensor(name, TensorProto.INT32, [], [value]) for name, value in (("one", 1), ("axis", 0)))
    _before(
        model,
        "Div",
        helper.make_node("Constant", [], ["spoilt_one"], value=one),
        helper.make_node("Constant", [], ["spoilt_axis"], value=axis),
        helper.make_node("Sub", [place, place], ["spoilt_zeros"]),
        helper.make_node("Max", ["spoilt_zeros", "spoilt_one"], ["spoilt_ones"]),
        helper.make_node("CumSum", ["spoilt_ones", "spoilt_axis"], ["spoilt_position"]),
        helper.make_node("Mul", ["spoilt_position", "width"], ["spoilt_steps"]),
        helper.make_node("Sub", [place, "spoilt_steps"], ["spoilt"]),
    )
    _node(model, "Div").input[0] = "spoilt"


def _floored(model: onnx.ModelProto) -> None:
    _node(model, "Round").op_type = "Floor"


def _label_not_kept(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "KeepLabel")
    node.CopyFrom(helper.make_node("Identity", node.input[:1], node.output))


def _label_of_the_answer(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "ArgMax")
    keep = next(node for node in model.graph.node if node.op_type == "KeepLabel")
    node.input[0] = keep.input[0]
    model.graph.node.remove(keep)
    model.graph.node.append(keep)


def _largest_raised(model: onnx.ModelProto) -> None:
    """Give the label the largest probability without taking it from the class that had it."""
    scatters = [node for node in _body(model, "KeepLabel") if node.op_type == "ScatterElements"]
    scatters[0].CopyFrom(helper.make_node("Identity", scatters[0].input[:1], scatters[0].output))


def _unstated_label(model: onnx.ModelProto) -> None:
    next(p for p in model.metadata_props if p.key == "dynanoise.keep_label").value = json.dumps(False)


KEYED = CheckCode.KEYED_NOISE
OF_A_KEYED_EXPORT = [
    spoilt(
        "the key ignored", KEYED, lambda m: _table(m, "grid_0_hashes", lambda h: np.arange(h.size).reshape(h.shape))
    ),
    spoilt("the grid ignored", KEYED, _each_step_a_cell),
    spoilt("another grid", KEYED, lambda m: _table(m, "grid_0_width", lambda width: width + 1)),
    spoilt("a constant hash of the row", CheckCode.NOISE_BETWEEN_ROWS, _constant_hash),
    spoilt("a class that takes no part in the hash", KEYED, lambda m: _table(m, "signs", _class_left_out)),
    spoilt(
        "four classes that the hash does not reach",
        CheckCode.NOISE_MEAN,
        lambda m: _table(m, "grid_0_hashes", _group_left_out),
    ),
    spoilt("a hash that reaches half of the normals", KEYED, _half_the_rows),
    spoilt(
        "keyed noise that depends on the row's position",
        CheckCode.ANSWERS_REPEAT_IN_ANOTHER_ORDER,
        _position_in_the_batch,
    ),
    spoilt("roots cut off in place of rounded", KEYED, _floored),
    spoilt("keyed noise scaled by 0.97", KEYED, lambda m: _table(m, "normals", lambda n: 0.97 * n)),
    spoilt("labels that are not kept", CheckCode.KEPT_LABELS, _label_not_kept),
    spoilt("the label of the noisy answer kept", CheckCode.KEPT_LABELS, _label_of_the_answer),
    spoilt("the label's probability raised, and no other lowered", CheckCode.DEFENCE_PARITY, _largest_raised),
    spoilt("kept labels that the file does not state", CheckCode.NO_LEAK, _unstated_label),
]
