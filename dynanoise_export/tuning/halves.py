"""Two halves of an audit's rows: settings are found on one, and the final figures come from the other."""

import numpy as np

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.scenario import kinds_of_rows
from dynanoise_export.errors import DataError
from dynanoise_export.types import Int64s

# With fewer members or non-members in a half no figure would say anything.
FEWEST = 20
STREAM = int.from_bytes(b"tuning halves")


def halves(audit: Audit) -> tuple[Int64s, Int64s]:
    """Split the rows at random, the same each time: members, non-members and auxiliary rows by halves.

    Returns:
        int64, the places of the rows for tuning and of the held-out rows, rising.

    Raises:
        DataError: a half would have too few members or non-members.
    """
    order = np.random.default_rng([STREAM]).permutation(len(audit))
    parts = kinds_of_rows(audit, order)
    if min(audit.members, audit.non_members) < 2 * FEWEST:
        raise DataError(
            f"{audit.path} has {audit.members} members and {audit.non_members} non-members: tuning needs at least "
            f"{2 * FEWEST} of each, for it holds half of them out."
        )
    first, second = ([part[place::2] for part in parts] for place in (0, 1))
    return np.sort(np.concatenate(first)), np.sort(np.concatenate(second))
