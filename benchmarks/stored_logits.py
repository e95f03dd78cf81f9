"""An undefended model's logits for all queries of an attack, computed once and stored, to try many defences on.

A defended file answers with its defence applied to these logits, which `validate` checks. So a defence is tried in the
time that the defence alone takes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynanoise_export.attacks.audit import Audit, open_audit
from dynanoise_export.attacks.queries.client import SMALLEST
from dynanoise_export.attacks.queries.query_plan import plan_queries
from dynanoise_export.attacks.responses import ModelResponses, Responses, summarise
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.files import folder_written_whole
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import predict
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.types import Float32s, Floats

# Logits [n, k] to the probabilities of one answer.
Answer = Callable[[Floats], Floats]


@dataclass(frozen=True)
class StoredTarget:
    """A target of `benchmarks/results.py`, and its logits.

    Attributes:
        audit: the rows.
        store: the shadow models.
        itself: [1, n, k], the logits of the rows themselves.
        near_duplicates: [c, n, k], by their distance.
        neighbours: [c, n, k], of queries so far from the rows that labels change.
        transformed: [c, n, k], of images mirrored and shifted; None if the rows are not images.
    """

    audit: Audit
    store: ShadowStore
    itself: Float32s
    near_duplicates: dict[float, Float32s]
    neighbours: Float32s
    transformed: Float32s | None

    def responses(self, answer: Answer) -> ModelResponses:
        """Answer all queries, and keep what an attacker keeps."""
        return ModelResponses(
            repeated={1: self.respond(self.itself, answer)},
            near_duplicates={d: self.respond(logits, answer) for d, logits in self.near_duplicates.items()},
            neighbours=self.respond(self.neighbours, answer),
            transformed=None if self.transformed is None else self.respond(self.transformed, answer),
        )

    def respond(self, logits: Float32s, answer: Answer) -> Responses:
        """Answer the queries that gave these logits [c, n, k]."""
        return summarise(self.audit.y, (log_probabilities(one, answer) for one in logits))


def log_probabilities(logits: Float32s, answer: Answer) -> Float32s:
    """Answer one query for each row, and read the answers [n, k] as a client does."""
    return np.log(np.maximum(answer(np.array(logits)), SMALLEST))


def open_stored(folder: Path) -> StoredTarget:
    """Open a target, and send all of an attacker's queries to its undefended model, unless their logits are stored."""
    source = open_source(folder / "target.pt")
    audit = open_audit(folder / "bundle", source.inputs)
    plan = plan_queries(audit.inputs, DynaNoise(), [1])
    stored = folder / "stored-logits"
    if not stored.exists():
        model = source.to_onnx(None)  # ONNX Runtime is several times as fast as PyTorch here
        output = str(model.graph.outputs[0].name)
        with open_graph(model) as predictor, folder_written_whole(stored) as staged:
            for stage in plan.stages:
                print(f"sending queries: {stage.name}", flush=True)
                queries = stage.variants(audit.inputs)
                logits = [predict(predictor, rows, output).astype(np.float32) for rows in queries]
                np.save(staged / f"{stage.name}.npy", np.stack(logits))

    def load(name: str) -> Float32s:
        return np.load(stored / f"{name}.npy", mmap_mode="r")

    assert plan.neighbours is not None
    return StoredTarget(
        audit,
        open_store(folder / "shadows", audit),
        load(plan.repeats[0].name),
        {distance: load(stage.name) for distance, stage in plan.near_duplicates.items()},
        load(plan.neighbours.name),
        None if plan.transformed is None else load(plan.transformed.name),
    )
