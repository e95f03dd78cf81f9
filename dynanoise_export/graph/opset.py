"""Opset conversion, up only, with the weights left where they lie."""

import logging

import onnx_ir as ir
from onnxscript.version_converter import ConvertVersionPass

from dynanoise_export.errors import UserError

# A model older than this predates what the converters were written for.
OLDEST_MODEL_OPSET = 9


def convert_up(model: ir.Model, opset: int) -> None:
    """Raise the model's opset in place; does nothing where the model is at `opset` or later.

    Raises:
        UserError: the model is older than opset 9, or an operator has no conversion.
    """
    current = model.opset_imports.get("", 0)
    if current < OLDEST_MODEL_OPSET:
        raise UserError(
            f"The model has opset {current}, and {OLDEST_MODEL_OPSET} is the oldest that can be converted: "
            "export it again with a newer exporter."
        )
    if current >= opset:
        return
    metadata = dict(model.metadata_props)
    logger = logging.getLogger("onnxscript.version_converter")
    level = logger.level
    logger.setLevel(logging.ERROR)  # which converter it takes is nothing to warn a user about
    try:
        ConvertVersionPass(opset, fallback=True)(model)
    except Exception as error:  # the converters raise whatever an operator's adapter raises
        raise UserError(f"The model can't be converted from opset {current} to {opset}: {error}") from error
    finally:
        logger.setLevel(level)
    if model.opset_imports.get("") != opset:
        raise UserError(f"The model can't be converted from opset {current} to {opset}: an operator has no conversion.")
    model.metadata_props.update(metadata)
