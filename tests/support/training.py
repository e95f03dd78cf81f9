"""Rows for the tests of training."""

import numpy as np
import torch

from dynanoise_models.training.rows import Rows

CPU = torch.device("cpu")


def table(rows=100, features=4, classes=3):
    """Draw a table with labels that are independent of its features."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((rows, features)).astype(np.float32)
    return Rows({"x": x}, generator.integers(0, classes, rows))


def images(rows=40, classes=3):
    """Draw images of 8 by 8 pixels with labels that are independent of them."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((rows, 3, 8, 8)).astype(np.float32)
    return Rows({"x": x}, generator.integers(0, classes, rows))
