"""Tests of differences in one cell, on a linear ONNX model behind keyed noise with kept labels."""

from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from dynanoise_export.attacks.asking.shadow_ask import ShadowAsk, ShadowDefence
from dynanoise_export.attacks.queries import label_border, one_cell
from dynanoise_export.attacks.queries.walks import find_border
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.noise.source import NoiseSource
from support.graphs import parse
from support.linear_asks import block, plan_context
from support.linear_classes import LinearClasses, LinearPanel

GENERATOR = np.random.default_rng(6)
WEIGHTS = GENERATOR.normal(0, 3, size=(4, 6))
X = GENERATOR.uniform(0, 1, size=(120, 6)).astype(np.float32)
LOGITS = X.astype(np.float64) @ WEIGHTS.T
LABELS = LOGITS.argmax(axis=1)
DEFENCE = KeptLabel(DynaNoise(sigma0=4, lambda_=0, temperature=6))


@pytest.fixture(scope="module")
def noisy_linear_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("linear") / "linear.onnx"
    values = ", ".join(str(value) for value in WEIGHTS.T.ravel())
    model = parse(f"linear (float[n, 6] x) => (float[n, 4] z) <float[6, 4] w = {{{values}}}> {{ z = Gemm(x, w) }}")
    onnx.save(ir.to_proto(model), path)
    with ShadowAsk(path, 3, ShadowDefence(DEFENCE, NoiseSource.KEYED)) as ask:
        yield ask


def context_of(**changes):
    models = [LinearClasses(WEIGHTS + GENERATOR.normal(0, 0.3, WEIGHTS.shape)) for _ in range(3)]
    context = plan_context({"x": X}, panel=LinearPanel(models, len(X)))
    return replace(context, **({"y": LABELS, "classes": 4, "defence": DEFENCE, "noise": NoiseSource.KEYED} | changes))


def straight_rows(context, noisy_linear_model):
    """Find the rows that reach the border before any feature reaches the end of its range, and the class beyond."""
    walk = one_cell.best_walk(context)
    rows = block({"x": X}, LABELS)
    border = find_border(walk, noisy_linear_model, rows, (one_cell.LABELS,))[0]
    end = walk.start(rows)(border.distance)["x"]
    free = ((end > X.min(axis=0)) & (end < X.max(axis=0))).all(axis=1)
    return free & (border.beyond >= 0) & border.inside, border.beyond


def test_it_returns_the_margin_behind_large_noise(noisy_linear_model):
    context = context_of()
    (plan,) = one_cell.prepare(context)
    few, read = np.exp(plan.read(noisy_linear_model, block({"x": X}, LABELS)))
    straight, beyond = straight_rows(context, noisy_linear_model)
    rows = np.arange(len(X))
    margins = LOGITS[rows, LABELS] - LOGITS[rows, beyond]
    answers = noisy_linear_model.answers({"x": X})
    chosen = straight & (margins > one_cell.SMALLEST_MARGIN)
    assert chosen.sum() > 30
    assert np.abs(answers[rows, LABELS] - answers[rows, beyond] - margins)[chosen].mean() > 3
    assert np.allclose(read[chosen], margins[chosen], rtol=1e-3, atol=1e-3)
    assert np.allclose(few[chosen], margins[chosen], rtol=3e-3, atol=3e-3)


def test_a_row_with_another_label_has_the_smallest_margin(noisy_linear_model):
    rows = block({"x": X}, LOGITS.argmin(axis=1))
    read = one_cell.prepare(context_of())[0].read(noisy_linear_model, rows)[0]
    never = ~find_border(one_cell.best_walk(context_of()), noisy_linear_model, rows, (13,))[0].inside
    assert never.sum() > 60
    assert (read[never] == np.log(one_cell.SMALLEST_MARGIN)).all()


def test_its_first_queries_are_those_of_the_label_border():
    context, asks = context_of(), (LinearClasses(WEIGHTS), LinearClasses(WEIGHTS))
    plans = (*label_border.prepare(context), *one_cell.prepare(context))
    for plan, ask in zip(plans, asks, strict=True):
        plan.read(ask, block({"x": X}, LABELS))
    assert len({reading.line for plan in plans for reading in plan.readings}) == 1
    labels, both = (np.stack([one["x"] for one in ask.sent]) for ask in asks)
    assert np.array_equal(labels, both[: len(labels)])


def test_the_places_of_pairs_are_the_middles_of_equal_parts():
    for pairs in one_cell.PAIRS:
        assert np.allclose(np.sort(one_cell.PLACES[:pairs]), (np.arange(pairs) + 0.5) / pairs)


def test_a_swap_of_the_label_is_undone():
    changes = np.tile([-9.0, 4.0, 2.0, 0.0], (6, 1, 1))
    swapped = changes.copy()
    for pair, other in enumerate([0, 1, 2, 3, 1, 0]):
        swapped[pair, 0, [0, other]] = changes[pair, 0, [other, 0]]
    expected = np.array([[-6.0, 3.0, 1.0, 0.5]])
    found = one_cell.unswapped(swapped, np.ones((6, 1), bool), expected, np.array([0]))
    assert np.array_equal(found, changes)


@pytest.mark.parametrize(("budget", "queries"), [(22, []), (23, [23]), (43, [23, 43])])
def test_readings_keep_to_the_budget(budget, queries):
    plans = one_cell.prepare(context_of(budget=budget))
    assert [reading.queries for plan in plans for reading in plan.readings] == queries
    for plan in plans:
        ask = LinearClasses(WEIGHTS)
        plan.read(ask, block({"x": X}, LABELS))
        sent = np.stack([one["x"] for one in ask.sent])
        assert len(sent) == queries[-1]
        assert (sent >= X.min(axis=0)).all()
        assert (sent <= X.max(axis=0)).all()


@pytest.mark.parametrize(
    "changes", [{"noise": None}, {"noise": NoiseSource.RANDOM}, {"defence": None}, {"panel": None}]
)
def test_it_needs_noise_that_repeats_in_a_cell_and_shadow_models(changes):
    assert one_cell.prepare(context_of(**changes)) == []
