"""Checkpoints: the weights with the target's name, so that nothing else is needed to open them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

FORMAT = "dynanoise-models/checkpoint/1"


def save_checkpoint(
    path: Path,
    target: str,
    arguments: Mapping[str, Any],
    module: torch.nn.Module,
    training: Mapping[str, Any] | None = None,
) -> None:
    """Save a module of a target; `torch.load(…, weights_only=True)` reads it.

    Args:
        path: where to.
        target: a name in `TARGETS`.
        arguments: what the network was made with beyond the target's own settings.
        module: the network.
        training: how it was trained and on which rows, in plain values and tensors.
    """
    content = {
        "format": FORMAT,
        "target": target,
        "arguments": dict(arguments),
        "state_dict": module.state_dict(),
        "training": dict(training or {}),
    }
    torch.save(content, path)
