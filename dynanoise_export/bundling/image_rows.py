"""Images in folders that are named after their classes."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dynanoise_export.bundles import Part
from dynanoise_export.bundling.request import BundleRequest, ImageOptions
from dynanoise_export.bundling.source_rows import SourceRows
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.packages import require_packages
from dynanoise_export.records import reading
from dynanoise_export.types import Array, Float32s, Progress, Step

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
FOLDERS = {Part.MEMBER: "members", Part.NON_MEMBER: "non-members", Part.AUXILIARY: "auxiliary"}
# The largest value of a pixel in an image file.
BRIGHTEST = 255


def part_folders(folder: Path) -> dict[Part | None, Path]:
    """Find the folders of the parts below one folder: `members`, `non-members` and, if there is one, `auxiliary`.

    Raises:
        DataError: the first two are not there.
    """
    found: dict[Part | None, Path] = {part: folder / name for part, name in FOLDERS.items() if (folder / name).is_dir()}
    if not {Part.MEMBER, Part.NON_MEMBER} <= found.keys():
        raise DataError(
            f"The folder {folder} has no folders members/CLASS and non-members/CLASS with images: make them, or give "
            "two folders with --members and --non-members."
        )
    return found


def read_images(folder: Path, request: BundleRequest, progress: Progress) -> SourceRows:
    """Read the images in the folders CLASS of a folder.

    Args:
        folder: with a folder for each class.
        request: how they become the rows that the model takes.
        progress: called with the number of images.

    Returns:
        The rows, with `x` float32 [n, channels, height, width].

    Raises:
        UserError: there are no images, one is damaged, or their sizes differ.
    """
    require_packages("Images need", "PIL")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    files = [(path, name) for name in classes for path in sorted((folder / name).rglob("*")) if _is_image(path)]
    if not files:
        raise DataError(f"{folder} has no images in folders that are named after their classes.")
    grey = _are_grey([path for path, _ in files], request)
    images = []
    for done, (path, _) in enumerate(files):
        progress(Step("Reading images", done, len(files), "images"))
        images.append(_image(path, request, grey=grey))
    shapes = sorted({image.shape for image in images})
    if len(shapes) > 1:
        raise DataError(
            f"{folder} has images of different shapes, {list(shapes[0])} and {list(shapes[1])}: give --size "
            "HEIGHT,WIDTH."
        )
    labels = np.array([name for _, name in files])
    return SourceRows({"x": np.stack(images)}, labels, classes=tuple(classes), named=True, free_layout=True)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _are_grey(paths: Sequence[Path], request: BundleRequest) -> bool:
    """Whether images get one channel: the user says so, or none of them has colours and nothing asks for three."""
    from PIL import Image

    options = request.images
    if options.grey or request.processor is not None or max(len(options.mean), len(options.std)) > 1:
        return options.grey
    for path in paths:
        with reading(path, "an image"), Image.open(path) as opened:
            if opened.mode not in ("1", "L"):
                return False
    return True


def _image(path: Path, request: BundleRequest, *, grey: bool) -> Array:
    """Read one image as float32 [channels, height, width]."""
    from PIL import Image

    options = request.images
    with reading(path, "an image"), Image.open(path) as opened:
        image = opened.convert("L" if grey else "RGB")
    if request.processor is not None:
        return _processed(path, image, request.processor)
    if options.size is not None:
        height, width = options.size
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.atleast_3d(np.asarray(image, np.float32)).transpose(2, 0, 1)
    return _normalised(pixels / np.float32(request.divide or BRIGHTEST), options)


def _normalised(pixels: Float32s, options: ImageOptions) -> Float32s:
    """Subtract the mean and divide by the deviation of each channel of [channels, height, width]."""
    for values, name in ((options.mean, "--mean"), (options.std, "--std")):
        if len(values) > 1 and len(values) != len(pixels):
            raise UsageError(f"{name} has {len(values)} numbers, and the images have {len(pixels)} channels.")
    mean, std = (np.array(values or (neutral,), np.float32)[:, None, None]
                 for values, neutral in ((options.mean, 0), (options.std, 1)))  # fmt: skip
    return (pixels - mean) / std


def _processed(path: Path, image: Any, folder: Path) -> Array:
    with reading(path, f"an image that the processor in {folder} takes"):
        made = _processor(folder)(image, return_tensors="np")
        return np.asarray(made["pixel_values"][0], np.float32)


@cache
def _processor(folder: Path) -> Any:
    """Open the image processor of a Hugging Face folder; no code from the folder is run."""
    require_packages("Image processors need", "transformers")
    import transformers

    transformers.logging.set_verbosity_error()
    with reading(folder, "a Hugging Face folder with an image processor"):
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        return transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
