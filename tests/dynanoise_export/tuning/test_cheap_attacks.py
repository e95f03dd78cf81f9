"""The cheap attacks of a search agree with those of `attack`, and with closed forms."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve

from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.tuning import cheap_attacks
from dynanoise_export.tuning.cached_logits import all_rows
from dynanoise_export.tuning.cheap_attacks import CHEAP, Reader, strongest_cheap
from dynanoise_export.tuning.objective import Objective
from dynanoise_export.tuning.trial_figures import price
from dynanoise_export.types import TensorSpec
from support.audits import make_audit

AUC = Objective()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give the files of an audit."""
    return make_audit(tmp_path_factory.mktemp("cheap") / "made", rows=800)


@pytest.fixture(scope="module")
def rows(made):
    """Give its rows with the logits."""
    audit = open_audit(made.bundle, [TensorSpec("x", "float32", ("n", 5))])
    return all_rows(audit, made.logits, ShadowStore.load(made.store))


def test_without_a_defence_the_strongest_is_that_of_attack(made, rows):
    report = attack(made.plain, made.bundle, shadows=made.store, budget=1)
    known = {one.attack.code: one.auc.value for one in report.results if not one.attacker.plan}
    found = strongest_cheap(rows, None, AUC, Reader(1))
    assert found.risk.value == pytest.approx(max(known[code] for code in CHEAP), abs=1e-6)


def test_the_loss_attack_is_the_area_that_scikit_learn_computes(rows, monkeypatch):
    monkeypatch.setattr(cheap_attacks, "CHEAP", ("loss",))
    found = strongest_cheap(rows, None, AUC, Reader(1))
    judged, y = rows.audit.judged, rows.audit.y
    scores = log_softmax(rows.logits.astype(np.float64), axis=1)[np.arange(len(y)), y][judged]
    member = rows.audit.member[judged]
    assert found.risk.value == pytest.approx(roc_auc_score(member, scores), abs=1e-6)
    thresholds = roc_curve(member, scores)[2]
    best = max(balanced_accuracy_score(member, scores >= threshold) for threshold in thresholds)
    assert found.success == pytest.approx(best, abs=1e-6)


def test_many_answers_take_the_noise_away_and_few_do_not(rows):
    strong = DynaNoise(sigma0=4.0, lambda_=0.0, temperature=5.0)
    plain, one, many = (
        strongest_cheap(rows, defence, AUC, Reader(count)).risk.value
        for defence, count in ((None, 1), (strong, 1), (strong, 1_000_000))
    )
    assert one < plain - 0.1
    assert many == pytest.approx(plain, abs=0.01)


def test_a_temperature_takes_nothing_from_an_adaptive_attacker(rows):
    plain, warm = (strongest_cheap(rows, one, AUC, Reader(1)).risk.value for one in (None, Temperature(7.0)))
    assert warm == pytest.approx(plain, abs=1e-3)


def test_kept_labels_cost_no_accuracy(rows):
    noisy = DynaNoise(sigma0=4.0)
    assert price(rows, noisy).accuracy_lost > 0.05
    assert price(rows, KeptLabel(noisy)).accuracy_lost == 0


def test_the_same_setting_has_the_same_figures(rows):
    twice = [strongest_cheap(rows, DynaNoise(), AUC, Reader(4)) for _ in range(2)]
    assert twice[0] == twice[1]
