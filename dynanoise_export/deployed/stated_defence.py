"""Find the defence and the noise of a deployed model: from its provenance, and from its graph if it is known."""

import onnx_ir as ir

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.errors import DefenceError, UsageError, reason_of
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.graph.draws import DrawKind
from dynanoise_export.graph.leaks import LeakReport
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.onnx_functions import DOMAIN


def stated_defence(name: str, provenance: Provenance | None) -> Defence | None:
    """Make the defence that a model states; None if it states none.

    Args:
        name: of the model, for messages.
        provenance: what the model states.

    Raises:
        DefenceError: the defence is not installed here, or does not take the stated parameters.
    """
    if provenance is None:
        return None
    try:
        return provenance.made_defence()
    except UsageError as error:
        raise DefenceError(
            f"{name} states the defence {provenance.defence!r}, which can't be used here: {reason_of(error)}."
        ) from error


def node_defence(model: ir.Model, leaks: LeakReport) -> Defence | None:
    """Make the defence whose function a node of the graph calls, from the node's attributes.

    Args:
        model: any ONNX model.
        leaks: what the taint walk found in it.

    Returns:
        The defence; None unless there is exactly one such node, with valid attributes.
    """
    calls = [node for node in model.graph if node.domain == DOMAIN]
    functions = {cls.function_name: cls for _, cls in DEFENCES.all()} if calls else {}
    found = [node for node in calls if node.op_type in functions]
    if len(found) != 1:
        return None
    attributes = {name: attribute.value for name, attribute in found[0].attributes.items()}
    kind = functions[found[0].op_type]
    try:
        defence = kind.from_attributes(attributes, _tensors(found[0], kind))
    except UsageError:  # a node of the same name in another tool's file
        return None
    return keeping_label(defence, bool(leaks.labelled))


def _tensors(node: ir.Node, kind: type[Defence]) -> dict[str, FixedTensor]:
    """Read the tensors that a node takes, which are its last inputs; those that are no constants are left out."""
    count = len(kind.tensor_names)
    taken = node.inputs[len(node.inputs) - count :] if len(node.inputs) > count else ()
    constants = [None if value is None else ir.convenience.get_const_tensor(value) for value in taken]
    pairs = zip(kind.tensor_names, constants, strict=False)
    return {name: FixedTensor.of(tensor.numpy()) for name, tensor in pairs if tensor is not None}


def noise_source(provenance: Provenance | None, leaks: LeakReport | None) -> NoiseSource | None:
    """Find a model's noise source: from its graph if it is known, else from what it states."""
    stated = provenance.noise if provenance else None
    if leaks is None or not leaks.draws:
        return stated
    keyed = any(draw.kind is DrawKind.KEYED for draw in leaks.draws)
    return NoiseSource.KEYED if keyed else NoiseSource.RANDOM
