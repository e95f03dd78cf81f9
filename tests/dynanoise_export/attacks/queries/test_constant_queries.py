"""Tests of constant queries, on a linear model whose margins are known."""

import numpy as np
import pytest

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.constant_queries import INPUTS, prepare
from support.linear_asks import LinearAsk, StubPanel, block, plan_context

GENERATOR = np.random.default_rng(5)
WEIGHTS = GENERATOR.normal(size=6)
X = GENERATOR.uniform(-1, 3, size=(60, 6)).astype(np.float32)
BINARY = GENERATOR.integers(0, 2, size=(60, 6)).astype(np.float32)
Y = np.arange(60) % 2


def test_the_bias_of_a_class_is_taken_off():
    panel = StubPanel(lambda name: 0.7 if "less 1 of" in name else 0.6)
    (plan,) = prepare(plan_context({"x": X}, panel=panel))
    ask = LinearAsk(WEIGHTS, bias=2.5)
    noise, blank = plan.read(ask, block({"x": X}, Y))
    sign = 1 - 2 * Y
    constants = next(batch["x"] for batch in ask.sent if len(batch["x"]) == INPUTS)
    assert np.allclose(noise, sign * ((X - constants.mean(axis=0)) @ WEIGHTS), atol=1e-5)
    assert np.allclose(blank, sign * ((X - X.mean(axis=0) / 2) @ WEIGHTS), atol=1e-5)


def test_only_the_part_that_the_panel_finds_best_is_taken_off():
    panel = StubPanel(lambda name: 0.7 if "less 0.5 of" in name else 0.6)
    (plan,) = prepare(plan_context({"x": X}, panel=panel))
    blank = plan.read(LinearAsk(WEIGHTS, bias=2.5), block({"x": X}))[1]
    assert np.allclose(blank, (X - X.mean(axis=0) / 4) @ WEIGHTS + 1.25, atol=1e-5)


def test_constants_are_few_the_same_for_all_models_and_cost_no_query_of_a_row():
    (plan,) = prepare(plan_context({"x": X}))
    first, second = LinearAsk(WEIGHTS), LinearAsk(-WEIGHTS)
    plan.read(first, block({"x": X}))
    plan.read(second, block({"x": 2 * X}))
    assert [len(batch["x"]) for batch in first.sent] == [60, INPUTS, 2]
    assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(first.sent[1:], second.sent[1:], strict=True))
    assert {(reading.queries, reading.line) for reading in plan.readings} == {(1, "repeats")}


@pytest.mark.parametrize(("x", "domain"), [(X, Domain.BOX), (BINARY, Domain.BINARY)])
def test_an_attacker_who_keeps_to_a_domain_sends_noise_of_it_and_nothing_blank(x, domain):
    (plan,) = prepare(plan_context({"x": x}, allowed=domain))
    ask = LinearAsk(WEIGHTS)
    plan.read(ask, block({"x": x}))
    assert [reading.domain for reading in plan.readings] == [domain]
    assert [len(batch["x"]) for batch in ask.sent] == [60, INPUTS]
    assert all(np.isin(column, values).all() for column, values in zip(ask.sent[1]["x"].T, x.T, strict=True))


def test_other_inputs_than_floats_are_those_of_rows():
    (plan,) = prepare(plan_context({"x": X, "group": np.arange(60)}))
    ask = LinearAsk(WEIGHTS)
    plan.read(ask, block({"x": X, "group": np.arange(60)}))
    assert all(np.isin(batch["group"], np.arange(60)).all() for batch in ask.sent)
    assert all(len(batch["group"]) == len(batch["x"]) for batch in ask.sent)


def test_texts_have_no_constants():
    assert prepare(plan_context({"ids": np.arange(20).reshape(5, 4)})) == []
