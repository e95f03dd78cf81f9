"""What is known about a model's noise, for the terminal."""

from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.noise.strength import weaknesses


def noise_text(stated: Provenance) -> str:
    """Write the noise source that a model states, with where it is weak or dead, or with the key and the grids."""
    if stated.noise is None:
        return "none: the defence takes no noise"
    if stated.noise is NoiseSource.KEYED:
        grids = ", ".join(f"{grid:g}" for grid in stated.grids)
        return f"{stated.noise} (key {stated.key}, grids {grids})"
    known = _weaknesses(stated.noise)
    return f"{stated.noise} ({known}: see docs/noise.md)" if known else stated.noise


def _weaknesses(source: NoiseSource) -> str:
    parts = zip(("weak in", "dead in"), weaknesses(source), strict=True)
    return "; ".join(f"{word} {', '.join(where.full_name for where in places)}" for word, places in parts if places)
