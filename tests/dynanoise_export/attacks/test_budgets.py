import numpy as np
import pytest

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.budgets import budget_curve, budgets_up_to, repeats_within
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.errors import UsageError
from support.evidence import result

MEMBER = np.arange(100) % 2 == 0


def judged(strength, queries, domain=None, *, labels=False):
    """Give a result of an attacker: the larger the strength, the larger its AUC."""
    scores = strength * MEMBER + np.random.default_rng(0).standard_normal(100)
    attacker = Attacker(f"{queries} {domain}", True, True, queries, domain, labels, "plan")
    return result(scores, MEMBER, attacker=attacker)


ROWS, LABELS = judged(0.1, 1), judged(0.3, 1, Domain.BINARY, labels=True)
INSIDE, OUTSIDE = judged(1.0, 16, Domain.BINARY), judged(2.0, 4, Domain.ANY)
MORE_LABELS = judged(0.9, 64, Domain.BOX, labels=True)


def test_each_budget_has_the_strongest_of_each_kind():
    points = budget_curve([ROWS, LABELS, INSIDE, OUTSIDE, MORE_LABELS], 64, Domain.BINARY)
    assert [point.budget for point in points] == [1, 4, 16, 64]
    assert [point.strongest for point in points] == [LABELS, OUTSIDE, OUTSIDE, OUTSIDE]
    assert [point.inside for point in points] == [LABELS, LABELS, INSIDE, INSIDE]
    assert [point.labels for point in points] == [LABELS, LABELS, LABELS, MORE_LABELS]


def test_a_curve_ends_at_the_ceiling():
    assert budgets_up_to(1) == (1,)
    assert budgets_up_to(64) == (1, 4, 16, 64)
    assert budgets_up_to(100) == (1, 4, 16, 64, 100)


def test_rows_are_repeated_up_to_the_budget():
    assert repeats_within(64, None) == (1, 16, 64)
    assert repeats_within(1, None) == (1,)
    assert repeats_within(64, [1, 9]) == (1, 9)


@pytest.mark.parametrize(("budget", "queries"), [(0, None), (-1, None), (10**9, None), (16, [1, 17])])
def test_a_budget_that_can_not_be_kept_is_refused(budget, queries):
    with pytest.raises(UsageError):
        repeats_within(budget, queries)
