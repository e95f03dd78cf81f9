"""The rows of a target's shadow models: a bundle, the user's or a new one, and what it must hold."""

from pathlib import Path

import numpy as np

from dynanoise_export.bundles import Bundle, load_bundle
from dynanoise_export.errors import DataError, FileAccessError
from dynanoise_models.experiments import Experiment, ExperimentOptions, prepare
from dynanoise_models.shadows.labelled_rows import labels_of_rows, require_trainable
from dynanoise_models.shadows.store import BUNDLE
from dynanoise_models.starting import find_target
from dynanoise_models.training.rows import Rows


def bundle_in_store(target: str, store: Path, options: ExperimentOptions) -> Path:
    """Split the target's data set as for its training, and write the bundle into the store, unless it is there.

    Returns:
        The path of the bundle.

    Raises:
        UserError: the bundle can't be made or written, or the store has a bundle of other rows.
    """
    path = store / BUNDLE
    experiment = prepare(target, options)
    if path.exists():
        _require_same(path, experiment)
        return path
    try:
        store.mkdir(exist_ok=True)
    except OSError as error:
        raise FileAccessError(f"Can't make the folder {store}: {error.strerror}.") from error
    experiment.save_bundle(path)
    return path


def open_rows(path: Path, target: str) -> Rows:
    """Open a bundle, and check that shadow models of a target can be trained on it.

    Raises:
        UserError: it can't be read, its inputs or labels do not fit the target, or a row is both member and non-member.
    """
    found = find_target(target)
    bundle = load_bundle(path, [spec.name for spec in found.inputs])
    for spec in found.inputs:
        array = bundle.inputs[spec.name]
        fits = [isinstance(size, str) or size == own for size, own in zip(spec.shape, array.shape, strict=False)]
        if array.ndim != len(spec.shape) or not all(fits) or array.dtype != spec.dtype:
            raise DataError(
                f"{path} has {list(array.shape)} {array.dtype} for the input {spec} of {target}: make the bundle with "
                "dynanoise-models train."
            )
    require_trainable(bundle, found.classes)
    return rows_of(bundle)


def rows_of(bundle: Bundle) -> Rows:
    """Take the rows of a bundle in the form that training takes.

    Raises:
        DataError: the bundle has no labels.
    """
    return Rows(bundle.inputs, labels_of_rows(bundle))


def _require_same(path: Path, experiment: Experiment) -> None:
    stored = load_bundle(path, list(experiment.rows.inputs))
    pairs = ((stored.y, experiment.rows.y), (stored.split, experiment.parts))
    if not all(old is not None and np.array_equal(old, new) for old, new in pairs):
        raise DataError(f"{path} holds other rows than these options give: name another store, or give its options.")
