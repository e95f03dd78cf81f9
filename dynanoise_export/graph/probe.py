"""The probe: a defended graph with its noise fed from outside, and its logits as a further output."""

from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import UserError
from dynanoise_export.graph.twin import make_twin
from dynanoise_export.graph.values import value_named

SUMS = {"Add", "Sub", "Sum"}

# What stands in a head between what it takes and what the noise is added to, from there upwards.
WITHIN = ("LogSoftmax", "Clip", "Cast")

# The node that a head is put on where the model gives probabilities.
LOG = "dynanoise/log_probabilities"


@dataclass(frozen=True)
class Probe:
    """A graph to compare a head by.

    Attributes:
        model: gives the answers and the logits, and takes the noise.
        noise: the name of the input that takes the noise.
        logits: the name of the output that gives what the noise is added to, which is the logits up to a constant a
            row; None where no such place was found.
    """

    model: ir.Model
    noise: str
    logits: str | None


def make_probe(model: ir.Model) -> Probe:
    """Make the probe of a defended model; the model itself is left alone.

    Raises:
        UserError: the model draws no noise, or draws in several places.
    """
    copy = model.clone()
    common.InlinePass(criteria=lambda function: _fits(function, copy))(copy)
    common.TopologicalSortPass()(copy)
    noise = make_twin(copy)
    logits = _noised_value(copy, noise)
    if logits is not None and logits not in copy.graph.outputs:
        copy.graph.outputs.append(logits)
    return Probe(copy, noise, None if logits is None else logits.name)


@dataclass(frozen=True)
class HeadInput:
    """What a head takes from the model that it is put on.

    Attributes:
        value: in the probe's graph.
        probabilities: whether it is probabilities; logits otherwise.
    """

    value: ir.Value
    probabilities: bool


def probe_head(model: ir.Model) -> tuple[Probe, HeadInput]:
    """Make the probe of a defended model, and find what its head takes.

    Raises:
        UserError: no head is found.
    """
    try:
        probe = make_probe(model)
    except UserError as error:
        raise UserError(f"no head is found ({str(error).rstrip('.')})") from error
    noised = None if probe.logits is None else value_named(probe.model, probe.logits)
    if noised is None:
        raise UserError("no head is found")
    return probe, _head_input(noised)


def _head_input(noised: ir.Value) -> HeadInput:
    value = noised
    for operator in WITHIN:
        node = value.producer()
        if node is not None and node.op_type == operator and node.inputs[0] is not None:
            value = node.inputs[0]
    log = value.producer()
    if log is not None and log.name == LOG and log.inputs[0] is not None:
        return HeadInput(log.inputs[0], probabilities=True)
    return HeadInput(value, probabilities=False)


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
            return of_query[0]
        if with_noise:
            noisy.update(node.outputs)
        if of_query:
            queried.update(node.outputs)
    return None
