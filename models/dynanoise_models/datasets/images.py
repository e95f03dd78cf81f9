"""Images: decoded, and normalised as networks take them."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import FormatError
from dynanoise_export.types import Float32s

Pixels = npt.NDArray[np.uint8]

# Of the images of ImageNet, scaled to [0, 1]; almost all published weights were trained with these.
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)


def normalised(pixels: Pixels) -> Float32s:
    """Turn uint8 [n, h, w, 3] into float32 [n, 3, h, w], normalised by ImageNet's mean and deviation."""
    levels = (np.arange(256, dtype=np.float32) / 255)[:, None]
    table = (levels - MEAN) / DEVIATION
    channels = [table[:, channel][pixels[..., channel]] for channel in range(3)]
    return np.stack(channels, axis=1)


def decode(path: Path, content: bytes) -> Pixels:
    """Decode one compressed image to uint8 [h, w, 3].

    Args:
        path: of the file that holds it, for messages.
        content: the compressed image.

    Raises:
        FormatError: it is damaged.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # a parser of foreign bytes
        raise FormatError(f"{path} holds an image that can't be decoded, so get it again: {error}.") from error


def read_square(paths: Sequence[Path], side: int) -> Pixels:
    """Read image files of any size as uint8 [n, side, side, 3]: scale the shorter side, crop the middle.

    Raises:
        FormatError: an image is damaged.
    """
    from PIL import ImageOps
    from PIL.Image import Image, fromarray

    def one(path: Path) -> Pixels:
        image: Image = fromarray(decode(path, path.read_bytes()))
        return np.asarray(ImageOps.fit(image, (side, side)))

    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(one, paths)))
