"""Standard normals from the operating system's generator, which nobody can predict, for the noise source `input`.

This file needs only NumPy: `triton` copies it beside the model on a server.
"""

import math
import os

import numpy as np
import numpy.typing as npt


def draw_normals(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Draw standard normals by the Box-Muller method, from uniforms with 53 bits.

    Args:
        shape: of the array to draw.
    """
    count = math.prod(shape)
    pairs = (count + 1) // 2
    bits = np.frombuffer(os.urandom(16 * pairs), np.uint64) >> np.uint64(11)
    radii, angles = ((bits + np.uint64(1)) * 2.0**-53).reshape(2, pairs)  # in (0, 1], because 0 has no logarithm
    radii, angles = np.sqrt(-2 * np.log(radii)), 2 * np.pi * angles
    normals = np.concatenate([radii * np.cos(angles), radii * np.sin(angles)])[:count]
    return normals.reshape(shape).astype(np.float32)
