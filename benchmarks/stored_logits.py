"""An undefended model's logits for all queries of an attack, asked once and kept, to try many defences on.

A defended file answers with its head on these logits, which `validate` checks; so a defence is tried in the time that
its head takes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from dynanoise_export.attacks.audit import Audit, open_audit
from dynanoise_export.attacks.queries.client import SMALLEST
from dynanoise_export.attacks.queries.observations import DELTAS, LABEL_DELTA, NEIGHBOURS, Observations
from dynanoise_export.attacks.queries.variants import Variants, image_axes, moved, same, scales, transformed
from dynanoise_export.attacks.responses import Answers, gather
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.files import folder_written_whole
from dynanoise_export.runtimes.graph_session import predictor_of
from dynanoise_export.runtimes.predictor import predict, rows_of
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.sources.open_source import open_source

Floats = npt.NDArray[np.float32]
# Logits [n, k] to the probabilities of one answer.
Answer = Callable[[torch.Tensor], torch.Tensor]
ITSELF, SHAKEN, TRANSFORMED = "itself", "shaken", "transformed"


@dataclass(frozen=True)
class SourceModel:
    """A target of `benchmarks/results.py`, and its logits.

    Attributes:
        audit: the rows.
        store: the shadow models.
        logits: [c, n, k] for each kind of query: the row itself, near-duplicates by how far off they lie, and so on.
    """

    audit: Audit
    store: ShadowStore
    logits: dict[str, Floats]


def open_stored(folder: Path) -> SourceModel:
    """Open a target, and ask its undefended model all that an attacker asks, unless that was done before."""
    target = open_source(folder / "target.pt")
    audit = open_audit(folder / "bundle", target.inputs)
    store = open_store(folder / "shadows", audit)
    kept = folder / "logits"
    if not kept.exists():
        model = target.to_onnx(None)  # ONNX Runtime is several times as fast as PyTorch here
        predictor, output = predictor_of(model), str(model.graph.outputs[0].name)
        with folder_written_whole(kept) as staged:
            for name, variants in queries(audit):
                print(f"asking: {name}", flush=True)
                given = [predict(predictor, rows, output).astype(np.float32) for rows in variants(audit.inputs)]
                np.save(staged / f"{name}.npy", np.stack(given))
    return SourceModel(audit, store, {path.stem: np.load(path, mmap_mode="r") for path in kept.glob("*.npy")})


def queries(audit: Audit) -> Iterator[tuple[str, Variants]]:
    """List what an attacker asks beside repeats of the row."""
    floats, images = scales(audit.inputs), image_axes(audit.inputs)
    yield ITSELF, same(1)
    for delta in DELTAS:
        yield f"{delta:g}", moved(delta, NEIGHBOURS, floats)
    yield SHAKEN, moved(LABEL_DELTA, NEIGHBOURS, floats)
    if images:
        yield TRANSFORMED, transformed(images)


def observations(target: SourceModel, answer: Answer) -> Observations:
    """Answer all queries, and keep what an attacker keeps of it."""
    given = {name: answers_to(logits, target.audit, answer) for name, logits in target.logits.items()}
    return Observations(
        repeated={1: given[ITSELF]},
        moved={delta: given[f"{delta:g}"] for delta in DELTAS},
        shaken=given[SHAKEN],
        transformed=given.get(TRANSFORMED),
    )


def answers_to(logits: Floats, audit: Audit, answer: Answer) -> Answers:
    """Answer one kind of query, [c, n, k]."""
    count = len(logits)
    return gather(_Replayed(iter(logits), answer), audit.inputs, audit.y, same(count), lambda queries: None)  # type: ignore[arg-type]


class _Replayed:
    """A client that is answered from stored logits, in the order in which they are stored."""

    def __init__(self, logits: Iterator[Floats], answer: Answer) -> None:
        self._logits, self._answer = logits, answer

    def ask(self, rows: dict[str, npt.NDArray[np.generic]]) -> Floats:
        """Give the log-probabilities of the next answer to all rows."""
        logits = torch.from_numpy(np.array(next(self._logits)))
        assert len(logits) == rows_of(rows)
        return self._answer(logits).clamp(min=float(SMALLEST)).log().numpy()
