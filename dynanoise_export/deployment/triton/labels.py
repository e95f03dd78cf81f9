"""The names of the classes, for Triton's labels file."""

from pathlib import Path

from dynanoise_export.errors import UsageError, one_line
from dynanoise_export.records import reading


def chosen_labels(path: Path | None, stated: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """Read the names of the classes from the user's file or, without one, take those that the model states.

    Args:
        path: of a text file with a name on each line.
        stated: by the model; empty if it states none.
        classes: k.

    Raises:
        FileAccessError: the user's file can't be read.
        FormatError: it is not a text in UTF-8.
        UsageError: it has another number of names than there are classes.
    """
    if path is None:
        # Each name must fit on one line of the file, for its number is the class.
        return tuple(one_line(label) for label in stated) if len(stated) == classes else ()
    with reading(path, "a text in UTF-8 with one label on each line"):
        labels = tuple(one_line(line) for line in path.read_text(encoding="utf-8-sig").splitlines())
    if len(labels) != classes or not all(labels):
        raise UsageError(
            f"{path} has {len(labels)} lines, and the model has {classes} classes: give one name for each class."
        )
    return labels
