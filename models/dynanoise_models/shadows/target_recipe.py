"""Shadow models of a target: trained by the target's own settings, several small ones as one stack."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynanoise_export.bundles import Bundle, Part, load_bundle
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_module import source_from_module
from dynanoise_export.types import Bools, Int64s, Step
from dynanoise_models.shadows.bundle import rows_of
from dynanoise_models.shadows.job import Job, Trained, Writer
from dynanoise_models.shadows.kept_modules import ARCHITECTURE, write_module
from dynanoise_models.starting import find_start, find_target
from dynanoise_models.training.devices import best_device
from dynanoise_models.training.loop import Task
from dynanoise_models.training.resuming import State
from dynanoise_models.training.rows import predict
from dynanoise_models.training.settings import Settings
from dynanoise_models.training.stack import Stack, equally_long
from dynanoise_models.training_defences.training_catalogue import make_training_defence
from dynanoise_models.training_defences.training_defence import Training


@dataclass(frozen=True)
class TargetRecipe:
    """How the shadow models of a target are trained.

    Attributes:
        target: a name in `TARGETS`.
        settings: of the training.
        start_from: the encoder or the weights; None for the target's own start.
    """

    target: str
    settings: Settings
    start_from: str | None

    def train(self, job: Job) -> Trained:
        """Train the models of a job; an interrupted training goes on from its last saved epoch.

        Raises:
            UserError: the rows, the weights or the settings can't be used.
        """
        with _one_thread():
            return self._train(job)

    def _train(self, job: Job) -> Trained:
        target = find_target(self.target)
        bundle = load_bundle(job.bundle, [spec.name for spec in target.inputs])
        rows, in_training = rows_of(bundle), job.in_training()
        device = best_device(job.models[0] // target.stacked)
        state = State(job.training_file, self._identity(job))
        task = Task(rows, equally_long(list(map(np.flatnonzero, in_training))), job.seeds, self.settings, state)
        training = Training(
            find_start(self.target, self.start_from).make_module, task, device, _reference(bundle, in_training),
            progress=lambda step: _report(job, step),
        )  # fmt: skip

        start = time.perf_counter()
        with naming(job.bundle):
            model = make_training_defence(self.settings.defence, self.settings.defence_parameters).fit(training).model
        seconds = (time.perf_counter() - start) / len(job.models)

        logits = predict(model, rows, device)
        writers: list[Writer] = [
            partial(_write, self.target, module, job.states / ARCHITECTURE)
            for module in (self._unstacked(model) if isinstance(model, Stack) else [model])
        ]
        return Trained(logits[None] if logits.ndim == 2 else logits, rows.y, seconds, writers)

    def _unstacked(self, stack: Stack) -> Sequence[torch.nn.Module]:
        modules = []
        for weights in stack.weights():
            module = find_start(self.target, self.start_from).make_module(0)
            module.load_state_dict(weights)
            modules.append(module)
        return modules

    def _identity(self, job: Job) -> str:
        described: list[Any] = [self.target, job.models, self.settings.as_dict(), job.seed, self.start_from]
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def _write(target: str, module: torch.nn.Module, architecture: Path, path: Path) -> None:
    source: SourceModel = source_from_module(
        Path(target), "a shadow model", "", module.cpu(), find_target(target).inputs, SourceOptions()
    )
    write_module(source, architecture, path)


def _reference(bundle: Bundle, in_training: Bools) -> Int64s:
    """Give the auxiliary rows [m, r] that each model does not train on."""
    if bundle.split is None:
        return np.zeros((len(in_training), 0), np.int64)
    auxiliary = bundle.split == Part.AUXILIARY
    others = [np.flatnonzero(auxiliary & ~own) for own in in_training]
    return np.stack([rows[: min(map(len, others))] for rows in others])


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
