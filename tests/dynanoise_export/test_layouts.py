import numpy as np
import pytest

from dynanoise_export.layouts import Layout, fits, needed_layout, turned
from dynanoise_export.types import TensorSpec
from support.blobs import Blobs

FIRST = np.zeros((5, 3, 8, 6))
LAST = np.zeros((5, 8, 6, 3))


@pytest.mark.parametrize(
    ("array", "shape", "needed"),
    [
        (FIRST, ("n", 3, 8, 6), None),
        (FIRST, (1, 3, "h", "w"), None),
        (LAST, ("n", 3, 8, 6), Layout.NCHW),
        (LAST, ("n", 3, "h", "w"), Layout.NCHW),
        (FIRST, ("n", 8, 6, 3), Layout.NHWC),
        (LAST, ("n", "c", "h", "w"), None),
        (LAST, ("n", 3, 9, 9), None),
        (np.zeros((5, 3)), ("n", 4), None),
    ],
)
def test_images_of_the_other_layout_are_found(array, shape, needed):
    spec = TensorSpec("x", "float32", shape)
    assert needed_layout(array, spec) is needed
    if needed is not None:
        assert fits(turned(array, needed), spec)


def test_turning_there_and_back_changes_nothing():
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    np.testing.assert_array_equal(turned(turned(images, Layout.NHWC), Layout.NCHW), images)
    assert turned(images, Layout.NHWC)[0, 1, 2, 0] == images[0, 0, 1, 2]


def test_commands_that_take_a_bundle_name_the_way_out(program, tmp_path):
    blobs = Blobs.drawn(3, 4, 5)
    x, y = blobs.rows(60)
    model = blobs.model(tmp_path / "model.onnx")
    np.savez(tmp_path / "rows.npz", x=x.transpose(0, 2, 3, 1), y=y, member=np.arange(60) % 2)
    assert program(model, "-o", tmp_path / "d.onnx").status == 0
    for command in (["attack"], ["validate", "--reference", model]):
        ended = program(*command, tmp_path / "d.onnx", "--data", tmp_path / "rows.npz")
        assert ended.status == 2
        assert "--layout nchw" in ended.err
