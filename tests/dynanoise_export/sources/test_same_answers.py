"""A conversion that is wrong must be refused, wherever it is wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dynanoise_export.errors import UnsupportedModelError
from dynanoise_export.sources.inputs import draw
from dynanoise_export.sources.same_answers import require_same_answers
from dynanoise_export.types import TensorSpec
from support.graphs import parse

SERIES = TensorSpec("x", "float32", ("batch", "length", 3))
EXAMPLE = draw([SERIES], sizes={"length": 8})
PATH = Path("model.pt")


class Mean(nn.Module):
    """The mean over the length, or its absolute value."""

    def __init__(self, *, absolute: bool = False, half: bool = False, length: int | None = None) -> None:
        super().__init__()
        self.absolute, self.half, self.length = absolute, half, length

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.length not in (None, x.shape[1]):
            raise ValueError("another length")
        mean = x.mean(1).abs() if self.absolute else x.mean(1)
        return mean.half() if self.half else mean


def graph(*lines: str):
    return parse(
        "g (float[N,L,3] x) => (float[N,3] z) <int64[1] axis = {1}, float eighth = {0.125}, float[3] off = {0.1, 0.0, "
        f"0.0}}, int64[2] eight = {{8, 3}}> {{ {' '.join(lines)} }}",
        opset=18,
    )


MEAN = "z = ReduceMean<keepdims = 0>(x, axis)"
# The sum over eight positions, which is the mean on the example only.
FIXED = ("s = ReduceSum<keepdims = 0>(x, axis)", "z = Mul(s, eighth)")


def check(model, module=None, specs=(SERIES,), example=EXAMPLE):
    require_same_answers(PATH, module or Mean(), model, specs, example, "z" if module is None else "output")


def compared(lines, module, **given):
    named = graph(*lines)
    named.graph.outputs[0].name = "output"
    require_same_answers(PATH, module, named, given.get("specs", (SERIES,)), given.get("example", EXAMPLE), "output")


def test_a_right_conversion_passes():
    compared([MEAN], Mean())


def test_a_length_that_the_conversion_fixed_is_refused():
    with pytest.raises(UnsupportedModelError, match=r"model\.pt.*\[9, 9, 3\]"):
        compared(FIXED, Mean())


def test_a_length_that_is_fixed_need_not_change():
    compared(FIXED, Mean(), specs=(TensorSpec("x", "float32", ("batch", 8, 3)),))


def test_sizes_that_the_module_does_not_take_are_left_out():
    compared(FIXED, Mean(length=8))


def test_a_branch_for_other_signs_is_compared():
    example = {"x": np.abs(EXAMPLE["x"])}
    compared(["a = Abs(x)", "z = ReduceMean<keepdims = 0>(a, axis)"], Mean(absolute=True), example=example)
    with pytest.raises(UnsupportedModelError):
        compared([MEAN], Mean(absolute=True), example=example)


@pytest.mark.parametrize("half", [True, False])
def test_an_offset_beyond_rounding_is_refused(half):
    """0.1 is beyond the rounding of float16 too; 0.001 of the largest score is not beyond that of float32."""
    with pytest.raises(UnsupportedModelError):
        compared(["m = ReduceMean<keepdims = 0>(x, axis)", "z = Add(m, off)"], Mean(half=half))


def test_answers_of_another_shape_are_refused():
    with pytest.raises(UnsupportedModelError):
        compared(["z = ReduceMean<keepdims = 1>(x, axis)"], Mean())


def test_rows_that_the_module_answers_with_nan_say_nothing():
    example = {"x": EXAMPLE["x"].copy()}
    example["x"][0, 0, 0] = np.nan
    compared(["n = IsNaN(x)", "k = Where(n, eighth, x)", "z = ReduceMean<keepdims = 0>(k, axis)"], Mean(),
             example=example)  # fmt: skip
    with pytest.raises(UnsupportedModelError):
        compared(["n = IsNaN(x)", "k = Where(n, x, eighth)", "z = ReduceMean<keepdims = 0>(k, axis)"], Mean(),
                 example=example)  # fmt: skip
