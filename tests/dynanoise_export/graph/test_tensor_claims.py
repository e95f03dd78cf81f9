"""Weights that do not hold the values that they claim are refused before anything makes arrays of them."""

import onnx
import pytest

from dynanoise_export.errors import FormatError
from dynanoise_export.graph.tensor_claims import require_plain_tensors

FLOAT = onnx.TensorProto.FLOAT


def in_constant(tensor: onnx.TensorProto) -> onnx.ModelProto:
    node = onnx.helper.make_node("Constant", [], ["w"], value=tensor)
    return onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], []))


def in_weight(tensor: onnx.TensorProto) -> onnx.ModelProto:
    return onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor]))


@pytest.mark.parametrize("model", [in_constant, in_weight])
@pytest.mark.parametrize(
    ("kind", "dims", "raw"),
    [
        (0, [2], bytes(8)),
        (64, [2], bytes(8)),
        (FLOAT, [2], bytes(7)),
        (FLOAT, [2], bytes(9)),
        (FLOAT, [2], bytes(12)),
        (FLOAT, [1 << 40], bytes(8)),
        (FLOAT, [-2], bytes(8)),
        (onnx.TensorProto.STRING, [2], bytes(8)),
    ],
)
def test_a_weight_that_does_not_hold_what_it_claims_is_refused(model, kind, dims, raw):
    with pytest.raises(FormatError, match="'w'"):
        require_plain_tensors(model(onnx.TensorProto(name="w", data_type=kind, dims=dims, raw_data=raw)))


@pytest.mark.parametrize("model", [in_constant, in_weight])
@pytest.mark.parametrize(
    ("kind", "dims", "raw"),
    [
        (FLOAT, [2, 3], bytes(24)),
        (FLOAT, [], bytes(4)),
        (FLOAT, [0], b""),
        (onnx.TensorProto.BFLOAT16, [3], bytes(6)),
        (onnx.TensorProto.INT4, [3], bytes(2)),
    ],
)
def test_a_weight_that_holds_what_it_claims_is_taken(model, kind, dims, raw):
    require_plain_tensors(model(onnx.TensorProto(name="w", data_type=kind, dims=dims, raw_data=raw)))
