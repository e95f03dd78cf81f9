"""Tests of the label's border, on linear models whose distances are known."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries import label_border
from dynanoise_export.attacks.queries.directions import Box, Linear, fit_student, straight_walks
from dynanoise_export.attacks.queries.walks import border_plan, expecting, find_border
from support.linear_asks import block, plan_context
from support.linear_classes import LinearClasses, LinearPanel

GENERATOR = np.random.default_rng(5)
WEIGHTS = GENERATOR.normal(size=(2, 5))
X = GENERATOR.uniform(-2, 3, size=(80, 5)).astype(np.float32)
MARGINS = X.astype(np.float64) @ (WEIGHTS[0] - WEIGHTS[1])
LABELS = (MARGINS < 0).astype(np.int64)


def context_of(x=X, y=LABELS, **options):
    panel = LinearPanel([LinearClasses(WEIGHTS + GENERATOR.normal(0, 0.1, WEIGHTS.shape)) for _ in range(3)], len(x))
    return replace(plan_context({"x": x}, **({"panel": panel} | options)), y=y)


@pytest.mark.parametrize("number", range(4), ids=["means", "partner", "random", "student"])
def test_the_distance_is_the_margin_over_the_slope(number):
    context = context_of()
    walk = expecting(straight_walks(context)[number], context)
    rows, ask = block(context.inputs, LABELS), LinearClasses(WEIGHTS)
    border = find_border(walk, ask, rows, (25,))[0]
    start, end = X, walk.start(rows)(border.distance)["x"]
    # Where no feature has reached the end of its range, the walk is a straight line.
    free = (end > X.min(axis=0)) & (end < X.max(axis=0))
    straight = free.all(axis=1) & border.inside & (border.beyond >= 0)
    assert straight.sum() > 5
    unit = walk.start(rows)(np.full(len(X), 1e-2))["x"].astype(np.float64) - start
    slope = unit @ (WEIGHTS[1] - WEIGHTS[0]) / 1e-2 * np.where(LABELS == 0, 1, -1)
    assert np.allclose(border.distance[straight], (np.abs(MARGINS) / slope)[straight], rtol=1e-3)
    assert (border.beyond[straight] == 1 - LABELS[straight]).all()


def test_a_row_with_another_label_has_the_shortest_distance_that_is_looked_for():
    context = context_of()
    walk = label_border.best_walk(context)
    (plan,) = label_border.prepare(context)
    right, read = (plan.read(LinearClasses(WEIGHTS), block(context.inputs, y)) for y in (LABELS, 1 - LABELS))
    shortest = walk.distance(np.full(len(X), 2.0**-14), np.arange(len(X)))
    assert np.allclose(read[-1], np.log(shortest))
    assert (read[-1] <= right[-1]).all()


def test_queries_keep_to_the_range_of_the_bundle_and_are_equal_for_equal_models():
    context = context_of()
    (plan,) = label_border.prepare(context)
    first, second = LinearClasses(WEIGHTS), LinearClasses(WEIGHTS)
    read = [plan.read(ask, block(context.inputs, LABELS)) for ask in (first, second)]
    sent = np.stack([one["x"] for one in first.sent])
    assert np.array_equal(sent, np.stack([one["x"] for one in second.sent]))
    assert np.array_equal(*read)
    assert len(sent) == 13
    assert (sent >= X.min(axis=0)).all()
    assert (sent <= X.max(axis=0)).all()


@pytest.mark.parametrize("favourite", ["mean of the label", "towards a row", "random", "student"])
def test_shadow_models_choose_the_direction(favourite):
    context = context_of()
    context.panel._favourite = favourite
    (plan,) = label_border.prepare(context)
    assert favourite in plan.settings


def test_other_inputs_are_sent_as_they_are():
    walk = straight_walks(context_of())[0]
    rows = block({"x": X, "ids": np.arange(len(X))}, LABELS)
    assert np.array_equal(walk.start(rows)(np.ones(len(X)))["ids"], rows.inputs["ids"])


@pytest.mark.parametrize(("budget", "counts"), [(2, []), (6, [3, 5]), (64, [3, 5, 7, 13])])
def test_readings_keep_to_the_budget(budget, counts):
    plans = label_border.prepare(context_of(budget=budget))
    readings = [reading for plan in plans for reading in plan.readings]
    assert [reading.queries for reading in readings] == counts
    assert all(reading.labels_only and reading.domain is Domain.BOX for reading in readings)


def test_values_that_are_not_finite_end_the_plan():
    x = X.copy()
    x[3, 2] = np.nan
    assert label_border.prepare(context_of(x=x)) == []


def test_it_needs_floats_and_a_domain_that_holds_its_queries():
    tokens = {"x": GENERATOR.integers(0, 50, size=(80, 7))}
    assert label_border.prepare(context_of(x=tokens["x"])) == []
    assert label_border.prepare(context_of(allowed=Domain.BINARY)) == []
    assert len(label_border.prepare(context_of(panel=None))) == 1


def test_few_labels_are_enough_where_shadow_models_know_the_distance():
    context = context_of()
    walk = straight_walks(context)[0]
    rows, ask = block(context.inputs, LABELS), LinearClasses(WEIGHTS)
    exact = border_plan(walk, (20,), "", "").read(ask, rows)[0]
    blind = border_plan(walk, (3,), "", "").read(ask, rows)[0]
    expected = border_plan(expecting(walk, context), (3,), "", "").read(ask, rows)[0]
    assert np.abs(expected - exact).mean() < np.abs(blind - exact).mean() / 2


def test_the_student_is_the_linear_model_that_it_was_fitted_on():
    features = GENERATOR.uniform(size=(400, 5)).astype(np.float32)
    weights = GENERATOR.normal(size=(3, 5))
    student = fit_student(features, features @ weights.T)
    y = GENERATOR.integers(0, 3, 400)
    true = Linear((weights - weights.mean(axis=0)).astype(np.float32), np.zeros(3, np.float32))
    assert (np.sum(student.downhill(features, y) * true.downhill(features, y), axis=1) > 0.97).all()


def test_a_box_moves_numbers_in_units_of_their_ranges():
    inputs = {"a": np.array([[0, 10], [4, 30]], np.float32), "b": np.array([[5.0], [5.0]])}
    moved = Box(inputs).moved(inputs, np.array([[0.5, 2, 1], [-0.25, -0.5, 1]], np.float32))
    assert np.allclose(moved["a"], [[2, 30], [3, 20]])
    assert (moved["b"] == 5).all()


def test_what_was_found_for_a_context_is_shared_and_goes_with_it():
    context = context_of()
    context.panel._favourite = "towards a row"
    walk = label_border.best_walk(context)
    assert label_border.best_walk(context) is walk
    known = weakref.ref(context)
    del context
    gc.collect()
    assert known() is None
