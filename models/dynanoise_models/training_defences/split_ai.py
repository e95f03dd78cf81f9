"""Split-AI (Tang et al. 2022): every training row is answered by the sub-models that were not trained on it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from dynanoise_export.types import Bools, Float32s, Step
from dynanoise_models.training.loop import Task, fit
from dynanoise_models.training.rows import predict
from dynanoise_models.training.stack import Stack, equally_long
from dynanoise_models.training_defences.training_defence import Training

# Beside the seed of the training, so that the sub-models do not depend on its other draws.
STREAM = int.from_bytes(b"selena")
# Sub-models with fewer weights train faster as one stack, even in one thread.
FEW_WEIGHTS = 100_000


def draw_left_out(rows: int, submodels: int, left_out: int, seed: int) -> Bools:
    """Draw which sub-models are not trained on each row.

    Args:
        rows: n.
        submodels: K.
        left_out: L, for each row.
        seed: of the draw.

    Returns:
        bool [K, n], with L in each column.
    """
    first = np.broadcast_to(np.arange(submodels) < left_out, (rows, submodels))
    return np.random.default_rng([seed, STREAM]).permuted(first, axis=1).T


class SplitAI:
    """The sub-models of one training, and the soft labels that they give.

    Args:
        training: of a single model.
        submodels: K.
        left_out: L, how many sub-models are not trained on each row.
    """

    def __init__(self, training: Training, submodels: int, left_out: int) -> None:
        self._training, self._submodels, self._left_out = training, submodels, left_out
        self._rows, seed = training.task.indices[0], training.task.seeds[0]
        self._outside = draw_left_out(len(self._rows), submodels, left_out, seed)
        drawn = np.random.SeedSequence((seed, STREAM)).generate_state(submodels)
        self._seeds = [int(value) for value in drawn]

    def soft_labels(self) -> Float32s | None:
        """Train the sub-models, one after the other, and let them answer; an interrupted training goes on.

        Returns:
            Probabilities float32 [n, k] of the training rows: the mean over the L sub-models that were not trained on
            the row; None if the training was stopped.
        """
        state = self._training.task.state and self._training.task.state.beside("soft-labels")
        saved = state.load_tensors() if state else {}
        sums = saved.get("sums", torch.zeros(len(self._rows), 1, dtype=torch.float64))  # of any k
        for group in self._groups(int(saved.get("submodels", 0))):
            model = self._train(group)
            if model is None:
                return None
            logits = predict(model, self._training.task.rows, self._training.device, self._rows)
            answers = torch.from_numpy(logits).reshape(len(group), len(self._rows), -1)
            for answer, outside in zip(answers, torch.from_numpy(self._outside[group]), strict=True):
                sums = sums + answer.double().softmax(dim=-1) * outside[:, None]
            if state:
                state.save_tensors({"sums": sums, "submodels": torch.tensor(group[-1] + 1)})
        return (sums.numpy() / self._left_out).astype(np.float32)

    def _groups(self, done: int) -> Iterator[list[int]]:
        """Yield the sub-models that train together."""
        size = self._submodels if _trains_faster_stacked(self._training.make(0)) else 1
        for first in range(done, self._submodels, size):
            yield list(range(first, min(first + size, self._submodels)))

    def _train(self, group: Sequence[int]) -> torch.nn.Module | None:
        """Train sub-models; None if the training was stopped."""
        whole, device = self._training.task, self._training.device
        indices = equally_long([self._rows[~outside] for outside in self._outside[group]])
        seeds = [self._seeds[submodel] for submodel in group]
        task = Task(whole.rows, indices, seeds, whole.settings, whole.state and whole.state.beside("sub-model", *group))
        model = replace(self._training, task=task).model()
        epochs = fit(
            model, task, device, stopped=self._training.stopped, progress=lambda step: self._report(step, group)
        )
        return model if epochs >= whole.settings.epochs else None

    def _report(self, step: Step, group: Sequence[int]) -> None:
        """Report the epochs of all sub-models and of the student."""
        epochs = self._training.task.settings.epochs
        last = group[-1] + 1
        what = f"Training sub-model {last} of {self._submodels}"
        done, total = group[0] * epochs + step.done * len(group), (self._submodels + 1) * epochs
        self._training.progress(replace(step, what=what, done=done, total=total))


def _trains_faster_stacked(model: torch.nn.Module) -> bool:
    """Whether copies of a network can train as one stack, and gain by it; the network can't be used afterwards."""
    if sum(weights.numel() for weights in model.parameters()) > FEW_WEIGHTS:
        return False
    try:
        Stack([model])
    except ValueError:  # it has buffers or dropout
        return False
    return True
