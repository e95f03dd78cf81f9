"""A shadow store in the making: each group of trained models adds its answers, and an interruption loses nothing."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from dynanoise_export.array_files import map_array, read_arrays
from dynanoise_export.errors import DataError, FileAccessError
from dynanoise_export.files import written_whole
from dynanoise_export.records import json_of, reading, record_of
from dynanoise_export.shadow_stores import KEPT, LOGITS, RECORD, SCHEMA, StoreRecord, read_record
from dynanoise_export.types import Float32s
from dynanoise_models.shadows.halves import halves

PARTS, STATES, BUNDLE = "parts", "states", "bundle"
OWN = {PARTS, STATES, BUNDLE, LOGITS, KEPT, RECORD}


@dataclass(frozen=True)
class StorePlan:
    """What the models of a store have in common; a store can only go on, or grow, with the same plan.

    Attributes:
        target: a name in `TARGETS`.
        bundle_sha256: of the rows.
        rows: n.
        classes: k.
        seed: of the halves and of each model.
        settings: of the training, as plain values.
        started_from: the encoder or the weights; None if all weights are drawn.
    """

    target: str
    bundle_sha256: str
    rows: int
    classes: int
    seed: int
    settings: Mapping[str, Any]
    started_from: str | None


class GrowingStore:
    """The folder of a store while its models are trained.

    Args:
        path: of the folder; it is made if it does not exist.
        plan: of the store.
        count: the number of models; a store with fewer grows.

    Raises:
        UserError: the folder holds something else, a store with another plan, or a store with more models.
    """

    def __init__(self, path: Path, plan: StorePlan, count: int) -> None:
        self.path, self.count = path, count
        self.in_training = halves(plan.rows, count, plan.seed)
        self.record = {"schema": SCHEMA, **vars(plan), "count": count, "models": {}}
        _require_folder(path)
        if (path / RECORD).exists():
            self._go_on(plan, count)
        else:
            self._lay_out(np.empty((0, plan.rows, plan.classes), np.float32))
        for folder in (PARTS, STATES):
            (path / folder).mkdir(exist_ok=True)
        self.merge()

    def missing(self) -> list[int]:
        """List the indices of the models that are not trained yet."""
        return [model for model in range(self.count) if str(model) not in self.record["models"]]

    def merge(self) -> None:
        """Move the answers that workers have left since into the store."""
        for part in sorted((self.path / PARTS).glob("*.npz")):
            content = read_arrays(part, ("models", "logits", "records"), "the answers of shadow models", DataError)
            with reading(part, "the answers of shadow models", DataError):
                models = content["models"].astype(np.int64, casting="same_kind")
                records = json_of(str(content["records"]), str(part), DataError)
                added = dict(zip(map(str, models), records, strict=True))
                record_of(StoreRecord, self.record | {"models": added}, str(part), DataError)
                self._answers(len(self.in_training))  # which is intact
                stored = np.load(self.path / LOGITS, mmap_mode="r+", allow_pickle=False)
                stored[models] = content["logits"]
                stored.flush()
            self.record["models"].update(added)
            self._write_record()
            part.unlink()

    def tidy(self) -> None:
        """Delete what a finished store does not need."""
        for folder in (PARTS, STATES):
            shutil.rmtree(self.path / folder, ignore_errors=True)

    def _go_on(self, plan: StorePlan, count: int) -> None:
        stored = read_record(self.path)
        differing = [name for name, value in vars(plan).items() if stored.get(name) != value]
        if differing:
            name = differing[0]
            raise DataError(
                f"{self.path} is a store with another {name} ({stored.get(name)!r}, not {getattr(plan, name)!r}): "
                "name another folder."
            )
        if stored["count"] > count:
            raise DataError(
                f"{self.path} has {stored['count']} models, more than the {count} that --count asks for: name another "
                "folder."
            )
        self.record["models"] = stored["models"]
        if stored["count"] < count:
            self._lay_out(self._answers(stored["count"]))

    def _answers(self, models: int) -> Float32s:
        """Map the answers into memory, which a stranger may have given this store."""
        answers, shape = map_array(self.path / LOGITS, DataError), (models, self.record["rows"], self.record["classes"])
        if answers.shape != shape or answers.dtype != np.float32:
            raise DataError(f"{self.path / LOGITS} is damaged: it does not hold float32 {list(shape)}.")
        return cast(Float32s, answers)

    def _lay_out(self, answers: Float32s) -> None:
        """Make room for all models; the answers of models that are not trained yet are NaN."""
        with written_whole(self.path / LOGITS) as staged:
            shape = (self.count, *answers.shape[1:])
            logits = np.lib.format.open_memmap(staged, mode="w+", dtype=np.float32, shape=shape)
            logits[: len(answers)] = answers
            logits[len(answers) :] = np.nan
            logits.flush()
        with written_whole(self.path / KEPT) as staged, staged.open("wb") as file:
            np.save(file, self.in_training)
        self._write_record()

    def _write_record(self) -> None:
        ordered = dict(sorted(self.record["models"].items(), key=lambda entry: int(entry[0])))
        with written_whole(self.path / RECORD) as staged:
            staged.write_text(json.dumps(self.record | {"models": ordered}, indent=2) + "\n", encoding="utf-8")


def _require_folder(path: Path) -> None:
    """Make the folder; a folder that exists must be a store, or the beginning of one."""
    try:
        path.mkdir(exist_ok=True)
        others = {entry.name for entry in path.iterdir()} - OWN
    except OSError as error:
        raise FileAccessError(f"Can't make the store {path}: {error.strerror}.") from error
    if others and not (path / RECORD).exists():
        raise DataError(f"{path} is not a shadow store, because it holds {sorted(others)[0]}: name another folder.")


def write_part(store: Path, models: Sequence[int], logits: Float32s, records: Sequence[Mapping[str, Any]]) -> None:
    """Leave the answers of trained models where the store finds them.

    Args:
        store: the folder.
        models: their indices, m of them.
        logits: float32 [m, n, k].
        records: what the store's record says about each model.
    """
    with written_whole(store / PARTS / f"{models[0]:04d}.npz") as staged, staged.open("wb") as file:
        np.savez(file, models=np.array(models), logits=logits, records=np.array(json.dumps(list(records))))
