"""The attacks without shadow models, against plain formulas of the probabilities."""

import numpy as np
import pytest

from dynanoise_export.attacks.methods.confidence import CONFIDENCE
from dynanoise_export.attacks.methods.correctness import CORRECTNESS
from dynanoise_export.attacks.methods.entropy import ENTROPY
from dynanoise_export.attacks.methods.fixed_thresholds import FIXED_CONFIDENCE, FIXED_LOSS
from dynanoise_export.attacks.methods.loss import LOSS
from dynanoise_export.attacks.methods.modified_entropy import MODIFIED_ENTROPY
from support.evidence import ANSWERS, random_evidence

EVIDENCE, MEMBER = random_evidence(rows=400, effect=3)
P, Y = np.exp(EVIDENCE.log_p), EVIDENCE.y
OF_LABEL = P[np.arange(400), Y]


def modified_entropy(p, y):
    """Song and Mittal 2021, equation 6."""
    wrong = sum(p[i] * np.log(1 - p[i]) for i in range(len(p)) if i != y)
    return -(1 - p[y]) * np.log(p[y]) - wrong


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (CONFIDENCE, np.log(P.max(axis=1))),
        (LOSS, np.log(OF_LABEL)),
        (ENTROPY, (P * np.log(P)).sum(axis=1)),
        (MODIFIED_ENTROPY, np.array([-modified_entropy(p, y) for p, y in zip(P, Y, strict=True)])),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_scores_are_the_formulas_and_larger_for_members(attack, expected):
    scores = attack.score(EVIDENCE)
    np.testing.assert_allclose(scores, expected, rtol=1e-10, atol=1e-12)
    assert scores[MEMBER].mean() > scores[~MEMBER].mean()


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        (FIXED_CONFIDENCE, P.max(axis=1) > 0.9),
        (FIXED_LOSS, -np.log(OF_LABEL) < 0.5),
        (CORRECTNESS, EVIDENCE.labels.correct / ANSWERS >= 0.5),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_attacks_with_a_fixed_threshold_say_member_from_there_on(attack, said):
    assert 0 < said.sum() < 400
    np.testing.assert_array_equal(attack.score(EVIDENCE) >= attack.fixed_threshold, said)
