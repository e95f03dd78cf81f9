"""scikit-learn's digits: 1,797 images of 8 × 8 pixels that come with the library."""

from pathlib import Path

import numpy as np

from dynanoise_models.datasets.dataset import Dataset, labelled

LARGEST = 16


def load_digits(folder: Path | None = None) -> Dataset:
    """Load all rows, pixels in [0, 1] in a row of 64; the folder is not looked at."""
    from sklearn import datasets

    x, y = datasets.load_digits(return_X_y=True)
    return labelled(Path("digits"), (x / LARGEST).astype(np.float32), y, None)
