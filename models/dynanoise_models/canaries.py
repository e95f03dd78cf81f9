"""Canaries: rows with a wrong label, which a model can only know if it was trained on them."""

import numpy as np
import numpy.typing as npt

from dynanoise_export.bundles import Part
from dynanoise_export.errors import UsageError
from dynanoise_export.types import Bools, Int64s

# Beside the seed of an experiment, so that the canaries do not depend on its other draws.
STREAM = int.from_bytes(b"canaries")


def choose_canaries(parts: npt.NDArray[np.str_], count: int, seed: int) -> Bools:
    """Draw rows, half of them members and half non-members.

    Args:
        parts: str [n], the part of each row.
        count: how many rows, an even number.
        seed: of the draw.

    Returns:
        bool [n].

    Raises:
        UsageError: the number is odd or negative, or it leaves no members or no non-members with their own labels.
    """
    if count < 0 or count % 2:
        raise UsageError(
            f"--canaries {count} can't be halved into members and non-members: give an even number, or 0 for none."
        )
    rng, canary = np.random.default_rng([seed, STREAM]), np.zeros(len(parts), dtype=bool)
    for part in (Part.MEMBER, Part.NON_MEMBER):
        rows = np.flatnonzero(parts == part)
        if count // 2 >= len(rows):
            raise UsageError(
                f"--canaries {count} is too many, because half of them are {part}s, and some of these {len(rows):,} "
                f"must keep their labels: give {2 * len(rows) - 2} at most."
            )
        canary[rng.choice(rows, count // 2, replace=False)] = True
    return canary


def mislabelled(y: Int64s, canary: Bools, classes: int, seed: int) -> Int64s:
    """Give the canaries, bool [n], a label that is not theirs, each of the other classes as likely; [n]."""
    other = np.random.default_rng([seed, STREAM, 1]).integers(1, classes, len(y))
    return np.where(canary, (y + other) % classes, y)
