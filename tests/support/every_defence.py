"""The defences of the catalogue that need no fitting, each with parameters that are not its defaults."""

import numpy as np

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.dynanoise_spread import DynaNoiseSpread
from dynanoise_export.defences.label_only import LabelOnly
from dynanoise_export.defences.rounding import Rounding
from dynanoise_export.defences.static_noise import StaticNoise
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.defences.top_k import TopK

WITHOUT_TENSORS: list[Defence] = [
    DynaNoise(0.7, 1.5, 4.0),
    DynaNoiseSpread(0.7, 1.5, 4.0, 2.0),
    StaticNoise(0.8, 3.0),
    Temperature(2.5),
    TopK(2),
    Rounding(3),
    LabelOnly(0.7),
]
CLASSES = 7


def named(defence: Defence) -> str:
    """Give the name of a defence, for the name of a test."""
    return defence.name


def rows_of_logits() -> dict[str, np.ndarray]:
    """Make rows of float32 logits [n, 7] of each kind: ordinary, tied, huge, infinite, masked, and equal."""
    generator = np.random.default_rng(0)
    rows = {
        "ordinary": 5 * generator.standard_normal((500, CLASSES)),
        "tied": generator.integers(-2, 3, (500, CLASSES)) / 2,
        "huge": generator.standard_normal((300, CLASSES)) * 10.0 ** generator.integers(0, 12, (300, 1)),
        "infinite": generator.choice([-np.inf, 0, 1, 2.5, np.inf], (300, CLASSES)),
        "masked": np.where(generator.random((300, CLASSES)) < 0.3, -np.inf, generator.standard_normal((300, CLASSES))),
        "equal": np.full((3, CLASSES), [[0.0], [1e30], [-np.inf]]),
    }
    return {kind: logits.astype(np.float32) for kind, logits in rows.items()}
