"""State the shapes of an ONNX model's inputs, where its file leaves them out and the user gives them."""

import onnx_ir as ir

from dynanoise_export.graph.specs import taken
from dynanoise_export.sources.inputs import read_example, specs_of
from dynanoise_export.sources.source_model import SourceOptions


def state_shapes(model: ir.Model, options: SourceOptions) -> None:
    """Take the shape of an input from the user, in place, if the file does not state a size or a name of any axis.

    An example, which can't name the axes of any size, only counts if the file does not even state their number.

    Raises:
        UserError: the example can't be read.
    """
    silent = {value.name: value for value in taken(model) if _is_silent(value)}
    for spec in options.inputs:
        value = silent.get(spec.name)
        if value is not None and (value.shape is None or len(value.shape) == len(spec.shape)):
            value.shape = ir.Shape(spec.shape)
    shapeless = [value for value in silent.values() if value.shape is None]
    if options.example is None or not shapeless:
        return
    examples = {spec.name: spec for spec in specs_of(read_example(options.example))}
    if len(examples) == len(taken(model)) == 1:  # its name does not matter
        (spec,) = examples.values()
        examples = {str(shapeless[0].name): spec}
    for value in shapeless:
        if value.name in examples:
            value.shape = ir.Shape(examples[value.name].shape)


def _is_silent(value: ir.Value) -> bool:
    if value.shape is None:
        return True
    return len(value.shape) > 0 and not any(isinstance(axis, int) or axis.value for axis in value.shape)
