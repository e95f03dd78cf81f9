"""The attack network: what it learns, and that it has no side effects."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from dynanoise_export.attacks.methods.loss import LOSS
from dynanoise_export.attacks.methods.three_subnets import THREE_SUBNETS
from support.evidence import random_evidence, with_answers


def reversed_by_class(rows=500, seed=0):
    """Make members surer of their label in class 0 and less sure in class 1, which no single threshold separates."""
    evidence, member = random_evidence(shadows=4, rows=rows, classes=2, seed=seed)
    rng = np.random.default_rng(seed)
    direction = np.where(evidence.y == 0, 1, -1)

    def answers(inside):
        logits = rng.normal(scale=0.5, size=(rows, 2))
        logits[np.arange(rows), evidence.y] += 1.5 * np.where(inside, direction, -direction)
        return log_softmax(logits, axis=1)

    return with_answers(
        evidence, answers(member), [answers(trained_on) for trained_on in evidence.shadows.trained_on]
    ), member


def test_it_learns_what_only_answer_and_label_together_show():
    evidence, member = reversed_by_class()
    assert roc_auc_score(member, LOSS.score(evidence)) == pytest.approx(0.5, abs=0.06)
    scores = THREE_SUBNETS.score(evidence)
    assert roc_auc_score(member, scores) > 0.95
    assert ((scores >= THREE_SUBNETS.fixed_threshold) == member).mean() > 0.9


def test_it_finds_nothing_if_there_is_nothing():
    evidence, member = random_evidence(shadows=4, rows=500, effect=0)
    assert roc_auc_score(member, THREE_SUBNETS.score(evidence)) == pytest.approx(0.5, abs=0.1)


def test_it_gives_the_same_scores_whatever_the_state_of_the_generator():
    evidence, _ = random_evidence(shadows=4)
    torch.manual_seed(1)
    first = THREE_SUBNETS.score(evidence)
    torch.manual_seed(2)
    np.testing.assert_array_equal(THREE_SUBNETS.score(evidence), first)


def test_it_does_not_change_the_generators():
    evidence, _ = random_evidence(shadows=4)
    torch.manual_seed(1)
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    THREE_SUBNETS.score(evidence)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpys)


def test_a_score_depends_on_the_query_alone():
    """A log-probability of minus hundreds counts as one of minus thirty, and changes no other row's score."""
    evidence, _ = random_evidence(shadows=4)
    expected = THREE_SUBNETS.score(evidence)
    far = evidence.log_p.copy()
    far[0] = [-900, 0, -900, -900]
    near = far.copy()
    near[0] = [-40, 0, -40, -40]
    theirs = [evidence.shadows.log_p(model) for model in range(4)]
    of_far, of_near = (THREE_SUBNETS.score(with_answers(evidence, one, theirs)) for one in (far, near))
    np.testing.assert_array_equal(of_far, of_near)
    np.testing.assert_allclose(of_far[1:], expected[1:], rtol=1e-5, atol=1e-6)
