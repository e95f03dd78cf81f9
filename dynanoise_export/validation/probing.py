"""Look into a graph: its logits, and its answers under known noise, against the reference."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.errors import UserError
from dynanoise_export.graph.probe import make_probe
from dynanoise_export.runtimes.graph_session import predictor_of
from dynanoise_export.runtimes.predictor import Arrays, batches, rows_of
from dynanoise_export.validation import parity_checks
from dynanoise_export.validation.check import Check, not_made
from dynanoise_export.validation.parity_checks import Floats, Tolerance
from dynanoise_export.validation.subject import Subject


@dataclass(frozen=True)
class Inside:
    """What the probe gave: answers and logits [n, k] under known noise [n, k]."""

    answers: Floats
    logits: Floats
    noise: Floats


def look_inside(subject: Subject, graph: Graph, rows: Arrays) -> Inside | str:
    """Run the probe where the model runs; what is returned says otherwise why it could not be run."""
    try:
        probe = make_probe(graph.model)
        if probe.logits is None:
            return "no place was found where noise is added to logits"
        predictor = predictor_of(probe.model, graph.provider)
        noise = np.random.default_rng(1).standard_normal((rows_of(rows), subject.classes), dtype=np.float32)
        gave = [predictor.run(batch) for batch in batches({**rows, probe.noise: noise})]
    except UserError as error:
        return str(error).rstrip(".")
    answers, logits = (
        np.concatenate([np.asarray(one[name]) for one in gave]) for name in (subject.deployed.answers, probe.logits)
    )
    return Inside(answers, logits, noise)


def compared(subject: Subject, inside: Inside | str, expected: Floats, tolerance: Tolerance) -> Iterator[Check]:
    """Compare the model before its head with the reference, and the head with Algorithm 1.

    Args:
        subject: the model.
        inside: what was seen, or why nothing was.
        expected: [n, k], the reference's logits.
        tolerance: of the logits.
    """
    if isinstance(inside, str):
        yield from (not_made(name, inside) for name in ("model parity", "same labels", "head parity"))
        return
    yield from parity_checks.model_parity(inside.logits, expected, tolerance)
    yield parity_checks.head_parity(inside.answers, inside.logits, inside.noise, subject.head)
    if subject.deployed.keep_label:
        yield parity_checks.kept_labels(inside.answers, inside.logits)
