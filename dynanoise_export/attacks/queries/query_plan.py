"""The plan of an attack's queries: what is sent for each row of an audit, and how often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dynanoise_export.attacks.queries.variants import (
    TRANSFORMS,
    Variants,
    image_axes,
    input_scales,
    nearby,
    repeated,
    transformed,
)
from dynanoise_export.defences.base import Defence
from dynanoise_export.types import Arrays

# The distances of near-duplicates, in standard deviations of the input's values, and their number at each distance.
DISTANCES = (0.001, 0.01, 0.1)
NEARBY = 16
# A distance at which labels begin to change: for attackers who see labels alone (Choquette-Choo et al. 2021).
NEIGHBOUR_DISTANCE = 0.5


@dataclass(frozen=True)
class Stage:
    """Queries whose responses are cached together.

    Attributes:
        name: for progress and for the cache.
        variants: a batch of rows to the queries for it. Random ones go on from batch to batch, so a stage is sent once.
        count: the number of queries for each row.
    """

    name: str
    variants: Variants
    count: int


@dataclass(frozen=True)
class QueryPlan:
    """All queries to one model.

    Attributes:
        repeats: the row itself; each stage goes on from the one before it.
        near_duplicates: queries close to the row, by their distance.
        neighbours: queries so far from the row that labels change; None for a model that takes no floats.
        transformed: the image mirrored and shifted; None if the rows are not images.
    """

    repeats: tuple[Stage, ...]
    near_duplicates: Mapping[float, Stage]
    neighbours: Stage | None
    transformed: Stage | None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages, in the order in which they are sent."""
        others = (stage for stage in (self.neighbours, self.transformed) if stage is not None)
        return (*self.repeats, *self.near_duplicates.values(), *others)


def plan_queries(inputs: Arrays, defence: Defence | None, repeats: Sequence[int]) -> QueryPlan:
    """Plan what to send to a model.

    Args:
        inputs: the rows of the audit.
        defence: of the model. Without a defence, or with one that takes no noise, there is nothing to average: then
            each row is sent once, and no near-duplicates are sent.
        repeats: how often to send each row itself to a model with noise, a number for each attacker; it is sent once in
            any case.
    """
    noisy = defence is not None and defence.takes_noise
    counts = sorted({1, *repeats}) if noisy else [1]
    scales, images = input_scales(inputs), image_axes(inputs)
    distances = DISTANCES if noisy and scales else ()
    return QueryPlan(
        repeats=tuple(
            Stage(f"repeats-{before}-{count}", repeated(count - before), count - before)
            for before, count in pairwise([0, *counts])
        ),
        near_duplicates={
            distance: Stage(f"near-duplicates-{distance:g}", nearby(distance, NEARBY, scales), NEARBY)
            for distance in distances
        },
        neighbours=Stage("neighbours", nearby(NEIGHBOUR_DISTANCE, NEARBY, scales), NEARBY) if scales else None,
        transformed=Stage("transformed", transformed(images), TRANSFORMS) if images else None,
    )
