"""Checkpoints: the weights with the target's name, so that a checkpoint can be opened without anything else."""

import pickle
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import FormatError, UntrustedCodeError
from dynanoise_export.files import sha256
from dynanoise_export.records import reading
from dynanoise_export.sources.network_size import require_filled
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.state_dict import find_weights, load_weights
from dynanoise_export.sources.torch_module import source_from_module
from dynanoise_models.checkpoint_source import FORMAT
from dynanoise_models.targets import TARGETS


def save_checkpoint(
    path: Path,
    target: str,
    arguments: Mapping[str, Any],
    module: torch.nn.Module,
    training: Mapping[str, Any] | None = None,
) -> None:
    """Save a trained network; `torch.load(…, weights_only=True)` reads it.

    Args:
        path: of the checkpoint.
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


def open_checkpoint(path: Path, options: SourceOptions) -> SourceModel:
    """Open a checkpoint as a source; no code from the file is run, whatever the options allow.

    Raises:
        UserError: it is damaged, its target is unknown, or its weights do not fit the target.
    """
    content = read_checkpoint(path)
    name = content.get("target")
    if not isinstance(name, str) or name not in TARGETS:
        raise FormatError(f"{path} is a checkpoint of the unknown target {name!r}; known are {', '.join(TARGETS)}.")
    target = TARGETS[name]
    with reading(path, f"a checkpoint of {name}"):
        make = partial(target.make, **content["arguments"])
        require_filled(path, make, path.stat().st_size)
        module = make()
        load_weights(path, module, find_weights(path, dict(content["state_dict"])))
    return source_from_module(path, f"a checkpoint of {name}", sha256(path), module, target.inputs, options)


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """Read what a checkpoint holds; no code from the file is run.

    Raises:
        UserError: it is damaged, or another file of PyTorch.
    """
    with reading(path, "a checkpoint"):
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise UntrustedCodeError(f"{path} holds more than the tensors and plain values of a checkpoint.") from error
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise FormatError(f"{path} is a damaged checkpoint: it does not state {FORMAT} as its format.")
    return content
