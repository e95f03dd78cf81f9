import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnxscript import opset13 as op
from onnxscript import script
from onnxscript.values import Opset

from dynanoise_export.onnx_functions import DOMAIN, VERSION, make_constants_tensors, of_opset


@script(Opset(DOMAIN, VERSION), default_opset=op)
def scaled(x, factor: float):
    third = op.Mul(x, op.Constant(value_float=0.33333334))
    return op.Mul(third, op.Constant(value_float=factor))


@pytest.mark.parametrize("opset", [13, 21])
def test_a_function_has_the_opset_of_its_model_and_a_name(opset):
    function = of_opset(scaled, opset, "Scaled")
    assert function.identifier() == ("ai.dynanoise", "Scaled", "")
    assert function.opset_imports[""] == opset
    assert of_opset(scaled, opset).name == "scaled"


def test_constants_become_tensors_of_float32_and_parameters_stay():
    constants = [node for node in of_opset(scaled, 18) if node.op_type == "Constant"]
    fixed, parameter = (node.attributes for node in constants)
    assert list(fixed) == ["value"]
    assert fixed["value"].as_tensor().dtype is ir.DataType.FLOAT
    assert fixed["value"].as_tensor().numpy() == np.float32(1 / 3)
    assert parameter["value_float"].is_ref()


def test_other_constants_are_not_changed():
    model = ir.from_proto(onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float x) => (float y) '
        "{ a = Constant<value_int = 3>() b = Constant<value_floats = [1.0, 2.0]>() y = Identity(x) }"
    ))  # fmt: skip
    before = ir.to_proto(model).SerializeToString()
    make_constants_tensors(model.graph)
    assert ir.to_proto(model).SerializeToString() == before
