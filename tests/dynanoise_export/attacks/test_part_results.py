"""Figures by class and by group against scikit-learn on the same rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.part_results import FEWEST, results_by_class, results_by_group
from dynanoise_export.attacks.responses import Responses
from support.draws import gaussian
from support.evidence import result

ROWS = 600


@pytest.fixture(scope="module")
def scored():
    """Give an audit of three classes and the result of an attack that finds members of class 2 alone."""
    rng = np.random.default_rng(0)
    noise, member = gaussian(rng, 0.0, ROWS)
    y = np.arange(2 * ROWS) % 3
    group = np.where(np.arange(2 * ROWS) < 5, "few", np.where(y == 2, "=two", "rest"))
    scores = noise + 1.5 * (member & (y == 2))
    audit = Audit(Path("rows.npz"), "", {}, y, member, np.ones(2 * ROWS, bool), group, ("cat", "dog"))
    return audit, result(scores, member, threshold=0.5), scores


def answers(audit, correct):
    return Responses(np.zeros((len(audit), 3), np.float32), np.zeros(len(audit), np.float32), correct, 1)


def test_the_figures_are_those_of_the_rows_of_each_class(scored):
    audit, attacked, scores = scored
    correct = (audit.y > 0).astype(np.int32)
    found = results_by_class(attacked, audit, answers(audit, correct))
    assert found.too_small == 0
    assert found.parts[0].name == "2"  # the most exposed class comes first; it has no name
    assert {part.name for part in found.parts} == {"2", "cat", "dog"}
    for part in found.parts:
        label = {"cat": 0, "dog": 1, "2": 2}[part.name]
        rows = audit.y == label
        assert part.auc.value == pytest.approx(roc_auc_score(audit.member[rows], scores[rows]))
        assert (part.members, part.non_members) == (audit.member[rows].sum(), (~audit.member[rows]).sum())
        assert part.accuracy.value == (label > 0)


def test_the_intervals_hold_for_all_parts_together(scored):
    audit, attacked, _ = scored
    correct = np.ones(len(audit), np.int32)
    (alone,) = results_by_class(attacked, replace(audit, y=audit.y * 0), answers(audit, correct)).parts
    assert alone.auc == attacked.auc
    parts = results_by_class(attacked, audit, answers(audit, correct)).parts
    rows = len(audit) / len(parts)
    # Hanley and McNeil's variance of an AUC of a half, with the quantile for one error in sixty on each side: 2.394.
    expected = 2.394 * np.sqrt((rows + 1) / (12 * (rows / 2) ** 2))
    assert parts[-1].auc.high - parts[-1].auc.value == pytest.approx(expected, rel=0.1)


def test_groups_with_few_rows_are_counted_alone(scored):
    audit, attacked, _ = scored
    found = results_by_group(attacked, audit, answers(audit, np.ones(len(audit), np.int32)))
    assert [part.name for part in found.parts] == ["=two", "rest"]
    assert found.too_small == 1
    assert min(part.members for part in found.parts) >= FEWEST
    assert results_by_group(attacked, replace(audit, group=None), answers(audit, np.ones(len(audit)))) is None
