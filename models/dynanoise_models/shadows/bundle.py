"""The rows that shadow models learn from and answer to: a bundle, the user's or drawn here, and what it must be."""

from pathlib import Path

import numpy as np

from dynanoise_export.bundles import Bundle, load_bundle, require_disjoint, save_bundle
from dynanoise_export.errors import UserError
from dynanoise_models.experiments import Choices, Experiment, prepare
from dynanoise_models.shadows.store import BUNDLE
from dynanoise_models.starting import record_of
from dynanoise_models.training.rows import Rows


def own_bundle(target: str, store: Path, choices: Choices) -> Path:
    """Draw the rows as the target's training does, and write them into the store, unless they are there.

    Raises:
        UserError: they can't be drawn or written, or other rows are there.
    """
    path = store / BUNDLE
    experiment = prepare(target, choices)
    if path.exists():
        _require_same(path, experiment)
        return path
    try:
        store.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"Can't make the folder {store}: {error.strerror}.") from error
    save_bundle(path, experiment.rows.inputs, experiment.rows.y, experiment.parts)
    return path


def open_rows(path: Path, target: str) -> Rows:
    """Open a bundle and check that shadow models of a target can learn from it and be audited by it.

    Raises:
        UserError: it can't be read, its inputs or labels are not the target's, or a row is both member and non-member.
    """
    record = record_of(target)
    bundle = load_bundle(path, [spec.name for spec in record.inputs])
    for spec in record.inputs:
        array = bundle.inputs[spec.name]
        fits = [isinstance(size, str) or size == own for size, own in zip(spec.shape, array.shape, strict=False)]
        if array.ndim != len(spec.shape) or not all(fits) or array.dtype != spec.dtype:
            raise UserError(f"{path} has {list(array.shape)} {array.dtype} for the input {spec} of {target}.")
    rows = rows_of(bundle)
    if len(rows) < 2 or not 0 <= rows.y.min() <= rows.y.max() < record.classes:
        raise UserError(f"{path} has fewer than two rows, or labels beyond the {record.classes} classes of {target}.")
    if bundle.member is not None:
        require_disjoint(path, bundle.inputs, bundle.member)
    return rows


def rows_of(bundle: Bundle) -> Rows:
    """Take the rows of a bundle as they are trained on.

    Raises:
        UserError: it has no labels.
    """
    if bundle.y is None:
        raise UserError(f"{bundle.path} has no labels y, which shadow models are trained on.")
    return Rows(bundle.inputs, bundle.y)


def _require_same(path: Path, experiment: Experiment) -> None:
    there = load_bundle(path, list(experiment.rows.inputs))
    pairs = ((there.y, experiment.rows.y), (there.split, experiment.parts))
    same = all(old is not None and np.array_equal(old, new) for old, new in pairs)
    if not same:
        raise UserError(f"{path} holds other rows than these options draw: name another store, or the same options.")
