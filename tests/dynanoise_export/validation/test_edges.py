"""Answers that jump at an edge: both sides are right next to it, and neither away from it."""

from types import SimpleNamespace

import numpy as np
import pytest

from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.label_only import LabelOnly
from dynanoise_export.defences.rounding import Rounding
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.defences.top_k import TopK
from dynanoise_export.validation.check import CheckCode
from dynanoise_export.validation.parity_checks import answer_parity, defence_parity
from dynanoise_export.validation.repetition_checks import compare
from dynanoise_export.validation.tolerance import EXACT, Tolerance, jumps

TOLERANCE = Tolerance(atol=1e-4, rtol=0)
# Each with another one that differs from it, away from any edge, by one step.
JUMPING = [(TopK(2), TopK(3)), (Rounding(3), Rounding(2)), (LabelOnly(0.7), LabelOnly(0.71))]
ROWS, CLASSES = 600, 5

each_defence = pytest.mark.parametrize(("defence", "other"), JUMPING, ids=lambda one: one.name)


@pytest.fixture(scope="module")
def logits():
    """Make logits of which a third have classes that nearly tie, whatever their place."""
    generator = np.random.default_rng(0)
    made = 2 * generator.standard_normal((ROWS, CLASSES))
    for first in range(0, ROWS, 3):
        a, b = generator.choice(CLASSES, 2, replace=False)
        made[first, a] = made[first, b] + 5e-5
    return made


def answered(defence, logits):
    return defence.defend(logits, np.zeros_like(logits))


def case(defence, logits):
    return SimpleNamespace(defence=defence, expected=logits, tolerance=TOLERANCE)


def shifted(logits):
    return logits + np.random.default_rng(1).uniform(-1e-4, 1e-4, logits.shape)


@each_defence
def test_answers_on_the_other_side_of_an_edge_are_right(defence, other, logits):
    answers, expected = answered(defence, shifted(logits)), answered(defence, logits)
    assert np.abs(answers - expected).max() > 10 * TOLERANCE.of_answers(defence)
    for one in (defence, KeptLabel(defence)):
        assert answer_parity(case(one, logits), answers).passed
    jump = jumps(defence, logits, TOLERANCE)
    code, limit = CheckCode.ANSWERS_REPEAT_BETWEEN_THREADS, TOLERANCE.of_answers(defence)
    assert compare(code, answers[None], expected, limit, "the others", None, jump).passed
    assert not compare(code, answers[None], expected, limit, "the others").passed


@each_defence
def test_the_same_answers_away_from_an_edge_are_wrong(defence, other, logits):
    moved = answered(defence, shifted(logits))
    clear = jumps(defence, logits, TOLERANCE) == 0
    assert clear.mean() > 0.3
    one = np.flatnonzero(clear)[0]
    moved[one] = np.roll(moved[one], 1)
    assert not answer_parity(case(defence, logits), moved).passed


@each_defence
def test_another_parameter_is_caught(defence, other, logits):
    assert not answer_parity(case(defence, logits), answered(other, logits)).passed
    noise = np.zeros_like(logits)
    assert not defence_parity(answered(other, logits), logits, logits, noise, defence).passed
    assert defence_parity(answered(defence, logits), logits, logits, noise, defence).passed


def test_with_the_same_logits_only_exact_ties_and_rounding_are_on_an_edge(logits):
    assert jumps(TopK(2), logits, EXACT).max() == jumps(LabelOnly(), logits, EXACT).max() == 0
    half = np.log([[0.125, 0.375, 0.5]])
    assert jumps(Rounding(2), half, EXACT) > 0
    assert jumps(Rounding(3), half, EXACT) == 0


def test_defences_without_edges_have_none(logits):
    assert not jumps(KeptLabel(Temperature()), logits, TOLERANCE).any()


@each_defence
def test_masked_classes_and_large_logits_are_no_edges(defence, other):
    logits = np.array([[4.0, 3.0, 2.0, -np.inf, -np.inf], [1e9, 0, -1e9, -2e9, -3e9], [np.inf, 9, 8, 7, 6]])
    jump = jumps(defence, logits, Tolerance())
    assert np.isfinite(jump).all()
    assert (jump == 0).all()
