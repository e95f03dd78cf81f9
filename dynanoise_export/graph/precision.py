"""Convert a model to float16, before a defence is attached, which stays in float32."""

import onnx
import onnx_ir as ir

from dynanoise_export.errors import UnsupportedModelError, first_line


def to_float16(model: ir.Model) -> ir.Model:
    """Convert the weights and the arithmetic to float16; inputs and outputs stay as they are.

    Raises:
        UnsupportedModelError: the model can't be converted.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    loaded = ir.external_data.load_to_model(model.clone())  # the converter reads the weights
    try:
        half: onnx.ModelProto = convert_float_to_float16(ir.to_proto(loaded), keep_io_types=True)
    except Exception as error:  # the converter has no exception of its own
        raise UnsupportedModelError(f"The model can't be converted to float16: {first_line(error)}") from error
    converted = ir.from_proto(half)
    converted.graph.sort()  # the converter puts its casts at the end
    return converted
