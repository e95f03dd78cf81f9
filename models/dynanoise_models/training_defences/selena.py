"""SELENA (Tang et al. 2022): a model that learns from the answers of models that do not know the row."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from dynanoise_export.defences.base import require_between, require_whole
from dynanoise_export.types import Float32s, Int64s, Step
from dynanoise_models.training.loop import fit
from dynanoise_models.training.step_loss import StepLoss, TrainingStep
from dynanoise_models.training_defences.split_ai import SplitAI
from dynanoise_models.training_defences.training_defence import Fitted, Training, TrainingDefence


@dataclass(frozen=True)
class Selena(TrainingDefence):
    """SELENA: Split-AI, whose answers a new model of the same architecture learns (self-distillation).

    Its sub-models and the new model all train with the task's own settings, so that it costs as much as
    K - L + 1 trainings.

    Attributes:
        submodels: K, how many sub-models are trained.
        left_out: L, how many of them are not trained on a given row; their mean answer is its soft label.
    """

    submodels: float = 25
    left_out: float = 10

    name = "selena"
    summary = "learns the answers of models that do not know the row"

    def __post_init__(self) -> None:
        """Check the parameters."""
        require_between("submodels", self.submodels, 2, 1000)
        require_between("left_out", self.left_out, 1, self.submodels - 1)
        for name, value in (("submodels", self.submodels), ("left_out", self.left_out)):
            require_whole(name, value)

    def fit(self, training: Training) -> Fitted:
        """Train the sub-models, then the model; stopped before that, the model keeps its first weights."""
        model = training.model()
        soft_labels = SplitAI(training, int(self.submodels), int(self.left_out)).soft_labels()
        if soft_labels is None:
            return Fitted(model, 0.0, {})
        earlier = int(self.submodels) * training.task.settings.epochs

        def report(step: Step) -> None:
            training.progress(replace(step, done=earlier + step.done, total=earlier + (step.total or 0)))

        loss = SoftLabelLoss(training.task.indices[0], soft_labels, len(training.task.rows))
        epochs = fit(model, training.task, training.device, loss=loss, stopped=training.stopped, progress=report)
        return Fitted(model, epochs, {})


class SoftLabelLoss(StepLoss):
    """The cross-entropy to a soft label for each row; its gradient is that of the divergence from the soft label.

    Args:
        indices: int64 [n], of the training rows.
        soft_labels: float32 [n, k], probabilities.
        rows: how many rows there are.
    """

    def __init__(self, indices: Int64s, soft_labels: Float32s, rows: int) -> None:
        self._soft_labels = torch.from_numpy(soft_labels)
        self._places = np.zeros(rows, dtype=np.int64)
        self._places[indices] = np.arange(len(indices))

    def __call__(self, step: TrainingStep) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the mean cross-entropy of a batch, and the logits."""
        logits = step.forward(step.inputs)
        soft_labels = self._soft_labels[self._places[step.indices]].to(logits.device)
        return cross_entropy(logits, soft_labels), logits
