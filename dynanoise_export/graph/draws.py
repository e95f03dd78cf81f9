"""Draws of noise in a graph: random operators, and table rows that a hash of the query selects."""

from dataclasses import dataclass
from enum import StrEnum

import onnx_ir as ir

RANDOM_LIKE = {"RandomNormalLike", "RandomUniformLike"}
RANDOM = RANDOM_LIKE | {"RandomNormal", "RandomUniform"}


class DrawKind(StrEnum):
    """How a draw gets its numbers."""

    RANDOM = "random operator"
    KEYED = "keyed hash"


@dataclass(frozen=True)
class Draw:
    """One draw of noise in a graph.

    Attributes:
        name: of the node.
        kind: how it gets its numbers.
        operator: of the node; `RandomNormalLike` for the random noise of a defence.
        seeded: whether it repeats its noise in every session.
        live: whether it depends on a value that changes with the query, so that no optimiser folds it.
    """

    name: str
    kind: DrawKind
    operator: str
    seeded: bool
    live: bool


def looks_up_a_hash(node: ir.Node) -> bool:
    """Whether a node is the draw of keyed noise: a Gather by the sum of looked-up numbers modulo another number.

    An embedding is a Gather by what a client sends; only a hash of several cells is looked up in this way.
    """
    if node.op_type != "Gather" or node.domain:
        return False
    for operator in ("Mod", "ReduceSum", "Gather"):
        value = node.inputs[1 if node.op_type == "Gather" else 0]
        producer = None if value is None else value.producer()
        if producer is None or producer.op_type != operator or producer.domain:
            return False
        node = producer
    return True
