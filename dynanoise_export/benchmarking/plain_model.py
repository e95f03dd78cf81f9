"""The two models that are compared: what they are fed, and how each is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import onnx_ir as ir

from dynanoise_export.benchmarking.timing import Call
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import find_logits
from dynanoise_export.graph.undefended import give_only, give_softmax, undefended
from dynanoise_export.parameters import Provider
from dynanoise_export.runtimes.binding import BoundRun
from dynanoise_export.runtimes.graph_session import predictor_of
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor
from dynanoise_export.runtimes.predictor import Arrays, Predictor
from dynanoise_export.sources.inputs import TensorSpec
from dynanoise_export.sources.onnx_file import input_specs
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceModel


@dataclass(frozen=True)
class Runtime:
    """How ONNX Runtime is to run a model.

    Attributes:
        provider: what it runs on.
        threads: how many a CPU may use for one operator; None leaves it to the runtime.
    """

    provider: Provider = Provider.CPU
    threads: int | None = None


@dataclass(frozen=True)
class Side:
    """A model that is timed.

    Attributes:
        name: for people.
        inputs: all that it is fed, its noise too.
        open: opens it anew, in ONNX Runtime as told, or where it runs.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    open: Callable[[Runtime], Predictor]


def deployed_side(deployed: DeployedModel) -> Side:
    """Make a side of a deployed model."""
    inputs = deployed.inputs if deployed.noise is None else (*deployed.inputs, deployed.noise)
    if deployed.graph is None:
        return Side(deployed.name, inputs, lambda runtime: deployed.endpoint.open())
    return Side(deployed.name, inputs, partial(_open_file, deployed.graph.path))


def plain_side(deployed: DeployedModel, against: str | None) -> Side | None:
    """Make the side that a deployed model is compared with, or None where there is none.

    Args:
        deployed: the defended model.
        against: its plain twin: for an ONNX file any format that export opens, and None for the graph without its head;
            for a plan another plan, and for a server's model another server's model.

    Raises:
        UserError: the head can't be taken out, or what is given is no such twin.
    """
    if deployed.graph is None:
        return None if against is None else _twin(deployed, deployed_side(_undefended_place(deployed, against)))
    if against is not None:
        target = open_source(Path(against))
        return _twin(deployed, _graph_side(against, _with_softmax(target)))
    try:
        return _graph_side("the same model with a softmax in place of the head", undefended(deployed.graph.model))
    except UserError as error:
        raise UserError(f"In {deployed.name} {error}: give the undefended model with --against.") from error


def prepared(predictor: Predictor, inputs: Arrays) -> Call:
    """Give what runs a model once, with nothing around it that takes time.

    In ONNX Runtime on a GPU, inputs are there before and outputs stay there.

    Raises:
        UserError: the model does not take the inputs.
    """
    predictor.run(inputs)
    if not isinstance(predictor, OnnxRuntimePredictor):
        return partial(predictor.run, inputs)
    if predictor.provider is Provider.CPU:
        return partial(predictor.session.run, None, dict(inputs))
    return BoundRun(predictor, inputs)


def _open_file(path: Path, runtime: Runtime) -> Predictor:
    return OnnxRuntimePredictor(path, provider=runtime.provider, threads=runtime.threads)


def _open_graph(model: ir.Model, runtime: Runtime) -> Predictor:
    """Open a graph, whose file is there no longer than that takes: it is an undefended model."""
    return predictor_of(model, runtime.provider, runtime.threads)


def _graph_side(name: str, model: ir.Model) -> Side:
    return Side(name, input_specs(model), partial(_open_graph, model))


def _with_softmax(target: SourceModel) -> ir.Model:
    """Make the ONNX model of a target, with a softmax at its end if it gives no probabilities itself."""
    model = target.to_onnx(None)
    logits = find_logits(model, target)
    if logits.kind == "probabilities":
        give_only(model, logits.value)
    else:
        give_softmax(model, logits.value)
    return model


def _undefended_place(deployed: DeployedModel, against: str) -> DeployedModel:
    """Open the plain twin of a plan or of a server's model."""
    plain = open_deployed(against)
    if plain.graph is not None:
        raise UserError(
            f"{deployed.name} is no ONNX file and {against} is one: give --against what runs where it runs."
        )
    if plain.stated is not None:
        raise UserError(f"{against} carries a defence itself: give --against the undefended model.")
    return plain


def _twin(deployed: DeployedModel, plain: Side) -> Side:
    """Check that a model takes what the defended one takes from a client.

    Raises:
        UserError: it takes something else.
    """
    if _taken(plain.inputs) != _taken(deployed.inputs):
        told = [", ".join(map(str, inputs)) for inputs in (plain.inputs, deployed.inputs)]
        raise UserError(f"{plain.name} takes {told[0]} and {deployed.name} {told[1]}: they are not the same model.")
    return plain


def _taken(inputs: tuple[TensorSpec, ...]) -> set[tuple[str, str, tuple[int | None, ...]]]:
    """Tell names, types and fixed sizes of inputs, but for the batch."""
    return {
        (spec.name, spec.dtype, tuple(size if isinstance(size, int) else None for size in spec.shape[1:]))
        for spec in inputs
    }
