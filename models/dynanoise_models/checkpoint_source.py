"""A checkpoint of `dynanoise-models`: weights, and what it takes to make the module for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.files import sha256
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.state_dict import load_weights, weights_in
from dynanoise_export.sources.torch_module import source_of_module
from dynanoise_models.checkpoints import FORMAT
from dynanoise_models.targets import TARGETS


def is_checkpoint(content: object) -> bool:
    """Whether the content of a file says of itself that it is such a checkpoint."""
    return isinstance(content, Mapping) and content.get("format") == FORMAT


def open_checkpoint(path: Path, content: Mapping[str, Any], options: SourceOptions) -> SourceModel:
    """Open a checkpoint.

    Raises:
        UserError: its target is not known here, or its weights are another module's.
    """
    name = content.get("target")
    if not isinstance(name, str) or name not in TARGETS:
        raise UserError(f"{path} is a checkpoint of the target {name!r}, and only {', '.join(TARGETS)} are known.")
    record = TARGETS[name]
    try:
        module = record.make(**content["arguments"])
        load_weights(path, module, weights_in(path, dict(content["state_dict"])))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise UserError(f"{path} is a damaged checkpoint of {name}: {reason}") from error
    return source_of_module(path, f"a checkpoint of {name}", sha256(path), module, record.inputs, options)
