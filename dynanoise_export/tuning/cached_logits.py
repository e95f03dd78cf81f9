"""The logits that tuning works on: the target's and the shadow models', for the rows of one half."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dynanoise_export.array_files import map_array
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.scenario import restricted
from dynanoise_export.errors import DataError
from dynanoise_export.runtimes.provider import Execution
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceModel
from dynanoise_export.types import Bools, Float32s, Int64s


@dataclass(frozen=True)
class Rows:
    """Rows with the undefended answers to them.

    Attributes:
        audit: the n rows.
        logits: float32 [n, k], of the target.
        shadows: float32 [m, n, k], of the shadow models; m may be 0.
        trained_on: bool [m, n], whether the row was in a shadow model's training set.
        store: the shadow models, or None.
    """

    audit: Audit
    logits: Float32s
    shadows: Float32s
    trained_on: Bools
    store: ShadowStore | None

    def part(self, places: Int64s) -> "Rows":
        """Give some of the rows."""
        audit, store = restricted(self.audit, self.store, places)
        return replace(
            self,
            audit=audit,
            logits=self.logits[places],
            shadows=self.shadows[:, places],
            trained_on=self.trained_on[:, places],
            store=store,
        )


def all_rows(audit: Audit, logits: Float32s, store: ShadowStore | None) -> Rows:
    """Put the answers of the target and of the shadow models together.

    Raises:
        DataError: the shadow models have other classes, or a label is none of them.
    """
    classes = logits.shape[1]
    if audit.y.max() >= classes:
        raise DataError(f"{audit.path} has the label {audit.y.max()}, but the model has only {classes} classes.")
    if store is not None and store.logits.shape[2] != classes:
        raise DataError(f"{store.path} has answers of {store.logits.shape[2]} classes, but the model has {classes}.")
    shadows = np.empty((0, *logits.shape), np.float32) if store is None else np.asarray(store.logits, np.float32)
    trained_on = np.empty((0, len(logits)), bool) if store is None else store.kept
    return Rows(audit, logits, shadows, trained_on, store)


def target_logits(source: SourceModel, audit: Audit, execution: Execution) -> Float32s:
    """Ask the undefended model for its logits, float32 [n, k].

    Raises:
        UserError: it does not take the rows.
    """
    with Reference(source, execution=execution) as reference:
        return np.asarray(reference.logits(audit.inputs), np.float32)


def read_logits(path: Path, audit: Audit) -> Float32s:
    """Read logits that were saved before: an .npy file of floats [n, k], for the rows of the bundle.

    Raises:
        UserError: it can't be read, or has another form.
    """
    array = map_array(path, DataError)
    if array.ndim != 2 or array.dtype.kind != "f" or len(array) != len(audit) or array.shape[1] < 2:
        raise DataError(
            f"{path} has the shape {list(array.shape)}, {array.dtype}: give the model's logits, floats "
            f"[{len(audit)}, classes], for the rows of {audit.path}."
        )
    if not np.isfinite(array).all():
        raise DataError(f"{path} has logits that are not finite (NaN or infinity).")
    return np.array(array, np.float32)
