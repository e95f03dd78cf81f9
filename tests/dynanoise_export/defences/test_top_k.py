"""Top k: what is shown and what is not, by hand and at ties."""

import numpy as np
import pytest
from scipy.special import softmax

from dynanoise_export.defences.top_k import TopK
from dynanoise_export.errors import UsageError
from support.graphs import normals

NO_NOISE = np.zeros((1, 5))


def answer(p, shown):
    return TopK(shown).defend(np.log([p]), NO_NOISE)[0]


def test_the_largest_stay_and_the_others_share_the_rest():
    np.testing.assert_allclose(answer([0.1, 0.4, 0.3, 0.15, 0.05], 2), [0.1, 0.4, 0.3, 0.1, 0.1])
    np.testing.assert_allclose(answer([0.1, 0.4, 0.3, 0.15, 0.05], 1), [0.15, 0.4, 0.15, 0.15, 0.15])


def test_of_equal_probabilities_the_first_is_shown():
    np.testing.assert_allclose(answer([0.1, 0.2, 0.3, 0.2, 0.2], 2), [0.5 / 3, 0.2, 0.3, 0.5 / 3, 0.5 / 3])


def test_all_equal_stay_equal_and_the_label_the_first():
    answers = TopK(2).defend(np.zeros((1, 7)), np.zeros((1, 7)))
    np.testing.assert_allclose(answers, 1 / 7)
    assert answers.argmax() == 0


def test_what_is_not_shown_leaves_no_trace():
    logits = 3 * normals(200, 5, dtype=np.float64)
    answers = TopK(2).defend(logits, NO_NOISE)
    p = softmax(logits, axis=1)
    # The same two largest, and the others in another order.
    order = np.argsort(-p, axis=1)
    mixed = logits.copy()
    np.put_along_axis(mixed, order[:, 2:], np.take_along_axis(logits, order[:, [4, 2, 3]], axis=1), axis=1)
    np.testing.assert_allclose(TopK(2).defend(mixed, NO_NOISE), answers, rtol=1e-12)


@pytest.mark.parametrize("shown", [0, -1, 1.5, 4000, float("nan"), float("inf")])
def test_a_number_of_classes_that_is_out_of_bounds_or_broken_is_refused(shown):
    with pytest.raises(UsageError, match="classes_shown"):
        TopK(shown)


@pytest.mark.parametrize("shown", [5, 6])
def test_as_many_classes_as_the_model_has_are_refused(shown):
    with pytest.raises(UsageError, match="classes_shown"):
        TopK(shown).attributes(5)
    with pytest.raises(UsageError, match="classes_shown"):
        TopK(shown).defend(np.zeros((1, 5)), NO_NOISE)
