"""scikit-learn's digits: 1,797 images of 8 × 8 pixels that come with the library."""

from pathlib import Path

import numpy as np

from dynanoise_models.datasets.dataset import Dataset, checked_dataset

LARGEST = 16


def load_digits(folder: Path | None = None) -> Dataset:
    """Load all rows: float32 [1797, 64], the pixels scaled to [0, 1]; the folder is ignored."""
    from sklearn import datasets

    x, y = datasets.load_digits(return_X_y=True)
    return checked_dataset(Path("digits"), (x / LARGEST).astype(np.float32), y, None)
