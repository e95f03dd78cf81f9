"""Shapes of queries that warm a model up before the server reports it ready."""

import numpy as np

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.feeding import with_noise
from dynanoise_export.deployed.manifest import manifest_of
from dynanoise_export.errors import UserError
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.sources.inputs import draw
from dynanoise_export.sources.made_up_rows import dynamic_axes, first_that_runs, recipes, runs_in
from dynanoise_export.types import Arrays


def warmup_shapes(model: DeployedModel) -> dict[str, tuple[int, ...]]:
    """Choose a shape for each input, batch included; empty if no shape is known to work.

    A query that fails would keep the server from ever loading the model.
    """
    manifest = manifest_of(model)
    if manifest is not None:
        return _shapes(draw(model.inputs)) | {name: usual for name, (_, usual, _) in manifest.profiles.items()}
    if model.graph is None or not dynamic_axes(model.inputs):
        return _shapes(draw(model.inputs))
    try:
        with OnnxRuntimePredictor(model.graph.path, light=True) as predictor:
            runs = runs_in(predictor)
            recipe = first_that_runs(recipes(model.inputs), model.inputs, lambda rows: runs(_zeros(model, rows)))
    except UserError:
        return {}
    return _shapes(recipe.rows(model.inputs))


def _shapes(rows: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in rows.items()}


def _zeros(model: DeployedModel, rows: Arrays) -> Arrays:
    """Give what the server sends to warm the model up."""
    zeros = {name: np.zeros_like(array) for name, array in rows.items()}
    return with_noise(model.name, zeros, model.noise_input)
