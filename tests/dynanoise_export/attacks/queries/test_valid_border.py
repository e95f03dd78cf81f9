"""Tests of the label's border among valid rows, on linear models whose borders can be counted."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries import valid_border
from dynanoise_export.attacks.queries.image_transforms import transforms
from dynanoise_export.attacks.queries.query_plan import margin
from support.linear_asks import block, plan_context
from support.linear_classes import LinearClasses, LinearPanel

GENERATOR = np.random.default_rng(8)
WEIGHTS = GENERATOR.normal(size=(2, 20))
BINARY = GENERATOR.integers(0, 2, size=(90, 20)).astype(np.float32)
LABELS = (BINARY @ WEIGHTS.T).argmax(axis=1)
IMAGES = GENERATOR.uniform(-1, 1, size=(40, 1, 8, 9)).astype(np.float32)
LENGTHS = GENERATOR.integers(4, 13, size=60)
MASK = (np.arange(12) < LENGTHS[:, None]).astype(np.int64)
WORDS = GENERATOR.integers(10, 40, size=(60, 12)) * 2
TOKENS = np.where(MASK == 1, WORDS, 0)
TOKENS[:, 0] = 101
TOKENS[np.arange(60), LENGTHS - 1] = 102


class CountTokens:
    """Says class 0 where more than half of the words of a text are small."""

    def __init__(self):
        self.sent = []

    def answers(self, inputs):
        self.sent.append(inputs)
        words = (inputs["ids"] > 0) & (inputs["ids"] < 100)
        share = (words & (inputs["ids"] < 50)).sum(axis=1) / np.maximum(words.sum(axis=1), 1)
        return log_softmax(np.stack([share, 1 - share], axis=1) * 9, axis=1)


def binary_context(**changes):
    panel = LinearPanel([LinearClasses(WEIGHTS) for _ in range(3)], len(BINARY))
    return replace(plan_context({"x": BINARY}, panel=panel), y=LABELS, **changes)


def test_it_flips_as_many_features_as_the_label_needs():
    (plan,) = valid_border.prepare(binary_context())
    ask = LinearClasses(WEIGHTS)
    read = np.exp(plan.read(ask, block({"x": BINARY}, LABELS))[-1])
    effect = (WEIGHTS[LABELS] - WEIGHTS[1 - LABELS]) * (1 - 2 * BINARY)
    margins = ((WEIGHTS[LABELS] - WEIGHTS[1 - LABELS]) * BINARY).sum(axis=1)
    # No order changes the label with fewer flips than this one, the most harmful first.
    fewest = (margins[:, None] + np.cumsum(np.sort(effect, axis=1), axis=1) <= 0).argmax(axis=1) + 1
    assert (read > fewest - 1).all()
    # The student's order is not exactly the model's.
    assert (read < fewest).mean() > 0.8
    sent = np.stack([one["x"] for one in ask.sent])
    assert len(sent) == plan.readings[-1].queries == 10
    assert np.isin(sent, (0, 1)).all()


def token_context(**changes):
    inputs = {"ids": TOKENS, "attention_mask": MASK}
    y = CountTokens().answers(inputs).argmax(axis=1)
    return replace(plan_context(inputs, panel=LinearPanel([CountTokens()], len(TOKENS))), y=y, **changes)


def test_tokens_are_replaced_by_tokens_of_the_bundle_inside_the_text():
    context = token_context()
    ask = CountTokens()
    (plan,) = valid_border.prepare(context)
    plan.read(ask, block(context.inputs, context.y))
    for sent in ask.sent:
        moved = sent["ids"] != TOKENS
        inside = (MASK == 1) & (np.arange(12) > 0) & (np.arange(12) < LENGTHS[:, None] - 1)
        assert not moved[~inside].any()
        assert np.isin(sent["ids"], TOKENS).all()
        assert np.array_equal(sent["attention_mask"], MASK)
    assert any((sent["ids"] != TOKENS).any() for sent in ask.sent)


def test_more_tokens_are_replaced_where_the_label_is_surer():
    context = token_context()
    (plan,) = valid_border.prepare(context)
    read = plan.read(CountTokens(), block(context.inputs, context.y))[-1]
    surer = margin(CountTokens().answers(context.inputs), context.y) * LENGTHS
    assert np.corrcoef(read, surer)[0, 1] > 0.3


def test_images_are_transformed_inside_their_range():
    context = plan_context({"x": IMAGES})
    ask = LinearClasses(GENERATOR.normal(size=(2, 72)))
    (plan,) = valid_border.prepare(context)
    read = plan.read(ask, block({"x": IMAGES}))
    assert [reading.queries for reading in plan.readings] == [5, 15, 5, 15]
    sent = np.stack([one["x"] for one in ask.sent])
    assert len(sent) == 15
    assert len(np.unique(sent[:, 0], axis=0)) == 15
    assert np.array_equal(sent[0], IMAGES[:, :, :, ::-1])
    assert sent.min() >= IMAGES.min()
    assert sent.max() <= IMAGES.max()
    margins = np.stack([margin(ask.answers({"x": image}), np.zeros(40, np.int64)) for image in sent])
    assert np.allclose(read[1], (margins > 0).sum(axis=0))
    assert np.allclose(read[3], margins.mean(axis=0))


@pytest.mark.parametrize("shape", [(2, 3, 9, 8), (2, 9, 8, 3)])
def test_a_shift_repeats_the_edge(shape):
    image = GENERATOR.normal(size=shape).astype(np.float32)
    axes = (2, 3) if shape[1] == 3 else (1, 2)
    shifted = transforms()[1](image, axes, (image.min(axis=0), image.max(axis=0)))
    assert np.array_equal(np.take(shifted, range(7), axis=axes[1]), np.take(image, range(1, 8), axis=axes[1]))
    assert np.array_equal(np.take(shifted, 7, axis=axes[1]), np.take(image, 7, axis=axes[1]))


def test_it_needs_valid_rows_and_budget():
    assert valid_border.prepare(binary_context(budget=2)) == []
    assert valid_border.prepare(binary_context(allowed=Domain.TOKENS)) == []
    floats = GENERATOR.normal(size=(30, 4)).astype(np.float32)
    assert valid_border.prepare(plan_context({"x": floats})) == []
    assert valid_border.prepare(plan_context({"x": IMAGES}, budget=4)) == []


def test_it_needs_no_shadow_models():
    for context in (binary_context(panel=None), token_context(panel=None)):
        assert len(valid_border.prepare(context)) == 1
