"""A shadow store in the making: each group of models that is done adds its answers, and nothing is lost on a stop."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError
from dynanoise_export.files import written_whole
from dynanoise_export.shadow_stores import KEPT, LOGITS, RECORD, SCHEMA, read_record
from dynanoise_models.shadows.halves import halves

PARTS, STATES, BUNDLE = "parts", "states", "bundle"
OWN = {PARTS, STATES, BUNDLE, LOGITS, KEPT, RECORD}


@dataclass(frozen=True)
class Plan:
    """What a store is of; a store goes on, or grows, only under the plan that it was begun with.

    Attributes:
        target: a name in `TARGETS`.
        bundle_sha256: of the rows.
        rows: n of them.
        classes: k.
        seed: of the halves and of each model.
        settings: of the training, as plain values.
        started_from: the encoder or the weights, None where all weights are drawn.
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
        path: of the folder; made if it is not there.
        plan: what the store is of.
        count: how many models it shall have; a store of fewer grows.

    Raises:
        UserError: the folder holds something else, a store of another plan, or one of more models.
    """

    def __init__(self, path: Path, plan: Plan, count: int) -> None:
        self.path, self.count = path, count
        self.kept = halves(plan.rows, count, plan.seed)
        self.record = {"schema": SCHEMA, **vars(plan), "count": count, "models": {}}
        _require_folder(path)
        if (path / RECORD).exists():
            self._take_up(plan, count)
        else:
            self._lay_out(np.empty((0, plan.rows, plan.classes), np.float32))
        for folder in (PARTS, STATES):
            (path / folder).mkdir(exist_ok=True)
        self.merge()

    def missing(self) -> list[int]:
        """Give the numbers of the models that are not there yet."""
        return [model for model in range(self.count) if str(model) not in self.record["models"]]

    def merge(self) -> None:
        """Take up the answers of the models that are done since."""
        for part in sorted((self.path / PARTS).glob("*.npz")):
            with np.load(part, allow_pickle=False) as content:
                models, logits, told = content["models"], content["logits"], json.loads(str(content["told"]))
            stored = np.load(self.path / LOGITS, mmap_mode="r+")
            stored[models] = logits
            stored.flush()
            self.record["models"].update(zip(map(str, models), told, strict=True))
            self._write_record()
            part.unlink()

    def tidy(self) -> None:
        """Take away what only a store in the making needs."""
        for folder in (PARTS, STATES):
            shutil.rmtree(self.path / folder, ignore_errors=True)

    def _take_up(self, plan: Plan, count: int) -> None:
        there = read_record(self.path)
        differing = [name for name, value in vars(plan).items() if there.get(name) != value]
        if differing:
            name = differing[0]
            raise UserError(
                f"{self.path} is a store of another {name} ({there.get(name)!r}, not {getattr(plan, name)!r}): "
                "name another folder."
            )
        if there["count"] > count:
            raise UserError(f"{self.path} has {there['count']} models already, more than the {count} asked for.")
        self.record["models"] = there["models"]
        if there["count"] < count:
            self._lay_out(np.load(self.path / LOGITS, mmap_mode="r"))

    def _lay_out(self, answered: npt.NDArray[np.float32]) -> None:
        """Make room for all models; what is not answered yet is NaN."""
        with written_whole(self.path / LOGITS) as staged:
            shape = (self.count, *answered.shape[1:])
            made = np.lib.format.open_memmap(staged, mode="w+", dtype=np.float32, shape=shape)
            made[: len(answered)] = answered
            made[len(answered) :] = np.nan
            made.flush()
        with written_whole(self.path / KEPT) as staged, staged.open("wb") as file:
            np.save(file, self.kept)
        self._write_record()

    def _write_record(self) -> None:
        ordered = dict(sorted(self.record["models"].items(), key=lambda entry: int(entry[0])))
        with written_whole(self.path / RECORD) as staged:
            staged.write_text(json.dumps(self.record | {"models": ordered}, indent=2) + "\n", encoding="utf-8")


def _require_folder(path: Path) -> None:
    """Make the folder; one that is there must be a store, or the beginning of one."""
    try:
        path.mkdir(exist_ok=True)
        others = {entry.name for entry in path.iterdir()} - OWN
    except OSError as error:
        raise UserError(f"Can't make the store {path}: {error.strerror}.") from error
    if others and not (path / RECORD).exists():
        raise UserError(f"{path} is no shadow store: it holds {sorted(others)[0]}; name another folder.")


def write_part(
    store: Path, models: Sequence[int], logits: npt.NDArray[np.float32], told: Sequence[Mapping[str, Any]]
) -> None:
    """Leave the answers of models that are done where the store takes them up.

    Args:
        store: the folder.
        models: their numbers, m of them.
        logits: float32 [m, n, k].
        told: of each model, what the record is to say.
    """
    with written_whole(store / PARTS / f"{models[0]:04d}.npz") as staged, staged.open("wb") as file:
        np.savez(file, models=np.array(models), logits=logits, told=np.array(json.dumps(list(told))))
