"""Defences that are fitted to a made-up model, whose members get surer answers."""

import numpy as np
from scipy.special import softmax

from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.defences.fitting_data import FittingData

FITTED = ("hamp-output", "memguard", "memguard-limit", "targeted", "neighborhood-blending")
ROWS, CLASSES, WIDTH = 300, 6, 8


def fitting_data(classes: int = CLASSES, seed: int = 0) -> FittingData:
    """Make rows, half of them members, and a linear model that is surer of the members; the same for the same seed."""
    generator = np.random.default_rng(seed)
    weights = generator.standard_normal((WIDTH, classes)).astype(np.float32)
    rows = generator.standard_normal((ROWS, WIDTH)).astype(np.float32)
    member = np.arange(ROWS) % 2 == 0
    rows[member] *= 3
    return FittingData(
        ask=lambda inputs: np.asarray(inputs["x"] @ weights, np.float32),
        inputs={"x": rows},
        y=(rows @ weights).argmax(axis=1),
        member=member,
        classes=classes,
    )


def fitted(name: str, classes: int = CLASSES, **parameters: float):
    """Fit a defence to the made-up model."""
    return DEFENCES.get(name).fit(fitting_data(classes), parameters)


def answers_of(data: FittingData) -> np.ndarray:
    """Give the made-up model's probabilities in float64."""
    return softmax(data.logits.astype(np.float64), axis=1)
