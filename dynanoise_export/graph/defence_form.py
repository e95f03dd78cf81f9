"""Is the defence of a file the one that this tool attaches, with nothing before the answers but that.

The defence is attached again, to a graph that consists of its logits alone, and what comes out is compared with the
file from the answers upwards. So nothing stands between the file's logits and its answers but the defence: no other
value reaches the answers, not even in their last digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.defences.base import Defence
from dynanoise_export.errors import UserError, first_line, reason_of
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.graph.same_form import DifferentFormError, SameForm, passed_on
from dynanoise_export.graph.score_shapes import are_rows
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.input_noise import InputNoise
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.keyed_noise import WEIGHTS, KeyedNoise
from dynanoise_export.noise.noise import Noise
from dynanoise_export.noise.random_noise import RandomNoise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.onnx_functions import DOMAIN, VERSION

STANDARD = ("", "ai.onnx", DOMAIN)


@dataclass(frozen=True)
class StatedDefence:
    """A defence as a file states it.

    Attributes:
        defence: what the answers become.
        noise: where its standard normals come from; None for a defence that takes no noise.
        noise_input: the name of the file's input that takes the noise, or None.
        classes: k.
        floors: the floors that the defence may have been attached with; None for logits.
        tables: whether the tables of keyed noise are compared too; without the key only their shapes are.
    """

    defence: Defence
    noise: Noise | None
    noise_input: str | None
    classes: int
    floors: tuple[float | None, ...]
    tables: bool = True


class UnknownFormError(Exception):
    """The comparison can't be made; the message says why, and has no full stop."""


@dataclass(frozen=True)
class Compared:
    """What the comparison found.

    Attributes:
        difference: None if the model has the stated defence and no more; else where it differs, without a full stop.
        model: a copy, in which the defence is flattened.
        scores: what the defence takes, in the copy; None if there is a difference.
    """

    difference: str | None
    model: ir.Model
    scores: ir.Value | None


def compare_defence(model: ir.Model, answers: str, stated: StatedDefence) -> Compared:
    """Compare what makes the answers of a model with the defence that it states.

    Args:
        model: is not changed.
        answers: the name of the output with the answers.
        stated: the defence.

    Raises:
        UnknownFormError: another tool or another version wrote the defence, or it can't be attached to compare with.
    """
    version = model.opset_imports.get(DOMAIN, VERSION)
    if version != VERSION:
        forms = f"form {version} instead of {VERSION}"
        raise UnknownFormError(f"another version of this tool wrote the defence ({forms}), so export the model again")
    flat = flattened(model)
    output = next((value for value in flat.graph.outputs if value.name == answers), None)
    if output is None:
        return Compared(f"it has no output {answers!r}", flat, None)
    differences = []
    for form in _forms(flat, stated):
        try:
            scores = _compare(form, flat, output, stated)
        except DifferentFormError as difference:
            differences.append(str(difference))
        except Exception as error:  # a foreign operator may be malformed in any way
            differences.append(f"an operator is malformed ({first_line(error)})")
        else:
            return Compared(None, flat, scores)
    if foreign := _foreign(flat, output):
        raise UnknownFormError(
            f"another tool rewrote the defence with {foreign}, so compare the file that export wrote"
        )
    older = "" if DOMAIN in model.opset_imports else "; if an older version flattened it, export the model again"
    return Compared(differences[0] + older, flat, None)


def _compare(form: ir.Model, model: ir.Model, output: ir.Value, stated: StatedDefence) -> ir.Value:
    tables = {name for name in form.graph.initializers if name.startswith(WEIGHTS)}
    comparison = SameForm(form, model, frozenset() if stated.tables else frozenset(tables))
    comparison.require(form.graph.outputs[0], output)
    scores = comparison.found.get(form.graph.inputs[0])
    if scores is None:
        raise DifferentFormError("the answers do not depend on any logits")
    guarded = any(_holds_width(node, form) for node in form.graph)
    declared = None if scores.shape is None or len(scores.shape) != 2 else scores.shape[1]
    if not guarded and not are_rows(scores, stated.classes) and declared != stated.classes:
        raise DifferentFormError(f"nothing holds the logits to {stated.classes} classes")
    _require_noise_input(comparison, form, model, stated)
    return scores


def flattened(model: ir.Model) -> ir.Model:
    """Give a copy of a model in which the functions of this project are flattened.

    Raises:
        UnknownFormError: they can't be.
    """
    copy = model.clone()
    try:
        common.InlinePass(criteria=lambda function: function.domain == DOMAIN)(copy)
    except Exception as error:  # a foreign function may be malformed in any way
        raise UnknownFormError(f"its functions can't be flattened ({first_line(error)})") from error
    return copy


def _forms(model: ir.Model, stated: StatedDefence) -> Iterator[ir.Model]:
    """Attach the defence to a graph of its logits alone, once for each floor."""
    opset = model.opset_imports.get("", 0)
    for floor in stated.floors:
        source = ir.Value(
            name="scores", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(["batch", stated.classes])
        )
        passed = ir.node("Identity", [source])
        passed.outputs[0].name, passed.outputs[0].type = "passed_on", source.type
        passed.outputs[0].shape = source.shape
        graph = ir.Graph([source], [passed.outputs[0]], nodes=[passed], opset_imports={"": opset}, name="defence")
        form = ir.Model(graph, ir_version=model.ir_version)
        scale = Scale.LOGITS if floor is None else Scale.PROBABILITIES
        logits = Logits(passed.outputs[0], scale, "", floor=floor)
        try:
            attach(form, logits, stated.classes, stated.defence, stated.noise, inline=True)
        except UserError as error:
            raise UnknownFormError(reason_of(error)) from error
        except ValueError as error:
            raise UnknownFormError(first_line(error).rstrip(".")) from error
        yield form
        yield _without_width(form)


def _without_width(form: ir.Model) -> ir.Model:
    """Give the same form without the node that holds the width, which optimisers remove if the model declares it."""
    bare = form.clone()
    for node in list(bare.graph):
        if _holds_width(node, bare):
            ir.convenience.replace_all_uses_with(node.outputs[0], bare.graph.inputs[0])
    common.RemoveUnusedNodesPass()(bare)
    return bare


def _holds_width(node: ir.Node, form: ir.Model) -> bool:
    return node.op_type == "Reshape" and node.inputs[0] is not None and passed_on(node.inputs[0]) in form.graph.inputs


def _require_noise_input(comparison: SameForm, form: ir.Model, model: ir.Model, stated: StatedDefence) -> None:
    fed = None if stated.noise is None else stated.noise.input_name
    if fed is None:
        return
    ours = next(value for value in form.graph.inputs if value.name == fed)
    theirs = None if stated.noise_input is None else value_named(model, stated.noise_input)
    if comparison.found.get(ours) is not theirs or theirs not in model.graph.inputs:
        raise DifferentFormError(f"the noise does not come from the input {stated.noise_input!r} alone")


def _foreign(model: ir.Model, output: ir.Value) -> str | None:
    """Name an operator of another domain among the nearest that make the answers, as an optimiser puts it there."""
    nearest: set[ir.Node] = set()
    level = [output]
    for _ in range(40):
        nodes = {node for value in level if (node := value.producer()) is not None} - nearest
        for node in nodes:
            if node.domain not in STANDARD and node.op_identifier() not in model.functions:
                return f"{node.domain}::{node.op_type}"
        nearest |= nodes
        level = [value for node in nodes for value in node.inputs if value is not None]
    return None


def as_provenance_states(model: ir.Model, answers: str, stated: Provenance) -> StatedDefence:
    """Give the defence that a file states, without the key of keyed noise.

    Raises:
        UnknownFormError: the defence is not installed, or the file does not declare its classes.
    """
    output = value_named(model, answers)
    classes = None if output is None or output.shape is None or len(output.shape) != 2 else output.shape[1]
    if not isinstance(classes, int):
        raise UnknownFormError("it does not declare how many classes it has")
    noise: Noise | None = None
    try:
        defence = stated.made_defence()
        if stated.noise is NoiseSource.KEYED:
            noise = KeyedNoise(Key(bytes(32)), stated.grids)
        elif stated.noise is not None:
            noise = InputNoise() if stated.noise is NoiseSource.INPUT else RandomNoise()
    except UserError as error:
        raise UnknownFormError(reason_of(error)) from error
    return StatedDefence(defence, noise, stated.noise_input, classes, (stated.floor,), tables=False)
