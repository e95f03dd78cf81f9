"""A bare state dict, with a factory of the user's that makes the module for it."""

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.targets.target import OpenOptions, Target
from dynanoise_export.targets.torch_module import module_target

# Where training scripts put the weights among the rest of a checkpoint.
NESTED_UNDER = ("state_dict", "model_state_dict", "model")


def open_safetensors(path: Path, options: OpenOptions) -> Target:
    """Open a `.safetensors` file.

    Raises:
        UserError: it is damaged, or the factory is missing or makes another module.
    """
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except Exception as error:  # a parser of foreign bytes
        raise UserError(f"{path} is not a safetensors file, or is cut short: {error}") from error
    return open_state_dict(path, tensors, options)


def open_state_dict(path: Path, content: Mapping[str, Any], options: OpenOptions) -> Target:
    """Open weights, plain or nested as training scripts save them, with or without `module.` before each name.

    Raises:
        UserError: the factory is missing or can't be run, or the weights are another module's.
    """
    weights = _weights(path, content)
    if options.arch is None:
        raise UserError(
            f"{path} holds weights alone: name what makes the module for them with --arch package.module:factory, "
            'keyword arguments behind a "?" as JSON.'
        )
    module = make_module(options.arch)
    load_weights(path, module, weights)
    return module_target(path, "a state dict", sha256(path), module, (), options)


def make_module(arch: str) -> torch.nn.Module:
    """Make the module that MODULE:FACTORY?JSON names; the working directory can be imported from.

    Raises:
        UserError: it can't be imported, called, or gives no module.
    """
    location, _, arguments = arch.partition("?")
    module_name, _, factory_name = location.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        keywords = json.loads(arguments or "{}")
        factory = getattr(importlib.import_module(module_name), factory_name)
        module = factory(**keywords)
    except Exception as error:  # a user's own code raises whatever it likes
        raise UserError(f"--arch {arch} gives no module: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    if not isinstance(module, torch.nn.Module):
        raise UserError(f"--arch {arch} gives a {type(module).__name__} and no torch.nn.Module.")
    return module


def load_weights(path: Path, module: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Put the weights into the module: all of them, each in its place.

    Raises:
        UserError: names or shapes differ.
    """
    try:
        missing, unexpected = module.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        shape = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"The weights in {path} are another module's: {shape}") from error
    if missing or unexpected:
        told = [f"{len(names)} {what} ({names[0]!r}{', …' if len(names) > 1 else ''})"
                for names, what in ((missing, "missing"), (unexpected, "unknown")) if names]  # fmt: skip
        raise UserError(f"The weights in {path} are another module's: {' and '.join(told)}.")


def _weights(path: Path, content: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    for key in NESTED_UNDER:
        if isinstance(content.get(key), Mapping):
            content = content[key]
            break
    weights = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if not weights or len(weights) < len(content):
        other = next((str(name) for name in content if name not in weights), "nothing")
        raise UserError(
            f"{path} holds no state dict, plain or under {', '.join(NESTED_UNDER)}: among the tensors is {other!r}."
        )
    if all(name.startswith("module.") for name in weights):
        return {name.removeprefix("module."): value for name, value in weights.items()}
    return weights
