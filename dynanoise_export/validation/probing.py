"""Look into a graph: compare its logits, and its answers under known noise, with the reference."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dynanoise_export.deployed.deployed_model import Graph
from dynanoise_export.errors import UnsupportedModelError, UserError, reason_of
from dynanoise_export.graph.probe import make_probe
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.runtimes.predictor import batches
from dynanoise_export.types import Floats, row_count
from dynanoise_export.validation import parity_checks
from dynanoise_export.validation.case import Case
from dynanoise_export.validation.check import Check, CheckCode, not_applicable, not_run


@dataclass(frozen=True)
class Inside:
    """What the probe gave: answers and logits [n, k] under known noise [n, k]."""

    answers: Floats
    logits: Floats
    noise: Floats


def look_inside(case: Case, graph: Graph) -> Inside:
    """Run the graph's probe on the case's rows.

    Raises:
        UserError: no probe can be made of the graph, or it does not run.
    """
    probe = make_probe(graph.model)
    if probe.logits is None:
        raise UnsupportedModelError("no logits were found that the defence is applied to.")
    noise = np.random.default_rng(1).standard_normal((row_count(case.rows), case.classes), dtype=np.float32)
    rows = case.rows if probe.noise is None else {**case.rows, probe.noise: noise}
    with open_graph(probe.model, case.provider) as predictor:
        given = [predictor.run(batch) for batch in batches(rows)]
    answers, logits = (
        np.concatenate([np.asarray(one[name]) for one in given]) for name in (case.model.answers, probe.logits)
    )
    return Inside(answers, logits, noise)


def compared(case: Case, inside: Inside) -> Iterator[Check]:
    """Compare the model before its defence with the reference, and the defence with its PyTorch reference."""
    yield from parity_checks.model_parity(inside.logits, case.expected, case.tolerance)
    yield parity_checks.defence_parity(inside.answers, inside.logits, inside.noise, case.defence)
    if case.defence.keep_label:
        yield parity_checks.kept_labels(inside.answers, inside.logits)


def not_compared(case: Case, error: UserError) -> Iterator[Check]:
    """Report that the graph gave no logits to compare.

    That is a matter of course for the flattened form of a defence that takes no noise: nothing marks it in the graph.
    """
    for code in (CheckCode.MODEL_PARITY, CheckCode.SAME_LABELS, CheckCode.DEFENCE_PARITY):
        if case.defence.takes_noise:
            yield not_run(code, reason_of(error))
        else:
            yield not_applicable(code, "no node of the graph is the defence, and its answers are judged")
