"""Find the logits of a source's ONNX model: by its structure or, if that is not enough, by a trial run.

Whether a classifier gives logits or probabilities is decided here and nowhere else.
"""

import dataclasses

import numpy as np
import onnx_ir as ir

from dynanoise_export.errors import ModelInputError
from dynanoise_export.graph.logits import Logits, Scale, behind
from dynanoise_export.graph.values import value_named
from dynanoise_export.probabilities import are_probabilities
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.sources.naming import naming
from dynanoise_export.sources.source_model import SourceModel
from dynanoise_export.types import Array


def find_logits(model: ir.Model, source: SourceModel) -> Logits:
    """Find where the defence goes.

    Args:
        model: the source's ONNX model.
        source: what it was made from.

    Raises:
        UserError: the model has no such output, or there are no logits behind it.
    """
    output = value_named(model, source.output)
    if output is None:
        raise ModelInputError(f"{source.path} has no value {source.output!r} in its main graph.")
    with naming(source.path):
        logits = behind(output)
        if logits.scale is not Scale.UNKNOWN:
            return logits
        with open_graph(model) as predictor:
            scale = scale_of(predictor.run(source.example)[source.output])
    if scale is Scale.PROBABILITIES:
        return dataclasses.replace(logits, scale=scale, seen=f"the logarithm of {output.name}, which are probabilities")
    return dataclasses.replace(logits, scale=scale)


def scale_of(scores: Array) -> Scale:
    """Judge scores [n, k] by their values: probabilities if every row is a distribution, logits otherwise."""
    return Scale.PROBABILITIES if are_probabilities(np.asarray(scores)) else Scale.LOGITS
