"""The work of one worker: train a group of shadow models, ask them, and leave their answers in the store."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.bundles import load_bundle
from dynanoise_export.errors import UserError, first_line
from dynanoise_export.shadow_stores import KEPT
from dynanoise_models.shadows.bundle import rows_of
from dynanoise_models.shadows.store import STATES, write_part
from dynanoise_models.starting import record_of, start_of
from dynanoise_models.training.devices import best_device
from dynanoise_models.training.loop import Epoch, Task, fit
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import accuracy, predict
from dynanoise_models.training.settings import Settings
from dynanoise_models.training.stack import Stack


@dataclass(frozen=True)
class Job:
    """A group of shadow models to train, on whatever machine.

    Attributes:
        store: the folder of the store, the same for all machines.
        models: their numbers in it.
        target: a name in `TARGETS`.
        bundle: the rows, likewise the same for all.
        settings: of the training.
        seed: of the store.
        start_from: the encoder or the weights, in place of the target's own start.
    """

    store: Path
    models: tuple[int, ...]
    target: str
    bundle: Path
    settings: Settings
    seed: int
    start_from: str | None

    @property
    def progress_file(self) -> Path:
        """Where it tells the share of its work that is done."""
        return self.store / STATES / f"{self.models[0]:04d}.progress"


@dataclass(frozen=True)
class Failure:
    """A job that failed.

    Attributes:
        models: of the job.
        reason: in one line.
        hopeless: whether it fails again for sure: the user must put something right.
    """

    models: tuple[int, ...]
    reason: str
    hopeless: bool


def run(job: Job) -> Failure | None:
    """Do a job; its failure is an answer like any other, so that the other jobs go on."""
    try:
        with _one_thread():
            _train(job)
    except UserError as error:
        return Failure(job.models, str(error), hopeless=True)
    except Exception as error:  # whatever ended it, the coordinator decides
        return Failure(job.models, f"{type(error).__name__}: {first_line(error)}", hopeless=False)
    return None


def model_seed(seed: int, model: int) -> int:
    """Give the seed of one shadow model, which does not hang on how many there are or who trains it."""
    return int(np.random.SeedSequence((seed, model)).generate_state(1)[0])


def _train(job: Job) -> None:
    record = record_of(job.target)
    rows = rows_of(load_bundle(job.bundle, [spec.name for spec in record.inputs]))
    kept = np.load(job.store / KEPT)[list(job.models)]
    seeds = [model_seed(job.seed, model) for model in job.models]
    start = start_of(job.target, job.start_from)
    device = best_device(job.models[0] // record.together)
    singles = [start.module(seed) for seed in seeds]
    model = (Stack(singles) if len(singles) > 1 else singles[0]).to(device)
    state = State(job.store / STATES / f"{job.models[0]:04d}.training", _identity(job))

    begun = time.perf_counter()
    fit(model, Task(rows, _learnt(kept), seeds, job.settings, state), device, lambda epoch: _tell(job, epoch))
    seconds = time.perf_counter() - begun

    logits = predict(model, rows, device)
    logits = logits[None] if logits.ndim == 2 else logits
    told = [
        {"seed": seed, "accuracy_kept": accuracy(z[k], rows.y[k]), "accuracy_others": accuracy(z[~k], rows.y[~k]),
         "seconds": round(seconds / len(singles), 3)}
        for seed, z, k in zip(seeds, logits, kept, strict=True)
    ]  # fmt: skip
    write_part(job.store, job.models, logits, told)
    state.drop()
    job.progress_file.unlink(missing_ok=True)


def _learnt(kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Give the numbers of the rows [m, n] that each model learns.

    Two halves of an odd number of rows differ by one row; in a stack, the shorter one learns one of its rows twice.
    """
    numbers = [np.flatnonzero(rows) for rows in kept]
    longest = max(map(len, numbers))
    return np.stack([np.resize(rows, longest) for rows in numbers])


def _identity(job: Job) -> str:
    told: list[Any] = [job.target, job.models, job.settings.as_dict(), job.seed, job.start_from]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _tell(job: Job, epoch: Epoch) -> None:
    if epoch.done == int(epoch.done):
        job.progress_file.write_text(f"{epoch.done / epoch.of}", encoding="utf-8")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: the workers share the cores, and sums come out the same however many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
