"""What the rows of shadow models must have, whoever trains the models."""

from dynanoise_export.bundles import Bundle, require_disjoint
from dynanoise_export.errors import DataError
from dynanoise_export.types import Int64s


def labels_of_rows(bundle: Bundle) -> Int64s:
    """Take the labels of a bundle.

    Raises:
        DataError: it has none.
    """
    if bundle.y is None:
        raise DataError(f"{bundle.path} has no labels y, and shadow models are trained on labels.")
    return bundle.y


def require_trainable(bundle: Bundle, classes: int | None = None) -> None:
    """Check that shadow models can be trained on halves of a bundle.

    Args:
        bundle: the rows.
        classes: k; None if it is not known yet.

    Raises:
        DataError: it has no labels, fewer than two rows or labels beyond the classes, or a row is both member and
            non-member.
    """
    y = labels_of_rows(bundle)
    if len(y) < 2 or y.min() < 0 or (classes is not None and y.max() >= classes):
        known = "" if classes is None else f" of the {classes} classes"
        raise DataError(f"{bundle.path} has fewer than two rows, or labels that are none{known}.")
    if bundle.member is not None:
        require_disjoint(bundle.path, bundle.inputs, bundle.member)
