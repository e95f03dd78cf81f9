"""Guards, and small models behind them."""

import numpy as np

from dynanoise_export.defences.guards.guard_catalogue import make_guard
from dynanoise_export.graph.attach import attach
from dynanoise_export.graph.logits import Logits, Scale
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.graph.values import value_named
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.types import TensorSpec
from support.graphs import DEFENCE, noise_of, parse

ONNX_NAMES = {"float32": "float", "float16": "float16", "float64": "double"}
WEIGHTS = "w = {1,2,3,4,5,6,7,8,9,10,11,12}"


def spec_of(dtype="float32", *axes):
    """Describe an input x of three features, or of other axes."""
    return TensorSpec("x", dtype, ("N", *(axes or (3,))))


def rows_of(kind, dtype="float32", count=400):
    """Make rows of a domain, as float32 numbers in a type."""
    generator = np.random.default_rng(0)
    rows = {
        "box": generator.normal(size=(count, 3)),
        "binary": generator.integers(0, 2, (count, 3)),
        "image": np.resize(np.arange(256), (count, 3)) / 255,
    }[{"sphere": "box", "binary-sphere": "binary"}.get(kind, kind)]
    return rows.astype(np.float32).astype(dtype)


def outside(dtype="float32"):
    """Make queries far from any domain, among them infinite ones and no numbers."""
    queries = np.random.default_rng(1).normal(0, 3, (200, 3))
    queries[:6] = [[np.nan] * 3, [np.inf] * 3, [-np.inf] * 3, [0.5, 1.5, -0.5], [64, -64, 1e4], [np.nan, 0, 1]]
    return queries.astype(dtype)


def guard_of(kind, dtype="float32"):
    """Make a guard of its rows."""
    return make_guard(kind, [spec_of(dtype)], {"x": rows_of(kind, dtype)})


def guarded_model(kind, dtype="float32", *, body="z = MatMul(x, w)", inline=False, scale=Scale.LOGITS):
    """Give a defended model behind a guard, and the guard."""
    name = ONNX_NAMES[dtype]
    model = parse(f"g ({name}[N,3] x) => ({name}[N,4] z) <{name}[3,4] {WEIGHTS}> {{ {body} }}")
    guard = guard_of(kind, dtype)
    logits = Logits(value_named(model, "z"), scale, "")
    attach(model, logits, 4, DEFENCE, noise_of(NoiseSource.INPUT), guard=guard, inline=inline)
    return model, guard


def stated(guard):
    """Make the provenance of a file with a guard."""
    return Provenance("dynanoise", {}, NoiseSource.INPUT, "noise", "ONNX", "0" * 64, {"onnx": "1"}, guard=guard)
