"""Shadow stores: the answers of shadow models to the rows of a bundle, in files that are mapped into memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
from pydantic import Field

from dynanoise_export.array_files import map_array
from dynanoise_export.errors import DataError, FileAccessError, reason_of
from dynanoise_export.records import Record, json_of, reading, record_of
from dynanoise_export.types import Bools, Float32s

SCHEMA = "dynanoise-models/shadows/1"
LOGITS, KEPT, RECORD = "logits.npy", "kept.npy", "store.json"
Count = Annotated[int, Field(ge=0, le=1 << 20)]


class ModelRecord(Record):
    """What a store says about one of its models, as far as this tool uses it."""

    accuracy_kept: float | None = None
    accuracy_others: float | None = None


class StoreRecord(Record):
    """What a store says about itself, as far as this tool uses it."""

    stated_schema: Literal["dynanoise-models/shadows/1"] = Field(alias="schema")
    count: Count
    models: dict[Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,6})$")], ModelRecord]
    target: str | None = None
    bundle_sha256: str | None = None
    rows: Annotated[int, Field(ge=0)] | None = None
    classes: Count | None = None


@dataclass(frozen=True)
class ShadowStore:
    """The answers of m shadow models to the n rows of a bundle.

    Attributes:
        path: of the folder.
        logits: float32 [m, n, k], mapped into memory.
        kept: bool [m, n], whether the row was in the model's training set.
        record: how the models were made: target, bundle_sha256, settings, seed, and each model's seed and accuracy.
    """

    path: Path
    logits: Float32s
    kept: Bools
    record: dict[str, Any]

    @classmethod
    def load(cls, path: str | Path) -> "ShadowStore":
        """Open a finished shadow store.

        Raises:
            DataError: it is missing or damaged, or some of its models are not trained yet.
        """
        return load_shadow_store(Path(path))


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
    if logits.ndim != 3 or kept.shape != logits.shape[:2] or len(kept) != count or 0 in logits.shape:
        raise DataError(
            f"{path} is a damaged shadow store: logits of shape {list(logits.shape)}, kept of {list(kept.shape)}."
        )
    if logits.dtype != np.float32 or kept.dtype != np.bool_:
        raise DataError(
            f"{path} is a damaged shadow store: logits of {logits.dtype}, not float32, or kept of {kept.dtype}, not "
            "bool."
        )
    if not all(np.isfinite(model).all() for model in logits):
        raise DataError(f"{path} is a damaged shadow store: some of its logits are not finite numbers.")
    return ShadowStore(path, cast(Float32s, logits), np.array(kept), record)


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a store, finished or not.

    Raises:
        DataError: it is not a shadow store.
    """
    try:
        with reading(path / RECORD, f"the record of a shadow store of the schema {SCHEMA}", DataError):
            text = (path / RECORD).read_bytes()
    except FileAccessError as missing:
        raise DataError(f"{path} is not a shadow store: {reason_of(missing)}.") from missing
    content = json_of(text, str(path / RECORD), DataError)
    record_of(StoreRecord, content, str(path / RECORD), DataError)
    record: dict[str, Any] = content
    return record
