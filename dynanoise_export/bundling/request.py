"""What a user asks for when a bundle is made."""

from dataclasses import dataclass, field
from pathlib import Path

from dynanoise_export.bundles import Part
from dynanoise_export.layouts import Layout


@dataclass(frozen=True)
class ImageOptions:
    """What becomes of images that no image processor prepares.

    Attributes:
        size: the height and the width to which each image is resized; None to leave the size.
        mean: to subtract, one number or one for each channel.
        std: to divide by then, one number or one for each channel.
        grey: whether images become grey, with one channel.
    """

    size: tuple[int, int] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    grey: bool = False


@dataclass(frozen=True)
class BundleRequest:
    """What a bundle is made of, and how.

    Attributes:
        sources: the path of the rows of each part. A single one under None holds the rows of all parts, and says which
            are members.
        label: the name of the column, the key or the array with the labels; None for the usual one, if there is one.
        member: likewise, with the membership.
        group: likewise, with whom each row is about; None for no groups.
        columns: of a table, to take as features; empty for all that are not named otherwise.
        text: the name of the column with texts; None if rows are no texts.
        processor: the path of a Hugging Face folder with a tokenizer or an image processor.
        max_length: the number of tokens after which a text is cut off; None for as many as the tokenizer states.
        images: what becomes of images.
        layout: of images in the bundle; None for that of the model.
        divide: what the values are divided by; None for 255 in image files, and for 1 elsewhere.
        classes: the names of the classes in their order; empty for those of the model, or sorted names.
        shift_labels: what is added to each label.
        drop_shared: whether non-members that equal members are left out.
        force: whether a bundle is written although the model's answers say that something is wrong with it.
    """

    sources: dict[Part | None, Path]
    label: str | None = None
    member: str | None = None
    group: str | None = None
    columns: tuple[str, ...] = ()
    text: str | None = None
    processor: Path | None = None
    max_length: int | None = None
    images: ImageOptions = field(default_factory=ImageOptions)
    layout: Layout | None = None
    divide: float | None = None
    classes: tuple[str, ...] = ()
    shift_labels: int = 0
    drop_shared: bool = False
    force: bool = False

    @property
    def named(self) -> str:
        """The sources, for messages."""
        return ", ".join(dict.fromkeys(map(str, self.sources.values())))
