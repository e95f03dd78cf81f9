"""The model that is attacked, as its clients ask it, and the undefended one that it is compared with."""

from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.queries.client import Client
from dynanoise_export.defences.dynanoise import DynaNoise, Head
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.parameters import Parameters, Provider
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.sources.inputs import TensorSpec
from dynanoise_export.sources.reference_model import open_reference
from dynanoise_export.sources.source_model import SourceModel


@dataclass(frozen=True)
class Attacked:
    """A model that clients ask.

    Attributes:
        name: its path or its URL.
        sha256: of the file, with its external data; None where that is not known.
        head: the defence, which an adaptive attacker knows; None for an undefended model.
        noise: the source of its noise, by the model's own word, or None.
        inputs: what a client sends.
        leaking: the outputs that go round the defence.
        client: asks it.
    """

    name: str
    sha256: str | None
    head: Head | None
    noise: str | None
    inputs: tuple[TensorSpec, ...]
    leaking: tuple[str, ...]
    client: Client

    @property
    def short_name(self) -> str:
        """The last part of its name."""
        return Path(self.name).name


def open_attacked(where: str | Path, given: Parameters | None = None, provider: Provider | None = None) -> Attacked:
    """Open a deployed model, defended or not, as its clients see it.

    Args:
        where: the path of an ONNX file or plan, or the URL of a model on a server.
        given: the parameters of its defence, where the model does not state them.
        provider: what ONNX Runtime is to run an ONNX file on.

    Raises:
        UserError: it is no model, or can't be opened where it runs.
    """
    deployed = open_deployed(where, provider)
    parameters = given or deployed.parameters
    leaks = deployed.graph.leaks if deployed.graph else None
    keep_label = deployed.keep_label or bool(leaks and leaks.labelled)
    return Attacked(
        name=deployed.name,
        sha256=deployed.sha256,
        head=DynaNoise(parameters, keep_label) if parameters else None,
        noise=deployed.stated.noise if deployed.stated else None,
        inputs=deployed.inputs,
        leaking=(tuple(leaks.leaks) if leaks else deployed.others) if parameters else (),
        client=Client(
            deployed.name,
            deployed.endpoint.open(),
            deployed.answers,
            deployed.inputs,
            deployed.noise,
            defended=parameters is not None,
        ),
    )


def require_fits(attacked: Attacked, audit: Audit, store: ShadowStore | None) -> None:
    """Check, before many queries are sent, that a model knows the audit's labels, and shadow models its classes.

    Raises:
        UserError: it does not.
    """
    few = {name: array[: attacked.client.batch] for name, array in audit.inputs.items()}
    classes = attacked.client.ask(few).shape[1]
    if audit.y.max() >= classes:
        raise UserError(
            f"{audit.path} has the label {audit.y.max()}, and {attacked.name} tells {classes} classes apart."
        )
    if store is not None and store.logits.shape[2] != classes:
        raise UserError(
            f"{store.path} holds answers of {store.logits.shape[2]} classes, and {attacked.name} tells {classes} apart."
        )


def open_plain(target: SourceModel) -> Attacked:
    """Take the undefended reference for a model that clients ask.

    Raises:
        UserError: it can't be run.
    """
    predictor, output = open_reference(target)
    client = Client(str(target.path), predictor, output, target.inputs, defended=False)
    return Attacked(str(target.path), target.sha256, None, None, target.inputs, (), client)
