"""The rows that a model is judged on: those of the user's data, or made-up ones that its reference takes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynanoise_export.bundles import load_bundle
from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.reference_options import reference_options
from dynanoise_export.graph.specs import with_dynamic_batch
from dynanoise_export.layouts import require_layout
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.sources.inputs import draw, more_like
from dynanoise_export.sources.made_up_rows import failed_on
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.types import Array, Arrays, Float64s, TensorSpec, row_count

# The rows that a check of form needs, and those that an audit needs; more make it slower and no sharper.
FEW_ROWS, MOST_ROWS = 32, 2000
MADE_UP_ROWS = 512
# With so many classes that the scores of all rows would fill the memory, or so large made-up rows, fewer are used.
MOST_SCORES, MOST_VALUES = 4_000_000, 50_000_000
WAY_OUT = "give real rows with --data rows.npz"


@dataclass(frozen=True)
class JudgedRows:
    """Rows for a model and its reference.

    Attributes:
        rows: an array for each input of the model.
        source: the reference.
        described: where the rows come from, for people.
        whose: the same for an error, as in "made-up rows".
        way_out: what the user can do if a model does not run on them.
    """

    rows: Arrays
    source: SourceModel
    described: str
    whose: str
    way_out: str

    def answered(self, reference: Reference, guard: Guard | None = None) -> Float64s:
        """Give the reference's logits for the rows behind a guard, [n, k].

        Raises:
            UserError: it does not run on them, or does not answer with k scores.
        """
        try:
            return reference.logits(self.rows, guard)
        except FailedRunError as error:
            raise failed_on(str(self.source.path), self.whose, error, self.way_out) from error


def judged_rows(model: DeployedModel, reference: Path, data: Path | None, options: SourceOptions | None) -> JudgedRows:
    """Read the rows of the data, or make some up that the reference takes.

    Args:
        model: the deployed model.
        reference: the path of the reference.
        data: the path of a bundle; None for made-up rows.
        options: what the user says about the reference.

    Raises:
        UserError: the data or the reference can't be used.
    """
    most = min(MOST_ROWS, max(FEW_ROWS, MOST_SCORES // max(model.classes, 1)))
    if data is None:
        return _made_up(model, reference, options, min(most, MADE_UP_ROWS))
    bundle = load_bundle(data, [spec.name for spec in model.inputs])
    rows = {spec.name: np.asarray(bundle.inputs[spec.name][:most]).astype(spec.dtype) for spec in model.inputs}
    for spec in model.inputs:
        require_layout(str(data), rows[spec.name], spec)
    described = f"{data}, {row_count(rows):,} of its {len(bundle):,} rows"
    source = open_source(reference, reference_options(model, options, rows))
    return JudgedRows(rows, source, described, f"the rows of {data}", "")


def _made_up(model: DeployedModel, reference: Path, options: SourceOptions | None, most: int) -> JudgedRows:
    try:
        source = open_source(reference, reference_options(model, options))
    except FailedRunError as error:
        raise failed_on(str(reference), "made-up rows", error, WAY_OUT) from error
    drawn = draw(with_dynamic_batch(model.inputs))
    example = {spec.name: _fitting(spec, source.example.get(spec.name), drawn[spec.name]) for spec in model.inputs}
    values = sum(array[:1].size for array in example.values())
    count = min(most, max(FEW_ROWS, MOST_VALUES // max(values, 1)))
    described = "made up: give --data for a verdict on real rows"
    return JudgedRows(more_like(example, count), source, described, "made-up rows", WAY_OUT)


def _fitting(spec: TensorSpec, theirs: Array | None, drawn: Array) -> Array:
    """Choose the reference's example, whose sizes and integers it is known to take, if it fits the input."""
    if theirs is None or theirs.ndim != len(spec.shape):
        return drawn
    sizes = zip(spec.shape[1:], theirs.shape[1:], strict=True)
    fits = all(isinstance(axis, str) or axis == size for axis, size in sizes)
    return theirs.astype(spec.dtype) if fits else drawn
