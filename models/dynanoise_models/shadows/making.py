"""Train the shadow models of a target and write their store."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import torch

from dynanoise_export.bundles import bundle_sha256
from dynanoise_export.errors import UserError, first_line
from dynanoise_models.experiments import Choices
from dynanoise_models.shadows.backends import Backend, workers_of
from dynanoise_models.shadows.bundle import open_rows, own_bundle
from dynanoise_models.shadows.halves import require_even
from dynanoise_models.shadows.job import Failure, Job, run
from dynanoise_models.shadows.store import GrowingStore, Plan
from dynanoise_models.starting import record_of, start_of
from dynanoise_models.training.settings import Settings

TRIES = 3
LOOK_EVERY = 0.5  # seconds
ON_ONE_GPU = 4  # workers that share it: a small model leaves most of a GPU idle


@dataclass(frozen=True)
class Shadows:
    """What was made.

    Attributes:
        path: of the store.
        bundle: whose rows the store answers to.
        record: what the store says of itself.
        trained: how many models this run added.
    """

    path: Path
    bundle: Path
    record: dict[str, Any]
    trained: int


def make_shadows(
    target: str,
    path: Path,
    count: int,
    choices: Choices,
    bundle: Path | None = None,
    backend: Backend = Backend.LOKY,
    workers: int | None = None,
    step: Callable[[str], None] = lambda step: None,
    progress: Callable[[float, int], None] = lambda done, of: None,
    report: Callable[[str], None] = lambda sentence: None,
) -> Shadows:
    """Train shadow models on random halves of the rows of a bundle; a run that was cut off goes on.

    Args:
        target: a name in `TARGETS`.
        path: of the store.
        count: how many models, an even number.
        choices: of the user, the same as the target was trained with.
        bundle: the rows; without it they are drawn as for the target, and written into the store.
        backend: who runs the jobs.
        workers: how many at once: as many as there are cores by default, or four for each GPU.
        step: told what is going on.
        progress: told how many models are done, with a fraction, and of how many.
        report: told of failures.

    Raises:
        UserError: an input can't be used, the store is another one's, or models failed again and again.
    """
    require_even(count)
    settings = choices.settings(record_of(target).settings)
    step("Reading the rows")
    bundle = bundle or own_bundle(target, path, choices)
    rows = open_rows(bundle, target)
    source = start_of(target, choices.start_from).source
    digest, classes = bundle_sha256(bundle), record_of(target).classes
    plan = Plan(target, digest, len(rows), classes, choices.seed, settings.as_dict(), source)
    store = GrowingStore(path, plan, count)
    before = len(store.missing())

    step("Training shadow models")
    for _ in range(TRIES):
        jobs = _jobs(store, target, bundle, settings, choices)
        if not jobs:
            break
        with _watching(store, jobs, progress):
            failed = _round(jobs, backend, workers or _default_workers(), report)
        if hopeless := [failure for failure in failed if failure.hopeless]:
            raise UserError(hopeless[0].reason)
    if missing := store.missing():
        raise UserError(
            f"{len(missing)} of {count} shadow models failed {TRIES} times (see above); what is done is kept in {path}."
        )
    store.tidy()
    return Shadows(path, bundle, store.record, before)


def _jobs(store: GrowingStore, target: str, bundle: Path, settings: Settings, choices: Choices) -> list[Job]:
    """Share out what is missing in the store, as many models to a job as the target trains together."""
    together, missing = record_of(target).together, store.missing()
    groups = [tuple(missing[first : first + together]) for first in range(0, len(missing), together)]
    start = choices.start_from
    if start is not None and Path(start).exists():  # workers have a working directory of their own
        start = str(Path(start).resolve())
    return [
        Job(store.path.resolve(), group, target, bundle.resolve(), settings, choices.seed, start) for group in groups
    ]


def _default_workers() -> int:
    gpus = torch.cuda.device_count()
    return min(ON_ONE_GPU * gpus, os.cpu_count() or 1) if gpus else os.cpu_count() or 1


def _round(jobs: list[Job], backend: Backend, workers: int, report: Callable[[str], None]) -> list[Failure]:
    """Run each job once; a worker that dies takes the round with it, and the next round does what is left."""
    try:
        with workers_of(backend, workers):
            ended = joblib.Parallel()(joblib.delayed(run)(job) for job in jobs)
    except UserError:
        raise
    except Exception as error:  # each backend has errors of its own for a worker that died
        report(f"A worker died ({type(error).__name__}: {first_line(error)}); what it had not finished is tried again.")
        return []
    failed = [failure for failure in ended if failure is not None]
    for failure in failed:
        report(f"Shadow models {', '.join(map(str, failure.models))} failed: {failure.reason}")
    return failed


@contextmanager
def _watching(store: GrowingStore, jobs: list[Job], progress: Callable[[float, int], None]) -> Iterator[None]:
    """Take up what the workers leave, and tell how far they are, while the block runs."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY):
            store.merge()
            shares = sum(len(job.models) * _share(job) for job in jobs)
            progress(store.count - len(store.missing()) + shares, store.count)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        store.merge()


def _share(job: Job) -> float:
    try:
        return float(job.progress_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not begun, ended, or being written
        return 0.0
