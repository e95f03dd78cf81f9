"""The guards: what rows become, by closed forms, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dynanoise_export.defences.guards.binary_guard import Binary
from dynanoise_export.defences.guards.box_guard import Box
from dynanoise_export.defences.guards.guard import changed_rows
from dynanoise_export.defences.guards.guard_catalogue import make_guard
from dynanoise_export.defences.guards.image_guard import Image
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.types import TensorSpec
from support.guards import guard_of, outside, rows_of, spec_of

KINDS, TYPES = ("box", "binary", "image"), ("float32", "float16", "float64")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
def test_rows_inside_pass_bit_for_bit(kind, dtype):
    rows, guard = rows_of(kind, dtype), guard_of(kind, dtype)
    kept = guard.apply({"x": rows})["x"]
    assert kept.dtype == rows.dtype
    assert kept.tobytes() == rows.tobytes()
    assert changed_rows(guard, {"x": rows}) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_guarded_is_inside(kind):
    guard = guard_of(kind)
    once = guard.apply({"x": outside()})["x"]
    assert np.isfinite(once).all()
    np.testing.assert_array_equal(guard.apply({"x": once})["x"], once)


@settings(deadline=None, max_examples=50)
@given(arrays(np.float32, (8, 3), elements=st.floats(width=32, allow_nan=False)))
def test_a_box_clips_as_numpy_does(queries):
    rows = rows_of("box")
    expected = np.clip(queries, rows.min(axis=0), rows.max(axis=0))
    np.testing.assert_array_equal(guard_of("box").apply({"x": queries})["x"], expected)


def test_a_number_that_is_none_becomes_the_lowest_of_the_domain():
    nan = np.full((1, 3), np.nan, np.float32)
    np.testing.assert_array_equal(guard_of("box").apply({"x": nan})["x"][0], rows_of("box").min(axis=0))
    assert not guard_of("binary").apply({"x": nan})["x"].any()
    assert not guard_of("image").apply({"x": nan})["x"].any()


def test_binary_rounds_and_a_half_becomes_0():
    queries = np.array([[-np.inf, -0.6, 0.5], [0.50001, 1.5, np.inf]], np.float32)
    np.testing.assert_array_equal(guard_of("binary").apply({"x": queries})["x"], [[0, 0, 0], [1, 1, 1]])


def test_an_image_is_rounded_to_the_nearest_level():
    queries = np.array([[100.4 / 255, -3, 7], [100.6 / 255, 0, 1]], np.float32)
    expected = np.array([[100, 0, 255], [101, 0, 255]], np.float32) / np.float32(255)
    np.testing.assert_array_equal(guard_of("image").apply({"x": queries})["x"], expected)


@pytest.mark.parametrize("channels_first", [True, False])
def test_images_that_are_normalised_for_each_channel_have_levels_of_their_own(channels_first):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3))
    pixels[0, 0, 0], pixels[0, 0, 1] = 0, 255
    mean, deviation = np.float32([0.49, 0.48, 0.44]), np.float32([0.2, 0.24, 0.26])
    images = (pixels.astype(np.float32) / 255 - mean) / deviation
    black, white = (0 - mean) / deviation, (1 - mean) / deviation
    if channels_first:
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    spec = TensorSpec("x", "float32", ("N", *images.shape[1:]))
    guard = make_guard("image", [spec], {"x": images})
    assert guard.apply({"x": images})["x"].tobytes() == images.tobytes()
    axes = (1, 2) if not channels_first else (2, 3)
    for far, ends in ((-99, black), (99, white)):
        assert np.allclose(
            guard.apply({"x": images * 0 + far})["x"].mean(axis=(0, *axes), dtype=np.float64), ends, atol=1e-5
        )
    levels = guard.bounds["x"]["levels"].array
    assert levels.shape == ((256, 3, 1, 1) if channels_first else (256, 1, 1, 3))


@pytest.mark.parametrize(("scale", "count"), [(1, 256), (16, 17), (255, 256)])
def test_levels_reach_from_the_darkest_to_the_brightest_value(scale, count):
    rows = (np.arange(count)[:, None] / np.float32(scale)).astype(np.float32)
    guard = Image.of_rows({"x": rows}, [spec_of("float32", 1)])
    np.testing.assert_array_equal(guard.bounds["x"]["levels"].array, rows)


def test_levels_that_no_row_has_lie_between_the_others():
    rows = np.float32([[0], [2], [5], [9]])
    levels = Image.of_rows({"x": rows}, [spec_of("float32", 1)]).bounds["x"]["levels"].array
    np.testing.assert_array_equal(levels[:, 0], np.arange(10))


def test_numbers_along_a_dynamic_axis_share_their_range():
    rows = np.random.default_rng(0).normal(size=(50, 7, 2)).astype(np.float32)
    guard = Box.of_rows({"x": rows}, [spec_of("float32", "length", 2)])
    np.testing.assert_array_equal(guard.bounds["x"]["low"].array, rows.min(axis=(0, 1))[None])
    assert guard.apply({"x": rows[:, :3]})["x"].shape == (50, 3, 2)


def test_ends_of_float64_are_rounded_away_from_the_rows():
    rows = np.full((2, 3), 0.1)
    guard = Box.of_rows({"x": rows}, [spec_of("float64")])
    low, high = guard.operands("x").values()
    assert (low.astype(np.float64) < 0.1).all()
    assert (high.astype(np.float64) > 0.1).all() or np.float32(0.1) > 0.1
    assert guard.apply({"x": rows})["x"].tobytes() == rows.tobytes()


def test_inputs_of_integers_pass():
    specs = [TensorSpec("ids", "int64", ("N", 4)), spec_of()]
    rows = {"ids": np.arange(8).reshape(2, 4), "x": rows_of("box")[:2]}
    guard = make_guard("box", specs, (0.0, 1.0))
    assert set(guard.bounds) == {"x"}
    assert guard.apply(rows)["ids"] is rows["ids"]
    with pytest.raises(UsageError):
        make_guard("box", specs[:1], (0.0, 1.0))


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("binary", [[0.0], [0.5]]), ("box", [[0.0], [np.nan]]),
        ("image", np.random.default_rng(0).normal(size=(30, 1))),
        ("image", np.random.default_rng(0).normal(size=(400, 1))),
    ],
)  # fmt: skip
def test_rows_of_another_domain_are_refused(kind, rows):
    with pytest.raises(DataError):
        make_guard(kind, [spec_of("float32", 1)], {"x": np.asarray(rows, np.float32)})


@pytest.mark.parametrize(("kind", "rows"), [("binary", (0.0, 1.0)), ("box", None), ("image", (1.0, 1.0)), ("no", None)])
def test_options_that_contradict_the_kind_are_refused(kind, rows):
    with pytest.raises(UsageError):
        make_guard(kind, [spec_of()], rows)


@pytest.mark.parametrize(
    ("kind", "tensors"),
    [
        (Box, {}), (Box, {"low": [1.0], "high": [0.0]}), (Box, {"low": [0.0], "high": [0.0, 1.0]}),
        (Box, {"low": [np.nan], "high": [1.0]}), (Box, {"low": [], "high": []}), (Binary, {"low": [0.0]}),
        (Image, {"levels": [0.0, 1.0, 5.0]}), (Image, {"levels": [1.0, 0.0]}), (Image, {"levels": np.arange(300.0)}),
        (Image, {"levels": []}), (Image, {"levels": 1.0}),
    ],
)  # fmt: skip
def test_bounds_that_contradict_each_other_are_refused(kind, tensors):
    with pytest.raises(UsageError):
        kind({"x": {name: FixedTensor.of(array) for name, array in tensors.items()}})


def test_bounds_of_another_shape_than_the_input_are_refused():
    guard = Box({"x": {end: FixedTensor.of(np.zeros(5)) for end in ("low", "high")}})
    with pytest.raises(UsageError):
        guard.apply({"x": rows_of("box")})
    for specs in ([spec_of()], [TensorSpec("y", "float32", ("N", 5))], [spec_of("float32", "length")]):
        with pytest.raises(UsageError):
            guard.require_fits(specs)
    guard.require_fits([spec_of("float32", 5)])
