"""Attach a defence to an ONNX model: the one change that this project makes to a user's graph."""

from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.defences import keep_label
from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.errors import DefenceError, UnsupportedModelError
from dynanoise_export.graph.attach_guard import attach_guard
from dynanoise_export.graph.external_data import scopes
from dynanoise_export.graph.leaks import LeakReport, covers_by_noise, find_leaks
from dynanoise_export.graph.log_output import LOG_OUTPUT, append_log_output
from dynanoise_export.graph.log_probabilities import FOUND_BY_NAME, append_log, default_floor
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.graph.merge_copies import merge_copies
from dynanoise_export.graph.provenance import states_defence, strip_provenance
from dynanoise_export.graph.score_shapes import as_rows
from dynanoise_export.graph.values import OUTPUT_NAME, unused_name, values
from dynanoise_export.noise.input_noise import INPUT_NAME
from dynanoise_export.noise.keyed.keyed_noise import WEIGHTS
from dynanoise_export.noise.noise import Noise
from dynanoise_export.onnx_functions import DOMAIN, OLDEST_IR, OLDEST_OPSET, VERSION, make_constants_tensors

# What the names of a defence's tensors begin with.
TENSORS = "dynanoise_defence/"


@dataclass(frozen=True)
class Attached:
    """What attaching changed.

    Attributes:
        dropped: the names of the outputs that the model no longer has.
        noise_input: the name of the input that takes the noise, for the source `input`.
        leaks: the taint walk over the result, which passed.
        floor: the smallest probability that the defence distinguishes, if it takes probabilities; None for logits.
    """

    dropped: tuple[str, ...]
    noise_input: str | None
    leaks: LeakReport
    floor: float | None = None


def attach(
    model: ir.Model,
    logits: Logits,
    classes: int,
    defence: Defence,
    noise: Noise | None,
    *,
    guard: Guard | None = None,
    inline: bool = False,
    with_logits: bool = False,
) -> Attached:
    """Put a defence on the logits and make its probabilities the only output, in place.

    Requires a model of opset 13 or later without a defence. Ensures that the noise depends on live logits and has no
    seed, and that nothing of a query leaves the graph except through the defence.

    Args:
        model: changed in place.
        logits: float values of the model's main graph, [n, k] or such as [n, k, 1, 1].
        classes: k.
        defence: what the answers become.
        noise: where its standard normals come from; None for a defence that takes no noise.
        guard: on the inputs; None for none.
        inline: flatten the defence into plain operators, for tools that know no local functions.
        with_logits: give the logarithm of the probabilities as well, as the output `logits`.

    Raises:
        UserError: the model has a defence already, the logits are the same for every query, or the guard makes copies
            and the batch is fixed.
    """
    _require(model)
    strip_provenance(model)
    dropped = tuple(v.name or "" for v in model.graph.outputs if v is not logits.value)
    common.RemoveInitializersFromInputsPass()(model)
    _free_names(model, {OUTPUT_NAME, INPUT_NAME} | ({LOG_OUTPUT} if with_logits else set()))
    floor = (logits.floor or default_floor(classes)) if logits.scale is Scale.PROBABILITIES else None
    scores = as_rows(model, logits.value, classes)
    if guard is not None and guard.copies > 1:
        merged = merge_copies(model, scores, classes, guard, logits.scale)
        scores = as_rows(model, merged, classes, "merged_rows")
    answers = _append_defence(model, scores, floor, classes, defence, noise)
    if defence.keep_label:
        answers = _append_keep_label(model, scores, answers)
    answers.name = OUTPUT_NAME
    model.graph.outputs[:] = [answers]
    if guard is not None:
        attach_guard(model, guard)
    if with_logits:
        append_log_output(model, answers)
    common.RemoveUnusedNodesPass()(model)
    if inline:
        _flatten(model)
    noise_input = None if noise is None else noise.input_name
    return Attached(dropped, noise_input, _ensure(model, defence, noise_input), floor)


def carries_defence(model: ir.Model) -> bool:
    """Whether the model holds a defence, as a node or by what its metadata says."""
    domains = {domain for scope in scopes(model) for domain in scope.opset_imports}
    domains |= {function.domain for function in model.functions.values()}
    return states_defence(model) or any(domain.casefold() == DOMAIN for domain in domains)


def _require(model: ir.Model) -> None:
    if carries_defence(model):
        raise DefenceError("The model carries a defence already: export the undefended model instead.")
    opset = model.opset_imports.get("", 0)
    if opset < OLDEST_OPSET:
        raise ValueError(f"a defence needs opset {OLDEST_OPSET} or later, not {opset}")


def _append_defence(
    model: ir.Model, value: ir.Value, floor: float | None, classes: int, defence: Defence, noise: Noise | None
) -> ir.Value:
    graph, batch = model.graph, _batch(model, value)
    if floor is not None:
        value = append_log(model, value, floor)
    inputs = [value]
    if noise is not None:
        inputs.append(_append_normals(model, value, batch, classes, noise))
    for name, tensor in defence.tensors.items():
        held = ir.Value(name=f"{TENSORS}{name}", const_value=ir.tensor(tensor.array, name=f"{TENSORS}{name}"))
        model.graph.register_initializer(held)
        inputs.append(held)
    node = ir.node(
        defence.function_name,
        inputs,
        attributes=defence.attributes(classes),
        domain=DOMAIN,
        name=f"dynanoise/{defence.function_name}",
    )
    node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    node.outputs[0].shape = ir.Shape([batch, classes])
    graph.append(node)
    function = defence.function(model.opset_imports[""])
    model.functions[function.identifier()] = function
    model.opset_imports[DOMAIN] = VERSION
    model.ir_version = max(model.ir_version, OLDEST_IR)
    return node.outputs[0]


def _batch(model: ir.Model, logits: ir.Value) -> int | ir.SymbolicDim | None:
    """Give the first axis of the logits; some exporters fix it for an output, and not for the inputs."""
    stated = logits.shape[0] if logits.shape else None
    dynamic = [v.shape[0] for v in model.graph.inputs if v.shape and not isinstance(v.shape[0], int)]
    return dynamic[0] if isinstance(stated, int) and dynamic else stated


def _append_normals(
    model: ir.Model, logits: ir.Value, batch: int | ir.SymbolicDim | None, classes: int, noise: Noise
) -> ir.Value:
    normals = noise.append_to(model, logits, classes)
    if normals.producer() is not None:  # its automatic name may be taken in a subgraph
        normals.name = unused_name(model, "dynanoise_noise")
        normals.type, normals.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape([batch, classes])
    return normals


def _append_keep_label(model: ir.Model, undefended: ir.Value, answers: ir.Value) -> ir.Value:
    """Let the answers keep the label of the model's own output, logits or probabilities."""
    if undefended.dtype is ir.DataType.FLOAT16:  # not every runtime compares it, and float32 holds all of it
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
    """Turn the defence's nodes into the operators of their functions, and its attributes into tensors."""
    common.InlinePass(criteria=lambda function: function.domain == DOMAIN)(model)
    del model.opset_imports[DOMAIN]
    make_constants_tensors(model.graph)


def _free_names(model: ir.Model, needed: set[str]) -> None:
    """Rename values and nodes inside the user's graph that have a name that the defence needs."""
    for node in model.graph.all_nodes():
        if node.name in FOUND_BY_NAME:
            node.name = f"undefended/{node.name}"
    for value in list(values(model)):
        name = str(value.name)  # a damaged file may hold it as bytes
        if name not in needed and not name.startswith((WEIGHTS, TENSORS)):
            continue
        if value in model.graph.inputs:
            raise UnsupportedModelError(
                f"The model has an input called {name!r}, a name that the defended file needs: rename it."
            )
        value.name = unused_name(model, f"undefended_{name}" if name not in needed else f"{name}_undefended")


def _ensure(model: ir.Model, defence: Defence, noise_input: str | None) -> LeakReport:
    answers = None if covers_by_noise(defence) else OUTPUT_NAME
    report = find_leaks(model, [] if noise_input is None else [noise_input], noise_free_answers=answers)
    if not report.defended and not any(draw.live for draw in report.draws):
        raise UnsupportedModelError(
            "The output to defend does not depend on the model's inputs, so it can't be the logits."
        )
    if not report.passed:
        raise AssertionError(f"the defence leaks: {report}")
    drawn = defence.takes_noise and noise_input is None
    if drawn and not any(draw.live and not draw.seeded for draw in report.draws):
        raise AssertionError(f"the noise is dead: {report.draws}")
    return report
