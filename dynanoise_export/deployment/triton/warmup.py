"""Shapes of queries that warm a model up before the server reports it ready."""

import numpy as np

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.feeding import with_noise
from dynanoise_export.deployed.manifest import manifest_of
from dynanoise_export.errors import UserError
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.sources.inputs import draw


def warmup_shapes(model: DeployedModel) -> dict[str, tuple[int, ...]]:
    """Choose a shape for each input, batch included; empty if no shape is known to work.

    A query that fails would keep the server from ever loading the model.
    """
    made_up = draw(model.inputs)
    shapes = {name: array.shape for name, array in made_up.items()}
    manifest = manifest_of(model)
    if manifest is not None:
        return shapes | {name: usual for name, (_, usual, _) in manifest.profiles.items()}
    dynamic = any(isinstance(size, str) for spec in model.inputs for size in spec.shape[1:])
    if dynamic and model.graph is not None:
        zeros = {name: np.zeros_like(array) for name, array in made_up.items()}
        try:
            with OnnxRuntimePredictor(model.graph.path, light=True) as predictor:
                predictor.run(with_noise(model.name, zeros, model.noise_input))
        except UserError:
            return {}
    return shapes
