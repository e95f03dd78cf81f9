"""Train a target: from a name to a checkpoint, its accuracy, and the bundle that an audit reads."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynanoise_export.bundles import Part, bundle_sha256, require_bundle_writable, save_bundle
from dynanoise_export.files import require_writable, written_whole
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.experiments import Choices, Experiment, prepare
from dynanoise_models.starting import record_of
from dynanoise_models.training.devices import best_device
from dynanoise_models.training.loop import Epoch, Task, fit
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import accuracy, predict
from dynanoise_models.training.settings import Settings

STATE = ".training"  # behind a checkpoint's name: the state of its training


@dataclass(frozen=True)
class Trained:
    """A trained target.

    Attributes:
        target: its name.
        checkpoint: its file.
        bundle: the file or folder of the rows.
        settings: how it was trained.
        epochs: done.
        counts: of the rows of each part.
        accuracy: on members, non-members and the set's own test rows, as far as there are any.
        seconds: that the training took, since it was last taken up.
        device: where.
    """

    target: str
    checkpoint: Path
    bundle: Path
    settings: Settings
    epochs: float
    counts: dict[str, int]
    accuracy: dict[str, float]
    seconds: float
    device: str

    @property
    def complete(self) -> bool:
        """Whether it was trained for all the epochs that were asked for."""
        return self.epochs >= self.settings.epochs


def train_target(
    target: str,
    output: Path,
    bundle: Path,
    choices: Choices,
    step: Callable[[str], None] = lambda step: None,
    progress: Callable[[Epoch], None] = lambda epoch: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train a target and write its checkpoint and its bundle.

    A training that was cut off is taken up where it was, if it is the same one.

    Args:
        target: a name in `TARGETS`.
        output: the checkpoint to make.
        bundle: the bundle to make.
        choices: of the user.
        step: told what is going on.
        progress: told how far the training is.
        stopped: asked whether to end the training early; what was trained is written then.

    Raises:
        UserError: as `prepare` does, or a file can't be written.
    """
    require_writable(output)
    require_bundle_writable(bundle)
    step(f"Reading {record_of(target).data}")
    experiment = prepare(target, choices)
    settings = choices.settings(record_of(target).settings)
    device = best_device()
    module = experiment.start.module(choices.seed).to(device)
    state = State(output.with_name(output.name + STATE), _identity(target, settings, experiment, choices))
    members = np.flatnonzero(experiment.parts == Part.MEMBER)
    task = Task(experiment.rows, members[None], [choices.seed], settings, state)

    step("Training")
    begun = time.perf_counter()
    epochs = fit(module, task, device, progress, stopped)
    seconds = time.perf_counter() - begun

    step("Asking it about members and non-members")
    trained = Trained(
        target, output, bundle, settings, epochs, _counts(experiment), _accuracies(module, experiment, device),
        seconds, str(device),
    )  # fmt: skip
    step("Writing")
    save_bundle(bundle, experiment.rows.inputs, experiment.rows.y, experiment.parts)
    with written_whole(output) as staged:
        save_checkpoint(staged, target, experiment.start.arguments, module.cpu(), _record(trained, experiment, choices))
    if trained.complete:
        state.drop()
    return trained


def _identity(target: str, settings: Settings, experiment: Experiment, choices: Choices) -> str:
    told = json.dumps([target, settings.as_dict(), choices.seed, experiment.start.source])
    return hashlib.sha256(told.encode() + experiment.chosen.tobytes() + experiment.rows.y.tobytes()).hexdigest()


def _counts(experiment: Experiment) -> dict[str, int]:
    return {str(part): int((experiment.parts == part).sum()) for part in Part}


def _accuracies(module: torch.nn.Module, experiment: Experiment, device: torch.device) -> dict[str, float]:
    numbers = {str(part): np.flatnonzero(experiment.parts == part) for part in (Part.MEMBER, Part.NON_MEMBER)}
    told = {
        part: accuracy(predict(module, experiment.rows, device, chosen), experiment.rows.y[chosen])
        for part, chosen in numbers.items()
    }
    if experiment.tested is not None:
        told["own test"] = accuracy(predict(module, experiment.tested, device), experiment.tested.y)
    return {part: value for part, value in told.items() if value is not None}


def _record(trained: Trained, experiment: Experiment, choices: Choices) -> Mapping[str, Any]:
    """Tell how a target was trained, for its checkpoint: plain values, and the split as tensors."""
    parts = vars(experiment.split)
    return {
        "settings": trained.settings.as_dict(),
        "protocol": str(choices.protocol),
        "seed": choices.seed,
        "rows": choices.rows,
        "started_from": experiment.start.source,
        "epochs": trained.epochs,
        "accuracy": trained.accuracy,
        "bundle_sha256": bundle_sha256(trained.bundle),
        "split": {part: torch.from_numpy(numbers) for part, numbers in parts.items()},
    }
