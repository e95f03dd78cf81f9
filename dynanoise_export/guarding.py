"""Find the bounds of a guard: from rows of the user's data, or from a range."""

from collections.abc import Mapping
from pathlib import Path

from dynanoise_export.bundles import load_bundle
from dynanoise_export.defences.guards.guard import Guard, GuardKind, guarded_inputs
from dynanoise_export.defences.guards.guard_catalogue import make_guard
from dynanoise_export.layouts import require_layout
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Arrays, Progress, Step, no_progress


def fit_guard(
    model: str | Path,
    kind: GuardKind | str,
    *,
    data: str | Path | tuple[float, float] | None = None,
    parameters: Mapping[str, float] | None = None,
    source_options: SourceOptions | None = None,
    progress: Progress = no_progress,
) -> Guard:
    """Fit a guard to a model, for `export`.

    Args:
        model: the path of the classifier, in any known format.
        kind: box, binary, image, sphere or binary-sphere.
        data: the path of a bundle, all rows of which pass the guard as they are; or a lower and an upper end for all
            numbers. None only for binary and binary-sphere, which need neither.
        parameters: of the guards sphere (sigma, copies) and binary-sphere (flips, copies), by name.
        source_options: what the classifier's own file does not say.
        progress: called with each step.

    Raises:
        UserError: an input can't be used, the rows or the parameters do not fit the kind, or the model takes no such
            inputs.
    """
    progress(Step(f"Opening {model}"))
    source = open_source(Path(model), source_options)
    if data is None or isinstance(data, tuple):
        return make_guard(kind, source.inputs, data, parameters)
    progress(Step(f"Finding the bounds of the guard {kind}"))
    bundle = load_bundle(Path(data), [spec.name for spec in source.inputs])
    rows: Arrays = bundle.inputs
    for spec in guarded_inputs(source.inputs):
        require_layout(str(data), rows[spec.name], spec)
    return make_guard(kind, source.inputs, rows, parameters)
