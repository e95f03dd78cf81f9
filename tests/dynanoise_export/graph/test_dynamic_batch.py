"""Which axis of a reshaped value holds the batch."""

import pytest

from dynanoise_export.graph.dynamic_batch import batch_axis

# Shapes before and after, the blocks of all rows (None for a batch of 1), the batch, and the axis.
KNOWN = {
    "[batch, channels, h, w] to [batch, width]": ((4, 8, 2, 2), (4, 32), 1, 4, 0),
    "[length, batch, width] to [length, batch * heads, width / heads]": ((7, 4, 8), (7, 16, 2), 7, 4, 1),
    "[length, batch, width] to [length * batch, width]": ((7, 4, 8), (28, 8), 7, 4, 0),
    "[length * batch, width] to [length, batch, width]": ((28, 8), (7, 4, 8), 7, 4, 1),
    "as many heads as rows": ((4, 8, 16), (4, 8, 4, 4), 1, 4, 0),
}
GUESSED = {
    "[1, channels, h, w] to [1, width]": ((1, 8, 2, 2), (1, 32), None, 1, 0),
    "[length, 1, width] to [length, heads, width / heads]": ((7, 1, 8), (7, 4, 2), None, 1, 1),
    "[length, 1, width] to [length, width]": ((7, 1, 8), (7, 8), None, 1, 0),
    "[length, width] to [length, 1, width]": ((7, 8), (7, 1, 8), None, 1, 1),
    "[heads, length, width / heads] to [1, heads, length, width / heads]": ((4, 7, 2), (1, 4, 7, 2), None, 1, 0),
}


@pytest.mark.parametrize(("before", "after", "outer", "size", "axis"), KNOWN.values(), ids=KNOWN)
def test_the_axis_of_a_larger_batch_is_computed(before, after, outer, size, axis):
    assert batch_axis(before, after, outer, size) == axis


@pytest.mark.parametrize(("before", "after", "outer", "size", "axis"), GUESSED.values(), ids=GUESSED)
def test_the_axis_of_a_batch_of_1_is_guessed(before, after, outer, size, axis):
    assert batch_axis(before, after, outer, size) == axis
