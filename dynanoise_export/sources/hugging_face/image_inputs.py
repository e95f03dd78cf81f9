"""The inputs of an image classifier: what its image processor makes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dynanoise_export.errors import FormatError, UnsupportedModelError
from dynanoise_export.sources.hugging_face.folder_config import read_sizes, setting
from dynanoise_export.sources.hugging_face.pretrained_model import takes
from dynanoise_export.types import TensorSpec

# The side of images where nothing states it.
SIDE = 224


def image_specs(path: Path, model: torch.nn.Module) -> tuple[TensorSpec, ...]:
    """List the inputs of an image classifier.

    Args:
        path: of the folder.
        model: its model.

    Raises:
        UserError: the image processor's settings are damaged, or the model takes more than images of one size.
    """
    config: Any = model.config
    processor = _processor(path)
    if takes(model, "pixel_values") and takes(model, "input_ids"):
        raise UnsupportedModelError(
            f"{path} answers a prompt with an image in it, and only models that take images alone are supported."
        )
    if takes(model, "spatial_shapes"):
        raise UnsupportedModelError(
            f"{path} takes images of any shape, cut into patches, and treats them one by one, which ONNX can't hold."
        )
    channels = setting(config, "num_channels") or 3
    try:
        height, width = _sides(_size(processor, config))
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{path / 'preprocessor_config.json'} has an unknown size of images.") from error
    if not takes(model, "pixel_values"):  # ImageGPT: each pixel is the nearest of its colours
        return (TensorSpec("input_ids", "int64", ("batch", height * width)),)
    return (TensorSpec("pixel_values", "float32", ("batch", channels, height, width)),)


def _processor(path: Path) -> dict[str, Any]:
    """Read the settings of the image processor, which may lie within those of a processor of several kinds."""
    alone = read_sizes(path / "preprocessor_config.json", missing_ok=True)
    inner = read_sizes(path / "processor_config.json", missing_ok=True).get("image_processor")
    return alone or (inner if isinstance(inner, dict) else {})


def _size(processor: Mapping[str, Any], config: Any) -> Any:
    cropped = processor.get("crop_size") if processor.get("do_center_crop") else None
    side = cropped or processor.get("size") or setting(config, "image_size")
    if side is None and config.model_type == "imagegpt":
        side = round(config.n_positions**0.5)
    return side or SIDE


def _sides(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping):
        if "height" in size:
            return int(size["height"]), int(size["width"])
        size = size.get("shortest_edge", SIDE)
    if isinstance(size, list | tuple):
        return int(size[0]), int(size[-1])
    return int(size), int(size)
