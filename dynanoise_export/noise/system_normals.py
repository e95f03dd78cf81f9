"""Standard normals from the operating system's generator, which nobody can predict; for the noise source `input`.

It needs NumPy alone: `triton` copies this file beside the model that a server runs.
"""

import math
import os

import numpy as np
import numpy.typing as npt


def standard_normals(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Draw standard normals by Box and Muller's method, of uniforms with 53 bits.

    Args:
        shape: of the array to draw.
    """
    count = math.prod(shape)
    pairs = (count + 1) // 2
    bits = np.frombuffer(os.urandom(16 * pairs), np.uint64) >> np.uint64(11)
    radii, angles = ((bits + np.uint64(1)) * 2.0**-53).reshape(2, pairs)  # in (0, 1]: there is no logarithm of 0
    radii, angles = np.sqrt(-2 * np.log(radii)), 2 * np.pi * angles
    normals = np.concatenate([radii * np.cos(angles), radii * np.sin(angles)])[:count]
    return normals.reshape(shape).astype(np.float32)
