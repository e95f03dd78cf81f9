"""The noise sources by name."""

from enum import StrEnum


class NoiseSource(StrEnum):
    """Where the standard normals come from.

    `random`: a random operator of the runtime, applied to the live logits. `input`: another input of the graph, for a
    server that draws them from its own generator, and for tests. `keyed`: computed from a secret key and the query,
    so that the same query gets the same noise wherever the file runs.
    """

    RANDOM = "random"
    INPUT = "input"
    KEYED = "keyed"
