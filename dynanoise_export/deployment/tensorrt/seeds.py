"""Constant seeds in the text of a plan."""

import re

# TensorRT-RTX keeps the CUDA source of its kernels in the plan and compiles it on the GPU that is to run it. A kernel
# that starts a generator holds the seed as a number; seen in plans of 1.7.1.
START = re.compile(rb"__random_init_impl<\w+>\((\d+),")


def constant_seeds(plan: bytes, *, draws: bool) -> tuple[int, ...] | None:
    """Find the seeds from which a plan starts its random generators at every run.

    Args:
        plan: its bytes.
        draws: whether its graph holds a random operator.

    Returns:
        The seeds, each once; none where nothing is drawn, and None where the text does not tell.
    """
    found = tuple(sorted({int(seed) for seed in START.findall(plan)}))
    return found if found or not draws else None
