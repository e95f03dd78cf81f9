"""Find the logits of a source's ONNX model, by its structure and by a trial run.

Whether a classifier gives logits or probabilities is decided here and nowhere else.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from dynanoise_export.errors import ModelInputError, UnsupportedModelError, UserError
from dynanoise_export.graph.logits import Ending, Logits, Scale, behind
from dynanoise_export.graph.patterns import unchanged
from dynanoise_export.graph.score_forms import sigmoid_input
from dynanoise_export.graph.score_shapes import as_rows, as_two_classes
from dynanoise_export.graph.values import value_named
from dynanoise_export.probabilities import are_probabilities
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.score_options import TreatAs
from dynanoise_export.sources.score_values import Doubt, agree, doubt_about, within
from dynanoise_export.sources.search_logits import as_rows_of, run_values, search_logits
from dynanoise_export.sources.source_model import SourceModel
from dynanoise_export.types import Array, Float64s, row_count

WAY_OUT = "name the logits with --logits NAME, or say what these are with --treat-as logits or --treat-as probabilities"

MULTI_LABEL = (
    "one probability for each label (multi-label), and a defence hides one label among classes that exclude each other"
)


@dataclass(frozen=True)
class _Trial:
    """The scores [n, k] of a trial run, and the values [n, k] that may be the logits behind them, or None."""

    scores: Float64s
    inner: Float64s | None


def find_logits(model: ir.Model, source: SourceModel) -> Logits:
    """Find where the defence goes.

    Operators that bring what is found into the form [n, k] are added to the model; nothing else in it changes.

    Args:
        model: the source's ONNX model.
        source: what it was made from.

    Raises:
        UserError: the model has no such output, or its scores can't be defended.
    """
    output = value_named(model, source.output)
    if output is None:
        raise ModelInputError(f"{source.path} has no value {source.output!r} in its main graph.")
    with naming(source.path):
        found = _behind_binary(output) if source.scores.binary else behind(output)
        trial = _try(model, source, output, found)
        logits = _decided(model, found, output, trial, source)
        return _in_rows(model, logits, source)


def scale_of(scores: Array) -> Scale:
    """Judge scores [n, k] by their values: probabilities if every row is a distribution, logits otherwise."""
    return Scale.PROBABILITIES if are_probabilities(np.asarray(scores)) else Scale.LOGITS


def _behind_binary(output: ir.Value) -> Logits:
    """Find the logit behind the one score of a binary classifier, through a sigmoid if there is one."""
    passed = unchanged(output)
    logit = sigmoid_input(passed.value)
    if logit is None:
        return Logits(output, Scale.UNKNOWN, f"{output.name}, an output", one=True)
    seen = f"{logit.name}, the input of the final sigmoid"
    return Logits(logit, Scale.LOGITS, seen, Ending.SIGMOID, passed.rounded, one=True)


def _try(model: ir.Model, source: SourceModel, output: ir.Value, found: Logits) -> _Trial:
    """Run the model on the example, with what may be its logits as another output."""
    answers = run_values(model, {output, found.value}, source.example)
    rows, columns = row_count(source.example), 1 if source.scores.binary else source.classes
    scores = as_rows_of(answers[str(output.name)], rows, columns)
    if scores is None:
        shape = list(answers[str(output.name)].shape)
        raise UnsupportedModelError(
            f"The output {output.name!r} answers {rows} rows with the shape {shape}, and not with one score for each "
            f"of {columns} classes."
        )
    return _Trial(scores, as_rows_of(answers[str(found.value.name)], rows, 1 if found.one else columns))


def _decided(model: ir.Model, found: Logits, output: ir.Value, trial: _Trial, source: SourceModel) -> Logits:
    """Decide what the scores are: what the user says, then what the structure shows, then what the values show."""
    at_output = dataclasses.replace(found, value=output, floor=source.scores.floor, one=source.scores.binary)
    if (said := source.scores.treat_as) is not None:
        scale = Scale.LOGITS if said is TreatAs.LOGITS else Scale.PROBABILITIES
        return dataclasses.replace(at_output, scale=scale, seen=f"{output.name}, which you treat as {said.value}")
    if _is_confirmed(found, trial):
        return dataclasses.replace(found, ending=Ending.SOFTMAX)
    if _are_probabilities(trial.scores):
        if found.ending is Ending.SORTED:
            raise _refusal(output, Doubt.SORTED.value)
        return search_logits(model, output, source.example, trial.scores) or _probabilities(at_output)
    if found.ending is Ending.SIGMOID and not source.scores.binary:
        raise UnsupportedModelError(f"The output {output.name!r} gives {MULTI_LABEL}.")
    if found.ending is Ending.SORTED:
        raise _refusal(output, Doubt.SORTED.value)
    linear = source.scores.binary or found.ending is Ending.LINEAR
    if (doubt := doubt_about(trial.scores, linear=linear)) is not None:
        raise _doubted(output, doubt)
    return dataclasses.replace(at_output, scale=Scale.LOGITS, seen=_seen_at_output(found, output))


def _is_confirmed(found: Logits, trial: _Trial) -> bool:
    """Whether the model's own answer is the softmax (or the sigmoid) of what was found behind it."""
    if found.ending not in (Ending.SOFTMAX, Ending.SIGMOID) or found.scale is not Scale.LOGITS or trial.inner is None:
        return False
    return bool(agree(trial.scores, trial.inner, rounded=found.rounded).all())


def _are_probabilities(scores: Float64s) -> bool:
    """Whether every row is a distribution, or one probability."""
    return within(scores, 1) if scores.shape[1] == 1 else are_probabilities(scores)


def _probabilities(at_output: Logits) -> Logits:
    seen = f"the logarithm of {at_output.value.name}, which are probabilities"
    return dataclasses.replace(at_output, scale=Scale.PROBABILITIES, seen=seen)


def _seen_at_output(found: Logits, output: ir.Value) -> str:
    return found.seen if found.ending is Ending.LINEAR else f"{output.name}, an output"


def _doubted(output: ir.Value, doubt: Doubt) -> UserError:
    if doubt is Doubt.NOT_A_NUMBER:
        return ModelInputError(
            f"The output {output.name!r} is NaN on the example or the made-up rows: give real rows with --example "
            "rows.npz."
        )
    return _refusal(output, doubt.value)


def _refusal(output: ir.Value, seen: str) -> UnsupportedModelError:
    return UnsupportedModelError(f"The values of {output.name!r} {seen}, so they are not logits: {WAY_OUT}.")


def _in_rows(model: ir.Model, logits: Logits, source: SourceModel) -> Logits:
    """Bring the value into the form [n, k]."""
    value = logits.value
    if logits.one:
        value = as_two_classes(model, as_rows(model, value, 1), logits.scale)
    elif value.shape is None or len(value.shape) != 2:
        value = as_rows(model, value, source.classes)
    return dataclasses.replace(logits, value=value)
