"""The work of one worker: train a group of shadow models, and leave their answers in the store."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynanoise_export.array_files import map_array
from dynanoise_export.bundles import load_bundle
from dynanoise_export.errors import UserError, first_line, reason_of
from dynanoise_export.shadow_stores import KEPT
from dynanoise_export.sources.naming import naming
from dynanoise_export.types import Bools, Int64s, Step
from dynanoise_models.shadows.bundle import rows_of
from dynanoise_models.shadows.store import STATES, write_part
from dynanoise_models.starting import find_start, find_target
from dynanoise_models.training.devices import best_device
from dynanoise_models.training.loop import Task, fit
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import accuracy, predict
from dynanoise_models.training.settings import Settings
from dynanoise_models.training.stack import Stack


@dataclass(frozen=True)
class Job:
    """A group of shadow models to train, on any machine.

    Attributes:
        store: the folder of the store, the same path on all machines.
        models: their indices in the store.
        target: a name in `TARGETS`.
        bundle: the path of the rows, the same on all machines.
        settings: of the training.
        seed: of the store.
        start_from: the encoder or the weights; None for the target's own start.
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
        """The file that holds the share of its work that is done."""
        return self.store / STATES / f"{self.models[0]:04d}.progress"


@dataclass(frozen=True)
class Failure:
    """A job that failed.

    Attributes:
        models: of the job.
        reason: in one line.
        error: what the user must correct, so that the job would fail again; None if it is worth another try.
    """

    models: tuple[int, ...]
    reason: str
    error: UserError | None = None


def run(job: Job) -> Failure | None:
    """Do a job; a failure is returned and not raised, so that the other jobs go on."""
    try:
        with _one_thread():
            _train(job)
    except UserError as error:
        return Failure(job.models, reason_of(error), error)
    except Exception as error:  # whatever it is, `make_shadows` decides what to do
        return Failure(job.models, f"{type(error).__name__}: {first_line(error)}")
    return None


def model_seed(seed: int, model: int) -> int:
    """Derive the seed of one shadow model, the same for any number of models and any worker."""
    return int(np.random.SeedSequence((seed, model)).generate_state(1)[0])


def _train(job: Job) -> None:
    target = find_target(job.target)
    rows = rows_of(load_bundle(job.bundle, [spec.name for spec in target.inputs]))
    in_training = map_array(job.store / KEPT)[list(job.models)].astype(bool)
    seeds = [model_seed(job.seed, model) for model in job.models]
    origin = find_start(job.target, job.start_from)
    device = best_device(job.models[0] // target.stacked)
    singles = [origin.make_module(seed) for seed in seeds]
    model = (Stack(singles) if len(singles) > 1 else singles[0]).to(device)
    state = State(job.store / STATES / f"{job.models[0]:04d}.training", _identity(job))
    task = Task(rows, _indices(in_training), seeds, job.settings, state)

    start = time.perf_counter()
    with naming(job.bundle):
        fit(model, task, device, progress=lambda step: _report(job, step))
    seconds = (time.perf_counter() - start) / len(singles)

    logits = predict(model, rows, device)
    logits = logits[None] if logits.ndim == 2 else logits
    records = [
        {"seed": seed, "accuracy_kept": accuracy(z[own], rows.y[own]),
         "accuracy_others": accuracy(z[~own], rows.y[~own]), "seconds": round(seconds, 3)}
        for seed, z, own in zip(seeds, logits, in_training, strict=True)
    ]  # fmt: skip
    write_part(job.store, job.models, logits, records)
    state.delete()
    job.progress_file.unlink(missing_ok=True)


def _indices(in_training: Bools) -> Int64s:
    """Give the indices of the rows [m, n] that each model trains on.

    The two halves of an odd number of rows differ by one row; in a stack, the smaller half uses one row twice.
    """
    indices = [np.flatnonzero(rows) for rows in in_training]
    longest = max(map(len, indices))
    return np.stack([np.resize(rows, longest) for rows in indices])


def _identity(job: Job) -> str:
    described: list[Any] = [job.target, job.models, job.settings.as_dict(), job.seed, job.start_from]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def _report(job: Job, step: Step) -> None:
    """Write the share that is done, after each epoch."""
    if step.total and step.done == int(step.done):
        job.progress_file.write_text(f"{step.done / step.total}", encoding="utf-8")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: the workers share the cores, and sums do not depend on the number of workers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
