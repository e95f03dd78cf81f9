"""The attack that never queries the model."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.blind import blind_auc


def rows(member, y=None):
    n = len(member)
    return Audit(Path("rows.npz"), "", {}, np.zeros(n, int) if y is None else y, member, np.ones(n, bool))


def features(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)


def test_shifted_values_are_separated_as_far_as_possible():
    """One direction is shifted by one standard deviation: no linear score does better than Φ(1/√2)."""
    member = np.arange(2000) % 2 == 0
    x = features(2000)
    x[:, 3] += member
    found = blind_auc(rows(member), x)
    assert found.low < norm.cdf(1 / np.sqrt(2)) < found.high


def test_labels_alone_can_separate_members():
    """Members have label 1 in 8 of 10 rows, and non-members in 2 of 10: (0.64 + (0.16 + 0.16) / 2) = 0.8."""
    rng = np.random.default_rng(0)
    member = np.arange(2000) % 2 == 0
    y = (rng.random(2000) < np.where(member, 0.8, 0.2)).astype(int)
    found = blind_auc(rows(member, y), np.zeros((2000, 8), np.float32))
    assert found.low < 0.8 < found.high


@pytest.mark.parametrize("members_first", [True, False])
def test_equal_rows_are_not_separated_whatever_their_order(members_first):
    member = (np.arange(400) < 200) == members_first
    y = np.random.default_rng(1).integers(0, 2, 400)
    found = blind_auc(rows(member, y), np.zeros((400, 8), np.float32))
    assert found.low <= 0.5 <= found.high


@pytest.mark.parametrize("seed", range(5))
def test_useless_values_give_an_auc_of_half(seed):
    member = np.random.default_rng(seed).permutation(600) < 300
    found = blind_auc(rows(member), features(600, seed))
    assert found.low - 0.02 <= 0.5 <= found.high + 0.02


def test_too_few_rows_are_not_judged():
    assert blind_auc(rows(np.arange(30) < 9), features(30)) is None
    assert blind_auc(rows(np.arange(30) < 10), features(30)) is not None


def test_auxiliary_rows_are_left_out():
    member = np.arange(400) % 2 == 0
    audit = rows(member)
    x = features(400)
    x[300:] += 100 * member[300:, None]
    judged = Audit(audit.path, "", {}, audit.y, member & (np.arange(400) < 300), np.arange(400) < 300)
    found = blind_auc(judged, x)
    assert found.high < 0.65
