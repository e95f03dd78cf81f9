"""What a target is before it is trained: its network, its first weights, and its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from dynanoise_export.errors import UserError
from dynanoise_export.sources.state_dict import load_weights, weights_in
from dynanoise_models import text
from dynanoise_models.datasets.dataset import Dataset
from dynanoise_models.targets import TARGETS, TargetRecord


@dataclass(frozen=True)
class Start:
    """Where the training of a target begins.

    Attributes:
        target: a name in `TARGETS`.
        arguments: what the network is made with beyond the target's own settings.
        weights: pretrained ones; what they lack is drawn. Empty where all is drawn.
        source: of the weights, for messages; None where all are drawn.
        whole: whether the weights must be all that the network has.
    """

    target: str
    arguments: Mapping[str, Any]
    weights: Mapping[str, torch.Tensor]
    source: str | None = None
    whole: bool = False

    def module(self, seed: int) -> torch.nn.Module:
        """Make the network and draw the weights that are not pretrained, by the seed.

        Raises:
            UserError: the pretrained weights are another network's.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = TARGETS[self.target].make(**self.arguments)
        if self.whole:
            load_weights(Path(str(self.source)), module, self.weights)
        elif self.weights:
            module.load_state_dict(dict(self.weights), strict=False)
        return module


def start_of(target: str, start_from: str | None = None) -> Start:
    """Settle where a target starts.

    Args:
        target: a name in `TARGETS`.
        start_from: for text targets, the folder or the hub's name of an encoder; for others, a file of weights.

    Raises:
        UserError: there is no such target, or the weights can't be read.
    """
    record = record_of(target)
    if record.encoder is not None:
        base = start_from or record.encoder.base
        config, weights = text.encoder(base, record.encoder.kind)
        return Start(target, {"config": config}, weights, base)
    if start_from is None:
        return Start(target, {}, {})
    return Start(target, {}, _weights_of(Path(start_from)), start_from, whole=True)


def _weights_of(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise UserError(f"{path} does not exist, or is no file of weights.")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # a parser of foreign bytes; and no code from the file is run
        raise UserError(f"{path} is no state dict of torch.save or safetensors, or holds more than weights.") from error
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds no weights.")
    return weights_in(path, content)


def record_of(target: str) -> TargetRecord:
    """Look a target up.

    Raises:
        UserError: there is none of this name.
    """
    if target not in TARGETS:
        raise UserError(f"There is no target {target!r}: the targets are {', '.join(TARGETS)}.")
    return TARGETS[target]


def inputs_of(start: Start, data: Dataset, chosen: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
    """Give the rows of the numbers as the network takes them, an array for each input."""
    record = TARGETS[start.target]
    if record.encoder is not None:
        return dict(text.tokens(str(start.source), data.x[chosen]))
    return {record.inputs[0].name: data.x[chosen]}
