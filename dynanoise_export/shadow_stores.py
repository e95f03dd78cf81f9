"""Shadow stores: the answers of shadow models to the rows of a bundle, in files that are mapped into memory."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field, StringConstraints

from dynanoise_export.array_files import map_array
from dynanoise_export.bundles import bundle_sha256, input_names, load_bundle
from dynanoise_export.errors import DataError, FileAccessError, UsageError, reason_of
from dynanoise_export.files import folder_written_whole
from dynanoise_export.graph.model_files import copy_model
from dynanoise_export.probabilities import are_probabilities
from dynanoise_export.records import Record, json_of, reading, record_of
from dynanoise_export.types import Bools, Float32s, Floats, Int64s

SCHEMA = "dynanoise-models/shadows/1"
LOGITS, KEPT, RECORD, MODELS = "logits.npy", "kept.npy", "store.json", "models"


class _ModelRecord(Record):
    """What a store says about one of its models."""

    seed: int | None = None
    accuracy_kept: float | None = Field(None, ge=0, le=1)
    accuracy_others: float | None = Field(None, ge=0, le=1)
    seconds: float | None = None


class StoreRecord(Record):
    """What a store says about itself."""

    form: Literal["dynanoise-models/shadows/1"] = Field(alias="schema")
    count: int = Field(ge=0, le=1 << 20)
    models: dict[Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,6})$")], _ModelRecord]
    rows: int | None = Field(None, ge=0)
    classes: int | None = Field(None, ge=0, le=1 << 20)
    bundle_sha256: str | None = None
    target: str | None = None
    recipe: str | None = None


@dataclass(frozen=True)
class ShadowStore:
    """The answers of m shadow models to the n rows of a bundle.

    Attributes:
        path: of the folder.
        logits: float32 [m, n, k], mapped into memory.
        kept: bool [m, n], whether the row was in the model's training set.
        record: how the models were made: target or recipe, bundle_sha256, seed, and each model's seed and accuracy.
        models: the ONNX file of each model, undefended; empty if the store does not keep its models.
    """

    path: Path
    logits: Float32s
    kept: Bools
    record: dict[str, Any]
    models: tuple[Path, ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> "ShadowStore":
        """Open a finished shadow store.

        Raises:
            DataError: it is missing or damaged, or some of its models are not trained yet.
        """
        return load_shadow_store(Path(path))

    @classmethod
    def write(
        cls,
        path: str | Path,
        *,
        bundle: str | Path,
        logits: Floats,
        kept: npt.ArrayLike,
        models: Sequence[str | Path] = (),
    ) -> "ShadowStore":
        """Write a store of shadow models that were trained elsewhere.

        Args:
            path: of the folder, which is replaced if it is a store.
            bundle: the path of the rows.
            logits: [m, n, k], the answers of m models to the n rows of the bundle, as logits or log-probabilities.
            kept: bool [m, n], whether the row was in the model's training set.
            models: the paths of the models' ONNX files, undefended, which are copied; empty to keep none.

        Returns:
            The store, opened.

        Raises:
            UserError: the arrays do not fit each other or the bundle, or something that is not a store is at the path.
        """
        return write_shadow_store(Path(path), Path(bundle), logits, kept, tuple(map(Path, models)))


def load_shadow_store(path: Path) -> ShadowStore:
    """Open a finished shadow store.

    Raises:
        DataError: it is missing or damaged, or some of its models are not trained yet.
    """
    record = read_record(path)
    done, count = len(record["models"]), record["count"]
    if done < count:
        raise DataError(f"{path} has {done} of {count} shadow models: run dynanoise-models shadows again.")
    try:
        logits, kept = map_array(path / LOGITS, DataError), map_array(path / KEPT, DataError)
    except FileAccessError as missing:
        raise DataError(f"{path} is a damaged shadow store: {reason_of(missing)}.") from missing
    _require_arrays(path, logits, kept, count)
    files = tuple(model_file(path, model) for model in range(count))
    models = files if all(file.is_file() for file in files) else ()
    return ShadowStore(path, cast(Float32s, logits), kept.astype(bool), record, models)


def model_file(store: Path, model: int) -> Path:
    """Give the path of a shadow model's ONNX file in its store."""
    return store / MODELS / f"{model:03d}.onnx"


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a store, finished or not.

    Raises:
        DataError: it is not a shadow store, or damaged.
    """
    try:
        with reading(path / RECORD, f"the record of a shadow store of the schema {SCHEMA}", DataError):
            text = (path / RECORD).read_bytes()
    except FileAccessError as missing:
        raise DataError(f"{path} is not a shadow store: {reason_of(missing)}.") from missing
    record: dict[str, Any] = json_of(text, str(path / RECORD), DataError)
    record_of(StoreRecord, record, str(path / RECORD), DataError)
    return record


def accuracies(logits: Floats, y: Int64s, kept: Bools) -> dict[str, float | None]:
    """Measure a shadow model on the rows of its training set and on the others, as the record of a store states it.

    Args:
        logits: [n, k].
        y: int64 [n], the labels.
        kept: bool [n], whether the row is in the training set.
    """
    correct = np.asarray(logits).argmax(axis=-1) == y
    parts = {"accuracy_kept": correct[kept], "accuracy_others": correct[~kept]}
    return {name: float(part.mean()) if part.size else None for name, part in parts.items()}


def write_shadow_store(
    path: Path, bundle: Path, logits: Floats, kept: npt.ArrayLike, models: Sequence[Path]
) -> ShadowStore:
    """Write a store; `ShadowStore.write` explains the arguments."""
    if path.exists() and not (path / RECORD).is_file():
        raise UsageError(f"Can't write the shadow store {path}: something that is not a store is there.")
    answers, members = np.asarray(logits), np.asarray(kept)
    y = _labels(bundle)
    _require_answers(answers, members, len(y), len(models))
    members = members.astype(bool)
    record = {
        "schema": SCHEMA,
        "bundle_sha256": bundle_sha256(bundle),
        "rows": len(y),
        "classes": answers.shape[2],
        "count": len(answers),
        "models": {str(model): accuracies(answers[model], y, members[model]) for model in range(len(answers))},
    }
    with folder_written_whole(path) as staged:
        np.save(staged / LOGITS, answers.astype(np.float32, copy=False))
        np.save(staged / KEPT, members)
        if models:
            (staged / MODELS).mkdir()
        for number, model in enumerate(models):
            copy_model(model, model_file(staged, number))
        (staged / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return load_shadow_store(path)


def _labels(bundle: Path) -> Int64s:
    y = load_bundle(bundle, input_names(bundle)).y
    if y is None:
        raise DataError(f"{bundle} has no labels y: add them.")
    return y


def _require_answers(logits: npt.NDArray[Any], kept: npt.NDArray[Any], rows: int, models: int) -> None:
    """Check what is to become a store.

    Raises:
        DataError: shapes or types do not fit, or the answers are not logits.
    """
    if logits.ndim != 3 or logits.dtype.kind != "f" or logits.shape[1] != rows or 0 in logits.shape:
        raise DataError(
            f"The logits have the shape {list(logits.shape)}, {logits.dtype}: give floats [models, {rows}, classes], "
            "for the rows of the bundle."
        )
    if kept.shape != logits.shape[:2] or not np.isin(kept, (0, 1)).all():
        raise DataError(f"kept has the shape {list(kept.shape)}: give true or false for {list(logits.shape[:2])}.")
    if models not in (0, len(logits)):
        raise DataError(f"There are {models} model files for the answers of {len(logits)} models: give all or none.")
    for model, answers in enumerate(logits):
        if not np.isfinite(answers).all():
            raise DataError(f"The logits of model {model} are not all finite numbers.")
        if are_probabilities(answers):
            raise DataError(f"Model {model} answers with probabilities: give logits, or their logarithm.")


def _require_arrays(path: Path, logits: npt.NDArray[Any], kept: npt.NDArray[Any], count: int) -> None:
    """Check the arrays of a store that is being opened.

    Raises:
        DataError: shapes or types do not fit.
    """
    fits = logits.ndim == 3 and kept.shape == logits.shape[:2] and len(kept) == count and 0 not in logits.shape
    if not fits or logits.dtype != np.float32 or kept.dtype != np.bool_:
        raise DataError(
            f"{path} is a damaged shadow store: logits of shape {list(logits.shape)}, {logits.dtype}, kept of "
            f"{list(kept.shape)}, {kept.dtype}."
        )
    if not all(np.isfinite(model).all() for model in logits):
        raise DataError(f"{path} is a damaged shadow store: some of its logits are not finite numbers.")
