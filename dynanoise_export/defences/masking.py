"""Confidence masking: answers that leave out part of what the model says, and have no noise.

Every query gets the same answer each time, and nobody can take back what was left out. Such an answer jumps where a
logit crosses an edge, so two runtimes that round a logit differently may give two different answers, both correct.
"""

from abc import abstractmethod

import numpy as np

from dynanoise_export.defences.one_way import OneWayDefence
from dynanoise_export.onnx_functions import LARGEST_LOGIT
from dynanoise_export.types import Bools, Float64s


class MaskingDefence(OneWayDefence):
    """A defence without noise whose answers leave something out, and jump at edges."""

    takes_noise = False

    @abstractmethod
    def jump(self, logits: Float64s, moved: Float64s) -> Float64s:
        """Bound how far answers jump; see `Defence.jump`."""


def may_swap(logits: Float64s, moved: Float64s, place: int) -> Bools:
    """Find the rows where two neighbours in the order of the logits may change places.

    Args:
        logits: [n, k], finite or not.
        moved: [n, k], how far each logit may move.
        place: of the larger of the two, counted from 1.

    Returns:
        bool [n].
    """
    z = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
    two = np.argsort(-z, axis=1, kind="stable")[:, place - 1 : place + 1]
    larger, smaller = np.take_along_axis(z, two, axis=1).T
    return np.asarray(larger - smaller <= np.take_along_axis(moved, two, axis=1).sum(axis=1))
