"""Who is a member: disjoint splits of a data set, fixed by a seed."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from dynanoise_export.bundles import digests
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.types import Bools, Int64s
from dynanoise_models.datasets.dataset import Dataset
from dynanoise_models.training.settings import Optimizer, Settings


class Protocol(StrEnum):
    """How a data set is split, and with which settings a target is trained on it."""

    BALANCED = "balanced"
    V1 = "v1"
    PUBLISHED = "published"


@dataclass(frozen=True)
class Split:
    """The indices of the rows of a data set; each row is in one part at most.

    Attributes:
        members: the rows that the target is trained on.
        non_members: the rows that an attacker must tell from the members.
        auxiliary: the rows that are left for an attacker's own models.
    """

    members: Int64s
    non_members: Int64s
    auxiliary: Int64s


# Shares of members and non-members; the rest is auxiliary. In the paper's first version, the target gets 70% of the
# rows, and 80% of these are for training.
SHARES = {Protocol.BALANCED: (0.45, 0.45), Protocol.V1: (0.7 * 0.8, 0.7 * 0.2)}


def split(data: Dataset, protocol: Protocol, seed: int, rows: int | None = None) -> Split:
    """Split the rows that the data set does not reserve for testing; of equal rows, one takes part.

    Args:
        data: the data set.
        protocol: `published` is for weights that somebody else trained on the data set's own training part: its
            members come from there, and the test part gives as many non-members.
        seed: of the draw.
        rows: how many take part; None for all.

    Raises:
        UserError: there are too few rows, or the data set has no test part.
    """
    order = np.random.default_rng(seed).permutation(_distinct(data))
    if protocol is Protocol.PUBLISHED:
        return _published(order, data.own_test, rows)
    order = order[~data.own_test[order]]
    if rows is not None:
        if rows > len(order):
            raise UsageError(f"--rows {rows} is too many: the data set has {len(order)} distinct rows.")
        order = order[:rows]
    members, non_members = (round(share * len(order)) for share in SHARES[protocol])
    if min(members, non_members) < 1:
        raise UsageError(f"{len(order)} rows are too few for members and non-members: ask for more with --rows.")
    parts = np.split(order, [members, members + non_members])
    return Split(*(np.sort(part) for part in parts))


def settings_for(protocol: Protocol, own: Settings) -> Settings:
    """Give the settings that a protocol trains with: the target's own, or those of the paper's first version."""
    if protocol is Protocol.V1:
        return Settings(15, 64, Optimizer.SGD, 0.01, momentum=0.9, mixed_precision=own.mixed_precision)
    return own


def _published(order: Int64s, own_test: Bools, rows: int | None) -> Split:
    train, test = order[~own_test[order]], order[own_test[order]]
    count = min(len(train), len(test)) if rows is None else rows // 2
    if not 0 < count <= min(len(train), len(test)):
        raise DataError(
            f"The data set's own test part has {len(test)} rows, too few for the protocol 'published': choose another."
        )
    return Split(np.sort(train[:count]), np.sort(test[:count]), np.array([], np.int64))


def _distinct(data: Dataset) -> Int64s:
    """Give the indices of the rows, without those that equal an earlier row."""
    _, first = np.unique(digests({"x": data.x}), return_index=True)
    return np.sort(first).astype(np.int64)
