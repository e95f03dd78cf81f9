"""Shadow stores, as attacks need them."""

from pathlib import Path

import numpy as np

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.errors import UserError
from dynanoise_export.shadow_stores import ShadowStore, load_shadow_store

# Of the models that have learnt a row, and of those that have not: one may have to play the target.
FEWEST_OF_EITHER = 2


def open_store(path: Path, audit: Audit) -> ShadowStore:
    """Open the shadow store of an audit's rows.

    Raises:
        UserError: it is damaged, of other rows, or some row is learnt by too few of its models or by too many.
    """
    store = load_shadow_store(path)
    belongs = store.record.get("bundle_sha256")
    if belongs != audit.sha256:
        raise UserError(
            f"{path} holds shadow models of other rows than {audit.path}: give the bundle that it was made of."
        )
    if store.logits.shape[1] != len(audit):
        raise UserError(f"{path} holds answers to {store.logits.shape[1]:,} rows, and {audit.path} has {len(audit):,}.")
    learnt = store.kept.sum(axis=0)
    either = np.minimum(learnt, len(store.kept) - learnt)
    if either.min() < FEWEST_OF_EITHER:
        row = int(either.argmin())
        raise UserError(
            f"{path} is too small: row {row} is learnt by {learnt[row]} of its {len(store.kept)} models, and it takes "
            f"{FEWEST_OF_EITHER} that have learnt it and {FEWEST_OF_EITHER} that have not: train more shadow models."
        )
    if not np.isfinite(store.logits[:, :: max(1, len(audit) // 1000)]).all():
        raise UserError(f"{path} holds answers that are no numbers (NaN or infinite).")
    return store
