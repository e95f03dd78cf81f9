"""Where the training of a target starts: its network, its first weights, and its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from dynanoise_export.errors import FileAccessError, FormatError, UsageError
from dynanoise_export.records import reading
from dynanoise_export.sources.state_dict import find_weights, load_weights
from dynanoise_export.types import Array, Int64s
from dynanoise_models import text
from dynanoise_models.datasets.dataset import Dataset
from dynanoise_models.targets import TARGETS, Target


@dataclass(frozen=True)
class Start:
    """Where the training of a target starts.

    Attributes:
        target: a name in `TARGETS`.
        arguments: what the network is made with beyond the target's own settings.
        weights: pretrained ones; the others are drawn. Empty if all weights are drawn.
        origin: of the pretrained weights, for messages; None if all weights are drawn.
        complete: whether the pretrained weights must be all that the network has.
    """

    target: str
    arguments: Mapping[str, Any]
    weights: Mapping[str, torch.Tensor]
    origin: str | None = None
    complete: bool = False

    def make_module(self, seed: int) -> torch.nn.Module:
        """Make the network; the seed draws the weights that are not pretrained.

        Raises:
            UserError: the pretrained weights do not fit the network.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = TARGETS[self.target].make(**self.arguments)
        if self.complete:
            load_weights(Path(str(self.origin)), module, self.weights)
        elif self.weights:
            module.load_state_dict(dict(self.weights), strict=False)
        return module


def find_start(target: str, start_from: str | None = None) -> Start:
    """Find where a target starts.

    Args:
        target: a name in `TARGETS`.
        start_from: for text targets, the folder or the hub's name of an encoder; for others, a file of weights.

    Raises:
        UserError: there is no such target, or the weights can't be read.
    """
    found = find_target(target)
    if found.encoder is not None:
        base = start_from or found.encoder.base
        config, weights = text.open_encoder(base, found.encoder.kind)
        return Start(target, {"config": config}, weights, base)
    if start_from is None:
        return Start(target, {}, {})
    return Start(target, {}, _read_weights(Path(start_from)), start_from, complete=True)


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise FileAccessError(f"{path} does not exist, or is not a file: name a file of weights with --start-from.")
    with reading(path, "a state dict of torch.save or safetensors alone"):  # no code from the file is run
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    if not isinstance(content, Mapping):
        raise FormatError(f"{path} holds a {type(content).__name__}, not a state dict.")
    return find_weights(path, content)


def find_target(name: str) -> Target:
    """Find a target by its name.

    Raises:
        UsageError: there is no such target.
    """
    if name not in TARGETS:
        raise UsageError(f"Unknown target {name!r}; choose one of {', '.join(TARGETS)}.")
    return TARGETS[name]


def inputs_of(start: Start, data: Dataset, indices: Int64s) -> dict[str, Array]:
    """Give the rows at the indices as the network takes them: one array for each input."""
    target = TARGETS[start.target]
    if target.encoder is not None:
        return dict(text.tokenize(str(start.origin), data.x[indices].astype(str)))
    return {target.inputs[0].name: data.x[indices]}
