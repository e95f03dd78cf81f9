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
from dynanoise_export.shadow_stores import (
    KEPT,
    LOGITS,
    MODELS,
    RECORD,
    SCHEMA,
    StoreRecord,
    model_file,
    read_record,
)
from dynanoise_export.types import Float32s
from dynanoise_models.shadows.halves import halves

PARTS, STATES, BUNDLE = "parts", "states", "bundle"
OWN = {PARTS, STATES, BUNDLE, LOGITS, KEPT, RECORD, MODELS}


@dataclass(frozen=True)
class StorePlan:
    """What the models of a store have in common; a store can only go on, or grow, with the same plan.

    Attributes:
        made_by: what trains the models, as plain values: a target with its settings, or the user's function.
        bundle_sha256: of the rows.
        rows: n.
        seed: of the halves and of each model.
        classes: k; None if the first models show it.
    """

    made_by: Mapping[str, Any]
    bundle_sha256: str
    rows: int
    seed: int
    classes: int | None = None

    def stated(self) -> dict[str, Any]:
        """Give what the record of a store states."""
        common = {"bundle_sha256": self.bundle_sha256, "rows": self.rows, "seed": self.seed, "classes": self.classes}
        return {**self.made_by, **common}


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
        self.record: dict[str, Any] = {"schema": SCHEMA, **plan.stated(), "count": count, "models": {}}
        _require_folder(path)
        if (path / RECORD).exists() and not _can_begin_again(path, plan):
            self._go_on(plan, count)
        else:
            self._lay_out(None if plan.classes is None else self._no_answers(plan.classes))
        for folder in (PARTS, STATES):
            (path / folder).mkdir(exist_ok=True)
        self.merge()

    def missing(self) -> list[int]:
        """List the indices of the models that are not trained yet."""
        return [model for model in range(self.count) if str(model) not in self.record["models"]]

    def merge(self) -> None:
        """Move the answers that workers have left since into the store."""
        for part in sorted((self.path / PARTS).glob("*.npz")):
            with reading(part, "the answers of shadow models", DataError):
                self._merge(part)
            self._write_record()
            part.unlink()

    def _merge(self, part: Path) -> None:
        """Take the answers of one worker, in a file that a stranger may have put there."""
        content = read_arrays(part, ("models", "logits", "records"), "the answers of shadow models", DataError)
        models, logits = content["models"].astype(np.int64, casting="same_kind"), content["logits"]
        added = dict(zip(map(str, models), json_of(str(content["records"]), str(part), DataError), strict=True))
        record_of(StoreRecord, self.record | {"models": added}, str(part), DataError)
        if self.record["classes"] is None:
            self.record["classes"] = int(logits.shape[2])
            self._lay_out(self._no_answers(logits.shape[2]))
        self._answers(len(self.in_training))  # which is intact
        stored = np.load(self.path / LOGITS, mmap_mode="r+", allow_pickle=False)
        if logits.shape[1:] != stored.shape[1:]:
            part.unlink()
            raise DataError(
                f"The shadow models have {stored.shape[2]} and {logits.shape[2]} classes: each must give a score for "
                "every class, even for one that is missing in its own rows."
            )
        stored[models] = logits
        stored.flush()
        self.record["models"].update(added)

    def keeps(self) -> bool:
        """Whether the store has the file of every model that is trained."""
        return all(model_file(self.path, int(model)).is_file() for model in self.record["models"])

    def tidy(self) -> None:
        """Delete what a finished store does not need, and the files of models unless there is one for each."""
        unneeded = (PARTS, STATES) if self.keeps() else (PARTS, STATES, MODELS)
        for folder in unneeded:
            shutil.rmtree(self.path / folder, ignore_errors=True)

    def _go_on(self, plan: StorePlan, count: int) -> None:
        stored = read_record(self.path)
        wanted = plan.stated()
        if plan.classes is None:
            wanted["classes"] = stored.get("classes")
        differing = [name for name, value in wanted.items() if stored.get(name) != value]
        if differing:
            name = differing[0]
            raise DataError(
                f"{self.path} is a store with another {name} ({stored.get(name)!r}, not {wanted[name]!r}): name "
                "another folder."
            )
        if stored["count"] > count:
            raise DataError(
                f"{self.path} has {stored['count']} models, more than the {count} that --count asks for: name another "
                "folder."
            )
        self.record |= {"models": stored["models"], "classes": stored.get("classes")}
        answers = None if self.record["classes"] is None else self._answers(stored["count"])
        if stored["count"] < count:
            self._lay_out(answers)

    def _answers(self, models: int) -> Float32s:
        """Map the answers into memory, which a stranger may have given this store."""
        answers, shape = map_array(self.path / LOGITS, DataError), (models, self.record["rows"], self.record["classes"])
        if answers.shape != shape or answers.dtype != np.float32:
            raise DataError(f"{self.path / LOGITS} is damaged: it does not hold float32 {list(shape)}.")
        return cast(Float32s, answers)

    def _no_answers(self, classes: int) -> Float32s:
        return np.empty((0, len(self.in_training[0]), classes), np.float32)

    def _lay_out(self, answers: Float32s | None) -> None:
        """Make room for all models, if the number of classes is known, and write the record."""
        if answers is not None:
            self._write_answers(answers)
        with written_whole(self.path / KEPT) as staged, staged.open("wb") as file:
            np.save(file, self.in_training)
        self._write_record()

    def _write_answers(self, answers: Float32s) -> None:
        """Write the answers of the models that are trained; those of the others are NaN."""
        with written_whole(self.path / LOGITS) as staged:
            shape = (self.count, *answers.shape[1:])
            logits = np.lib.format.open_memmap(staged, mode="w+", dtype=np.float32, shape=shape)
            logits[: len(answers)] = answers
            logits[len(answers) :] = np.nan
            logits.flush()

    def _write_record(self) -> None:
        ordered = dict(sorted(self.record["models"].items(), key=lambda entry: int(entry[0])))
        with written_whole(self.path / RECORD) as staged:
            staged.write_text(json.dumps(self.record | {"models": ordered}, indent=2) + "\n", encoding="utf-8")


def _can_begin_again(path: Path, plan: StorePlan) -> bool:
    """Whether a store has no model yet, and is of the same function of the user, who may have corrected it since."""
    stored = read_record(path)
    same = all(stored.get(name) == plan.stated().get(name) for name in ("target", "recipe", "bundle_sha256", "seed"))
    return "recipe" in stored and same and not stored["models"] and not any((path / PARTS).glob("*.npz"))


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
