"""Shadow stores: what shadow models answered to the rows of a bundle, in files that are mapped into memory."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError, first_line

SCHEMA = "dynanoise-models/shadows/1"
LOGITS, KEPT, RECORD = "logits.npy", "kept.npy", "store.json"


@dataclass(frozen=True)
class ShadowStore:
    """The answers of m shadow models to the n rows of a bundle.

    Attributes:
        path: of the folder.
        logits: float32 [m, n, k], mapped into memory.
        kept: bool [m, n], whether the row was in the model's training set.
        record: what the models are: target, bundle_sha256, settings, seed, and for each model its seed and accuracy.
    """

    path: Path
    logits: npt.NDArray[np.float32]
    kept: npt.NDArray[np.bool_]
    record: dict[str, Any]


def load_shadow_store(path: Path) -> ShadowStore:
    """Open a finished shadow store.

    Raises:
        UserError: it is missing, damaged, or not all of its models are trained.
    """
    record = read_record(path)
    try:
        logits = np.load(path / LOGITS, mmap_mode="r", allow_pickle=False)
        kept = np.load(path / KEPT, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} is a damaged shadow store: {first_line(error)}") from error
    done, count = len(record["models"]), record["count"]
    if done < count:
        raise UserError(f"{path} holds {done} of {count} shadow models: run dynanoise-models shadows again.")
    if logits.ndim != 3 or kept.shape != logits.shape[:2] or len(kept) != count:
        raise UserError(
            f"{path} is a damaged shadow store: logits of shape {list(logits.shape)}, kept of {list(kept.shape)}."
        )
    return ShadowStore(path, logits, kept.astype(bool), record)


def read_record(path: Path) -> dict[str, Any]:
    """Read what a store, finished or not, says of itself.

    Raises:
        UserError: it is no store.
    """
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no shadow store: {first_line(error)}") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or not {"models", "count"} <= record.keys():
        raise UserError(f"{path} is no shadow store of a form that is known here: {path / RECORD} says something else.")
    return record
