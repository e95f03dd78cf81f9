"""Fit a defence to a model: for defences with tensors, such as the weights of an attack classifier."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from dynanoise_export.bundles import Bundle, load_bundle
from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.defences.fitting_data import FittingData
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.errors import DataError
from dynanoise_export.runtimes.onnx_runtime import require_onnxruntime
from dynanoise_export.shadow_stores import ShadowStore, load_shadow_store
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import Arrays, Float32s, Int64s, Progress, Step, no_progress


def fit_defence(
    model: str | Path,
    name: str,
    *,
    parameters: Mapping[str, object] | None = None,
    data: str | Path,
    shadows: str | Path | None = None,
    rows: Int64s | None = None,
    keep_label: bool = False,
    seed: int = 0,
    source_options: SourceOptions | None = None,
    progress: Progress = no_progress,
) -> Defence:
    """Fit a defence to a model, for `export`.

    Args:
        model: the path of the classifier, in any known format.
        name: of the defence, in the registry.
        parameters: by name; those not given have the defence's defaults.
        data: the path of the bundle: rows with labels and membership.
        shadows: the path of a shadow store of the bundle's rows, for a defence that learns from shadow models.
        rows: int64, the numbers of the bundle's rows that it is fitted to; None for all.
        keep_label: let its answers keep the undefended model's label.
        seed: of everything random.
        source_options: what the classifier's own file does not say.
        progress: called with each step.

    Raises:
        UserError: an input can't be used, or there is no such defence or parameter.
    """
    require_onnxruntime()
    kind = DEFENCES.get(name)
    progress(Step(f"Opening {model}"))
    source = open_source(Path(model), source_options)
    bundle = load_bundle(Path(data), [spec.name for spec in source.inputs])
    store = None if shadows is None else _store(Path(shadows), bundle)
    progress(Step(f"Fitting {name}"))
    with Reference(source) as reference:
        return keeping_label(kind.fit(_data(reference, bundle, store, rows, seed), parameters or {}), keep_label)


def _data(
    reference: Reference, bundle: Bundle, store: ShadowStore | None, rows: Int64s | None, seed: int
) -> FittingData:
    if bundle.y is None or bundle.member is None:
        raise DataError(f"{bundle.path} has no labels or no membership: fitting a defence needs both.")
    of = slice(None) if rows is None else rows
    return FittingData(
        ask=partial(_ask, reference),
        inputs={name: array[of] for name, array in bundle.inputs.items()},
        y=bundle.y[of],
        member=bundle.member[of],
        classes=reference.source.classes,
        shadow_logits=None if store is None else store.logits[:, of],
        shadow_kept=None if store is None else store.kept[:, of],
        seed=seed,
    )


def _ask(reference: Reference, rows: Arrays) -> Float32s:
    return np.asarray(reference.logits(rows), dtype=np.float32)


def _store(path: Path, bundle: Bundle) -> ShadowStore:
    store = load_shadow_store(path)
    if store.logits.shape[1] != len(bundle):
        raise DataError(
            f"{path} answers {store.logits.shape[1]} rows, and {bundle.path} has {len(bundle)}: give the store of this "
            "bundle."
        )
    return store
