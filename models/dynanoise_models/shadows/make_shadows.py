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
from dynanoise_export.errors import DataError, UserError, first_line
from dynanoise_export.types import Progress, Step, no_progress
from dynanoise_models.experiments import ExperimentOptions
from dynanoise_models.shadows.backends import JobBackend, workers_on
from dynanoise_models.shadows.bundle import bundle_in_store, open_rows
from dynanoise_models.shadows.halves import require_even
from dynanoise_models.shadows.job import Failure, Job, run
from dynanoise_models.shadows.store import GrowingStore, StorePlan
from dynanoise_models.starting import find_start, find_target

TRIES = 3
POLL = 0.5  # seconds between two looks at what the workers have done
WORKERS_PER_GPU = 4  # a small model leaves most of a GPU idle


@dataclass(frozen=True)
class Shadows:
    """The shadow models that were made.

    Attributes:
        path: of the store.
        bundle: the path of the rows that the store answers.
        record: what the store says about itself.
        trained: how many models this run added.
    """

    path: Path
    bundle: Path
    record: dict[str, Any]
    trained: int


def no_warning(text: str) -> None:
    """Show nothing."""


def make_shadows(
    target: str,
    store: Path,
    count: int,
    *,
    bundle: Path | None = None,
    options: ExperimentOptions | None = None,
    backend: JobBackend = JobBackend.LOKY,
    workers: int | None = None,
    warn: Callable[[str], None] = no_warning,
    progress: Progress = no_progress,
) -> Shadows:
    """Train shadow models on random halves of the rows of a bundle; an interrupted run goes on where it stopped.

    Args:
        target: a name in `TARGETS`.
        store: the path of the store to make, or to go on with.
        count: how many models, an even number.
        bundle: the path of the rows; None to split the data set as for the target, into a bundle in the store.
        options: those that the target was trained with.
        backend: what runs the jobs.
        workers: how many jobs at once; None for one per core, or four per GPU.
        warn: called with a sentence about each failure that is tried again.
        progress: called with each step, and often while the models are trained.

    Raises:
        UserError: an input can't be used, the store is another one's, or models failed several times.
    """
    require_even(count)
    options = options or ExperimentOptions()
    progress(Step("Reading the rows"))
    bundle = bundle or bundle_in_store(target, store, options)
    growing = GrowingStore(store, _plan(target, bundle, options), count)
    missing = len(growing.missing())
    for _ in range(TRIES):
        jobs = _jobs(growing, target, bundle, options)
        if not jobs:
            break
        with _watched(growing, jobs, progress):
            failures = _run_all(jobs, backend, workers or _default_workers())
        for failure in failures:
            warn(f"Training the shadow models {', '.join(map(str, failure.models))} failed: {failure.reason}.")
        if errors := [failure.error for failure in failures if failure.error is not None]:
            raise errors[0]
    if left := len(growing.missing()):
        raise DataError(
            f"{left} of {count} shadow models failed {TRIES} times ({failures[0].reason}): {store} holds the others, "
            "and the same command goes on with them."
        )
    growing.tidy()
    return Shadows(store, bundle, growing.record, missing)


def _plan(target: str, bundle: Path, options: ExperimentOptions) -> StorePlan:
    rows, found = open_rows(bundle, target), find_target(target)
    return StorePlan(
        target=target,
        bundle_sha256=bundle_sha256(bundle),
        rows=len(rows),
        classes=found.classes,
        seed=options.seed,
        settings=options.settings(found.settings).as_dict(),
        started_from=find_start(target, options.start_from).origin,
    )


def _jobs(store: GrowingStore, target: str, bundle: Path, options: ExperimentOptions) -> list[Job]:
    """Make jobs of the models that are missing in the store: as many models per job as the target stacks."""
    found, missing = find_target(target), store.missing()
    groups = [tuple(missing[first : first + found.stacked]) for first in range(0, len(missing), found.stacked)]
    settings, start = options.settings(found.settings), options.start_from
    if start is not None and Path(start).exists():  # workers have another working directory
        start = str(Path(start).resolve())
    return [
        Job(store.path.resolve(), group, target, bundle.resolve(), settings, options.seed, start) for group in groups
    ]


def _default_workers() -> int:
    gpus, cores = torch.cuda.device_count(), os.cpu_count() or 1
    return min(WORKERS_PER_GPU * gpus, cores) if gpus else cores


def _run_all(jobs: list[Job], backend: JobBackend, workers: int) -> list[Failure]:
    """Run each job once; a worker that dies ends all of them, and those that are left are tried again."""
    try:
        with workers_on(backend, workers):
            results = joblib.Parallel()(joblib.delayed(run)(job) for job in jobs)
    except UserError:
        raise
    except Exception as error:  # each backend has its own errors for a worker that died
        models = tuple(model for job in jobs for model in job.models)
        return [Failure(models, f"a worker died ({type(error).__name__}: {first_line(error)})")]
    return [failure for failure in results if failure is not None]


@contextmanager
def _watched(store: GrowingStore, jobs: list[Job], progress: Progress) -> Iterator[None]:
    """Within the block, merge what the workers leave into the store, and report how far they have come."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(POLL):
            store.merge()
            shares = sum(len(job.models) * _share(job) for job in jobs)
            done = store.count - len(store.missing()) + shares
            progress(Step("Training shadow models", done, store.count, "models"))

    watcher = threading.Thread(target=watch, daemon=True)
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
    except (OSError, ValueError):  # not started, finished, or being written
        return 0.0
