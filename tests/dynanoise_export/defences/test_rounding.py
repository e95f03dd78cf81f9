"""Rounding: by hand, its ties, and what an attacker reads from a 0."""

import numpy as np
import pytest
from scipy.special import softmax

from dynanoise_export.defences.rounding import Rounding
from dynanoise_export.errors import UsageError
from support.graphs import normals


def answer(p, decimals):
    return Rounding(decimals).defend(np.log([p]), np.zeros((1, len(p))))[0]


def test_probabilities_are_rounded_and_divided_by_their_sum():
    np.testing.assert_allclose(answer([0.114, 0.472, 0.268, 0.146], 1), [0.1, 0.5, 0.3, 0.1])
    np.testing.assert_allclose(answer([0.114, 0.472, 0.268, 0.146], 2), [0.11, 0.47, 0.27, 0.15])
    np.testing.assert_allclose(answer([0.344, 0.343, 0.313], 2), np.array([0.34, 0.34, 0.31]) / 0.99, rtol=1e-6)


def test_a_tie_made_by_rounding_does_not_change_the_label():
    found = answer([0.341, 0.343, 0.316], 2)
    assert found.argmax() == 1
    assert found[1] - found[0] == pytest.approx(0.34 * 2**-20, rel=1e-3)


def test_if_everything_is_rounded_to_0_the_label_has_it_all():
    logits = np.zeros((1, 1000))
    logits[0, 3] = 0.1
    answers = Rounding(2).defend(logits, np.zeros_like(logits))
    assert answers[0, 3] == answers.sum() == 1


def test_an_answer_is_a_function_of_the_rounded_probabilities_and_the_label():
    logits = 2 * normals(3000, 4, dtype=np.float64)
    answers = Rounding(1).defend(logits, np.zeros_like(logits))
    rounded, label = np.round(softmax(logits, axis=1), 1), logits.argmax(axis=1)
    kinds = np.column_stack([rounded, label])
    for kind in np.unique(kinds, axis=0):
        alike = answers[(kinds == kind).all(axis=1)]
        assert np.ptp(alike, axis=0).max() < 1e-12


def test_an_attacker_reads_a_0_as_half_a_unit():
    undone = Rounding(2).undo(np.log(np.array([[1e-37, 0.01, 0.99]])))
    np.testing.assert_allclose(np.exp(undone), [[0.005, 0.01, 0.99]])


@pytest.mark.parametrize("decimals", [0, 7, 1.5, -1, float("nan"), float("inf")])
def test_decimals_that_are_out_of_bounds_or_broken_are_refused(decimals):
    with pytest.raises(UsageError, match="decimals"):
        Rounding(decimals)
