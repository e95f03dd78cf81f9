"""Keyed noise a third time, in plain Python: the tests compare the graph and its PyTorch twin with it."""

import hashlib
import math
import struct
from statistics import NormalDist

import numpy as np
import onnx_ir as ir
from scipy.linalg import fractional_matrix_power

from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise, append_keyed_normals
from dynanoise_export.onnx_functions import DOMAIN, VERSION

PROJECTIONS, ROWS, MOST_HASHED = 8, 65536, 8196


class PlainGrid:
    """How one grid cuts queries into cells, and the secret number of each."""

    def __init__(self, secret: bytes, number: int, grid: float, classes: int) -> None:
        scale = 64 * math.sqrt(min(classes, MOST_HASHED))
        self.width = max(1, round(scale * grid))
        self.half = math.ceil(32 * scale / self.width)
        self.count = 2 * self.half
        self.groups = math.ceil(classes / 4)
        shifts = struct.unpack("<8Q", stream(secret, f"shifts {number}", 8 * 8))
        self.shifts = [shift % self.width for shift in shifts]
        size = PROJECTIONS * self.count * self.groups
        self.hashes = struct.unpack(f"<{size}H", stream(secret, f"hashes {number}", 2 * size))

    def cells(self, places: list[int]) -> list[int]:
        """Give the cell of each projection of a query; each projection numbers its cells on from the one before."""
        limit = (self.half - 1) * self.width
        return [
            (min(max(place, -limit), limit) + self.shifts[m] + self.half * self.width) // self.width + m * self.count
            for m, place in enumerate(places)
        ]

    def row(self, cells: list[int], group: int) -> int:
        """Give the row of normals that a group of four classes gets."""
        return sum(self.hashes[cell * self.groups + group] for cell in cells) % ROWS


class PlainKeyedNoise:
    """Keyed noise for k classes, one query and one class at a time."""

    def __init__(self, secret: bytes, grids: tuple[float, ...], classes: int) -> None:
        self.classes = classes
        bits = stream(secret, "signs", classes)
        self.signs = [[1 if byte >> (7 - m) & 1 else -1 for m in range(PROJECTIONS)] for byte in bits]
        self.grids = [PlainGrid(secret, number, grid, classes) for number, grid in enumerate(grids)]
        self.normals = plain_normals(secret) / math.sqrt(len(grids))

    def places(self, logits: np.ndarray) -> list[int]:
        """Project one query's logits."""
        z = [min(max(float(value), -1e30), 1e30) for value in logits]
        top = max(z)
        log_total = top + math.log(math.fsum(math.exp(value - top) for value in z))
        steps = [round(min(64 * math.sqrt(1 - (value - log_total)), 2047)) for value in z]
        hashed = list(zip(steps, self.signs, strict=True))[:MOST_HASHED]
        return [sum(step * sign[m] for step, sign in hashed) for m in range(PROJECTIONS)]

    def cells(self, logits: np.ndarray) -> list[tuple[int, ...]]:
        """Give the cells of each query on the first grid."""
        return [tuple(self.grids[0].cells(self.places(query))) for query in logits]

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Draw the noise of queries: [n, k] to [n, k]."""
        return np.array([self.of_query(query) for query in logits])

    def of_query(self, logits: np.ndarray) -> list[float]:
        """Draw the noise of one query."""
        places = self.places(logits)
        noise = [0.0] * self.classes
        for grid in self.grids:
            cells = grid.cells(places)
            for group in range(grid.groups):
                row = self.normals[grid.row(cells, group)]
                for j in range(4 * group, min(4 * group + 4, self.classes)):
                    noise[j] += row[j - 4 * group]
        return noise


def stream(secret: bytes, label: str, length: int) -> bytes:
    """Derive bytes from a key by FIPS 202."""
    return hashlib.shake_256(secret + label.encode("ascii")).digest(length)


def plain_normals(secret: bytes) -> np.ndarray:
    """Make the table of normals of variance 1, [65536, 4]."""
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf((i + 0.5) / ROWS) for i in range(ROWS)])
    quantiles /= math.sqrt(math.fsum(quantiles**2) / ROWS)
    numbers = struct.unpack(f"<{4 * ROWS}Q", stream(secret, "order of the normals", 4 * ROWS * 8))
    columns = []
    for column in range(4):
        own = numbers[column * ROWS : (column + 1) * ROWS]
        columns.append(quantiles[sorted(range(ROWS), key=own.__getitem__)])
    table = np.stack(columns, axis=1)
    return np.asarray(table @ fractional_matrix_power(np.cov(table.T, bias=True), -0.5))


def noise_alone(noise: KeyedNoise, classes: int, opset: int = 18) -> ir.Model:
    """Make a model of keyed noise alone: `logits` in, `noise` out."""
    logits = ir.Value(name="logits", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(["batch", classes]))
    graph = ir.Graph([logits], [], nodes=[], opset_imports={"": opset, DOMAIN: VERSION}, name="noise")
    model = ir.Model(graph, ir_version=10)
    normals = append_keyed_normals(model, logits, noise.tables(classes))
    normals.name, normals.type, normals.shape = "noise", logits.type, logits.shape
    graph.outputs.append(normals)
    return model


def queries(rows: int, classes: int, seed: int = 0) -> np.ndarray:
    """Draw float32 logits like a classifier's: some rows sure, others not."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, classes)) * rng.uniform(1, 12, (rows, 1))).astype(np.float32)
