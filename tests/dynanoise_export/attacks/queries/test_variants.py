import numpy as np
import pytest
from scipy.ndimage import shift

from dynanoise_export.attacks.queries.variants import (
    TRANSFORMS,
    image_axes,
    input_scales,
    nearby,
    repeated,
    transformed,
)

GENERATOR = np.random.default_rng(0)


def test_repeats_are_the_row_itself():
    rows = {"x": np.ones((2, 3), np.float32)}
    queries = list(repeated(3)(rows))
    assert len(queries) == 3
    assert all(query["x"] is rows["x"] for query in queries)


def test_near_duplicates_have_the_given_distance():
    rows = {"x": GENERATOR.normal(5, 3, (2000, 20)).astype(np.float32)}
    steps = [variant["x"] - rows["x"] for variant in nearby(0.01, 3, input_scales(rows))(rows)]
    assert len(steps) == 3
    for step in steps:
        assert step.std() == pytest.approx(0.01 * rows["x"].std(), rel=0.02)
        assert abs(step.mean()) < 1e-3
    assert abs(np.corrcoef(steps[0].ravel(), steps[1].ravel())[0, 1]) < 0.03


def test_only_floats_are_moved_and_types_stay():
    rows = {"ids": np.arange(12).reshape(4, 3), "x": np.ones((4, 2), np.float16)}
    assert list(input_scales(rows)) == ["x"]
    (variant,) = nearby(0.1, 1, input_scales(rows))(rows)
    np.testing.assert_array_equal(variant["ids"], rows["ids"])
    assert variant["x"].dtype == np.float16


def test_constant_inputs_still_move():
    rows = {"x": np.zeros((4, 2), np.float32)}
    (variant,) = nearby(0.1, 1, input_scales(rows))(rows)
    assert (variant["x"] != 0).all()


@pytest.mark.parametrize(("shape", "axes"), [((5, 3, 9, 10), (2, 3)), ((5, 9, 10, 1), (1, 2))])
def test_images_are_mirrored_and_shifted_by_a_pixel(shape, axes):
    rows = {"x": GENERATOR.normal(0, 1, shape).astype(np.float32)}
    assert image_axes(rows) == {"x": axes}
    variants = [variant["x"] for variant in transformed(image_axes(rows))(rows)]
    expected = [np.flip(rows["x"], axes[1])]
    for axis in axes:
        for by in (-1, 1):
            offsets = [by if place == axis else 0 for place in range(4)]
            expected.append(shift(rows["x"], offsets, order=0, mode="nearest"))
    assert len(variants) == TRANSFORMS
    for variant, other in zip(variants, expected, strict=True):
        np.testing.assert_array_equal(variant, other)


@pytest.mark.parametrize("shape", [(5, 64), (5, 7, 32, 32), (5, 3, 4, 4), (5, 3, 32, 32, 2)])
def test_other_inputs_are_not_images(shape):
    assert not image_axes({"x": np.zeros(shape, np.float32)})
    assert not image_axes({"x": np.zeros((5, 3, 32, 32), np.int64)})
