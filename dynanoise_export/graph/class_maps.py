"""ZipMap and the names of the classes, as scikit-learn's converters write them.

A ZipMap is the last operator of their default form: it makes of each row's probabilities a map from the names of the
classes to numbers, which no other operator takes and no defence can cover.
"""

import numpy as np
import onnx_ir as ir

from dynanoise_export.graph.values import unused_name

ML = "ai.onnx.ml"
# The attributes with the names of the classes, of ZipMap and of the classifiers of the same domain.
NAMES = ("classlabels_int64s", "classlabels_strings", "classlabels_ints")
# In the `meta` of the value that replaces the output of a ZipMap: the names of the classes.
CLASS_NAMES = "dynanoise.class_names"


def remove_class_maps(model: ir.Model) -> None:
    """Let each output that a ZipMap makes be the tensor of probabilities that goes into it, in place.

    The output keeps its name. A ZipMap whose maps another operator takes stays.
    """
    for node in list(model.graph):
        if (node.domain, node.op_type) != (ML, "ZipMap") or len(node.inputs) != 1 or node.inputs[0] is None:
            continue
        made, names = node.outputs[0], names_in(node)
        if names and made in model.graph.outputs and not made.uses():
            _replace(model, node, node.inputs[0], names)


def _replace(model: ir.Model, zip_map: ir.Node, probabilities: ir.Value, names: tuple[str, ...]) -> None:
    made = zip_map.outputs[0]
    tensor = ir.Value(name=made.name, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape([None, len(names)]))
    tensor.meta[CLASS_NAMES] = names
    # The tensor has its own name, which a user may give, and may be an output or be used elsewhere.
    identity = ir.Node("", "Identity", [probabilities], outputs=[tensor], name=zip_map.name)
    made.name = unused_name(model, f"{made.name}_map")
    model.graph.insert_after(zip_map, identity)
    model.graph.outputs[:] = [tensor if value is made else value for value in model.graph.outputs]
    model.graph.remove(zip_map, safe=True)


def class_names(model: ir.Model, output: ir.Value, classes: int) -> tuple[str, ...]:
    """Find the names of the classes, in their order; empty if the file has none, or several that differ.

    Args:
        model: as `remove_class_maps` left it.
        output: that holds the scores.
        classes: k.
    """
    if CLASS_NAMES in output.meta:
        return tuple(output.meta[CLASS_NAMES])
    found = {names_in(node) or _looked_up(node) for node in model.graph}
    found |= {tuple(value.meta.get(CLASS_NAMES, ())) for value in model.graph.outputs}
    fitting = [names for names in found if len(names) == classes]
    return fitting[0] if len(fitting) == 1 else ()


def repeats_an_output(model: ir.Model, value: ir.Value) -> bool:
    """Whether a value replaces the output of a ZipMap whose probabilities are an output too."""
    node = value.producer()
    return CLASS_NAMES in value.meta and node is not None and node.inputs[0] in model.graph.outputs


def names_in(node: ir.Node) -> tuple[str, ...]:
    """Give the names of the classes that an operator of `ai.onnx.ml` holds."""
    for name in NAMES if node.domain == ML else ():
        held = node.attributes.get(name)
        if held is None:
            continue
        if held.type is ir.AttributeType.INTS:
            return tuple(str(number) for number in held.as_ints())
        if held.type is ir.AttributeType.STRINGS:
            return tuple(held.as_strings())
    return ()


def _looked_up(node: ir.Node) -> tuple[str, ...]:
    """Give the names of the classes among which a label is looked up."""
    if (node.domain, node.op_type) != (ML, "ArrayFeatureExtractor") or node.inputs[0] is None:
        return ()
    tensor = ir.convenience.get_const_tensor(node.inputs[0])
    if tensor is None or not (tensor.dtype.is_integer() or tensor.dtype is ir.DataType.STRING):
        return ()
    names = np.ravel(tensor.numpy())
    return tuple(name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in names)
