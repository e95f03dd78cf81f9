"""Models with a fixed batch, which get any number of rows."""

import pickle

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.fixed_batch import FixedBatchEndpoint, any_rows, rows_at_once
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint
from dynanoise_export.runtimes.predictor import BATCH_ROWS, Closing, predict
from support.graphs import normals, parse


class Counted(Closing):
    """Answers with the sum of each row, and takes batches of one size only."""

    inputs, outputs = ["x"], ["y"]

    def __init__(self, size):
        self.size, self.calls, self.closed = size, 0, False

    def run(self, inputs):
        assert {len(array) for array in inputs.values()} == {self.size}
        self.calls += 1
        return {"y": sum(array.sum(axis=1) for array in inputs.values())}

    def close(self):
        self.closed = True


@pytest.mark.parametrize(("size", "rows", "calls"), [(1, 5, 5), (4, 4, 1), (4, 5, 2), (4, 1, 1), (7, 20, 3)])
def test_rows_are_sent_in_whole_batches_and_answered_in_order(size, rows, calls):
    x, noise = normals(rows, 3), normals(rows, 2, seed=1)
    with any_rows(Counted(size), size) as predictor:
        answers = predictor.run({"x": x, "noise": noise})["y"]
        counted = predictor._predictor
    np.testing.assert_array_equal(answers, x.sum(axis=1) + noise.sum(axis=1))
    assert counted.calls == calls
    assert counted.closed


def test_any_size_of_call_is_taken():
    x = normals(600, 3)
    with any_rows(Counted(32), 32) as predictor:
        for size in (1, 3, BATCH_ROWS):
            np.testing.assert_array_equal(predict(predictor, {"x": x}, "y", size), x.sum(axis=1))


def test_a_dynamic_batch_is_left_alone():
    predictor = Counted(3)
    assert any_rows(predictor, None) is predictor


def test_an_endpoint_takes_any_rows_and_can_be_sent_to_another_process(tmp_path):
    ir.save(parse("g (float[4,3] x) => (float[4,3] y) { y = Neg(x) }"), tmp_path / "model.onnx")
    endpoint = pickle.loads(pickle.dumps(FixedBatchEndpoint(OnnxRuntimeEndpoint(tmp_path / "model.onnx"), 4)))
    x = normals(9, 3)
    with endpoint.open() as predictor:
        assert (predictor.inputs, predictor.outputs) == (["x"], ["y"])
        np.testing.assert_array_equal(predictor.run({"x": x})["y"], -x)
    assert endpoint.where is Where.ONNXRUNTIME_CPU
    assert (rows_at_once(endpoint), rows_at_once(endpoint.endpoint)) == (4, BATCH_ROWS)
