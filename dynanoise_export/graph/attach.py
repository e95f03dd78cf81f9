"""Attach a head to an ONNX model: the one change that this project makes to a user's graph."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.defences import keep_label
from dynanoise_export.defences.dynanoise import Head
from dynanoise_export.defences.dynanoise_onnx import DOMAIN, OLDEST_OPSET, VERSION
from dynanoise_export.errors import UserError
from dynanoise_export.graph.leaks import LeakReport, find_leaks
from dynanoise_export.graph.logits import Logits
from dynanoise_export.graph.probe import LOG
from dynanoise_export.graph.values import unused_name, values
from dynanoise_export.noise.keyed.keyed_noise import WEIGHTS
from dynanoise_export.noise.normals import INPUT_NAME, Noise, standard_normals
from dynanoise_export.parameters import NoiseSource

OUTPUT_NAME = "probabilities"

# Model-local functions came with this version of the format.
OLDEST_IR = 8


@dataclass(frozen=True)
class Attached:
    """What attaching changed.

    Attributes:
        dropped: the names of the outputs that the model has no more.
        noise_input: the name of the input that takes the noise, for the source `input`.
        leaks: the taint walk over the result, which passed.
    """

    dropped: tuple[str, ...]
    noise_input: str | None
    leaks: LeakReport


def attach(
    model: ir.Model, logits: Logits, classes: int, head: Head, noise: Noise, *, inline: bool = False
) -> Attached:
    """Put a head on the logits and make its probabilities the only output, in place.

    Requires a model of opset 13 or later without a head. Ensures that the noise hangs on live logits and has no
    seed, and that nothing of a query leaves the graph but through the head.

    Args:
        model: changed in place.
        logits: float values [n, k] of the model's main graph.
        classes: k.
        head: the defence.
        noise: where its standard normals come from.
        inline: flatten the head into plain operators, for tools that know no local functions.

    Raises:
        UserError: the model has a head already, or the logits are the same for every query.
    """
    _require(model)
    dropped = tuple(v.name or "" for v in model.graph.outputs if v is not logits.value)
    common.RemoveInitializersFromInputsPass()(model)
    _free_names(model)
    answers = _append_head(model, logits, classes, head, noise)
    if head.keep_label:
        answers = _append_keep_label(model, logits.value, answers)
    answers.name = OUTPUT_NAME
    model.graph.outputs[:] = [answers]
    common.RemoveUnusedNodesPass()(model)
    if inline:
        _flatten(model)
    noise_input = INPUT_NAME if noise is NoiseSource.INPUT else None
    return Attached(dropped, noise_input, _ensure(model, noise_input))


def carries_head(model: ir.Model) -> bool:
    """Whether the model holds a head of ours, as a node or by what its metadata says."""
    return DOMAIN in model.opset_imports or "dynanoise.head" in model.metadata_props


def _require(model: ir.Model) -> None:
    if carries_head(model):
        raise UserError("The model carries a DynaNoise head already: export the undefended model instead.")
    opset = model.opset_imports.get("", 0)
    if opset < OLDEST_OPSET:
        raise ValueError(f"a head needs opset {OLDEST_OPSET} or later, not {opset}")


def _append_head(model: ir.Model, logits: Logits, classes: int, head: Head, noise: Noise) -> ir.Value:
    graph, value = model.graph, logits.value
    batch = value.shape[0] if value.shape is not None else None
    if logits.kind == "probabilities":
        log = ir.node("Log", [value], name=LOG)
        log.outputs[0].type, log.outputs[0].shape = value.type, value.shape
        log.outputs[0].name = unused_name(model, "dynanoise_log_probabilities")
        graph.append(log)
        value = log.outputs[0]
    normals = standard_normals(model, value, classes, noise)
    if normals.producer() is not None:  # the name that it was given may be another's in a subgraph
        normals.name = unused_name(model, "dynanoise_noise")
        normals.type, normals.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape([batch, classes])
    node = ir.node(
        head.name,
        [value, normals],
        attributes=head.attributes(classes),
        domain=DOMAIN,
        name=f"dynanoise/{head.name}",
    )
    node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    node.outputs[0].shape = ir.Shape([batch, classes])
    graph.append(node)
    function = head.function(model.opset_imports[""])
    model.functions[function.identifier()] = function
    model.opset_imports[DOMAIN] = VERSION
    model.ir_version = max(model.ir_version, OLDEST_IR)
    return node.outputs[0]


def _append_keep_label(model: ir.Model, undefended: ir.Value, answers: ir.Value) -> ir.Value:
    """Let the answers keep the label of what the model gave, be it logits or probabilities."""
    if undefended.dtype is ir.DataType.FLOAT16:  # which not every runtime compares, and float32 holds all of it
        cast = ir.node("Cast", [undefended], attributes={"to": ir.DataType.FLOAT.value}, name="dynanoise/undefended")
        model.graph.append(cast)
        undefended = cast.outputs[0]
    label = ir.node("ArgMax", [undefended], attributes={"axis": 1, "keepdims": 1}, name="dynanoise/label")
    node = ir.node(keep_label.NAME, [answers, label.outputs[0]], domain=DOMAIN, name=f"dynanoise/{keep_label.NAME}")
    node.outputs[0].type, node.outputs[0].shape = answers.type, answers.shape
    model.graph.extend([label, node])
    function = keep_label.function(model.opset_imports[""])
    model.functions[function.identifier()] = function
    return node.outputs[0]


def _flatten(model: ir.Model) -> None:
    """Turn the head's node into the operators of its function, and its attributes into tensors."""
    common.InlinePass(criteria=lambda function: function.domain == DOMAIN)(model)
    del model.opset_imports[DOMAIN]
    for node in model.graph:
        # Some optimisers make a double of a constant in this form.
        if node.op_type == "Constant" and "value_float" in node.attributes:
            value = ir.tensor(np.float32(node.attributes.pop("value_float").as_float()))
            node.attributes.add(ir.AttrTensor("value", value))


def _free_names(model: ir.Model) -> None:
    """Give up names that the user's graph has for something within, where they matter to nobody."""
    for value in list(values(model)):
        name = str(value.name)  # which a damaged file may hold as bytes
        if name not in (OUTPUT_NAME, INPUT_NAME) and not name.startswith(WEIGHTS):
            continue
        if value in model.graph.inputs:
            raise UserError(f"The model has an input called {name!r}, a name that the defended file needs.")
        value.name = unused_name(model, f"undefended_{name}" if name.startswith(WEIGHTS) else f"{name}_undefended")


def _ensure(model: ir.Model, noise_input: str | None) -> LeakReport:
    report = find_leaks(model, [] if noise_input is None else [noise_input])
    if not report.noised and not any(draw.live for draw in report.draws):
        raise UserError("What is to be defended does not depend on the model's inputs: it can't be the logits.")
    if not report.passed:
        raise AssertionError(f"the head leaks: {report}")
    if noise_input is None and not any(draw.live and not draw.seeded for draw in report.draws):
        raise AssertionError(f"the noise is dead: {report.draws}")
    return report
