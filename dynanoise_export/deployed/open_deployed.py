"""Open a deployed model: its path or URL decides which kind of endpoint it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.choices import choice
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.from_file import open_file
from dynanoise_export.deployed.from_ort import is_ort, open_ort
from dynanoise_export.deployed.from_plan import is_plan, open_plan
from dynanoise_export.deployed.from_server import open_server
from dynanoise_export.deployed.session import Session
from dynanoise_export.errors import DefenceError, UsageError
from dynanoise_export.registry import Registry
from dynanoise_export.runtimes.addresses import is_url
from dynanoise_export.runtimes.provider import Provider


@dataclass(frozen=True)
class EndpointKind:
    """A kind of endpoint, such as an ONNX file or a server.

    Attributes:
        recognises: whether a path or URL, as the user gave it, is of this kind.
        open: makes the deployed model, with the provider that the user chose or None; refuses one that does not apply.
    """

    recognises: Callable[[str], bool]
    open: Callable[[str, Provider | None], DeployedModel]


# The last kind that recognises the path or URL opens it, so that other distributions come before the built-in kinds.
ENDPOINTS: Registry[EndpointKind] = Registry(
    "endpoint",
    "dynanoise_export.endpoints",
    {
        "onnx": "dynanoise_export.deployed.open_deployed:ONNX_FILE",
        "ort": "dynanoise_export.deployed.open_deployed:ORT_FILE",
        "plan": "dynanoise_export.deployed.open_deployed:PLAN",
        "server": "dynanoise_export.deployed.open_deployed:SERVER",
    },
)


def open_deployed(model: str | Path, provider: Provider | str | None = None) -> DeployedModel:
    """Open a deployed model: an ONNX or .ort file, a TensorRT plan, or a model on a server.

    Args:
        model: a path, or a URL such as http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL.
        provider: what ONNX Runtime runs an ONNX file on: cpu, cuda or tensorrt; None for the CPU.

    Raises:
        UserError: it does not exist, or can't be opened.
    """
    chosen = None if provider is None else choice(Provider, provider, "provider")
    name = str(model)
    kinds = (ENDPOINTS.get(kind) for kind in reversed(ENDPOINTS.names()))
    kind = next(kind for kind in kinds if kind.recognises(name))
    return kind.open(name, chosen)


def load(model: str | Path, *, provider: Provider | str | None = None) -> Session:
    """Open a session of a defended model, to query it with `predict`.

    Args:
        model: the path of an ONNX file or of a TensorRT plan, or the URL of a model on a server, such as
            http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL.
        provider: what ONNX Runtime runs an ONNX file on: cpu, cuda or tensorrt; None for the CPU.

    Returns:
        The session, a context manager.

    Raises:
        UserError: it can't be opened, or has no defence.
    """
    deployed = open_deployed(model, provider)
    if deployed.defence is None:
        raise DefenceError(f"{deployed.name} does not state a defence: give a file that export made.")
    return Session(deployed)


def _file(model: str, provider: Provider | None) -> DeployedModel:
    return open_file(Path(model), provider or Provider.CPU)


def _ort(model: str, provider: Provider | None) -> DeployedModel:
    return open_ort(Path(model), provider or Provider.CPU)


def _plan(model: str, provider: Provider | None) -> DeployedModel:
    _require_no_provider(model, "a plan", provider)
    return open_plan(Path(model))


def _server(model: str, provider: Provider | None) -> DeployedModel:
    _require_no_provider(model, "on a server", provider)
    return open_server(model)


def _require_no_provider(model: str, kind: str, provider: Provider | None) -> None:
    if provider is not None:
        raise UsageError(f"A provider applies to ONNX files, and {model} is {kind}: leave --provider out.")


ONNX_FILE = EndpointKind(lambda model: True, _file)
ORT_FILE = EndpointKind(lambda model: is_ort(Path(model)), _ort)
PLAN = EndpointKind(lambda model: is_plan(Path(model)), _plan)
SERVER = EndpointKind(is_url, _server)
