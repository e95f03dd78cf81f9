"""Compare the time to train shadow models as one stack and one by one: in one thread, for the small targets.

    DYNANOISE_DATA=… python benchmarks/stacking.py

Both ways take turns to train the same models for one epoch. Each pair of turns gives a ratio; the figure is the median
of the ratios with its 95% interval.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from dynanoise_export.benchmarking.figures import median
from dynanoise_models.experiments import ExperimentOptions, prepare
from dynanoise_models.shadows.halves import halves
from dynanoise_models.targets import TARGETS
from dynanoise_models.training.loop import Task, fit
from dynanoise_models.training.stack import Stack

CPU = torch.device("cpu")
SIZES = (4, 16)


def main() -> None:
    """Measure each target at each size of a stack, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", action="append")
    parser.add_argument("--pairs", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for target in arguments.target or ("digits-mlp", "mlp-location30"):
        for size in SIZES:
            ratios, seconds = measure(target, size, arguments.pairs)
            ratio = median(ratios)
            print(
                f"{target:15} {size:3} models  one by one {seconds[0]:7.2f} s  stacked {seconds[1]:7.2f} s  "
                f"ratio {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]",
                flush=True,
            )


def measure(target: str, size: int, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Time pairs of epochs; give the ratios of stacked to one by one, and the median seconds of both."""
    found, rows = TARGETS[target], prepare(target, ExperimentOptions()).rows
    settings = replace(found.settings, epochs=1)
    indices = np.stack([np.flatnonzero(own)[: len(rows) // 2] for own in halves(len(rows), size, seed=0)])
    singles, stack = [found.make() for _ in range(size)], Stack([found.make() for _ in range(size)])

    def one_by_one() -> None:
        for seed, model in enumerate(singles):
            fit(model, Task(rows, indices[seed : seed + 1], [seed], settings), CPU)

    def stacked() -> None:
        fit(stack, Task(rows, indices, list(range(size)), settings), CPU)

    times = np.array([[seconds_of(one_by_one), seconds_of(stacked)] for _ in range(pairs)])
    return times[:, 1] / times[:, 0], np.median(times, axis=0)


def seconds_of(run: Callable[[], None]) -> float:
    """Time one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
