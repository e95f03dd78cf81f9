"""Neighbours of a row: copies of it that are moved a little, at random, outside the domain of the rows or inside it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dynanoise_export.attacks.domain import LOOKED_AT, Domain, float_inputs
from dynanoise_export.attacks.queries.query_plan import PlanContext, bounds_of, scales_of
from dynanoise_export.types import Array, Arrays, Bools


@dataclass(frozen=True)
class Neighbourhood:
    """A way to make neighbours.

    Attributes:
        domain: that of the neighbours.
        move: makes one neighbour of each row, at a distance.
        distances: those that are worth a try, from the shortest; each has its own unit.
        usual: two of them, for an attacker who can't compare them.
        unit: formats a distance, for reports.
    """

    domain: Domain
    move: Callable[[Arrays, float, np.random.Generator], dict[str, Array]]
    distances: tuple[float, ...]
    usual: tuple[float, float]
    unit: str


def neighbourhoods(context: PlanContext) -> list[Neighbourhood]:
    """List the ways to make neighbours that the attacker's domain allows: the narrowest domain first."""
    found = []
    if context.allows(context.domain):
        if context.domain is Domain.BINARY:
            found.append(_flipped(context))
        elif context.domain is Domain.TOKENS:
            found += _replaced(context)
        else:
            found.append(_clipped(context, context.domain))
    if float_inputs(context.inputs):
        if context.allows(Domain.ANY):
            found.append(_stepped(context))
        elif context.domain is Domain.BINARY and context.allows(Domain.BOX):
            found.append(_clipped(context, Domain.BOX))
    return found


def _stepped(context: PlanContext) -> Neighbourhood:
    """Add a Gaussian step to each float; δ is its size in standard deviations of the input's values."""
    scales = scales_of(context.inputs)

    def move(rows: Arrays, distance: float, generator: np.random.Generator) -> dict[str, Array]:
        return {
            name: _step(array, distance * scales[name], generator) if name in scales else array
            for name, array in rows.items()
        }

    return Neighbourhood(Domain.ANY, move, (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8), (0.1, 0.4), "δ {:g}")


def _clipped(context: PlanContext, domain: Domain) -> Neighbourhood:
    """Add a Gaussian step, and keep to the range of each float in the bundle."""
    stepped, bounds = _stepped(context), bounds_of(context.inputs)

    def move(rows: Arrays, distance: float, generator: np.random.Generator) -> dict[str, Array]:
        moved = stepped.move(rows, distance, generator)
        return moved | {name: np.clip(moved[name], *bounds[name]).astype(moved[name].dtype) for name in bounds}

    return Neighbourhood(domain, move, stepped.distances, stepped.usual, "δ {:g} in range")


def _flipped(context: PlanContext) -> Neighbourhood:
    """Flip each feature of 0 and 1 with a probability, the distance."""
    binary = float_inputs(context.inputs)

    def move(rows: Arrays, distance: float, generator: np.random.Generator) -> dict[str, Array]:
        return {name: _flip(array, distance, generator) if name in binary else array for name, array in rows.items()}

    return Neighbourhood(
        Domain.BINARY, move, (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16), (0.01, 0.04), "flips at p {:g}"
    )


def _replaced(context: PlanContext) -> list[Neighbourhood]:
    """Replace a share of the tokens, the distance, by tokens that are drawn from the bundle's texts."""
    first = {name: array[:LOOKED_AT] for name, array in context.inputs.items()}
    masks = [name for name, array in first.items() if is_mask(array)]
    tokens = {name: array[movable_tokens(first, name, masks)] for name, array in first.items() if is_text(array)}
    tokens = {name: found for name, found in tokens.items() if len(found)}
    if not tokens:
        return []

    def move(rows: Arrays, distance: float, generator: np.random.Generator) -> dict[str, Array]:
        moved = dict(rows)
        for name, known in tokens.items():
            drawn = generator.choice(known, rows[name].shape)
            chosen = (generator.random(rows[name].shape) < distance) & movable_tokens(rows, name, masks)
            moved[name] = np.where(chosen, drawn, rows[name])
        return moved

    return [Neighbourhood(Domain.TOKENS, move, (0.05, 0.1, 0.2, 0.4), (0.1, 0.2), "{:.0%} of tokens replaced")]


def _step(array: Array, scale: float, generator: np.random.Generator) -> Array:
    step = generator.standard_normal(array.shape, dtype=np.float32) * np.float32(scale)
    return np.asarray((array.astype(np.float32) + step).astype(array.dtype))


def _flip(array: Array, probability: float, generator: np.random.Generator) -> Array:
    flipped = generator.random(array.shape, dtype=np.float32) < probability
    return np.asarray(np.where(flipped, 1 - array.astype(np.float32), array).astype(array.dtype))


def is_text(array: Array) -> bool:
    """Tell token ids from masks and types, which are 0 and 1, and from positions, which are the same in all rows."""
    if array.dtype.kind not in "iu" or array.ndim != 2:
        return False
    return bool((array.astype(np.int64) > 1).any() and (array != array[:1]).any())


def is_mask(array: Array) -> bool:
    """Tell an attention mask from token types: a text starts or ends with tokens that count."""
    if array.dtype.kind not in "iu" or array.ndim != 2 or not np.isin(array, (0, 1)).all():
        return False
    return bool((array[:, 0] == 1).all() or (array[:, -1] == 1).all())


def movable_tokens(rows: Arrays, name: str, masks: list[str]) -> Bools:
    """Find the tokens of a text without its padding, its first and its last token: bool, in the shape of the ids.

    The first and the last token are special ones in most vocabularies.
    """
    ids = rows[name]
    masks = [mask for mask in masks if rows[mask].shape == ids.shape]
    # Without a mask, whatever equals the last token counts as padding.
    inside = ids != ids[:, -1:] if not masks else np.logical_and.reduce([rows[mask] == 1 for mask in masks])
    places = np.arange(ids.shape[1])
    first = np.where(inside, places, ids.shape[1]).min(axis=1, keepdims=True)
    last = np.where(inside, places, -1).max(axis=1, keepdims=True)
    return np.asarray(inside & (places > first) & (places < last))
