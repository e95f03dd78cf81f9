"""Random flips and crops of batches of images, drawn from PyTorch's own generator."""

from collections.abc import Mapping

import torch
from torch.nn.functional import pad

from dynanoise_models.training.settings import Augmentation

# Pixels of margin for each 32 pixels of the side, as He et al. 2015 crop CIFAR-10.
MARGIN, OF_SIDE = 4, 32


def augmented(inputs: Mapping[str, torch.Tensor], augmentation: Augmentation) -> dict[str, torch.Tensor]:
    """Augment the images [b, c, h, w] among the inputs of a batch."""
    return {name: _batch(value, augmentation) if value.ndim == 4 else value for name, value in inputs.items()}


def augment(images: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    """Change each of the images [b, c, h, w] by its own draw: flip it or not, shift it by up to an eighth of the side.

    The pixels that a shift leaves empty are zero, the mean colour of normalised images.
    """
    if augmentation is Augmentation.NONE:
        return images
    flipped = torch.rand(len(images), device=images.device) < 0.5
    images = torch.where(flipped[:, None, None, None], images.flip(3), images)
    return _crop(images) if augmentation is Augmentation.FLIP_AND_CROP else images


def _batch(images: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    return augment(images, augmentation).contiguous(memory_format=torch.channels_last)  # faster convolutions


def _crop(images: torch.Tensor) -> torch.Tensor:
    count, _, height, width = images.shape
    margin = MARGIN * width // OF_SIDE
    padded = pad(images, (margin,) * 4)
    top, left = torch.randint(0, 2 * margin + 1, (2, count, 1), device=images.device)
    rows = (top + torch.arange(height, device=images.device))[:, :, None]
    columns = (left + torch.arange(width, device=images.device))[:, None, :]
    each = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[each, rows, columns].permute(0, 3, 1, 2)
