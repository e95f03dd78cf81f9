"""Run jobs until all models of a store are trained: in parallel, watched, and again where a worker died."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import joblib

from dynanoise_export.errors import DataError, UserError, first_line
from dynanoise_export.types import Progress, Step
from dynanoise_models.shadows.backends import JobBackend, workers_on
from dynanoise_models.shadows.job import Failure, Job, run, stop_file, unkept_file
from dynanoise_models.shadows.store import GrowingStore

TRIES = 3
POLL = 0.5  # seconds between two looks at what the workers have done
WORKERS_PER_GPU = 4  # a small model leaves most of a GPU idle


def no_warning(text: str) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Running:
    """How jobs are run, and who is told about it.

    Attributes:
        backend: what runs the jobs.
        workers: how many jobs at once; None for one per core, or four per GPU.
        warn: called with a sentence about each failure that is tried again, and if the models can't be stored.
        progress: called often with how many models are trained.
    """

    backend: JobBackend
    workers: int | None
    warn: Callable[[str], None]
    progress: Progress


def train_missing(store: GrowingStore, jobs_of: Callable[[list[int]], Sequence[Job]], running: Running) -> None:
    """Train the models that a store does not have yet.

    Args:
        store: it is complete afterwards.
        jobs_of: makes jobs of the indices of models.
        running: how the jobs are run.

    Raises:
        UserError: a failure that would come again, or models failed several times.
    """
    stop_file(store.path).unlink(missing_ok=True)
    for _ in range(TRIES):
        jobs = jobs_of(store.missing())
        if not jobs:
            break
        with _watched(store, jobs, running.progress):
            failures = _run_all(jobs, running)
        if errors := [failure.error for failure in failures if failure.error is not None]:
            raise errors[0]
        for failure in failures:
            running.warn(f"Training the shadow models {', '.join(map(str, failure.models))} failed: {failure.reason}.")
    if left := len(store.missing()):
        raise DataError(
            f"{left} of {store.count} shadow models failed {TRIES} times ({failures[0].reason}): {store.path} holds "
            "the others, and the same command goes on with them."
        )
    if (unkept := unkept_file(store.path)).exists():
        running.warn(f"{store.path} has the answers of the models, but not the models: {unkept.read_text('utf-8')}.")
    store.tidy()


def _default_workers() -> int:
    torch = sys.modules.get("torch")  # who trains on a GPU has imported it
    gpus, cores = torch.cuda.device_count() if torch else 0, os.cpu_count() or 1
    return min(WORKERS_PER_GPU * gpus, cores) if gpus else cores


def _run_all(jobs: Sequence[Job], running: Running) -> list[Failure]:
    """Run each job once; a worker that dies ends all of them, and those that are left are tried again."""
    try:
        with workers_on(running.backend, running.workers or _default_workers()):
            results = joblib.Parallel()(joblib.delayed(run)(job) for job in jobs)
    except UserError:
        raise
    except Exception as error:  # each backend has its own errors for a worker that died
        models = tuple(model for job in jobs for model in job.models)
        return [Failure(models, f"a worker died ({type(error).__name__}: {first_line(error)})")]
    return [failure for failure in results if failure is not None]


@contextmanager
def _watched(store: GrowingStore, jobs: Sequence[Job], progress: Progress) -> Iterator[None]:
    """Within the block, merge what the workers leave into the store, and report how far they have come."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(POLL):
            try:
                store.merge()
            except UserError as error:
                wrong.append(error)
                stop_file(store.path).touch()
                return
            shares = sum(len(job.models) * _share(job) for job in jobs)
            done = store.count - len(store.missing()) + shares
            progress(Step("Training shadow models", done, store.count, "models"))

    wrong: list[UserError] = []
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        store.merge()
    if wrong:
        raise wrong[0]


def _share(job: Job) -> float:
    try:
        return float(job.progress_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not started, finished, or being written
        return 0.0
