"""Make up rows that a model takes: where the usual sizes and values do not run, others may."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.runtimes.predictor import Predictor
from dynanoise_export.sources.inputs import BATCH, IMAGE_SIDE, LENGTH, draw
from dynanoise_export.types import Array, Arrays, TensorSpec

# Runs a model on rows, and gives the shapes of its outputs.
Runs = Callable[[Arrays], Sequence[tuple[int, ...]]]

# The sizes of dynamic axes, in the order in which they are tried: the sides of images, the samples of sound, the steps
# of a series with several features, and the tokens of a text, whose attention takes memory by the square of its length.
SIDES = (IMAGE_SIDE, 224, 299, 32, 28)
SAMPLES = (LENGTH, 64, 1600, 16_000)
STEPS = (LENGTH, 64, 1600)
TOKENS = (LENGTH, 64, 128, 512)
# The channels of an image of which no axis is fixed.
CHANNELS = (3, 1)
INTEGERS = (1, 0)
# Rows with more values than this are not tried.
MOST_VALUES = 50_000_000


@dataclass(frozen=True)
class Recipe:
    """How to make up rows.

    Attributes:
        sizes: of the dynamic axes except the batch, by name.
        integer: the value of all integers.
    """

    sizes: Mapping[str, int]
    integer: int = INTEGERS[0]

    def rows(self, specs: Sequence[TensorSpec], count: int = BATCH) -> dict[str, Array]:
        """Make up rows for these inputs."""
        return draw(specs, count, self.sizes, integer=self.integer)

    def is_small(self, specs: Sequence[TensorSpec]) -> bool:
        """Whether the rows fit into the memory of any machine."""
        sizes = [[self.sizes.get(size, BATCH) if isinstance(size, str) else size for size in s.shape] for s in specs]
        return sum(map(prod, sizes)) <= MOST_VALUES


def recipes(specs: Sequence[TensorSpec]) -> list[Recipe]:
    """List the ways to make up rows for a model with these inputs, in the order in which they are tried."""
    ladders = _ladders(specs)
    integers = INTEGERS if any(_is_integer(spec) for spec in specs) else INTEGERS[:1]
    channels = [spec.shape[1] for spec in specs if len(spec.shape) >= 4 and not any(map(_is_fixed, spec.shape[1:]))]
    tried: list[dict[str, int]] = []
    for step in range(max(map(len, ladders.values()), default=1)):
        sizes = {name: ladder[min(step, len(ladder) - 1)] for name, ladder in ladders.items()}
        tried += [sizes, *({**sizes, **dict.fromkeys(map(str, channels), count)} for count in CHANNELS if channels)]
    different = [sizes for place, sizes in enumerate(tried) if sizes not in tried[:place]]
    all_ways = [Recipe(sizes, integer) for sizes in different for integer in integers]
    return [recipe for recipe in all_ways if recipe.is_small(specs)] or all_ways[:1]


def first_that_runs(tried: Sequence[Recipe], specs: Sequence[TensorSpec], runs: Runs, count: int = BATCH) -> Recipe:
    """Find the first recipe for rows that a model answers one by one or, if there is none, that it runs on.

    An image of the wrong size can look like several of the right one.

    Args:
        tried: the recipes, at least one.
        specs: of the model's inputs.
        runs: runs the model.
        count: the rows to make up.

    Raises:
        FailedRunError: it runs on none of them; the error is that of the first, for the others are only guesses.
    """
    first, ran = None, None
    for recipe in tried:
        rows = recipe.rows(specs, count)
        try:
            shapes = runs(rows)
        except FailedRunError as error:
            first = first or error
            continue
        batches = [array.shape[:1] for array in rows.values() if array.ndim]
        if any(shape[:1] in batches for shape in shapes):
            return recipe
        ran = ran or recipe
    if ran is None:
        raise first or AssertionError("there is nothing to try")
    return ran


def runs_in(predictor: Predictor) -> Runs:
    """Give a function that tries rows in an open session."""
    return lambda rows: [np.shape(output) for output in predictor.run(rows).values()]


def failed_on(model: str, rows: str, error: FailedRunError, way_out: str) -> FailedRunError:
    """Say whose rows a model does not run on.

    Args:
        model: its name, for the message.
        rows: whose they are, as in "made-up rows".
        error: of the run.
        way_out: what the user can do, as the end of a sentence; empty if the rows are the user's own.
    """
    end = f"; {way_out}" if way_out else ""
    said = FailedRunError(f"{model} does not run on {rows} ({error.rows}): {error.reason}{end}.")
    said.rows, said.reason = error.rows, error.reason
    return said


def dynamic_axes(specs: Sequence[TensorSpec]) -> list[str]:
    """List the names of the dynamic axes, without that of the batch, in their order."""
    return list(_ladders(specs))


def _ladders(specs: Sequence[TensorSpec]) -> dict[str, Sequence[int]]:
    """Choose for each dynamic axis, except the batch, the sizes to try; the first input with the axis decides."""
    batch = {spec.shape[0] for spec in specs if spec.shape}
    ladders: dict[str, Sequence[int]] = {}
    for spec in specs:
        for axis in spec.shape[1:]:
            if isinstance(axis, str) and axis not in batch:
                ladders.setdefault(axis, _ladder(spec))
    return ladders


def _ladder(spec: TensorSpec) -> Sequence[int]:
    if len(spec.shape) >= 4:
        return SIDES
    if _is_integer(spec):
        return TOKENS
    others = [axis for axis in spec.shape[1:] if axis not in (1, 2)]
    return SAMPLES if len(others) == 1 else STEPS


def _is_integer(spec: TensorSpec) -> bool:
    return "int" in spec.dtype


def _is_fixed(axis: int | str) -> bool:
    return isinstance(axis, int)
