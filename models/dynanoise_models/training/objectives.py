"""The loss that a training step reduces; most training-time defences change it."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch.nn.functional import cross_entropy

from dynanoise_models.training.settings import TrainingDefence

# Logits [b, k] and labels [b] to the mean loss of the batch.
Objective = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

OBJECTIVES: Mapping[TrainingDefence, Objective] = {
    TrainingDefence.NONE: cross_entropy,
    TrainingDefence.LABEL_SMOOTHING: partial(cross_entropy, label_smoothing=0.1),
}
