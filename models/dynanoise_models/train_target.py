"""Train a target: from its name to a checkpoint, its accuracy, and the bundle for an audit."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynanoise_export.bundles import Part, bundle_sha256, require_bundle_writable
from dynanoise_export.files import require_writable, written_whole
from dynanoise_export.types import Progress, Step, no_progress
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.experiments import Experiment, ExperimentOptions, prepare
from dynanoise_models.starting import find_target
from dynanoise_models.training.devices import best_device
from dynanoise_models.training.loop import Task, never
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import accuracy, predict
from dynanoise_models.training.settings import Settings
from dynanoise_models.training_defences.training_catalogue import make_training_defence
from dynanoise_models.training_defences.training_defence import Training

STATE = ".training"  # the suffix, after a checkpoint's name, of the state of its training


@dataclass(frozen=True)
class Trained:
    """A trained target.

    Attributes:
        target: its name.
        checkpoint: the path of its file.
        bundle: the path of the bundle.
        settings: of the training.
        epochs: how many are done.
        counts: of the rows of each part.
        canaries: how many rows have a wrong label.
        accuracy: on members, non-members and the data set's own test rows, as far as there are any; without canaries.
        facts: what the defence found out, such as the ε of DP-SGD.
        seconds: that the training took, since it was last resumed.
        device: where it was trained.
    """

    target: str
    checkpoint: Path
    bundle: Path
    settings: Settings
    epochs: float
    counts: dict[str, int]
    canaries: int
    accuracy: dict[str, float]
    facts: Mapping[str, float]
    seconds: float
    device: str

    @property
    def complete(self) -> bool:
        """Whether all epochs are done."""
        return self.epochs >= self.settings.epochs


def train_target(
    target: str,
    output: Path,
    bundle: Path,
    *,
    options: ExperimentOptions | None = None,
    stopped: Callable[[], bool] = never,
    progress: Progress = no_progress,
) -> Trained:
    """Train a target and write its checkpoint and its bundle.

    An interrupted training goes on where it stopped, if the target and the options are the same.

    Args:
        target: a name in `TARGETS`.
        output: the path of the checkpoint to make.
        bundle: the path of the bundle to make.
        options: what to train on, and how.
        stopped: called often; the training ends early when it returns True, and what was trained is written.
        progress: called with each step, and after every batch.

    Raises:
        UserError: as `prepare` does, or a file can't be written.
    """
    require_writable(output)
    require_bundle_writable(bundle)
    options = options or ExperimentOptions()
    progress(Step(f"Reading {find_target(target).data}"))
    experiment = prepare(target, options)
    settings = options.settings(find_target(target).settings)
    defence = make_training_defence(settings.defence, settings.defence_parameters)
    task = _members_task(target, output, settings, experiment, options)
    device = best_device()
    reference = np.flatnonzero(experiment.parts == Part.AUXILIARY)[None]

    start = time.perf_counter()
    fitted = defence.fit(Training(experiment.start.make_module, task, device, reference, stopped, progress))
    seconds = time.perf_counter() - start

    progress(Step("Measuring the accuracy"))
    accuracies = _accuracies(fitted.model, experiment, device)
    counts = {str(part): int((experiment.parts == part).sum()) for part in Part}
    trained = Trained(
        target, output, bundle, settings, fitted.epochs, counts, options.canaries, accuracies, fitted.facts, seconds,
        str(device),
    )  # fmt: skip
    progress(Step("Writing"))
    experiment.save_bundle(bundle)
    with written_whole(output) as staged:
        record = _record(trained, experiment, options)
        save_checkpoint(staged, target, experiment.start.arguments, fitted.model.cpu(), record)
    if trained.complete and task.state is not None:
        task.state.delete()
    return trained


def _members_task(
    target: str, output: Path, settings: Settings, experiment: Experiment, options: ExperimentOptions
) -> Task:
    """Make the task of training on the members, which goes on from the state beside the checkpoint."""
    state = State(output.with_name(output.name + STATE), _identity(target, settings, experiment, options))
    members = np.flatnonzero(experiment.parts == Part.MEMBER)
    return Task(experiment.rows, members[None], [options.seed], settings, state)


def _identity(target: str, settings: Settings, experiment: Experiment, options: ExperimentOptions) -> str:
    described = json.dumps([target, settings.as_dict(), options.seed, experiment.start.origin])
    return hashlib.sha256(described.encode() + experiment.indices.tobytes() + experiment.rows.y.tobytes()).hexdigest()


def _accuracies(module: torch.nn.Module, experiment: Experiment, device: torch.device) -> dict[str, float]:
    right = np.ones(len(experiment.parts), dtype=bool) if experiment.canary is None else ~experiment.canary
    indices = {str(part): np.flatnonzero((experiment.parts == part) & right) for part in (Part.MEMBER, Part.NON_MEMBER)}
    measured = {
        part: accuracy(predict(module, experiment.rows, device, rows), experiment.rows.y[rows])
        for part, rows in indices.items()
    }
    if experiment.own_test is not None:
        measured["own test"] = accuracy(predict(module, experiment.own_test, device), experiment.own_test.y)
    return {part: value for part, value in measured.items() if value is not None}


def _record(trained: Trained, experiment: Experiment, options: ExperimentOptions) -> Mapping[str, Any]:
    """Describe the training for the checkpoint: plain values, and the split as tensors."""
    return {
        "settings": trained.settings.as_dict(),
        "protocol": str(options.protocol),
        "seed": options.seed,
        "rows": options.rows,
        "started_from": experiment.start.origin,
        "canaries": options.canaries,
        "epochs": trained.epochs,
        "accuracy": trained.accuracy,
        "facts": dict(trained.facts),
        "bundle_sha256": bundle_sha256(trained.bundle),
        "split": {part: torch.from_numpy(indices) for part, indices in vars(experiment.split).items()},
    }
