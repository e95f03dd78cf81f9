"""Who is a member: deterministic, disjoint splits of a data set."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from dynanoise_export.bundles import digests
from dynanoise_export.errors import UserError
from dynanoise_models.datasets.dataset import Dataset
from dynanoise_models.training.settings import Optimizer, Settings

Numbers = npt.NDArray[np.int64]


class Protocol(StrEnum):
    """How a data set is split, and with which settings a target is trained on it."""

    BALANCED = "balanced"
    V1 = "v1"
    PUBLISHED = "published"


@dataclass(frozen=True)
class Split:
    """The numbers of the rows of a data set, each in one part at most.

    Attributes:
        members: what the target is trained on.
        non_members: what an attacker must tell from them.
        auxiliary: what is left for an attacker's own models.
    """

    members: Numbers
    non_members: Numbers
    auxiliary: Numbers


# Shares of members and non-members; the rest is auxiliary. The paper's first version: 70% for the target, of these
# 80% for training.
SHARES = {Protocol.BALANCED: (0.45, 0.45), Protocol.V1: (0.7 * 0.8, 0.7 * 0.2)}


def split(data: Dataset, protocol: Protocol, seed: int, rows: int | None = None) -> Split:
    """Split the rows that the data set does not put aside for testing; of rows that are equal, one takes part.

    Args:
        data: the data set.
        protocol: `published` is for weights that somebody trained on the set's own training part: its members come
            from there, and equally many non-members are the test part.
        seed: of the draw.
        rows: how many take part, all by default.

    Raises:
        UserError: there are too few rows, or the set has no test part.
    """
    order = np.random.default_rng(seed).permutation(_distinct(data))
    if protocol is Protocol.PUBLISHED:
        return _published(order, data.own_test, rows)
    order = order[~data.own_test[order]]
    if rows is not None:
        if rows > len(order):
            raise UserError(f"--rows {rows} asks for more than the {len(order)} distinct rows that there are.")
        order = order[:rows]
    members, non_members = (round(share * len(order)) for share in SHARES[protocol])
    if min(members, non_members) < 1:
        raise UserError(f"{len(order)} rows are too few for members and non-members.")
    parts = np.split(order, [members, members + non_members])
    return Split(*(np.sort(part) for part in parts))


def settings_for(protocol: Protocol, own: Settings) -> Settings:
    """Give the settings that a protocol trains with: a target's own, or the paper's for its first version."""
    if protocol is Protocol.V1:
        return Settings(15, 64, Optimizer.SGD, 0.01, momentum=0.9, mixed_precision=own.mixed_precision)
    return own


def _published(order: Numbers, own_test: npt.NDArray[np.bool_], rows: int | None) -> Split:
    trained, tested = order[~own_test[order]], order[own_test[order]]
    count = min(len(trained), len(tested)) if rows is None else rows // 2
    if not 0 < count <= min(len(trained), len(tested)):
        raise UserError(f"The set's own test part has {len(tested)} rows: too few for the protocol 'published'.")
    return Split(np.sort(trained[:count]), np.sort(tested[:count]), np.array([], np.int64))


def _distinct(data: Dataset) -> Numbers:
    """Give the numbers of the rows, without those that are equal to an earlier one."""
    _, first = np.unique(digests({"x": data.x}), return_index=True)
    return np.sort(first).astype(np.int64)
