"""A checkpoint of `dynanoise-models`: weights, and what it takes to make the module for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dynanoise_models.checkpoints import FORMAT
from dynanoise_models.targets import TARGETS

from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.targets.inputs import TensorSpec
from dynanoise_export.targets.state_dict import load_weights
from dynanoise_export.targets.target import OpenOptions, Target
from dynanoise_export.targets.torch_module import module_target


def is_checkpoint(content: object) -> bool:
    """Whether the content of a file says of itself that it is such a checkpoint."""
    return isinstance(content, Mapping) and content.get("format") == FORMAT


def open_checkpoint(path: Path, content: Mapping[str, Any], options: OpenOptions) -> Target:
    """Open a checkpoint.

    Raises:
        UserError: its target is not known here, or its weights are another module's.
    """
    name = content.get("target")
    if name not in TARGETS:
        raise UserError(f"{path} is a checkpoint of the target {name!r}, and only {', '.join(TARGETS)} are known.")
    record = TARGETS[name]
    module = record.make(**content.get("arguments", {}))
    load_weights(path, module, content["state_dict"])
    spec = TensorSpec(record.input_name, "float32", ("batch", *record.input_shape))
    return module_target(path, f"a checkpoint of {name}", sha256(path), module, (spec,), options)
