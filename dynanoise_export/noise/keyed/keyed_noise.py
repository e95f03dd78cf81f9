"""Keyed noise as a noise source: what a user chooses of it, and how a graph comes by it."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from dynanoise_export.defences.dynanoise_onnx import DOMAIN
from dynanoise_export.errors import UserError
from dynanoise_export.noise.keyed import onnx_function
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.tables import Cells, Tables, derive
from dynanoise_export.parameters import DEFAULT_GRIDS

# What the names of the tables in a graph begin with.
WEIGHTS = "dynanoise_table_"
NARROWEST, WIDEST = 1e-2, 8.0


@dataclass(frozen=True)
class KeyedNoise:
    """Noise that is a function of a secret key and the query.

    Attributes:
        key: the secret.
        grids: the widths of the cells within which queries share their noise, in roots of nats; of several grids each
            gives an equal share of the variance.

    Raises:
        UserError: there is no grid, or one is out of bounds.
    """

    key: Key
    grids: tuple[float, ...] = DEFAULT_GRIDS

    def __post_init__(self) -> None:
        if not self.grids:
            raise UserError("Keyed noise needs a grid.")
        for grid in self.grids:
            if not NARROWEST <= grid <= WIDEST:
                raise UserError(f"A grid must be between {NARROWEST:g} and {WIDEST:g}, not {grid:g}.")

    def tables(self, classes: int) -> Tables:
        """Derive the tables for a model of k classes."""
        return derive(self.key, self.grids, classes)


def append_keyed_normals(model: ir.Model, logits: ir.Value, tables: Tables) -> ir.Value:
    """Put the nodes and the tables of keyed noise into a model; give their value, float32 [n, k]."""
    graph = model.graph
    projection, normals = (
        _weight(graph, name, array) for name, array in (("signs", tables.projection), ("normals", tables.normals))
    )
    parts = [
        _of_grid(graph, logits, number, cells, projection, normals, tables.classes)
        for number, cells in enumerate(tables.cells)
    ]
    function = onnx_function.function(graph.opset_imports[""])
    model.functions[function.identifier()] = function
    total = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        node = ir.node("Add", [total, part], name=f"dynanoise/noise_sum_{number}")
        graph.append(node)
        total = node.outputs[0]
    return total


def _of_grid(
    graph: ir.Graph, logits: ir.Value, number: int, cells: Cells, projection: ir.Value, normals: ir.Value, classes: int
) -> ir.Value:
    own = {"width": cells.width, "offsets": cells.offsets, "limit": cells.limit, "hashes": cells.hashes}
    width, offsets, limit, hashes = (_weight(graph, f"grid_{number}_{name}", array) for name, array in own.items())
    node = ir.node(
        "KeyedNormals",
        [logits, projection, width, offsets, limit, hashes, normals],
        attributes={"classes": classes, "cells": len(cells.hashes)},
        domain=DOMAIN,
        name=f"dynanoise/noise_{number}",
    )
    graph.append(node)
    return node.outputs[0]


def _weight(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    value = ir.val(WEIGHTS + name, const_value=ir.tensor(array, name=WEIGHTS + name))
    graph.register_initializer(value)
    return value
