"""Many small models as one: their weights stacked, so that a step moves them all."""

from collections.abc import Sequence

import torch
from torch.func import functional_call, stack_module_state, vmap


class Stack(torch.nn.Module):
    """Models of one architecture that answer and learn at once, each on its own rows.

    Args:
        models: m of them, with the same parameters, no buffers and no dropout.
    """

    def __init__(self, models: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        stacked, buffers = stack_module_state(list(models))
        if buffers or any(isinstance(part, torch.nn.Dropout) for part in models[0].modules()):
            raise ValueError("models with buffers or dropout can't be stacked")
        self.names = list(stacked)
        self.stacked = torch.nn.ParameterList(stacked.values())
        self.single = [models[0].to("meta")]  # in a list, so that its own weights are none of this module's

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [m, b, …], or [b, …] for all of them, to logits [m, b, k]."""
        weights = dict(zip(self.names, self.stacked, strict=True))
        own_rows = 0 if self.training else None

        def one(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = functional_call(self.single[0], weights, (x,))
            return answer

        answers: torch.Tensor = vmap(one, in_dims=(0, own_rows))(weights, x)
        return answers
