"""The model that is attacked, as it is served, and the undefended one that it is compared with."""

from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.attacks.asking.client import Client
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.errors import UserError
from dynanoise_export.mechanism.heads import DynaNoise, Head
from dynanoise_export.parameters import Parameters
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeFile
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.targets.inputs import TensorSpec
from dynanoise_export.targets.target import Target
from dynanoise_export.validation.reference import open_reference
from dynanoise_export.validation.subject import known_parameters, open_file


@dataclass(frozen=True)
class Served:
    """A model that clients ask.

    Attributes:
        path: of the file.
        sha256: of it and its external data.
        head: the defence, which an adaptive attacker knows; None for an undefended model.
        noise: the source of its noise, by the file's own word, or None.
        inputs: what a client sends.
        leaking: the outputs that go round the defence.
        client: asks it.
    """

    path: Path
    sha256: str
    head: Head | None
    noise: str | None
    inputs: tuple[TensorSpec, ...]
    leaking: tuple[str, ...]
    client: Client


def open_served(path: Path, given: Parameters | None = None) -> Served:
    """Open an ONNX file, defended or not, as its clients see it.

    Args:
        path: of the file.
        given: the parameters of its defence, where the file does not state them.

    Raises:
        UserError: it is no ONNX model, or can't be opened in the runtime.
    """
    file = open_file(path)
    parameters = given or known_parameters(file)
    runtime = OnnxRuntimeFile(path).open()
    return Served(
        path=path,
        sha256=file.sha256,
        head=DynaNoise(parameters, file.keep_label or bool(file.leaks.labelled)) if parameters else None,
        noise=file.stated.noise if file.stated else None,
        inputs=file.inputs,
        leaking=tuple(file.leaks.leaks) if parameters else (),
        client=Client(path, runtime, file.answers, file.inputs, file.noise, defended=parameters is not None),
    )


def require_fits(served: Served, audit: Audit, store: ShadowStore | None) -> None:
    """Check, before many queries are sent, that a model knows the audit's labels, and shadow models its classes.

    Raises:
        UserError: it does not.
    """
    few = {name: array[: served.client.batch] for name, array in audit.inputs.items()}
    classes = served.client.ask(few).shape[1]
    if audit.y.max() >= classes:
        raise UserError(f"{audit.path} has the label {audit.y.max()}, and {served.path} tells {classes} classes apart.")
    if store is not None and store.logits.shape[2] != classes:
        raise UserError(
            f"{store.path} holds answers of {store.logits.shape[2]} classes, and {served.path} tells {classes} apart."
        )


def open_plain(target: Target) -> Served:
    """Take the undefended reference for a model that clients ask.

    Raises:
        UserError: it can't be run.
    """
    predictor, output = open_reference(target)
    client = Client(target.path, predictor, output, target.inputs, defended=False)
    return Served(target.path, target.sha256, None, None, target.inputs, (), client)
