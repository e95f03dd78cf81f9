"""The shadow store of an audit."""

from pathlib import Path

import numpy as np

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.shadow_stores import ShadowStore, load_shadow_store

# Of the models that were trained on a row, and of those that were not: one may have to play the target.
FEWEST_PER_ROW = 2


def open_store(path: Path, audit: Audit) -> ShadowStore:
    """Open the shadow store of an audit's rows.

    Raises:
        DataError: it is damaged or of other rows, or almost all or almost none of its models were trained on some row.
    """
    store = load_shadow_store(path)
    if store.record.get("bundle_sha256") != audit.sha256:
        raise DataError(
            f"{path} has shadow models of other rows than {audit.path}: give the bundle that they were trained on."
        )
    if store.logits.shape[1] != len(audit):
        raise DataError(f"{path} has answers to {store.logits.shape[1]:,} rows, but {audit.path} has {len(audit):,}.")
    models, trained = len(store.kept), store.kept.sum(axis=0)
    fewer = np.minimum(trained, models - trained)
    if fewer.min() < FEWEST_PER_ROW:
        row = int(fewer.argmin())
        raise DataError(
            f"{path} is too small: {trained[row]} of its {models} models were trained on row {row}, but at least "
            f"{FEWEST_PER_ROW} must be, and at least {FEWEST_PER_ROW} must not: train more shadow models."
        )
    if not np.isfinite(store.logits[:, :: max(1, len(audit) // 1000)]).all():
        raise DataError(f"{path} has answers that are not finite (NaN or infinity).")
    return store


def require_all_shadows(store: ShadowStore | None) -> None:
    """Check that no attack is skipped for want of shadow models.

    Raises:
        UsageError: there are no shadow models.
        DataError: there are too few.
    """
    if store is None:
        raise UsageError("Shadow models are required, and there are none: give --shadows, or drop --require-shadows.")
    needed = max(attack.shadows for _, attack in ATTACKS.all())
    if len(store.kept) < needed:
        raise DataError(
            f"{store.path} has {len(store.kept)} shadow models, but the attacks need {needed}: train more, or drop "
            "--require-shadows."
        )
