"""Optimal noise injection (Kassa et al.): a model that never sees its rows as they are."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import cross_entropy, log_softmax

from dynanoise_export.defences.base import require_between
from dynanoise_export.errors import UsageError
from dynanoise_export.packages import require_packages
from dynanoise_export.types import Array, Progress, Step
from dynanoise_models.training.loop import Task, fit
from dynanoise_models.training.rows import Rows, logits_of
from dynanoise_models.training.step_loss import StepLoss, TrainingStep
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence

ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class OptimalNoise(TrainingDefence):
    """Optimal noise injection: each row gets the least noise that makes a first model unsure of it.

    The paper does not print its settings. The defaults are ours.

    Attributes:
        tau: the entropy that the first model's answers to the noisy rows need, as a share of log k.
        epsilon: the largest noise on a feature without influence, in the unit of the inputs.
        beta: how much of it the most influential feature loses.
        alpha: the weight of the first model's answers in the loss; the rest is that of the labels.
    """

    tau: float = 0.2
    epsilon: float = 0.5
    beta: float = 1.0
    alpha: float = 0.5

    name = "optimal-noise"
    summary = "the least noise that hides a row, then learning from the noisy rows' answers"

    def __post_init__(self) -> None:
        """Check the parameters."""
        require_between("tau", self.tau, 0, 1)
        require_between("epsilon", self.epsilon, 0, 1e6)
        require_between("beta", self.beta, 0, 1)
        require_between("alpha", self.alpha, 0, 1)

    def fit(self, training: Training) -> Fitted:
        """Train a model on noisy rows; the facts are the mean norm of the noise and the share of rows with the entropy.

        Raises:
            UserError: Captum is missing, or the input of the network is not one tensor of fractions.
        """
        require_packages("--defence optimal-noise needs", "captum")
        name = _only_input(training.task.rows)
        model = training.model()
        noisy = _NoisyRows(self, training, name).make()
        if noisy is None:
            return Fitted(model, 0.0, {})
        rows = Rows({name: noisy["x"].numpy()}, training.task.rows.y[training.task.indices[0]])
        task = replace(training.task, rows=rows, indices=np.arange(len(rows))[None])
        loss = BlendedLoss(noisy["logits"], self.alpha)
        epochs = fit(
            model, task, training.device, loss=loss, stopped=training.stopped, progress=_third(training, 2, "Training")
        )
        return Fitted(model, epochs, {"mean_noise": float(noisy["norm"]), "rows_with_entropy": float(noisy["reached"])})


class BlendedLoss(StepLoss):
    """α · KL(answer ‖ first model's answer) + (1 - α) · the cross-entropy to the label.

    Args:
        logits: float32 [n, k], of the first model's answers.
        alpha: α.
    """

    def __init__(self, logits: torch.Tensor, alpha: float) -> None:
        self._wanted, self._alpha = log_softmax(logits, dim=1), alpha

    def __call__(self, step: TrainingStep) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the mean loss of a batch, and the logits."""
        logits = step.forward(step.inputs)
        answer, wanted = log_softmax(logits, dim=1), self._wanted[step.indices].to(logits.device)
        divergence = (answer.exp() * (answer - wanted)).sum(dim=1).mean()
        return self._alpha * divergence + (1 - self._alpha) * cross_entropy(logits, step.y), logits


class _NoisyRows:
    """The noisy rows, and what the first model answers to them."""

    def __init__(self, defence: OptimalNoise, training: Training, name: str) -> None:
        self._defence, self._training, self._name = defence, training, name

    def make(self) -> dict[str, torch.Tensor] | None:
        """Train the first model and find the noise; None if the training was stopped."""
        state = self._training.task.state and self._training.task.state.beside("noise")
        saved = state.load_tensors() if state else {}
        if saved:
            return dict(saved)
        model = self._first_model()
        if model is None:
            return None
        parts = []
        for part in self._parts(model):
            if self._training.stopped():
                return None
            parts.append(part)
        whole = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        whole |= {name: whole[name].double().mean() for name in ("norm", "reached")}
        if state:
            state.save_tensors(whole)
        return whole

    def _first_model(self) -> torch.nn.Module | None:
        """Train a model as usual."""
        training = self._training
        task = replace(training.task, state=training.task.state and training.task.state.beside("first-model"))
        model = training.model()
        progress = _third(training, 0, "Training the first model")
        epochs = fit(model, task, training.device, stopped=training.stopped, progress=progress)
        return model if epochs >= task.settings.epochs else None

    def _parts(self, model: torch.nn.Module) -> Iterator[dict[str, torch.Tensor]]:
        """Yield noisy rows, the first model's logits, the norm of the noise, and whether the entropy is reached."""
        from dynanoise_models.training_defences import least_noise as least

        def network(x: torch.Tensor) -> torch.Tensor:
            return logits_of(model, {self._name: x}).float()

        model.eval()
        task, defence, device = self._training.task, self._defence, self._training.device
        rows, progress = task.indices[0], _third(self._training, 1, "Finding the noise")
        baseline = torch.from_numpy(self._inputs(task)[rows].mean(axis=0, keepdims=True)).to(device)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            x = torch.from_numpy(self._inputs(task)[rows[start : start + ROWS_AT_ONCE]]).to(device)
            values = least.shapley_values(network, x, baseline)
            bounds = least.noise_bounds(network, x, values, defence.epsilon, defence.beta)
            with torch.no_grad():
                entropy = defence.tau * math.log(network(x[:1]).shape[1])
            noise = least.least_noise(network, x, bounds, entropy)
            with torch.no_grad():
                logits = network(x + noise)
            reached = least.entropies(logits) >= entropy - 1e-6
            found = {"x": x + noise, "logits": logits, "norm": least.norms(noise), "reached": reached}
            yield {name: value.cpu() for name, value in found.items()}
            share = min(1, (start + ROWS_AT_ONCE) / len(rows))
            progress(Step("", share * task.settings.epochs, task.settings.epochs, "epochs"))

    def _inputs(self, task: Task) -> Array:
        return task.rows.inputs[self._name]


def _third(training: Training, number: int, what: str) -> Progress:
    """Give a progress for one of the three parts of the work: the first model, the noise and the model."""

    def report(step: Step) -> None:
        epochs = training.task.settings.epochs
        training.progress(replace(step, what=what, done=number * epochs + step.done, total=3 * epochs))

    return report


def _only_input(rows: Rows) -> str:
    """Give the name of the one input, which has fractions.

    Raises:
        UsageError: there are several, or it has whole numbers.
    """
    (name, values), *others = rows.inputs.items()
    if others or not np.issubdtype(values.dtype, np.floating):
        raise UsageError(
            "--defence optimal-noise can't add noise to whole numbers such as tokens: choose a target whose one input "
            "has fractions, or another defence."
        )
    return name
