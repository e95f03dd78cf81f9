"""What a step makes smaller: the loss, which is where most training-time defences sit."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch.nn.functional import cross_entropy

from dynanoise_models.training.settings import Defence

# Logits [b, k] and labels [b] to the mean loss of the batch.
Objective = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

OBJECTIVES: Mapping[Defence, Objective] = {
    Defence.NONE: cross_entropy,
    Defence.LABEL_SMOOTHING: partial(cross_entropy, label_smoothing=0.1),
}
