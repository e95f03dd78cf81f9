"""The probe: a defended graph with its noise fed from outside, and its logits as another output."""

from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.defences.guards.guard_catalogue import GUARDS
from dynanoise_export.defences.guards.merging import NAMES as MERGING
from dynanoise_export.defences.keep_label import NAME as KEEP_LABEL
from dynanoise_export.errors import DefenceError, UserError, reason_of
from dynanoise_export.graph.log_probabilities import before_log
from dynanoise_export.graph.provenance import read_provenance
from dynanoise_export.graph.twin import make_twin
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.keyed.onnx_function import NAME as KEYED_NORMALS
from dynanoise_export.noise.random_noise import NAME as RANDOM_NORMALS
from dynanoise_export.onnx_functions import DOMAIN

SUMS = {"Add", "Sub", "Sum"}

# What a defence computes between its logits and the sum with the noise, from the sum upwards.
WITHIN = ("LogSoftmax", "Clip", "Cast")

# The functions of the domain that are not a defence's.
HELPERS = {KEEP_LABEL, KEYED_NORMALS, RANDOM_NORMALS, *MERGING, *(guard.function_name for guard in GUARDS.values())}


@dataclass(frozen=True)
class Probe:
    """A graph that shows what a defence does.

    Attributes:
        model: takes the noise, and gives the answers and the logits.
        noise: the name of the input that takes the noise; None for a defence without noise.
        logits: the name of the output with the logits that the defence's function takes or, if it is flattened, with
            the value that the noise is added to, which is the logits up to a constant for each row; None if neither was
            found.
    """

    model: ir.Model
    noise: str | None
    logits: str | None


def make_probe(model: ir.Model) -> Probe:
    """Make the probe of a defended model; the model itself is not changed.

    Raises:
        UserError: the model has no noise that can be fed, and no function of a defence without noise.
    """
    copy = model.clone()
    node = _defence_node(copy)
    taken = None if node is None else node.inputs[0]
    if node is not None and not _takes_noise(node):
        return _given(copy, None, taken)
    noise = make_twin(copy)  # before the defence is flattened, which may hide where the noise ends
    common.InlinePass(criteria=lambda function: _fits(function, copy))(copy)
    common.TopologicalSortPass()(copy)
    return _given(copy, noise, _noised_value(copy, noise) if taken is None else taken)


def _given(model: ir.Model, noise: str | None, logits: ir.Value | None) -> Probe:
    if logits is not None and logits not in model.graph.outputs:
        model.graph.outputs.append(logits)
    return Probe(model, noise, None if logits is None else logits.name)


def _defence_node(model: ir.Model) -> ir.Node | None:
    """Find the one node that calls a defence's function; None if there is no such node, or more than one."""
    nodes = [node for node in model.graph if node.domain == DOMAIN and node.op_type not in HELPERS and node.inputs]
    return nodes[0] if len(nodes) == 1 else None


def _takes_noise(node: ir.Node) -> bool:
    """Whether a defence's node takes noise beside its logits and its tensors."""
    for _, kind in DEFENCES.all():
        if kind.function_name == node.op_type:
            return kind.takes_noise
    return len(node.inputs) > 1


@dataclass(frozen=True)
class DefenceInput:
    """What a defence takes from the model that it is put on.

    Attributes:
        value: in the probe's graph.
        probabilities: whether the value is probabilities; logits otherwise.
    """

    value: ir.Value
    probabilities: bool


def probe_defence(model: ir.Model) -> tuple[Probe, DefenceInput]:
    """Make the probe of a defended model, and find what its defence takes.

    Raises:
        DefenceError: no defence is found.
    """
    if _defence_node(model) is None and _states_other_noise(model):
        raise DefenceError("The model has no defence that can be found: its noise is not added to any logits.")
    try:
        probe = make_probe(model)
    except UserError as error:
        raise DefenceError(f"The model has no defence that can be found: {reason_of(error)}.") from error
    noised = None if probe.logits is None else value_named(probe.model, probe.logits)
    if noised is None:
        raise DefenceError("The model has no defence that can be found: its noise is not added to any logits.")
    return probe, _defence_input(noised, within=_defence_node(model) is None)


def _states_other_noise(model: ir.Model) -> bool:
    """Whether a model states a defence whose noise chooses among answers, so that nothing in its graph is a sum."""
    stated = read_provenance(model)
    try:
        return stated is not None and not stated.made_defence().adds_noise
    except UserError:  # it is not installed here
        return False


def _defence_input(noised: ir.Value, *, within: bool) -> DefenceInput:
    value = noised
    for operator in WITHIN if within else ():
        node = value.producer()
        if node is not None and node.op_type == operator and node.inputs[0] is not None:
            value = node.inputs[0]
    probabilities = before_log(value)
    if probabilities is not None:
        return DefenceInput(probabilities, probabilities=True)
    return DefenceInput(value, probabilities=False)


def _fits(function: ir.Function, model: ir.Model) -> bool:
    """Whether a function can be flattened: its operators mean the same in the model."""
    return all(
        model.opset_imports.get(domain, version) == version for domain, version in function.opset_imports.items()
    )


def _noised_value(model: ir.Model, noise: str) -> ir.Value | None:
    """Find what the noise is added to: the first sum of one value made with the noise and one made of the query."""
    source = value_named(model, noise)
    if source is None:
        return None
    noisy = {source}
    queried = {value for value in model.graph.inputs if value is not source}
    for node in model.graph:
        operands = [value for value in node.inputs if value is not None]
        with_noise = [value for value in operands if value in noisy]
        of_query = [value for value in operands if value in queried and value not in noisy]
        if node.op_type in SUMS and with_noise and of_query:
            return _before_temperature(of_query[0])
        if with_noise:
            noisy.update(node.outputs)
        if of_query:
            queried.update(node.outputs)
    return None


def _before_temperature(value: ir.Value) -> ir.Value:
    """Give the logarithm of the probabilities, if a value is that over the temperature."""
    node = value.producer()
    divided = node.inputs[0] if node is not None and node.op_type == "Div" and node.domain == "" else None
    made_by = None if divided is None else divided.producer()
    return divided if divided is not None and made_by is not None and made_by.op_type == "LogSoftmax" else value
