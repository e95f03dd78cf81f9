"""Convert a model to a higher opset, without moving its weights."""

import logging

import onnx_ir as ir
from onnx.helper import OP_SET_ID_VERSION_MAP
from onnxscript.version_converter import ConvertVersionPass

from dynanoise_export.errors import UnsupportedModelError, first_line
from dynanoise_export.onnx_functions import OLDEST_OPSET

# The converters were written for models of this opset and later.
OLDEST_MODEL_OPSET = 9

# The version of the format in which opset `OLDEST_OPSET` came.
OLDEST_IR = 7


def import_standard_domain(model: ir.Model) -> None:
    """Import the standard operators if the file does not, in place.

    onnxmltools leaves them out if the model has none. If it has some, they are those of the file's format.
    """
    if "" in model.opset_imports:
        return
    if any(node.domain == "" for node in model.graph.all_nodes()):
        model.opset_imports[""] = max(
            opset
            for (domain, opset), ir_version in OP_SET_ID_VERSION_MAP.items()
            if domain == "ai.onnx" and ir_version <= max(model.ir_version, 3)
        )
    else:
        model.opset_imports[""] = OLDEST_OPSET
        model.ir_version = max(model.ir_version, OLDEST_IR)


def convert_up(model: ir.Model, opset: int) -> None:
    """Raise the model's opset in place; a model of this opset or a later one is not changed.

    Raises:
        UnsupportedModelError: the model is older than opset 9, or an operator has no conversion.
    """
    current = model.opset_imports.get("", 0)
    if current < OLDEST_MODEL_OPSET:
        raise UnsupportedModelError(
            f"The model has opset {current}, and {OLDEST_MODEL_OPSET} is the oldest that can be converted: "
            "export it again with a newer exporter."
        )
    if current >= opset:
        return
    metadata = dict(model.metadata_props)
    logger = logging.getLogger("onnxscript.version_converter")
    level = logger.level
    logger.setLevel(logging.ERROR)  # users need no warning about which converter is used
    try:
        ConvertVersionPass(opset, fallback=True)(model)
    except Exception as error:  # the converters raise whatever an operator's adapter raises
        raise UnsupportedModelError(
            f"The model can't be converted from opset {current} to {opset}: {first_line(error)}"
        ) from error
    finally:
        logger.setLevel(level)
    if model.opset_imports.get("") != opset:
        raise UnsupportedModelError(
            f"The model can't be converted from opset {current} to {opset}: an operator has no conversion."
        )
    model.metadata_props.update(metadata)
