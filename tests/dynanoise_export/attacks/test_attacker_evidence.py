import numpy as np
import pytest
from scipy.special import log_softmax

from dynanoise_export.attacks.attacker_evidence import LABEL_DRAWS, evidence_of, share_evidence
from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.attacks.responses import Responses
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.types import TensorSpec
from support.audits import make_audit

DEFENCE = DynaNoise(0.5, 2.0, 8.0)
NAIVE, ADAPTIVE = Attacker("naive", True, False, 1), Attacker("adaptive", True, True, 16)
PLAIN = Attacker("without", False, False, 1)
ROWS = 4000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give the files of an audit."""
    return make_audit(tmp_path_factory.mktemp("evidence") / "made", rows=ROWS, shadows=4)


@pytest.fixture(scope="module")
def shared(made):
    """Give what all attackers share."""
    return shared_evidence(made, DEFENCE)


def shared_evidence(made, defence):
    audit = open_audit(made.bundle, [TensorSpec("x", "float32", ("n", 5))])
    return share_evidence(audit, defence, open_store(made.store, audit))


def responses(made, noise, count=16, spread=1.0):
    """Give the mean of answers with a known mean noise."""
    log_p = log_softmax((made.logits + noise) / 8, axis=1).astype(np.float32)
    return Responses(log_p, np.full(ROWS, spread, np.float32), np.zeros(ROWS, np.int32), count)


def shadow_noise(evidence, made):
    """Recover the noise in the answers of the attacker's first shadow model, up to a constant for each row."""
    noise = evidence.shadows.log_p(0) - np.load(made.store / "logits.npy")[0]
    return noise - noise.mean(axis=1, keepdims=True)


def deviation(made, answers):
    """Compute the standard deviation of recovered noise by Algorithm 1, root mean square over rows."""
    log_p = log_softmax(np.load(made.store / "logits.npy")[0].astype(np.float64), axis=1)
    sensitivity = 1 + (np.exp(log_p) * log_p).sum(axis=1) / np.log(5)
    return np.sqrt((0.25 * (1 + 2 * sensitivity)).mean() / answers * (1 - 1 / 5))


def test_an_adaptive_attacker_divides_by_the_temperature(made, shared):
    noise = np.random.default_rng(0).normal(0, 0.3, made.logits.shape)
    evidence = evidence_of(ADAPTIVE, responses(made, noise), shared)
    np.testing.assert_allclose(evidence.log_p, log_softmax(made.logits + noise, axis=1), atol=1e-4)


def test_the_naive_attacker_uses_answers_and_shadow_models_as_they_are(made, shared):
    evidence = evidence_of(NAIVE, responses(made, 0), shared)
    np.testing.assert_allclose(evidence.log_p, log_softmax(made.logits / 8, axis=1), atol=1e-5)
    assert np.abs(shadow_noise(evidence, made)).max() < 1e-4


@pytest.mark.parametrize("count", [1, 16])
def test_the_shadow_models_pass_through_the_defence_with_as_much_noise(made, shared, count):
    evidence = evidence_of(ADAPTIVE, responses(made, 0, count), shared)
    assert shadow_noise(evidence, made).std() == pytest.approx(deviation(made, count), rel=0.02)
    np.testing.assert_array_equal(evidence.shadows.log_p(0), evidence.shadows.log_p(0))
    other = evidence.shadows.log_p(1) - np.load(made.store / "logits.npy")[1]
    correlation = np.corrcoef(shadow_noise(evidence, made).ravel(), (other - other.mean(axis=1, keepdims=True)).ravel())
    assert abs(correlation[0, 1]) < 0.03


def test_noise_that_repeats_with_the_query_is_not_averaged_out(made, shared):
    evidence = evidence_of(ADAPTIVE, responses(made, 0, 16, spread=0.0), shared)
    assert shadow_noise(evidence, made).std() == pytest.approx(deviation(made, 1), rel=0.02)


def test_labels_of_shadow_models_flip_as_often_as_the_defence_makes_them(made, shared):
    labels = evidence_of(NAIVE, responses(made, 0), shared).shadows.labels
    assert labels.answers == LABEL_DRAWS
    plain = evidence_of(PLAIN, responses(made, 0), shared).shadows.labels
    assert plain.answers == 1
    logits = np.load(made.store / "logits.npy")
    np.testing.assert_array_equal(plain.correct, logits.argmax(axis=2) == made.y)
    log_p = log_softmax(logits[0].astype(np.float64), axis=1)
    scale = 0.5 * np.sqrt(1 + 2 * (1 + (np.exp(log_p) * log_p).sum(axis=1) / np.log(5)))
    noise = np.random.default_rng(1).standard_normal((16, *logits[0].shape))
    correct = ((logits[0] + scale[:, None] * noise).argmax(axis=2) == made.y).mean()
    assert labels.correct[0].mean() / LABEL_DRAWS == pytest.approx(correct, abs=0.01)


def test_a_defence_without_noise_is_undone_and_the_shadow_models_have_none(made):
    shared = shared_evidence(made, Temperature(8.0))
    evidence = evidence_of(ADAPTIVE, responses(made, 0, count=1, spread=0.0), shared)
    np.testing.assert_allclose(evidence.log_p, log_softmax(made.logits, axis=1), atol=1e-4)
    assert np.abs(shadow_noise(evidence, made)).max() < 1e-4
    assert evidence.shadows.labels.answers == 1
    correct = np.load(made.store / "logits.npy").argmax(axis=2) == made.y
    np.testing.assert_array_equal(evidence.shadows.labels.correct, correct)


def test_without_a_store_there_are_no_shadow_models(made):
    audit = open_audit(made.bundle, [TensorSpec("x", "float32", ("n", 5))])
    evidence = evidence_of(ADAPTIVE, responses(made, 0), share_evidence(audit, DEFENCE, None))
    assert evidence.shadows is None
