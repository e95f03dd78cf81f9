"""An undefended model's logits for rows and their near-duplicates, computed once and stored, to try many defences on.

A defended file answers with its defence applied to these logits, which `validate` checks. So a defence is tried in the
time that the defence alone takes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynanoise_export.attacks.audit import Audit, open_audit
from dynanoise_export.attacks.queries.query_plan import scales_of
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.files import folder_written_whole
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import predict
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.types import Array, Arrays, Float32s

# The distances of near-duplicates, in standard deviations of the input's values, and their number at each distance.
DISTANCES = (0.001, 0.01, 0.1)
NEARBY = 16
ITSELF = "itself"


@dataclass(frozen=True)
class StoredTarget:
    """A target of `benchmarks/results.py`, and its logits.

    Attributes:
        audit: the rows.
        store: the shadow models.
        itself: [1, n, k], the logits of the rows themselves.
        near_duplicates: [c, n, k], by their distance.
    """

    audit: Audit
    store: ShadowStore
    itself: Float32s
    near_duplicates: dict[float, Float32s]


def nearby(rows: Arrays, distance: float, count: int) -> Iterator[dict[str, Array]]:
    """Move each number of the rows by a Gaussian step, several times.

    Args:
        rows: an array for each input of floats.
        distance: the standard deviation of a step, in standard deviations of the input's values.
        count: how many times.
    """
    generator, scales = np.random.default_rng(0), scales_of(rows)
    for _ in range(count):
        yield {
            name: array + np.float32(distance * scales[name]) * generator.standard_normal(array.shape, np.float32)
            for name, array in rows.items()
        }


def open_stored(folder: Path) -> StoredTarget:
    """Open a target, and send the rows and their near-duplicates to its undefended model, unless that was done."""
    source = open_source(folder / "target.pt")
    audit = open_audit(folder / "bundle", source.inputs)
    stored = folder / "stored-logits"
    if not stored.exists():
        model = source.to_onnx(None)  # ONNX Runtime is several times as fast as PyTorch here
        output = str(model.graph.outputs[0].name)
        with open_graph(model) as predictor, folder_written_whole(stored) as staged:
            queries = {ITSELF: iter([audit.inputs])} | {
                f"{distance:g}": nearby(audit.inputs, distance, NEARBY) for distance in DISTANCES
            }
            for name, rows in queries.items():
                print(f"sending queries: {name}", flush=True)
                np.save(staged / f"{name}.npy", np.stack([predict(predictor, one, output) for one in rows]))

    def load(name: str) -> Float32s:
        return np.load(stored / f"{name}.npy", mmap_mode="r")

    return StoredTarget(
        audit,
        open_store(folder / "shadows", audit),
        load(ITSELF),
        {distance: load(f"{distance:g}") for distance in DISTANCES},
    )
