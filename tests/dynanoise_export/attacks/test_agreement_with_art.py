"""The same answers, attacked by the Adversarial Robustness Toolbox (ART) and by this project."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from art.attacks.inference.membership_inference import (
    MembershipInferenceBlackBox,
    MembershipInferenceBlackBoxRuleBased,
)
from art.estimators.classification import BlackBoxClassifier
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from dynanoise_export.attacks.evidence import Evidence, LabelCounts, ShadowEvidence
from dynanoise_export.attacks.methods.correctness import CORRECTNESS
from dynanoise_export.attacks.methods.loss import LOSS
from dynanoise_export.attacks.methods.shadow_regression import SHADOW_REGRESSION
from dynanoise_export.attacks.methods.three_subnets import THREE_SUBNETS
from dynanoise_export.attacks.signals import signals, stacked

SHADOWS, CLASSES = 4, 10


class Estimator(BlackBoxClassifier):
    """Stored answers: row i answers query i."""

    def __init__(self, log_p):
        super().__init__(lambda x: np.exp(log_p[x[:, 0].astype(int)]), (1,), CLASSES)

    def compute_loss_from_predictions(self, pred, y, **_):
        """Take log-probabilities, because float32 probabilities would lose the last digits."""
        return -(pred * y).sum(axis=1)


@dataclass(frozen=True)
class Case:
    """What was attacked.

    Attributes:
        evidence: of our attacker, on all digits.
        member: [n], the digits that the target was trained on.
        log_p: of the shadow models, [m, n, k].
    """

    evidence: Evidence
    member: np.ndarray
    log_p: np.ndarray

    @property
    def estimator(self):
        return Estimator(self.evidence.log_p)

    @property
    def shadow_answers(self):
        """The shadow models' answers and labels, on rows in their training sets and on the others."""
        trained_on = self.evidence.shadows.trained_on
        y = np.broadcast_to(self.evidence.y, trained_on.shape)
        return (self.log_p[trained_on], y[trained_on]), (self.log_p[~trained_on], y[~trained_on])


def answers(x, y, trained_on):
    """Overfit a small network on some rows, and let it answer all."""
    x, y, trained_on = torch.from_numpy(x).float(), torch.from_numpy(y), torch.from_numpy(trained_on)
    network = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, CLASSES))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(150):
        loss = torch.nn.functional.cross_entropy(network(x[trained_on]), y[trained_on])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network(x).log_softmax(dim=1).detach().double().numpy()


@pytest.fixture(scope="module")
def case():
    """Give a network that was trained on half of the digits, a tenth of them with a wrong label."""
    rng = np.random.default_rng(0)
    x, y = load_digits(return_X_y=True)
    x, n = x / 16, len(y)
    y = np.where(rng.random(n) < 0.1, rng.integers(0, CLASSES, n), y).astype(np.int64)
    trained_on = rng.permuted(np.tile(np.arange(SHADOWS) % 2 == 0, (n, 1)), axis=1).T
    member = rng.permuted(np.arange(n) % 2 == 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        *theirs, own = (answers(x, y, rows) for rows in (*trained_on, member))
    theirs = np.stack(theirs)
    seen = stacked([signals(one, y) for one in theirs])
    shadows = ShadowEvidence(seen, LabelCounts(seen.correct.astype(int), 1), trained_on, lambda model: theirs[model])
    own_signals = signals(own, y)
    nobody = np.zeros(n, dtype=bool)
    labels = LabelCounts(own_signals.correct.astype(int), 1)
    evidence = Evidence(y, own, own_signals, labels, nobody, x.astype(np.float32), shadows)
    return Case(evidence, member, theirs)


def fitted(case, inputs, kind, read=np.exp, **settings):
    """Let ART fit an attack on our shadow models' answers."""
    (inside, y_inside), (outside, y_outside) = case.shadow_answers
    attack = MembershipInferenceBlackBox(case.estimator, input_type=inputs, attack_model_type=kind, **settings)
    if hasattr(attack.attack_model, "random_state"):
        attack.attack_model.random_state = 0
    attack.fit(y=y_inside, test_y=y_outside, pred=read(inside), test_pred=read(outside))
    return attack


def test_correctness_gives_the_rule_based_attacks_verdicts_row_for_row(case):
    queries = np.arange(len(case.member), dtype=np.float32)[:, None]
    theirs = MembershipInferenceBlackBoxRuleBased(case.estimator).infer(queries, case.evidence.y)
    ours = CORRECTNESS.score(case.evidence) >= CORRECTNESS.fixed_threshold
    np.testing.assert_array_equal(ours, theirs == 1)
    assert balanced_accuracy_score(case.member, ours) > 0.55


def test_loss_ranks_the_rows_of_a_class_as_the_regression_on_the_loss_does(case):
    """ART's regression takes the label beside the loss, so it has a constant for each class."""
    attack = fitted(case, "loss", "lr", read=lambda log_p: log_p)
    y, one_hot = case.evidence.y, np.eye(CLASSES)[case.evidence.y]
    loss = attack.estimator.compute_loss_from_predictions(case.evidence.log_p, one_hot)
    # Its `infer` computes in float32, which makes ties.
    theirs = attack.attack_model.decision_function(attack.scaler.transform(np.c_[loss, one_hot]))
    ours = LOSS.score(case.evidence)
    for label in range(CLASSES):
        rows = y == label
        assert (np.diff(theirs[rows][np.argsort(ours[rows])]) >= 0).all()
        expected = roc_auc_score(case.member[rows], theirs[rows])
        assert roc_auc_score(case.member[rows], ours[rows]) == pytest.approx(expected, abs=1e-12)


def test_the_shadow_regression_is_arts_on_the_same_features(case):
    def features(log_p, y):
        p = np.sort(np.exp(log_p), axis=1)
        return np.column_stack([p[:, -1], -log_p[np.arange(len(y)), y], p[:, -1] - p[:, -2]])

    inside, outside = (features(*side) for side in case.shadow_answers)
    own = features(case.evidence.log_p, case.evidence.y)
    attack = MembershipInferenceBlackBox(case.estimator, attack_model_type="lr")
    attack.fit(pred=inside, test_pred=outside)
    theirs = attack.infer(None, pred=own, probabilities=True).ravel()
    ours = SHADOW_REGRESSION.score(case.evidence)
    np.testing.assert_allclose(1 / (1 + np.exp(-ours)), theirs, atol=2e-3)
    assert roc_auc_score(case.member, ours) == pytest.approx(roc_auc_score(case.member, theirs), abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("nn", {"nn_model_epochs": 10, "nn_model_learning_rate": 1e-3}), ("rf", {}), ("lr", {})],
)
def test_no_learned_attack_of_arts_is_better_than_ours_on_the_same_rows(case, kind, settings):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        attack = fitted(case, "prediction", kind, **settings)
    theirs = attack.infer(None, case.evidence.y, pred=np.exp(case.evidence.log_p), probabilities=True).ravel()
    ours = [roc_auc_score(case.member, mine.score(case.evidence)) for mine in (THREE_SUBNETS, SHADOW_REGRESSION)]
    assert roc_auc_score(case.member, theirs) <= max(ours) + 0.02
