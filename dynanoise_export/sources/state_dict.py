"""A bare state dict, with the user's factory that makes the module for it."""

import importlib
import json
from collections.abc import Collection, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import FormatError, UsageError, first_line
from dynanoise_export.files import sha256
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_module import source_from_module
from dynanoise_export.sources.user_code import importing_from

# Where training scripts put the weights in a checkpoint.
NESTED_UNDER = ("state_dict", "model_state_dict", "model_state", "model", "net")
# What wrappers put before the name of every weight: DataParallel, torch.compile, Opacus, and modules that hold the
# model.
WRAPPERS = ("module.", "_orig_mod.", "_module.", "model.", "net.")
# What a wrapper stores beside the weights: the number of models that AveragedModel averaged.
COUNTER = "n_averaged"


def open_safetensors(path: Path, options: SourceOptions) -> SourceModel:
    """Open a `.safetensors` file.

    Raises:
        UserError: it is damaged, the factory is missing or can't be called, or the weights do not fit its module.
    """
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except Exception as error:  # a parser of foreign bytes
        raise FormatError(f"{path} is not a safetensors file, or is cut short: {first_line(error)}") from error
    return open_state_dict(path, tensors, options)


def open_state_dict(path: Path, content: Mapping[str, Any], options: SourceOptions) -> SourceModel:
    """Open weights, plain or nested as training scripts save them, with or without `module.` before each name.

    Raises:
        UserError: the factory is missing or can't be called, or the weights do not fit its module.
    """
    weights = find_weights(path, content)
    if options.arch is None:
        raise UsageError(
            f"{path} holds only weights: name what makes the module for them with --arch package.module:factory, "
            'followed by keyword arguments as JSON after a "?".'
        )
    module = make_module(options.arch)
    load_weights(path, module, weights)
    return source_from_module(path, "a state dict", sha256(path), module, (), options)


def make_module(arch: str) -> torch.nn.Module:
    """Make the module that MODULE:FACTORY?JSON names; the working directory can be imported from.

    Raises:
        UsageError: the factory can't be imported or called, or does not return a module.
    """
    location, _, arguments = arch.partition("?")
    module_name, _, factory_name = location.partition(":")
    if not (module_name and factory_name):
        raise UsageError(f"--arch {arch} is not MODULE:FACTORY: write package.module:factory or timm:create_model.")
    try:
        keywords = json.loads(arguments or "{}")
        with importing_from(Path.cwd()):
            factory = attrgetter(factory_name)(importlib.import_module(module_name))
            module = factory(**keywords)
    except (Exception, SystemExit) as error:  # a user's own code can raise anything
        raise UsageError(f"--arch {arch} makes no module: {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(module, torch.nn.Module):
        raise UsageError(f"--arch {arch} makes a {type(module).__name__}, not a torch.nn.Module.")
    return module


def load_weights(path: Path, module: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Load the weights into the module: every weight must be in both.

    Args:
        path: of the weights, for messages.
        module: it is changed in place.
        weights: by name, with or without the prefixes of wrappers.

    Raises:
        FormatError: names or shapes differ.
    """
    try:
        missing, unexpected = module.load_state_dict(_unwrapped(weights, module.state_dict()), strict=False)
    except Exception as error:  # tensors of strangers may be of any kind
        shape = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
        raise FormatError(f"The weights in {path} belong to another module: {shape}") from error
    if missing or unexpected:
        counts = [f"{len(names)} {what} ({names[0]!r}{', …' if len(names) > 1 else ''})"
                  for names, what in ((missing, "missing"), (unexpected, "unknown")) if names]  # fmt: skip
        raise FormatError(f"The weights in {path} belong to another module: {' and '.join(counts)}.")


def _unwrapped(weights: Mapping[str, torch.Tensor], wanted: Collection[str]) -> dict[str, torch.Tensor]:
    """Remove what wrappers put before the names, unless the module has such names itself."""
    unwrapped = dict(weights)
    while wrapper := next((w for w in WRAPPERS if all(name.startswith(w) for name in unwrapped)), None):
        if any(name.startswith(wrapper) for name in wanted):
            break
        unwrapped = {name.removeprefix(wrapper): value for name, value in unwrapped.items()}
    return unwrapped


def find_weights(path: Path, content: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Find the weights in what a training script saved.

    Args:
        path: of the file, for messages.
        content: of the file.

    Raises:
        FormatError: there is no state dict, or it holds more than tensors.
    """
    for key in NESTED_UNDER:
        if isinstance(content.get(key), Mapping):
            content = content[key]
            break
    content = {name: value for name, value in content.items() if name != COUNTER}
    weights = {
        name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, torch.Tensor)
    }
    if not weights or len(weights) < len(content):
        other = next((str(name) for name in content if name not in weights), "nothing")
        raise FormatError(
            f"{path} holds no state dict, plain or under {', '.join(NESTED_UNDER)}: among the tensors is {other!r}."
        )
    return weights
