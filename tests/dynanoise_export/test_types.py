import numpy as np
import pytest

from dynanoise_export.types import Precision, Step, TensorSpec, no_progress, row_count


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (TensorSpec("image", "float32", ("batch", 3, 224, 224)), "image:batch,3,224,224:float32"),
        (TensorSpec("ids", "int64", ("batch", "length")), "ids:batch,length:int64"),
        (TensorSpec("scale", "float16", ()), "scale::float16"),
    ],
)
def test_an_input_is_written_as_the_command_line_takes_it(spec, text):
    assert str(spec) == text


def test_inputs_are_equal_by_value():
    assert TensorSpec("x", "float32", ("batch", 3)) == TensorSpec("x", "float32", ("batch", 3))
    assert TensorSpec("x", "float32", ("batch", 3)) != TensorSpec("x", "float32", ("n", 3))


def test_the_rows_are_those_of_the_first_input():
    assert row_count({"x": np.zeros((5, 3)), "ids": np.zeros((5, 2, 7))}) == 5
    assert row_count({"x": np.zeros((0, 3))}) == 0


def test_a_step_counts_nothing_unless_it_says_so():
    step = Step("Opening model.pt")
    assert (step.done, step.total, step.unit) == (0, None, "")
    assert no_progress(step) is None


def test_precisions_have_the_names_of_the_option():
    assert [precision.value for precision in Precision] == ["fp32", "fp16"]
