from pathlib import Path

import numpy as np
import pytest

from dynanoise_export.bundles import Part
from dynanoise_export.bundling.model_answers import check_answers
from dynanoise_export.bundling.request import BundleRequest
from dynanoise_export.label_forms import NumberedLabels

REQUEST = BundleRequest({None: Path("rows.npz")})


def checked(answers, y, classes, names=(), request=REQUEST):
    """Check the answers of a model that looks them up by the number of the row; every second row is a member."""
    rows = np.arange(len(y), dtype=np.int64)
    split = np.where(rows % 2 == 0, str(Part.MEMBER), str(Part.NON_MEMBER))
    asks = lambda inputs: answers[inputs["row"]]  # noqa: E731
    return check_answers(asks, {"row": rows}, NumberedLabels(y, names), split, classes, request)


def drawn(shares, count=2000):
    return np.random.default_rng(0).choice(len(shares), count, p=shares)


def test_a_model_that_knows_its_labels_has_no_problem():
    y = drawn([0.3, 0.3, 0.4])
    answers = np.where(
        np.arange(2000) % 10 < 2, (y + 1) % 3, y
    )  # wrong on one member of five, on one non-member of five
    found = checked(answers, y, 3)
    assert found.problem is None
    assert (found.members.value, found.non_members.value) == (0.8, 0.8)
    assert found.members.low < 0.8 < found.members.high


@pytest.mark.parametrize("found_rare", [0.3, 0.9])
def test_a_rare_class_is_no_reason_to_refuse_a_model_that_finds_it(found_rare):
    y = drawn([0.97, 0.03], 4000)
    seen = np.random.default_rng(1).random(4000) < found_rare
    assert checked(np.where(seen, y, 0), y, 2).problem is None


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.97, 0.03]])
def test_a_model_that_always_says_the_same_knows_nothing(shares):
    y = drawn(shares)
    found = checked(np.zeros(2000, np.int64), y, 2)
    assert found.chance == pytest.approx((y[::2] == 0).mean())
    assert found.problem is not None
    assert "--" not in found.problem


def test_answers_that_are_drawn_know_nothing():
    y, answers = drawn([0.2] * 5), np.random.default_rng(1).integers(0, 5, 2000)
    found = checked(answers, y, 5)
    assert found.chance == pytest.approx(0.2, abs=0.02)
    assert found.problem is not None


def test_nothing_is_judged_if_all_members_are_of_one_class():
    y = np.arange(2000) % 2
    assert checked(y, y, 2).problem is None


def test_nothing_is_judged_on_a_handful_of_rows():
    y = drawn([0.5, 0.5], 20)
    assert checked(np.random.default_rng(3).integers(0, 2, 20), y, 2).problem is None


@pytest.mark.parametrize(("shift", "before", "option"), [(1, 0, "-1"), (-1, 0, "1"), (1, 3, "2")])
def test_shifted_labels_name_the_shift(shift, before, option):
    y = 1 + drawn([0.25] * 4)
    found = checked(y, y + shift, 7, request=BundleRequest(REQUEST.sources, shift_labels=before))
    assert found.problem.endswith(f"--shift-labels {option}")


def test_names_in_another_order_name_the_order():
    y, order = drawn([0.4, 0.3, 0.2, 0.1]), np.array([2, 0, 3, 1])
    found = checked(order[y], y, 4, names=("a", "b", "c", "d"))
    # The model's class 0 is what the labels call "b", its class 1 is "d", and so on.
    assert found.problem.endswith("--classes b,d,a,c")
    assert checked(order[y], y, 4).problem is not None


def test_a_large_bundle_is_judged_on_a_part_of_it():
    y = drawn([0.5, 0.5], 60_000)
    found = checked(y, y, 2)
    assert found.members.low == pytest.approx(0.025 ** (1 / 10_000))  # Clopper and Pearson's, for 10,000 of 10,000
