"""The undefended model that a defended one is compared with: the same classifier with a softmax at its end."""

from pathlib import Path

import onnx_ir as ir

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.deployed.reference_options import reference_options
from dynanoise_export.errors import DefenceError, UsageError, reason_of
from dynanoise_export.graph.logits import Scale
from dynanoise_export.graph.specs import input_specs
from dynanoise_export.graph.undefended import give_only, give_softmax, undefended
from dynanoise_export.graph.values import OUTPUT_NAME
from dynanoise_export.runtimes.graph_session import GraphEndpoint
from dynanoise_export.sources.find_logits import find_logits
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceModel
from dynanoise_export.types import TensorSpec

OWN_GRAPH = "the same model with a softmax in place of the defence"


def plain_model(defended: DeployedModel, against: str | Path | None) -> DeployedModel | None:
    """Open the undefended model that a defended one is compared with; None if there is none.

    Args:
        defended: the defended model.
        against: the undefended model: for an ONNX file any format that `export` opens, or None for the file's own graph
            without its defence; for a plan another plan, and for a model on a server another one on a server.

    Raises:
        UserError: the defence can't be taken out, or `against` is not the same classifier without a defence.
    """
    if defended.graph is None:
        return None if against is None else _same(defended, _open_undefended(defended, str(against)))
    if against is not None:
        return _same(
            defended,
            _of_graph(str(against), _with_softmax(open_source(Path(against), reference_options(defended, None)))),
        )
    try:
        return _of_graph(OWN_GRAPH, undefended(defended.graph.model))
    except DefenceError as error:
        raise DefenceError(f"{defended.name}: {reason_of(error)}; give the undefended model with --against.") from error


def _of_graph(name: str, model: ir.Model) -> DeployedModel:
    """Describe an undefended graph. Its file exists only while it is opened."""
    return DeployedModel(
        name=name,
        sha256=None,
        endpoint=GraphEndpoint(model),
        inputs=input_specs(model),
        noise_input=None,
        answers=OUTPUT_NAME,
        others=(),
        classes=0,
        labels=(),
        defence=None,
        noise=None,
        provenance=None,
        graph=None,
    )


def _with_softmax(source: SourceModel) -> ir.Model:
    """Make the ONNX model of a source, with a softmax at its end unless it gives probabilities itself."""
    model = source.to_onnx(None)
    logits = find_logits(model, source)
    if logits.scale is Scale.PROBABILITIES:
        give_only(model, logits.value)
    else:
        give_softmax(model, logits.value)
    return model


def _open_undefended(defended: DeployedModel, against: str) -> DeployedModel:
    plain = open_deployed(against)
    if plain.graph is not None:
        raise UsageError(
            f"{against} is an ONNX file and {defended.name} is not: give --against a model that runs in the same place."
        )
    if plain.defence is not None:
        raise DefenceError(f"{against} has a defence itself: give --against the undefended model.")
    return plain


def _same(defended: DeployedModel, plain: DeployedModel) -> DeployedModel:
    """Check that an undefended model takes what the defended one takes from a client.

    Raises:
        UsageError: it takes something else.
    """
    if _comparable(plain.all_inputs) != _comparable(defended.inputs):
        takes = [", ".join(map(str, inputs)) for inputs in (plain.all_inputs, defended.inputs)]
        raise UsageError(
            f"{plain.name} takes {takes[0]} and {defended.name} takes {takes[1]}: they are not the same model."
        )
    return plain


def _comparable(inputs: tuple[TensorSpec, ...]) -> set[tuple[str, str, tuple[int | None, ...]]]:
    """Give the names, types and fixed sizes of inputs, without the batch."""
    return {
        (spec.name, spec.dtype, tuple(size if isinstance(size, int) else None for size in spec.shape[1:]))
        for spec in inputs
    }
