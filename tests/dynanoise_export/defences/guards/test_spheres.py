"""The guards that make copies: what the copies and the merged answers are, by closed forms, and what is refused."""

import numpy as np
import pytest

from dynanoise_export.defences.guards.binary_sphere_guard import BinarySphere
from dynanoise_export.defences.guards.guard_catalogue import make_guard
from dynanoise_export.defences.guards.sphere_guard import Sphere
from dynanoise_export.errors import UnsupportedModelError, UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import TensorSpec
from support.guards import guard_of, outside, rows_of, spec_of

KINDS, TYPES = ("sphere", "binary-sphere"), ("float32", "float16", "float64")


@pytest.mark.parametrize("dtype", TYPES)
def test_a_sphere_sends_the_clipped_query_with_each_offset(dtype):
    guard, rows, queries = guard_of("sphere", dtype), rows_of("sphere", dtype), outside(dtype)[10:]
    sent = guard.asked({"x": queries})["x"]
    assert sent.dtype == queries.dtype
    assert sent.shape == (9 * len(queries), 3)
    clipped = np.clip(queries, rows.min(axis=0), rows.max(axis=0)).astype(np.float64)
    for copy, offset in enumerate(guard.bounds["x"]["offsets"].array):
        near = 4e-3 if dtype == "float16" else 1e-6
        np.testing.assert_allclose(sent[copy * len(queries) :][: len(queries)], clipped + offset, atol=near)
    np.testing.assert_array_equal(guard.apply({"x": queries})["x"], guard_of("box", dtype).apply({"x": queries})["x"])


def test_a_binary_sphere_flips_the_rounded_query():
    guard, queries = guard_of("binary-sphere"), outside()
    flipped = guard.bounds["x"]["flipped"].array.astype(bool)
    expected = np.concatenate([(queries > 0.5) ^ flips for flips in flipped])
    np.testing.assert_array_equal(guard.asked({"x": queries})["x"], expected)


def test_offsets_have_the_law_that_was_asked_for():
    spec = TensorSpec("x", "float32", ("N", 4000))
    sphere = make_guard("sphere", [spec], (-1.0, 3.0), {"sigma": 0.05, "copies": 25})
    binary = make_guard("binary-sphere", [spec], None, {"flips": 0.1, "copies": 25})
    for made in (sphere, sphere.redrawn(np.random.default_rng(0))):
        offsets = made.bounds["x"]["offsets"].array
        assert offsets.shape == (25, 4000)
        assert offsets.std() == pytest.approx(0.05 * 4, rel=0.02)
        assert abs(offsets.mean()) < 0.005
    for made in (binary, binary.redrawn(np.random.default_rng(0))):
        assert made.bounds["x"]["flipped"].array.mean() == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize(("kind", "rows"), [("sphere", (0.0, 1.0)), ("binary-sphere", None)])
def test_offsets_are_drawn_anew_each_time_and_again_from_one_seed(kind, rows):
    guard, other = (make_guard(kind, [spec_of("float32", 500)], rows) for _ in range(2))
    assert guard != other
    again = [guard.redrawn(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert again[0] == again[1]
    assert again[0] not in (again[2], guard)


def test_a_number_without_a_range_has_no_offset():
    rows = rows_of("sphere")
    rows[:, 1] = 7
    guard = make_guard("sphere", [spec_of()], {"x": rows})
    offsets = guard.bounds["x"]["offsets"].array
    assert not offsets[:, 1].any()
    assert offsets[:, 0].all()


def test_merged_answers_are_the_mean_probabilities():
    logits = np.random.default_rng(0).normal(0, 5, (4 * 7, 3))
    logits[::5, 1] = -np.inf
    exponentials = np.exp(logits)
    each = exponentials / exponentials.sum(axis=1, keepdims=True)
    mean = sum(each[copy * 7 : copy * 7 + 7] for copy in range(4)) / 4
    guard = make_guard("sphere", [spec_of()], (0.0, 1.0), {"copies": 4})
    np.testing.assert_allclose(np.exp(guard.merged(logits, probabilities=False)), mean, atol=1e-12)
    np.testing.assert_allclose(guard.merged(each, probabilities=True), mean, atol=1e-12)


def test_other_guards_make_one_row_of_each_and_merge_nothing():
    guard, rows = guard_of("box"), rows_of("box")
    assert guard.copies == 1
    np.testing.assert_array_equal(guard.asked({"x": rows})["x"], rows)
    assert guard.merged(rows, probabilities=False) is rows
    assert guard.redrawn(np.random.default_rng(0)) is guard


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("sphere", {"copies": 1}), ("sphere", {"copies": 2.5}), ("sphere", {"copies": 1000}), ("sphere", {"sigma": 0}),
        ("sphere", {"sigma": np.nan}), ("sphere", {"sigma": 2}), ("sphere", {"flips": 0.1}), ("box", {"copies": 9}),
        ("binary-sphere", {"flips": 0.6}), ("binary-sphere", {"flips": 0}), ("binary-sphere", {"sigma": 0.1}),
    ],
)  # fmt: skip
def test_parameters_that_do_not_fit_are_refused(kind, parameters):
    rows = None if kind == "binary-sphere" else (0.0, 1.0)
    with pytest.raises(UsageError):
        make_guard(kind, [spec_of()], rows, parameters)


@pytest.mark.parametrize(
    "specs",
    [[spec_of("float32", "length")], [spec_of(), TensorSpec("ids", "int64", ("N", 4))]],
)
@pytest.mark.parametrize("kind", KINDS)
def test_models_whose_rows_can_not_be_copied_are_refused(kind, specs):
    with pytest.raises(UnsupportedModelError):
        make_guard(kind, specs, (0.0, 1.0) if kind == "sphere" else None)


def test_offsets_that_no_file_may_state_are_refused():
    with pytest.raises(UsageError):
        make_guard("sphere", [spec_of("float32", 3, 1024, 1024)], (0.0, 1.0))


BOX = {"low": 0.0, "high": 1.0}


@pytest.mark.parametrize(
    ("kind", "tensors"),
    [
        (Sphere, BOX), (Sphere, {**BOX, "sigma": 0.1, "offsets": [[0.0] * 3]}),
        (Sphere, {**BOX, "sigma": 0.1, "offsets": 1.0}),
        (Sphere, {**BOX, "sigma": [0.1], "offsets": np.zeros((2, 3))}),
        (Sphere, {**BOX, "sigma": -1.0, "offsets": np.zeros((2, 3))}),
        (BinarySphere, {"flips": 0.1, "flipped": np.full((2, 3), 0.5)}),
        (BinarySphere, {"flips": 0.9, "flipped": np.zeros((2, 3))}), (BinarySphere, {"flipped": np.zeros((2, 3))}),
    ],
)  # fmt: skip
def test_tensors_that_contradict_each_other_are_refused(kind, tensors):
    with pytest.raises(UsageError):
        kind({"x": {name: FixedTensor.of(array) for name, array in tensors.items()}})


@pytest.mark.parametrize("kind", KINDS)
def test_offsets_of_another_shape_than_the_rows_are_refused(kind):
    guard = guard_of(kind)
    guard.require_fits([spec_of()])
    with pytest.raises(UsageError):
        guard.require_fits([spec_of("float32", 1)])
