"""What is timed: a model in a session of its own, with made-up inputs."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from dynanoise_export.benchmarking.timing import Call, Opening
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.runtimes.binding import BoundRun
from dynanoise_export.runtimes.failed_run import FailedRunError
from dynanoise_export.runtimes.graph_session import GraphEndpoint
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint, OnnxRuntimePredictor
from dynanoise_export.runtimes.predictor import Endpoint, Predictor, answer
from dynanoise_export.runtimes.provider import ON_CPU, Execution, Provider
from dynanoise_export.sources.inputs import IMAGE_SIDE
from dynanoise_export.sources.made_up_rows import Recipe, dynamic_axes, failed_on, first_that_runs, recipes, runs_in
from dynanoise_export.types import Arrays

# Of made-up texts, in tokens.
LENGTH = 128


def runs_in_onnx_runtime(model: DeployedModel) -> bool:
    """Whether the model runs in ONNX Runtime on this machine, so that a provider and threads apply."""
    return isinstance(model.endpoint, OnnxRuntimeEndpoint | GraphEndpoint)


class MadeUpInputs:
    """Inputs made up for models that take the same ones.

    Args:
        models: which may run anywhere; the last one names them in messages.

    Attributes:
        recipe: how they are made up; another one once a model does not run on the usual ones.
    """

    def __init__(self, models: Sequence[DeployedModel]) -> None:
        self._name = models[-1].name
        self.recipe = Recipe(
            {
                axis: IMAGE_SIDE if len(spec.shape) >= 4 else LENGTH
                for model in models
                for spec in model.all_inputs
                for axis in spec.shape[1:]
                if isinstance(axis, str) and axis != spec.shape[0]
            }
        )

    def call(self, model: DeployedModel, predictor: Predictor, batch: int) -> Call:
        """Give a call of an open model with a batch of rows.

        Raises:
            UserError: the model does not run on any made-up rows.
        """
        specs = model.all_inputs
        try:
            return _answering(model, predictor, self.recipe.rows(specs, batch))
        except FailedRunError as error:
            try:
                found = first_that_runs(recipes(specs), specs, runs_in(predictor), batch)
            except FailedRunError:
                axes = dynamic_axes(specs)
                way_out = f"make the file again with fixed sizes of {', '.join(axes)}" if axes else ""
                raise failed_on(self._name, "made-up rows", error, way_out) from error
        self.recipe = Recipe({**self.recipe.sizes, **found.sizes}, found.integer)
        return _answering(model, predictor, self.recipe.rows(specs, batch))


def _answering(model: DeployedModel, predictor: Predictor, rows: Arrays) -> Call:
    """Give a call of a model that answers each row: the times of others can't be compared."""
    answer(predictor, rows, model.answers, model.name)
    return prepared(predictor, rows)


def openings(
    models: Sequence[DeployedModel],
    batch: int,
    execution: Execution = ON_CPU,
    threads: int | None = None,
    inputs: MadeUpInputs | None = None,
) -> list[Opening]:
    """Give for each model what opens it anew, with inputs made up for it.

    Args:
        models: which may run anywhere.
        batch: the rows of a call.
        execution: how ONNX Runtime runs them, if it does.
        threads: that a CPU may use for one operator there; None leaves it to the runtime.
        inputs: for all these models; None for new ones.
    """
    inputs = inputs or MadeUpInputs(models)
    return [partial(_opened, model, _endpoint(model, execution, threads), batch, inputs) for model in models]


def prepared(predictor: Predictor, inputs: Arrays) -> Call:
    """Give a call that runs a model once and does nothing else that takes time.

    In ONNX Runtime on a GPU, the inputs are copied there first, and the outputs stay there.

    Raises:
        UserError: the model does not take the inputs.
    """
    predictor.run(inputs)
    if not isinstance(predictor, OnnxRuntimePredictor):
        return partial(predictor.run, inputs)
    if predictor.execution.provider is Provider.CPU:
        return partial(predictor.session.run, None, dict(inputs))
    return BoundRun(predictor, inputs)


def _endpoint(model: DeployedModel, execution: Execution, threads: int | None) -> Endpoint:
    if isinstance(model.endpoint, OnnxRuntimeEndpoint | GraphEndpoint):
        return dataclasses.replace(model.endpoint, execution=execution, threads=threads)
    return model.endpoint


@contextmanager
def _opened(model: DeployedModel, endpoint: Endpoint, batch: int, inputs: MadeUpInputs) -> Iterator[Call]:
    with endpoint.open() as predictor:
        yield inputs.call(model, predictor, batch)
