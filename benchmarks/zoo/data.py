"""Small data sets, as the models of the zoo take them."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_multilabel_classification
from sklearn.preprocessing import scale

# So many rows of each are asked.
ROWS = 256


@dataclass(frozen=True)
class Data:
    """Rows and labels.

    Attributes:
        x: float32 [n, features].
        y: int64 [n]; [n, labels] for several labels.
    """

    x: np.ndarray
    y: np.ndarray

    @property
    def few(self) -> np.ndarray:
        """The rows that a model is asked."""
        return self.x[:ROWS]


def digits() -> Data:
    """Give 8 × 8 images of ten digits, between 0 and 1."""
    x, y = load_digits(return_X_y=True)
    return Data((x / 16).astype(np.float32), y)


def cancer() -> Data:
    """Give two classes with 30 scaled features."""
    x, y = load_breast_cancer(return_X_y=True)
    return Data(scale(x).astype(np.float32), y)


def iris() -> Data:
    """Give three classes with 4 features, as they were measured."""
    x, y = load_iris(return_X_y=True)
    return Data(x.astype(np.float32), y)


def wine() -> Data:
    """Give three classes with 13 scaled features."""
    x, y = load_wine(return_X_y=True)
    return Data(scale(x).astype(np.float32), y)


def several_labels() -> Data:
    """Give rows with five labels that do not exclude each other."""
    x, y = make_multilabel_classification(600, 20, n_classes=5, random_state=0)
    return Data(x.astype(np.float32), y)
