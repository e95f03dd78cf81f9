"""What the values and the structure of a defence's input show."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from dynanoise_export.graph.probe import DefenceInput
from dynanoise_export.graph.values import value_named
from dynanoise_export.validation.check import Outcome
from dynanoise_export.validation.score_checks import logits_are_defended
from support.graphs import normals, parse

Z = normals(40, 6, dtype=np.float64) * 3
TEXT = {
    "linear": "y = MatMul(x, w)",
    "sigmoid": "z = MatMul(x, w)\n y = Sigmoid(z)",
    "sorted": "z = MatMul(x, w)\n y, i = TopK(z, all)",
    "other": "y = Tanh(x)",
}


def taken(form, *, probabilities=False):
    zeros = ", ".join(["0"] * 36)
    graph = parse(
        f"g (float[n, 6] x) => (float[n, 6] y) <float[6, 6] w = {{{zeros}}}, int64[1] all = {{6}}> {{ {TEXT[form]} }}"
    )
    return DefenceInput(value_named(graph, "y"), probabilities)


def outcome(form, values, *, probabilities=False, confirmed=False, treated_as=None):
    where = taken(form, probabilities=probabilities)
    return logits_are_defended(where, np.asarray(values), confirmed=confirmed, treated_as=treated_as).outcome


@pytest.mark.parametrize(("values", "rows"), [(Z, 40), (Z.astype(np.float16), 40), (Z[:, :2], 40), (Z, 1)])
def test_logits_pass_whatever_made_them(values, rows):
    assert outcome("linear", values[:rows]) is Outcome.PASSED
    assert outcome("other", values[:rows]) is Outcome.PASSED


NO_LOGITS = {
    "probabilities": softmax(Z, axis=1),
    "quantised probabilities": np.round(softmax(Z, axis=1) * 256) / 256,
    "sigmoids": expit(Z),
    "percentages": 100 * softmax(Z, axis=1),
    "unit norm": Z / np.linalg.norm(Z, axis=1, keepdims=True),
    "sorted": np.sort(Z, axis=1),
    "infinite": np.where(Z < -3, -np.inf, Z),
    "NaN": np.where(Z < -3, np.nan, Z),
}
WHATEVER_MADE_THEM = {"probabilities", "quantised probabilities", "percentages", "infinite", "NaN"}


@pytest.mark.parametrize("kind", NO_LOGITS)
def test_values_that_are_no_logits_fail(kind):
    values = NO_LOGITS[kind]
    assert outcome("other", values) is Outcome.FAILED
    by_chance = Outcome.FAILED if kind in WHATEVER_MADE_THEM else Outcome.PASSED
    assert outcome("linear", values) is by_chance
    assert outcome("other", values[:7]) is (by_chance if np.isfinite(values[:7]).all() else Outcome.FAILED)
    assert outcome("other", values, treated_as="logits") is Outcome.WARNING
    assert outcome("other", values, treated_as="probabilities") is Outcome.FAILED


@pytest.mark.parametrize("form", ["sigmoid", "sorted"])
def test_the_structure_shows_that_values_are_no_logits(form):
    assert outcome(form, Z) is Outcome.FAILED


@pytest.mark.parametrize("form", TEXT)
def test_values_whose_softmax_the_reference_gives_pass(form):
    assert outcome(form, expit(Z), confirmed=True) is Outcome.PASSED


def test_probabilities_of_which_the_logarithm_is_taken_must_be_distributions():
    assert outcome("other", softmax(Z, axis=1), probabilities=True) is Outcome.PASSED
    assert outcome("other", np.eye(6), probabilities=True) is Outcome.PASSED
    assert outcome("other", expit(Z), probabilities=True) is Outcome.FAILED
    assert outcome("other", expit(Z), probabilities=True, treated_as="probabilities") is Outcome.WARNING


def test_values_of_another_shape_are_not_judged():
    assert outcome("linear", Z[:, :, None]) is Outcome.NOT_RUN
