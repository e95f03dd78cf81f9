"""Tests of amplified inputs, on linear models whose margins are known."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export.attacks.asking.shadow_ask import ShadowAsk, ShadowDefence
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.amplified import Stretch, plan_of, prepare
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import EndpointError
from support.graphs import parse
from support.linear_asks import LinearAsk, StubPanel, block, plan_context

GENERATOR = np.random.default_rng(3)
# Margins of at most 4 · 4096 nats don't underflow at a temperature of 200.
WEIGHTS = GENERATOR.uniform(-0.7, 0.7, size=3)
X = GENERATOR.normal(size=(40, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def noisy_linear_model(tmp_path_factory):
    """A linear model without bias in an ONNX file, which answers through DynaNoise."""
    path = tmp_path_factory.mktemp("linear") / "linear.onnx"
    values = ", ".join(f"{value}, 0.0" for value in WEIGHTS)
    model = parse(f"linear (float[n, 3] x) => (float[n, 2] z) <float[3, 2] w = {{{values}}}> {{ z = Gemm(x, w) }}")
    onnx.save(ir.to_proto(model), path)
    with ShadowAsk(path, 0, ShadowDefence(DynaNoise(sigma0=0.5, lambda_=0, temperature=200))) as ask:
        yield ask


def test_a_large_scale_gives_the_margin_of_a_linear_model_despite_noise(noisy_linear_model):
    zeros = {"x": np.zeros(3)}
    plan = plan_of([Stretch("s·x, s = 1", 1, zeros), Stretch("s·x, s = 4096", 4096, zeros)])
    plain, amplified = plan.read(noisy_linear_model, block({"x": X})) - X @ WEIGHTS
    assert np.abs(plain).max() > 0.5
    assert np.abs(amplified).max() < 1e-3  # five standard deviations are 5 · 0.5 · √2 / 4096


def test_moving_away_from_the_mean_amplifies_the_difference_to_it():
    mean = X.mean(axis=0, dtype=np.float64)
    ask = LinearAsk(WEIGHTS)
    read = plan_of([Stretch("mean", 8, {"x": mean})]).read(ask, block({"x": X}))
    assert np.allclose(ask.sent[0]["x"], mean + 8 * (X - mean), rtol=1e-6)
    assert np.allclose(read[0], (mean + 8 * (X - mean)) @ WEIGHTS / 8, rtol=1e-4)


def test_the_panel_chooses_the_strongest_ones_at_which_its_models_are_finite():
    strengths = {"s·x, s = 32": 0.9, "s·x, s = 8": 0.7, "mean + s·(x − mean), s = 16": 0.8, "s·x, s = 128": 0.99}
    panel = StubPanel(lambda name: strengths.get(name, 0.5), largest=100 * np.abs(X).max())
    (plan,) = prepare(plan_context({"x": X}, panel=panel))
    names = ["s·x, s = 8", "s·x, s = 32", "mean + s·(x − mean), s = 16"]
    assert [reading.name for reading in plan.readings] == names
    assert len({reading.line for reading in plan.readings}) == 3


def test_a_panel_without_finite_answers_ends_the_plan():
    assert prepare(plan_context({"x": X}, panel=StubPanel(lambda name: 0.5, largest=0))) == []


def test_every_reading_takes_one_query_which_all_models_get_alike():
    (plan,) = prepare(plan_context({"x": X}))
    first, second = LinearAsk(WEIGHTS), LinearAsk(-WEIGHTS, noise=2)
    read = plan.read(first, block({"x": X}))
    plan.read(second, block({"x": X}))
    assert len(read) == len(plan.readings) == len(first.sent) == 4
    assert {(reading.queries, reading.domain) for reading in plan.readings} == {(1, Domain.ANY)}
    assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(first.sent, second.sent, strict=True))


class Overflowing(LinearAsk):
    """It can't answer inputs beyond 10: it fails, or its answers are NaN."""

    fails = True

    def answers(self, inputs):
        sound = np.abs(inputs["x"]).max() <= 10
        if not sound and self.fails:
            raise EndpointError("The model answers with NaN.")
        return super().answers(inputs) + (0 if sound else np.nan)


@pytest.mark.parametrize("fails", [True, False])
def test_a_model_that_overflows_gets_smaller_scales(fails):
    ask = Overflowing(WEIGHTS)
    ask.fails = fails
    read = plan_of([Stretch("s·x", 64, {"x": np.zeros(3)})]).read(ask, block({"x": X}))
    assert np.allclose(read[0], X @ WEIGHTS, atol=1e-5)


def test_a_target_that_does_not_answer_the_row_itself_ends_the_plan():
    with pytest.raises(EndpointError):
        plan_of([Stretch("s·x", 64, {"x": np.zeros(3)})]).read(Overflowing(WEIGHTS), block({"x": 20 + X}))


def test_halves_stay_finite():
    halves = np.full((4, 3), 60_000, dtype=np.float16)
    sent = Stretch("s·x", 8, {"x": np.zeros(3)})({"x": halves}, 8)["x"]
    assert sent.dtype == np.float16
    assert np.isfinite(sent).all()


@pytest.mark.parametrize("allowed", [Domain.BOX, Domain.BINARY])
def test_an_attacker_who_keeps_to_a_domain_does_not_amplify(allowed):
    assert prepare(plan_context({"x": X}, allowed=allowed)) == []


def test_tokens_are_not_amplified():
    assert prepare(plan_context({"ids": np.arange(20).reshape(5, 4)})) == []
