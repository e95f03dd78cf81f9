"""Loaders with faults, each of which the fuzzing must see: `python -m fuzz.toys` fuzzes them."""

import os
import sys
import time
from pathlib import Path
from random import Random

import numpy as np

from dynanoise_export.errors import FormatError
from fuzz import runner, targets, worker
from fuzz.__main__ import main
from fuzz.model_seeds import new
from fuzz.mutations import Files
from fuzz.targets import Case, Target

INPUTS = 2
SIZE, SECONDS = 200 << 20, 4.0


def seeds(folder: Path) -> None:
    """Write a seed."""
    (new(folder, "toy") / "toy").write_bytes(b"toy")


def unchanged(random: Random, files: Files) -> Files:
    """Give the seed as it is."""
    return files


def opens(case: Case) -> object:
    return (case.files / "toy").read_bytes()


def refuses(case: Case) -> object:
    raise FormatError("A toy is not a model.")


def raises(case: Case) -> object:
    raise KeyError("toy")


def dies(case: Case) -> object:
    os.abort()


def hangs(case: Case) -> object:
    while True:
        time.sleep(1)


def swells(case: Case) -> object:
    much = np.ones(2 * SIZE, np.uint8)
    time.sleep(1)
    return much.sum()


def strays(case: Case) -> object:
    return Path("toy").write_bytes(b"in the current folder")


def strays_far(case: Case) -> object:
    return (case.common / "toy").write_bytes(b"in another folder")


TOYS = {toy.__name__: toy for toy in (opens, refuses, raises, dies, hangs, swells, strays, strays_far)}

if __name__ == "__main__":
    targets.TARGETS |= {name: Target(seeds, unchanged, toy, share=INPUTS, weight=1) for name, toy in TOYS.items()}
    # Smaller limits, so that the faults are soon found.
    runner.WAIT, runner.MEMORY, worker.MEMORY = SECONDS, SIZE, SIZE
    sys.exit(main())
