"""Tests of near-duplicates, on linear models whose margins are known."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom, norm

from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.near_duplicates import prepare
from dynanoise_export.attacks.queries.query_plan import scales_of
from dynanoise_export.attacks.shadow_panel import ShadowPanel
from support.linear_asks import LinearAsk, StubPanel, block, plan_context

GENERATOR = np.random.default_rng(4)
WEIGHTS = GENERATOR.normal(size=6)
X = GENERATOR.uniform(-1, 3, size=(60, 6)).astype(np.float32)
BINARY = GENERATOR.integers(0, 2, size=(60, 6)).astype(np.float32)


def at_distance(found, distance, count):
    """Take the readings of so many neighbours at a distance: their mean, and their labels."""
    plan = next(plan for plan in found if f"δ {distance}" in plan.settings)
    ends = [number for number, reading in enumerate(plan.readings) if reading.queries == count]
    return plan, ends


def test_the_mean_tends_to_the_margin_and_the_share_of_labels_to_its_probability():
    context = plan_context({"x": X}, allowed=Domain.ANY, budget=1024, panel=StubPanel(outside_alone))
    plan, (mean, labels) = at_distance(prepare(context), 0.4, 256)
    read = plan.read(LinearAsk(WEIGHTS, noise=3), block({"x": X}))
    without_noise = plan.read(LinearAsk(WEIGHTS), block({"x": X}))
    step = 0.4 * scales_of({"x": X})["x"] * np.linalg.norm(WEIGHTS)
    assert np.abs(read[mean] - X @ WEIGHTS).max() < 5 * np.hypot(step, 3) / 16
    hits = 257 * expit(without_noise[labels]) - 0.5
    low, high = binom.interval(1 - 1e-5, 256, norm.cdf(X @ WEIGHTS / step))
    assert np.allclose(hits, hits.round(), atol=1e-6)
    assert ((hits > low - 0.5) & (hits < high + 0.5)).all()


def outside_alone(name):
    """Rate neighbours outside the range at δ 0.4 best."""
    return 0.5 if "in range" in name else 0.9 - abs(np.log(float(name.split()[-1]) / 0.4)) / 10


def test_all_models_get_the_same_queries_and_no_more_than_the_budget():
    for plan in prepare(plan_context({"x": X}, budget=64)):
        first, second = LinearAsk(WEIGHTS), LinearAsk(-WEIGHTS, noise=2)
        read = plan.read(first, block({"x": X}))
        plan.read(second, block({"x": X}))
        assert len(first.sent) == max(reading.queries for reading in plan.readings) == 16
        assert len({reading.line for reading in plan.readings}) == 1
        assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(first.sent, second.sent, strict=True))
        assert len(read) == len(plan.readings) == 4
        assert [reading.labels_only for reading in plan.readings] == [False, True] * 2


def test_fewer_neighbours_are_the_first_of_more():
    few = prepare(plan_context({"x": X}, budget=4))[0].read(LinearAsk(WEIGHTS), block({"x": X}))
    more = prepare(plan_context({"x": X}, budget=64))[0].read(LinearAsk(WEIGHTS), block({"x": X}))
    assert np.array_equal(few, more[:2])


def test_one_query_is_too_few():
    assert prepare(plan_context({"x": X}, budget=1)) == []


def peaks(mean, labels, outside):
    """Rate readings by how near they are to the best distances, and those outside the domain by so much more."""

    def strength_of(name):
        distance = float(name.split(" p ")[-1]) * 10 if "flips" in name else float(name.split("δ ")[1])
        best = labels if name.startswith("labels") else mean
        return 0.9 - 0.05 * abs(np.log2(distance / best)) + ("flips" not in name) * outside

    return strength_of


@pytest.mark.parametrize(
    ("mean", "labels", "outside", "domains", "distances"),
    [
        (0.1, 0.1, 0.0, ["binary"], ["p 0.01"]),
        (0.1, 0.4, 0.0, ["binary"] * 2, ["p 0.01", "p 0.04"]),
        (0.1, 0.1, 0.05, ["binary", "any"], ["p 0.01", "δ 0.1"]),
        (0.8, 0.8, 0.05, ["binary", "any"], ["p 0.08", "δ 0.8"]),
    ],
)
def test_the_panel_chooses_the_distances_and_whether_to_leave_the_domain(mean, labels, outside, domains, distances):
    found = prepare(plan_context({"x": BINARY}, panel=StubPanel(peaks(mean, labels, outside))))
    assert [plan.readings[0].domain for plan in found] == domains
    assert all(plan.settings.endswith(distance) for plan, distance in zip(found, distances, strict=True))


class Bumps:
    """A model that is surer near its members, with noise that is the same within a cell of one of the features."""

    def __init__(self, number, rows, members):
        self._number, self._rows, self._members = number, rows, members

    def answers(self, inputs):
        far = ((inputs["x"][:, None].astype(np.float64) - self._rows) ** 2).mean(axis=2)
        margins = 2 * (np.exp(-far / (2 * 0.15**2)) * self._members).sum(axis=1)
        cells = np.floor(inputs["x"][:, 0] / 0.02).astype(np.int64) + 1000
        margins += np.random.default_rng(self._number).normal(0, 2, 2000)[cells]
        return np.stack([margins, -margins], axis=1) / 2


def test_the_panel_weighs_the_noise_of_a_cell_against_the_reach_of_a_member():
    rows = np.sign(GENERATOR.normal(size=(150, 12))) * GENERATOR.uniform(0.9, 1.1, size=(150, 12))
    members = GENERATOR.random((6, 150)) < 0.5
    y = np.zeros(150, dtype=np.int64)
    panel = ShadowPanel([Bumps(number, rows, own) for number, own in enumerate(members)], members, {"x": rows}, y)
    context = plan_context({"x": rows}, allowed=Domain.BOX, panel=panel)
    for plan in prepare(context):
        assert plan.readings[0].domain is Domain.BOX
        assert float(plan.settings.split("δ ")[1].split()[0]) in (0.05, 0.1, 0.2)


@pytest.mark.parametrize(("x", "domain"), [(X, Domain.BOX), (BINARY, Domain.BINARY), (BINARY, Domain.BOX)])
def test_an_attacker_who_keeps_to_a_domain_stays_in_it(x, domain):
    found = prepare(plan_context({"x": x}, allowed=domain))
    assert found
    for plan in found:
        ask = LinearAsk(WEIGHTS)
        plan.read(ask, block({"x": x}))
        sent = np.stack([batch["x"] for batch in ask.sent])
        assert domain.holds(plan.readings[0].domain)
        assert not np.array_equal(sent[0], x)
        assert (sent >= x.min(axis=0)).all()
        assert (sent <= x.max(axis=0)).all()
        assert x is X or np.isin(sent, (0, 1)).all()


def test_a_domain_that_the_rows_are_outside_of_gives_no_plan():
    assert prepare(plan_context({"x": X}, allowed=Domain.BINARY)) == []


class Recording:
    """A model that always answers the same, and keeps what it was sent."""

    def __init__(self):
        self.sent = []

    def answers(self, inputs):
        self.sent.append(inputs)
        return np.log(np.full((len(inputs["ids"]), 2), 0.5))


@pytest.mark.parametrize("masked", [True, False])
def test_tokens_are_replaced_by_others_of_the_bundle_and_special_ones_stay(masked):
    start, end, padding, words = 101, 102, 0, np.array([7, 9, 12, 500, 800])
    ids = np.full((30, 10), padding)
    lengths = GENERATOR.integers(4, 9, size=30)
    for row, length in zip(ids, lengths, strict=True):
        row[: length + 1] = [start, *GENERATOR.choice(words, length - 1), end]
    inputs = {"ids": ids, "types": np.zeros_like(ids)} | ({"mask": (ids != padding).astype(np.int64)} if masked else {})
    assert prepare(plan_context(inputs, allowed=Domain.TOKENS))
    for plan in prepare(plan_context(inputs)):
        ask = Recording()
        plan.read(ask, block(inputs))
        sent = np.stack([batch["ids"] for batch in ask.sent])
        assert plan.readings[0].domain is Domain.TOKENS
        assert np.isin(sent, ids).all()
        assert np.array_equal(
            sent * np.isin(ids, (start, end, padding)),
            np.broadcast_to(ids, sent.shape) * np.isin(ids, (start, end, padding)),
        )
        assert 0.05 < (sent != ids)[:, np.isin(ids, words)].mean() < 0.2
        assert all(np.array_equal(batch[name], inputs[name]) for batch in ask.sent for name in inputs if name != "ids")
