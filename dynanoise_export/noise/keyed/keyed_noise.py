"""Keyed noise as a noise source: the user's choices, and the nodes and tables in the graph."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from dynanoise_export.errors import UsageError
from dynanoise_export.noise.keyed import onnx_function
from dynanoise_export.noise.keyed.key import Key
from dynanoise_export.noise.keyed.tables import Cells, Tables, derive, fitted
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.onnx_functions import DOMAIN
from dynanoise_export.types import Array

# The prefix of the names of the tables in a graph.
WEIGHTS = "dynanoise_table_"
NARROWEST, WIDEST = 1e-2, 8.0
MOST_GRIDS = 32

# The default width of the cells; all queries in a cell share their noise. docs/keyed-noise.md gives the reason.
DEFAULT_GRIDS = (0.5,)


@dataclass(frozen=True)
class KeyedNoise:
    """Noise that is a function of a secret key and the query.

    Attributes:
        key: the secret.
        grids: the width of each grid's cells, in square roots of nats. Queries in one cell share their noise, and each
            grid gives an equal share of the variance.

    Raises:
        UsageError: there is no grid, or too many, or one is out of bounds.
    """

    key: Key
    grids: tuple[float, ...] = DEFAULT_GRIDS

    source = NoiseSource.KEYED
    input_name = None

    def __post_init__(self) -> None:
        if not self.grids:
            raise UsageError("Keyed noise needs at least one grid.")
        if len(self.grids) > MOST_GRIDS:
            raise UsageError(f"Keyed noise takes at most {MOST_GRIDS} grids, not {len(self.grids)}.")
        for grid in self.grids:
            if not NARROWEST <= grid <= WIDEST:
                raise UsageError(f"A grid must be between {NARROWEST:g} and {WIDEST:g}, not {grid:g}.")

    def tables(self, classes: int) -> Tables:
        """Derive the tables for a model of k classes.

        Raises:
            UsageError: a grid is too fine for so many classes.
        """
        return derive(self.key, self.grids, classes)

    def append_to(self, model: ir.Model, logits: ir.Value, classes: int) -> ir.Value:
        """Add the nodes and the tables; see `Noise.append_to`."""
        return append_keyed_normals(model, logits, self.tables(classes))


def append_keyed_normals(model: ir.Model, logits: ir.Value, tables: Tables) -> ir.Value:
    """Add the nodes and the tables of keyed noise to a model; return standard normals, float32 [n, k]."""
    graph, in_graph = model.graph, fitted(tables)
    arrays = {"signs": tables.projection, "normals": in_graph.normals}
    shared = tuple(_weight(graph, name, array) for name, array in arrays.items())
    rows, size = in_graph.normals.shape
    parts = [_of_grid(graph, logits, number, cells, shared, rows) for number, cells in enumerate(in_graph.cells)]
    function = onnx_function.function(graph.opset_imports[""])
    model.functions[function.identifier()] = function
    total = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        total = _appended(graph, ir.node("Add", [total, part], name=f"dynanoise/noise_sum_{number}"))
    if tables.classes % size:
        cut = {"from": 0, "to": tables.classes, "axis": 1}
        bounds = [_weight(graph, name, np.array([place])) for name, place in cut.items()]
        total = _appended(graph, ir.node("Slice", [total, *bounds], name="dynanoise/noise_of_the_classes"))
    return total


def _of_grid(
    graph: ir.Graph, logits: ir.Value, number: int, cells: Cells, shared: tuple[ir.Value, ...], rows: int
) -> ir.Value:
    own = {"width": cells.width, "offsets": cells.offsets, "limit": cells.limit, "hashes": cells.hashes}
    width, offsets, limit, hashes = (_weight(graph, f"grid_{number}_{name}", array) for name, array in own.items())
    projection, normals = shared
    node = ir.node(
        onnx_function.NAME,
        [logits, projection, width, offsets, limit, hashes, normals],
        attributes={"rows": rows},
        domain=DOMAIN,
        name=f"dynanoise/noise_{number}",
    )
    return _appended(graph, node)


def _appended(graph: ir.Graph, node: ir.Node) -> ir.Value:
    graph.append(node)
    return node.outputs[0]


def _weight(graph: ir.Graph, name: str, array: Array) -> ir.Value:
    value = ir.val(WEIGHTS + name, const_value=ir.tensor(array, name=WEIGHTS + name))
    graph.register_initializer(value)
    return value
