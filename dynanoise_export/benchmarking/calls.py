"""What is timed: a model in a session of its own, with made-up inputs."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from dynanoise_export.benchmarking.timing import Call, Opening
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.runtimes.binding import BoundRun
from dynanoise_export.runtimes.graph_session import GraphEndpoint
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint, OnnxRuntimePredictor
from dynanoise_export.runtimes.predictor import Endpoint, Predictor
from dynanoise_export.runtimes.provider import Provider
from dynanoise_export.sources.inputs import IMAGE_SIDE, draw
from dynanoise_export.types import Arrays

# Of made-up texts, in tokens.
LENGTH = 128


def runs_in_onnx_runtime(model: DeployedModel) -> bool:
    """Whether the model runs in ONNX Runtime on this machine, so that a provider and threads apply."""
    return isinstance(model.endpoint, OnnxRuntimeEndpoint | GraphEndpoint)


def openings(
    models: Sequence[DeployedModel], batch: int, provider: Provider = Provider.CPU, threads: int | None = None
) -> list[Opening]:
    """Give for each model what opens it anew, with inputs made up for it.

    Args:
        models: which may run anywhere.
        batch: the rows of a call.
        provider: what ONNX Runtime runs them on, if it does.
        threads: that a CPU may use for one operator there; None leaves it to the runtime.
    """
    chosen = sizes(models)
    return [partial(_opened, model, _endpoint(model, provider, threads), batch, chosen) for model in models]


def sizes(models: Iterable[DeployedModel]) -> dict[str, int]:
    """Choose sizes for the dynamic axes of made-up inputs, except the batch."""
    return {
        axis: IMAGE_SIDE if len(spec.shape) >= 4 else LENGTH
        for model in models
        for spec in model.all_inputs
        for axis in spec.shape[1:]
        if isinstance(axis, str) and axis != spec.shape[0]
    }


def prepared(predictor: Predictor, inputs: Arrays) -> Call:
    """Give a call that runs a model once and does nothing else that takes time.

    In ONNX Runtime on a GPU, the inputs are copied there first, and the outputs stay there.

    Raises:
        UserError: the model does not take the inputs.
    """
    predictor.run(inputs)
    if not isinstance(predictor, OnnxRuntimePredictor):
        return partial(predictor.run, inputs)
    if predictor.provider is Provider.CPU:
        return partial(predictor.session.run, None, dict(inputs))
    return BoundRun(predictor, inputs)


def _endpoint(model: DeployedModel, provider: Provider, threads: int | None) -> Endpoint:
    if isinstance(model.endpoint, OnnxRuntimeEndpoint | GraphEndpoint):
        return dataclasses.replace(model.endpoint, provider=provider, threads=threads)
    return model.endpoint


@contextmanager
def _opened(model: DeployedModel, endpoint: Endpoint, batch: int, chosen: dict[str, int]) -> Iterator[Call]:
    with endpoint.open() as predictor:
        yield prepared(predictor, draw(model.all_inputs, batch, chosen))
