import numpy as np
import pytest
import torch

from dynanoise_models.training.augmentation import augment
from dynanoise_models.training.settings import Augmentation

# All pixels of a channel differ, so that a shift can be recognised.
IMAGES = (torch.arange(3 * 32 * 32, dtype=torch.float32) + 1).reshape(1, 3, 32, 32).expand(400, -1, -1, -1)


def shifted():
    """Make every image that a flip and a shift by up to 4 pixels can give."""
    made = set()
    for image in (IMAGES[0], IMAGES[0].flip(2)):
        padded = np.pad(image.numpy(), ((0, 0), (4, 4), (4, 4)))
        made |= {padded[:, i : i + 32, j : j + 32].tobytes() for i in range(9) for j in range(9)}
    return made


def test_without_augmentation_nothing_changes():
    assert augment(IMAGES, Augmentation.NONE) is IMAGES


def test_about_half_of_the_images_are_flipped():
    torch.manual_seed(0)
    flipped = (augment(IMAGES, Augmentation.FLIP) == IMAGES.flip(3)).flatten(1).all(1)
    same = (augment(IMAGES, Augmentation.FLIP) == IMAGES).flatten(1).all(1)
    assert 160 < flipped.sum() < 240
    assert 160 < same.sum() < 240


def test_every_image_is_shifted_as_a_whole_by_its_own_draw():
    torch.manual_seed(0)
    images = augment(IMAGES, Augmentation.FLIP_AND_CROP)
    seen = {image.numpy().tobytes() for image in images.contiguous()}
    assert seen <= shifted()
    assert len(seen) > 100  # of 162


@pytest.mark.parametrize("side", [64, 8])
def test_the_margin_is_an_eighth_of_the_side(side):
    torch.manual_seed(0)
    ones = torch.ones(200, 1, side, side)
    empty = (augment(ones, Augmentation.FLIP_AND_CROP) == 0).sum(dim=(1, 2)).amin(dim=1)
    lines = (augment(ones, Augmentation.FLIP_AND_CROP) == 0).all(dim=3).sum(dim=(1, 2))
    assert lines.max() == side // 8
    assert empty.min() == 0
