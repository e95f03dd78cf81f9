"""The shapes of answers, wherever a model runs."""

import numpy as np
import pytest

from dynanoise_export.errors import EndpointError
from dynanoise_export.runtimes.answers import answers_of, joined_answers, joined_outputs
from dynanoise_export.runtimes.fixed_batch import FixedBatchPredictor
from dynanoise_export.runtimes.predictor import Closing, predict

ROWS = {"x": np.zeros((8, 3), np.float32)}


class Fixed(Closing):
    """A model that answers with what a function gives for the number of its call and of its rows."""

    inputs, outputs = ["x"], ["y"]

    def __init__(self, answered):
        self.answered, self.calls = answered, 0

    def run(self, inputs):
        self.calls += 1
        return {"y": self.answered(self.calls, len(inputs["x"]))}


@pytest.mark.parametrize(
    "answers",
    [
        np.zeros((16, 4), np.float32),
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4), np.float32),
        np.float32(1),
        np.zeros((8, 5), np.float32),
        np.zeros((8, 4, 1), np.float32),
        np.zeros(8, np.float32),
        np.full((8, 4), "a"),
        np.full((8, 4), None),
        np.zeros((8, 4), bool),
        np.zeros((8, 4), np.complex64),
        np.zeros((8, 4), [("a", np.float32)]),
    ],
)
def test_answers_of_another_shape_or_type_are_refused(answers):
    with pytest.raises(EndpointError, match=r"model\.onnx"):
        answers_of({"y": answers}, "y", 8, "model.onnx", 4)


def test_a_missing_output_is_refused():
    with pytest.raises(EndpointError, match=r"model\.onnx"):
        answers_of({"z": np.zeros((8, 4))}, "y", 8, "model.onnx")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8])
def test_numbers_of_any_type_are_taken(dtype):
    assert answers_of({"y": np.zeros((8, 4), dtype)}, "y", 8, "m", 4).shape == (8, 4)


def test_batches_of_another_width_do_not_join():
    with pytest.raises(EndpointError):
        joined_answers([np.zeros((2, 3)), np.zeros((2, 4))], "y", "m")
    assert joined_answers([np.zeros((2, 3)), np.zeros((1, 3))], "y", "m").shape == (3, 3)


@pytest.mark.parametrize(
    "answered",
    [
        lambda call, rows: np.zeros((2 * rows, 4)),
        lambda call, rows: np.zeros((8 if call == 1 else 0, 4)),  # as many as were asked, in all
        lambda call, rows: np.zeros((rows, 3 + call)),
        lambda call, rows: np.float32(0),
    ],
)
def test_a_batch_that_shifts_the_rows_after_it_is_refused(answered):
    for predictor in (FixedBatchPredictor(Fixed(answered), 4), Fixed(answered)):
        with pytest.raises(EndpointError):
            predict(predictor, ROWS, "y", 4)


def test_outputs_with_a_row_for_each_row_are_joined():
    parts = [{"y": np.ones((2, 3)), "loss": np.float32(1)}, {"y": np.zeros((1, 3)), "loss": np.float32(1)}]
    joined = joined_outputs(parts, [2, 1])
    assert list(joined) == ["y"]
    np.testing.assert_array_equal(joined["y"], [[1, 1, 1], [1, 1, 1], [0, 0, 0]])
