"""The names of the classes, for Triton's labels file."""

from pathlib import Path

from dynanoise_export.errors import UserError


def chosen_labels(path: Path | None, stated: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """Read the names of the classes from the user's file or, without one, take those that the model states.

    Args:
        path: of a text file with a name on each line.
        stated: by the model; empty where nobody gave them.
        classes: k.

    Raises:
        UserError: the user's file can't be read, or has another number of names than there are classes.
    """
    if path is None:
        # Each is to be one line of a file.
        return tuple(" ".join(label.split()) for label in stated) if len(stated) == classes else ()
    try:
        labels = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read as a file of labels, a text in UTF-8 with one on each line.") from error
    if len(labels) != classes or not all(labels):
        raise UserError(f"{path} has {len(labels)} lines, and the model has {classes} classes: give a name for each.")
    return labels
