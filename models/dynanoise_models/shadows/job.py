"""The work of one worker: train a group of shadow models, and leave their answers, and the models, in the store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dynanoise_export.array_files import map_array
from dynanoise_export.errors import UserError, first_line, reason_of
from dynanoise_export.files import written_whole
from dynanoise_export.shadow_stores import KEPT, MODELS, accuracies, model_file
from dynanoise_export.types import Bools, Float32s, Int64s
from dynanoise_models.shadows.store import STATES, write_part

# Writes a trained model to an ONNX file.
Writer = Callable[[Path], None]


@dataclass(frozen=True)
class Trained:
    """A group of m trained shadow models.

    Attributes:
        logits: float32 [m, n, k], their answers to all rows of the bundle.
        y: int64 [n], the labels of the rows.
        seconds: that the training of each took.
        writers: one for each model; empty if they can't be stored.
        unkept: why they can't be stored; empty if they can.
    """

    logits: Float32s
    y: Int64s
    seconds: float
    writers: Sequence[Writer] = ()
    unkept: str = ""


class Recipe(Protocol):
    """How shadow models are trained. It can be pickled, and so sent to a worker."""

    def train(self, job: "Job") -> Trained:
        """Train the models of a job, each on its own rows and with its own seed, and let them answer all rows.

        Raises:
            UserError: something that the user must correct, so that another try would fail again.
        """


@dataclass(frozen=True)
class Job:
    """A group of shadow models to train, on any machine.

    Attributes:
        store: the folder of the store, the same path on all machines.
        models: their indices in the store.
        recipe: how they are trained.
        bundle: the path of the rows, the same on all machines.
        seed: of the store.
        keep: whether the models are stored as well as their answers.
    """

    store: Path
    models: tuple[int, ...]
    recipe: Recipe
    bundle: Path
    seed: int
    keep: bool

    @property
    def states(self) -> Path:
        """The folder for what is only needed while models are trained."""
        return self.store / STATES

    @property
    def progress_file(self) -> Path:
        """The file that holds the share of its work that is done."""
        return self.states / f"{self.models[0]:04d}.progress"

    @property
    def training_file(self) -> Path:
        """The file for the state of the training, to go on from after an interruption."""
        return self.states / f"{self.models[0]:04d}.training"

    @property
    def seeds(self) -> list[int]:
        """The seed of each model."""
        return [model_seed(self.seed, model) for model in self.models]

    def in_training(self) -> Bools:
        """Read which rows each model trains on, [m, n]."""
        return map_array(self.store / KEPT)[list(self.models)].astype(bool)


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
    """Do a job; a failure is returned and not raised, so that the other jobs go on.

    After a failure that would come again, jobs that have not begun yet are left out.
    """
    stopped = stop_file(job.store)
    if stopped.exists():
        return None
    try:
        _train(job)
    except UserError as error:
        stopped.touch()
        return Failure(job.models, reason_of(error), error)
    except Exception as error:  # whatever it is, `make_shadows` decides what to do
        return Failure(job.models, f"{type(error).__name__}: {first_line(error)}")
    return None


def model_seed(seed: int, model: int) -> int:
    """Derive the seed of one shadow model, the same for any number of models and any worker."""
    return int(np.random.SeedSequence((seed, model)).generate_state(1)[0])


def stop_file(store: Path) -> Path:
    """Give the file that exists once a job of a store has failed in a way that would come again."""
    return store / STATES / "stopped"


def unkept_file(store: Path) -> Path:
    """Give the file that says why the models of a store can't be stored; it does not exist if they can."""
    return store / STATES / "unkept"


def _train(job: Job) -> None:
    trained = job.recipe.train(job)
    if job.keep:
        _keep(job, trained)
    records = [
        {"seed": seed, **accuracies(logits, trained.y, own), "seconds": round(trained.seconds, 3)}
        for seed, logits, own in zip(job.seeds, trained.logits, job.in_training(), strict=True)
    ]
    write_part(job.store, job.models, trained.logits, records)
    for path in (*job.states.glob(f"{job.training_file.name}*"), job.progress_file):
        path.unlink(missing_ok=True)


def _keep(job: Job, trained: Trained) -> None:
    """Store the models, before their answers say that they are done; the first that can't be stored is the last try."""
    unkept = unkept_file(job.store)
    if unkept.exists():
        return
    try:
        (job.store / MODELS).mkdir(exist_ok=True)
        for model, write in zip(job.models, trained.writers, strict=False):
            with written_whole(model_file(job.store, model)) as staged:
                write(staged)
        reason = trained.unkept
    except UserError as error:
        reason = reason_of(error)
    if reason:
        unkept.write_text(reason, encoding="utf-8")
