"""Shadow stores: the answers of shadow models to the rows of a bundle, in files that are mapped into memory."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dynanoise_export.errors import DataError, first_line
from dynanoise_export.types import Bools, Float32s

SCHEMA = "dynanoise-models/shadows/1"
LOGITS, KEPT, RECORD = "logits.npy", "kept.npy", "store.json"


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
    try:
        logits = np.load(path / LOGITS, mmap_mode="r", allow_pickle=False)
        kept = np.load(path / KEPT, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is a damaged shadow store: {first_line(error)}") from error
    done, count = len(record["models"]), record["count"]
    if done < count:
        raise DataError(f"{path} has {done} of {count} shadow models: run dynanoise-models shadows again.")
    if logits.ndim != 3 or kept.shape != logits.shape[:2] or len(kept) != count:
        raise DataError(
            f"{path} is a damaged shadow store: logits of shape {list(logits.shape)}, kept of {list(kept.shape)}."
        )
    return ShadowStore(path, logits, kept.astype(bool), record)


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a store, finished or not.

    Raises:
        DataError: it is not a shadow store.
    """
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a shadow store: {first_line(error)}") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or not {"models", "count"} <= record.keys():
        raise DataError(f"{path} is not a shadow store of the schema {SCHEMA}: see {path / RECORD}.")
    return record
