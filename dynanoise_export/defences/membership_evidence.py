"""Answers of which it is known whether their row was a member: what an attack classifier is trained on."""

import numpy as np

from dynanoise_export.defences.fitting_data import FittingData
from dynanoise_export.types import Bools, Float64s, Int64s

# More answers would make the training slower and the classifier hardly better.
MOST_ANSWERS = 20_000


def labelled_answers(data: FittingData) -> tuple[Float64s, Bools]:
    """Give logits [a, k] and whether each row was a member [a]: of shadow models if there are any, else of the model.

    At most 20,000 answers are taken, at random.
    """
    if data.shadow_logits is None or data.shadow_kept is None:
        chosen = _some(len(data.member), data.generator())
        return data.logits[chosen].astype(np.float64), data.member[chosen]
    models, rows = data.shadow_kept.shape
    chosen = _some(models * rows, data.generator())
    logits = np.asarray(data.shadow_logits).reshape(models * rows, -1)[chosen]
    return logits.astype(np.float64), np.asarray(data.shadow_kept).reshape(-1)[chosen]


def _some(count: int, generator: np.random.Generator) -> Int64s:
    return np.sort(generator.permutation(count)[:MOST_ANSWERS])
