"""Constant seeds in the text of a plan."""

import re

# TensorRT-RTX stores the CUDA source of its kernels in the plan and compiles it on the GPU that runs the plan. A kernel
# that starts a generator contains the seed as a number; seen in plans of 1.7.1.
START = re.compile(rb"__random_init_impl<\w+>\((\d+),")


def constant_seeds(plan: bytes, *, draws: bool) -> tuple[int, ...] | None:
    """Find the seeds from which a plan starts its random generators at every run.

    Args:
        plan: its bytes.
        draws: whether its graph has a random operator.

    Returns:
        The seeds, each once; empty if the graph draws nothing, and None if it draws and the text shows no seeds.
    """
    found = tuple(sorted({int(seed) for seed in START.findall(plan)}))
    return found if found or not draws else None
