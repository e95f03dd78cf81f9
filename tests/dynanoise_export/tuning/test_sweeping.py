"""Sweeps of a parameter."""

import math

import numpy as np
import pytest

from dynanoise_export.errors import UsageError
from dynanoise_export.tuning.sweeping import sweep
from support.audits import make_audit


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give the files of an audit, with its logits."""
    made = make_audit(tmp_path_factory.mktemp("sweep") / "made", rows=600)
    np.save(made.bundle.with_name("logits.npy"), made.logits)
    return made


def swept(made, **options):
    logits = made.bundle.with_name("logits.npy")
    return sweep(logits, made.bundle, **{"shadows": made.store, "budget": 16, "jobs": 1} | options)


def test_more_noise_costs_accuracy_and_hides_from_one_answer_but_less_from_many(made):
    report = swept(made, vary={"base_variance": (0.01, 1.0, 100.0)}, parameters={"lambda": 0.0})
    points = report.sweeps["base_variance"]
    accuracy = [point.price.accuracy for point in points]
    assert accuracy == sorted(accuracy, reverse=True)
    assert accuracy[0] == pytest.approx(report.undefended.price.accuracy, abs=0.02)
    one, many = ([p.attackers[name].risk.value for p in points] for name in list(points[0].attackers)[1:])
    assert one[0] > one[1] > one[2]
    assert all(of_many >= of_one - 0.02 for of_one, of_many in zip(one, many, strict=True))


def test_base_variance_is_the_square_of_sigma0(made):
    varied = swept(made, vary={"base_variance": (0.25, 4.0), "sigma0": (0.5, 2.0)})
    of_variance, of_deviation = (varied.sweeps[name] for name in ("base_variance", "sigma0"))
    for first, second in zip(of_variance, of_deviation, strict=True):
        assert first.value == second.value**2
        assert first.price == second.price


def test_the_temperature_changes_no_accuracy_and_nothing_for_who_knows_it(made):
    points = swept(made, vary={"temperature": ()}, points=4).sweeps["temperature"]
    assert len({point.price.accuracy for point in points}) == 1
    adaptive = [point.attackers["adaptive, 1 answer"].risk.value for point in points]
    assert np.ptp(adaptive) < 1e-3


def test_usual_ranges_are_those_of_tuning_with_as_many_points_as_asked(made):
    report = swept(made, points=3)
    assert {name: len(points) for name, points in report.sweeps.items()} == {
        "sigma0": 3, "lambda": 3, "temperature": 3
    }  # fmt: skip
    middle = report.sweeps["sigma0"][1].value
    assert middle == pytest.approx(math.sqrt(0.05 * 64), rel=0.01)


@pytest.mark.parametrize(
    "options",
    [
        {"points": 1}, {"budget": 0}, {"defence": "memguard"}, {"defence": "nothing"},
        {"vary": {"speed": ()}}, {"vary": {"speed": (1.0,)}}, {"vary": {"sigma0": (0.0,)}},
        {"vary": {"temperature": (math.nan,)}},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(made, options):
    with pytest.raises(UsageError):
        swept(made, **options)
