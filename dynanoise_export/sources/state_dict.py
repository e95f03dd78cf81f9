"""A bare state dict, with a factory of the user's that makes the module for it."""

import importlib
import json
import sys
from collections.abc import Collection, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.files import sha256
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_module import source_of_module

# Where training scripts put the weights among the rest of a checkpoint.
NESTED_UNDER = ("state_dict", "model_state_dict", "model")
# What wrappers put before the name of every weight: DataParallel, torch.compile, and modules that hold the model.
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.")


def open_safetensors(path: Path, options: SourceOptions) -> SourceModel:
    """Open a `.safetensors` file.

    Raises:
        UserError: it is damaged, or the factory is missing or makes another module.
    """
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except Exception as error:  # a parser of foreign bytes
        raise UserError(f"{path} is not a safetensors file, or is cut short: {first_line(error)}") from error
    return open_state_dict(path, tensors, options)


def open_state_dict(path: Path, content: Mapping[str, Any], options: SourceOptions) -> SourceModel:
    """Open weights, plain or nested as training scripts save them, with or without `module.` before each name.

    Raises:
        UserError: the factory is missing or can't be run, or the weights are another module's.
    """
    weights = weights_in(path, content)
    if options.arch is None:
        raise UserError(
            f"{path} holds weights alone: name what makes the module for them with --arch package.module:factory, "
            'keyword arguments behind a "?" as JSON.'
        )
    module = make_module(options.arch)
    load_weights(path, module, weights)
    return source_of_module(path, "a state dict", sha256(path), module, (), options)


def make_module(arch: str) -> torch.nn.Module:
    """Make the module that MODULE:FACTORY?JSON names; the working directory can be imported from.

    Raises:
        UserError: it can't be imported, called, or gives no module.
    """
    location, _, arguments = arch.partition("?")
    module_name, _, factory_name = location.partition(":")
    if not (module_name and factory_name):
        raise UserError(f"--arch {arch} is not MODULE:FACTORY, as in package.module:factory or timm:create_model.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        keywords = json.loads(arguments or "{}")
        factory = attrgetter(factory_name)(importlib.import_module(module_name))
        module = factory(**keywords)
    except (Exception, SystemExit) as error:  # a user's own code raises whatever it likes
        raise UserError(f"--arch {arch} gives no module: {type(error).__name__}: {first_line(error)}") from error
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
        missing, unexpected = module.load_state_dict(_unwrapped(weights, module.state_dict()), strict=False)
    except RuntimeError as error:
        shape = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"The weights in {path} are another module's: {shape}") from error
    if missing or unexpected:
        told = [f"{len(names)} {what} ({names[0]!r}{', …' if len(names) > 1 else ''})"
                for names, what in ((missing, "missing"), (unexpected, "unknown")) if names]  # fmt: skip
        raise UserError(f"The weights in {path} are another module's: {' and '.join(told)}.")


def _unwrapped(weights: Mapping[str, torch.Tensor], wanted: Collection[str]) -> dict[str, torch.Tensor]:
    """Take away what wrappers put before the names, where the module has no such names itself."""
    unwrapped = dict(weights)
    while wrapper := next((w for w in WRAPPERS if all(name.startswith(w) for name in unwrapped)), None):
        if any(name.startswith(wrapper) for name in wanted):
            break
        unwrapped = {name.removeprefix(wrapper): value for name, value in unwrapped.items()}
    return unwrapped


def weights_in(path: Path, content: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Find the weights in what a training script saved.

    Raises:
        UserError: there is no state dict, or something else among its tensors.
    """
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
    return weights
