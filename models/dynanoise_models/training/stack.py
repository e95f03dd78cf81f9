"""Many small models as one: their weights are stacked, so that one step trains all of them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.func import functional_call, stack_module_state, vmap

from dynanoise_export.types import Int64s


class Stack(torch.nn.Module):
    """Models of one architecture that answer and train together, each on its own rows.

    Args:
        models: m models with the same parameters, without buffers and without dropout.

    Raises:
        ValueError: the models have buffers or dropout.
    """

    def __init__(self, models: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        stacked, buffers = stack_module_state(list(models))
        if buffers or any(isinstance(part, torch.nn.Dropout) for part in models[0].modules()):
            raise ValueError("models with buffers or dropout can't be stacked")
        self.names = list(stacked)
        self.stacked = torch.nn.ParameterList(stacked.values())
        self.single = [models[0].to("meta")]  # in a list, so that its weights are not registered as this module's

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x to logits [m, b, k]: [m, b, …] in training, [b, …] for all models in evaluation."""
        weights = dict(zip(self.names, self.stacked, strict=True))
        x_axis = 0 if self.training else None

        def one(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = functional_call(self.single[0], weights, (x,))
            return answer

        answers: torch.Tensor = vmap(one, in_dims=(0, x_axis))(weights, x)
        return answers

    def weights(self) -> Iterator[dict[str, torch.Tensor]]:
        """Give the weights of each model, under the names that it has for them."""
        for model in range(len(self.stacked[0])):
            pairs = zip(self.names, self.stacked, strict=True)
            yield {name: weights[model].detach().cpu() for name, weights in pairs}


def equally_long(indices: Sequence[Int64s]) -> Int64s:
    """Join the indices of the rows of m models as [m, n]; the shorter ones use their first rows twice."""
    longest = max(map(len, indices))
    return np.stack([np.resize(rows, longest) for rows in indices])
