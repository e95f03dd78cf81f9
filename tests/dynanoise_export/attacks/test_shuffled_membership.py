"""No attack is fitted on the rows that it judges: with shuffled membership each of them is a coin."""

import numpy as np
import pytest

from dynanoise_export.attacks.attacking_model import attack
from support.audits import shuffle_membership
from support.blob_audits import make_blob_audit

ROWS = 400


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Attack a file with real shadow models, but call other rows members than the target was trained on."""
    made = make_blob_audit(tmp_path_factory.mktemp("shuffled") / "made", rows=ROWS, shadows=8)
    shuffle_membership(made.bundle, made.store)
    return attack(made.kept, made.bundle, shadows=made.store, budget=23, force=True)


def test_every_attack_on_every_reading_and_each_fusion_is_a_coin(report):
    members, others = report.audit.members, report.audit.non_members
    # Of an AUC by chance; five of them, because there are many attacks.
    deviation = np.sqrt((members + others + 1) / (12 * members * others))
    assert {result.attacker.plan for result in report.results} > {"", "fusion", "label-border", "near-duplicates"}
    assert max(abs(result.auc.value - 0.5) for result in report.results) < 5 * deviation


def test_nothing_is_proved_about_privacy(report):
    assert max(result.epsilon for result in report.results) < 1
    assert report.exposed is None or report.exposed.epsilon < 1
